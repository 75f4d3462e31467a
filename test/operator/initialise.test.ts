// `init` over a node that is there already: nothing is lost, and what peers or a key depend on does not change.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { existsSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { loadConfig, type OperatorConfig } from '../../operator/config/config.ts';
import type { ConfigFile } from '../../operator/config/config-keys.ts';
import { draftConfig } from '../../operator/config/config-write.ts';
import { initialise } from '../../operator/initialise.ts';
import { unsealNode } from '../../operator/node.ts';
import { systemEffects } from '../../operator/runtime/effects.ts';
import { openStore } from '../../store/open.ts';
import { recordOwner } from '../../store/owner.ts';
import { codeOf } from './custody.ts';
import { FederationInMemory } from './federation-in-memory.ts';
import { PASSPHRASE, SetUpNodes } from './set-up-nodes.ts';

let nodes: SetUpNodes;
beforeEach(async () => {
  nodes = await SetUpNodes.make();
});
afterEach(() => nodes.close());

const bytesOf = (paths: readonly string[]) => paths.map((path) => readFileSync(path).toString('base64'));
const ownFiles = ({ file, keySharePath, securityDbPath }: OperatorConfig) => [file, keySharePath, securityDbPath];

test('init writes the RPC password into the file that the configuration names, for this user alone, and forgets it', async () => {
  const file = join(nodes.folder, 'rpc', 'config.json');
  const addresses = ['127.0.0.1:7100', '127.0.0.1:7101', '127.0.0.1:7102'];
  const rpc = { bitcoin_rpc_user: 'alice', bitcoin_rpc_password_file: 'bitcoin_rpc_password' };
  const content = draftConfig({ parties: 3, threshold: 2, index: 0, addresses, more: { network: 'regtest', ...rpc } });
  const typed = new TextEncoder().encode('typed password');
  const env = { MPC_OPERATOR_SCRYPT_WORK_FACTOR: '1' };
  const { created } = await initialise({
    ...{ file, home: nodes.folder, env, content, passphrase: async () => PASSPHRASE, force: false },
    ...{ effects: systemEffects, rpcPassword: async () => typed },
  });
  const path = join(nodes.folder, 'rpc', 'bitcoin_rpc_password');
  expect(created).toContain(path);
  expect(readFileSync(path, 'utf8')).toBe('typed password');
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(typed.every((byte) => byte === 0)).toBe(true);
});

describe('init of another place in the federation', () => {
  test('by force keeps the old configuration, keys and database beside new ones, with which the node starts', async () => {
    const before = await nodes.init(0);
    const [config, keys] = bytesOf([before.file, before.keySharePath]);
    const after = await nodes.init(0, { my_index: 1 }, true);
    const names = readdirSync(dirname(before.file)).filter((name) => name.includes('.old-'));
    const bases = names.filter((name) => !/-(wal|shm)$/.test(name)).map((name) => name.replace(/\.old-.*$/, ''));
    expect(bases.sort()).toEqual(['config.json', 'key_share.enc', 'security.db']);
    const kept = (base: string) => join(dirname(before.file), names.find((name) => name.startsWith(base)) ?? '');
    expect(bytesOf([kept('config.json'), kept('key_share.enc')])).toEqual([config ?? '', keys ?? '']);
    const node = nodes.open(after);
    await unsealNode(node, PASSPHRASE);
    expect(node.online).not.toBeNull();
  });

  test('without force changes nothing and names what --force does', async () => {
    const before = await nodes.init(0);
    const files = bytesOf(ownFiles(before));
    await expect(nodes.init(0, { my_index: 1 })).rejects.toThrow(
      'is the database of operator 0 on regtest, not of operator 1 on regtest: correct the flags, or give --force',
    );
    expect(bytesOf(ownFiles(before))).toEqual(files);
  });

  test('does not take the key file of a node away because a database of another lies beside it', async () => {
    const [one, other] = [await nodes.init(0), await nodes.init(1)];
    await Bun.write(one.securityDbPath, Bun.file(other.securityDbPath));
    const files = bytesOf(ownFiles(one));
    await expect(nodes.init(0, {}, true)).rejects.toThrow(
      `to start over as a new node, move ${one.keySharePath} and ${one.securityDbPath} to a safe place`,
    );
    expect(bytesOf(ownFiles(one))).toEqual(files);
  });
});

describe('init by force with the same network and index', () => {
  test('keeps keys and database, and the configuration of before under another name', async () => {
    const before = await nodes.init(0);
    const [keys] = bytesOf([before.keySharePath]);
    const after = await nodes.init(0, { wire_nodes: ['http://127.0.0.1:2'] }, true);
    expect(after.wireNodes).toEqual(['http://127.0.0.1:2']);
    expect(bytesOf([after.keySharePath])).toEqual([keys ?? '']);
    const old = readdirSync(dirname(before.file)).filter((name) => name.includes('.old-'));
    expect(old.map((name) => name.replace(/\.old-.*$/, ''))).toEqual(['config.json']);
  });

  test('leaves no copy where nothing has changed', async () => {
    const { file } = await nodes.init(0);
    await nodes.init(0, {}, true);
    expect(readdirSync(dirname(file)).filter((name) => name.includes('.old-'))).toEqual([]);
  });
});

test('init beside a lost key file says how to go on before it asks for a passphrase, with or without force', async () => {
  const config = await nodes.init(0);
  rmSync(config.keySharePath);
  for (const force of [false, true]) {
    const content = draftConfig({ ...{ parties: 3, threshold: 2, index: 0 }, addresses: addressesOf(config), more });
    const passphrase = () => Promise.reject(new Error('asked'));
    const input = {
      file: config.file,
      home: nodes.folder,
      env: {},
      content,
      passphrase,
      force,
      effects: systemEffects,
    };
    await expect(initialise(input)).rejects.toThrow(
      `put the key file back from its backup; to start over as a new node, move ${config.securityDbPath} away`,
    );
  }
  expect(existsSync(config.keySharePath)).toBeFalse();
});

test('init changes neither network, index nor quorum of a node whose key is in use, not by force either', async () => {
  const federation = await FederationInMemory.make();
  await federation.dkgByAll();
  const { keyId } = federation.key(0);
  const { config } = federation.member(0);
  await federation.stop(0);
  const { file, keySharePath, securityDbPath, tlsCertPath, tlsKeyPath } = config;
  const store = openStore(securityDbPath);
  recordOwner(store.db, { network: config.network, index: config.myIndex, identityKey: 'ab'.repeat(32) });
  store.close();
  const files = bytesOf([keySharePath, securityDbPath]);
  const paths: Partial<ConfigFile> = {
    ...{ key_share_path: keySharePath, security_db_path: securityDbPath },
    ...{ tls_cert_path: tlsCertPath, tls_key_path: tlsKeyPath },
  };
  const init = (draft: { threshold?: number; index?: number; network?: ConfigFile['network'] }) => {
    const { threshold = config.threshold, index = config.myIndex, network = config.network } = draft;
    const content = draftConfig({
      ...{ parties: config.parties, threshold, index, addresses: addressesOf(config) },
      more: { network, ...paths },
    });
    const passphrase = () => Promise.reject(new Error('asked'));
    return initialise({
      file,
      home: federation.folder,
      env: {},
      content,
      passphrase,
      force: true,
      effects: systemEffects,
    });
  };
  for (const draft of [{ network: 'signet' as const }, { index: 1 }]) {
    await expect(init(draft)).rejects.toThrow(`with the key ${keyId} in use: correct the flags`);
  }
  expect(await codeOf(init({ threshold: config.threshold + 1 }))).toBe('other_federation');
  expect(bytesOf([keySharePath, securityDbPath])).toEqual(files);
  await federation.close();
});

const more: Partial<ConfigFile> = { network: 'regtest', bitcoin_nodes: ['http://127.0.0.1:1'] };

function addressesOf({ partyAddresses }: OperatorConfig): readonly string[] {
  return partyAddresses.map(({ text }) => text);
}

test('the configuration that was kept is one that loads', async () => {
  const { file } = await nodes.init(0);
  await nodes.init(0, { fee_target_blocks: 3 }, true);
  const [old] = readdirSync(dirname(file)).filter((name) => name.includes('.old-'));
  expect(loadConfig(join(dirname(file), old ?? ''), nodes.folder).ok).toBeTrue();
});
