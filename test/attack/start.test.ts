// Mix-ups and substitutions at start: t, n, quorum, index, somebody else's files or keys. A node that starts with any of
// them would count signatures wrongly, so none does; each refusal says what is wrong.

import { Database } from 'bun:sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { identityFromSeed } from '../../crypto/identity.ts';
import { signCard } from '../../crypto/operator-card.ts';
import { closeNode, type Node, unsealNode } from '../../operator/node.ts';
import { listKeys } from '../../store/keys.ts';
import { ATTACKER, configAt, ENV, open, PASSPHRASE, run } from './nodes.ts';
import { laySiege, type Siege } from './siege.ts';

const SERVER = fileURLToPath(new URL('../../server.ts', import.meta.url));

let siege: Siege;
beforeAll(async () => {
  siege = await laySiege();
});
afterAll(() => siege.lift(), 20_000);

/** Writes the configuration of the attacker's place, changed, and starts the real server process on it. */
async function started(change: Readonly<Record<string, unknown>>) {
  const folder = join(siege.besieged.folder, `${ATTACKER}`);
  const file = join(folder, `changed-${crypto.randomUUID()}.json`);
  const config: Readonly<Record<string, unknown>> = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'));
  await writeFile(file, JSON.stringify({ ...config, ...change }), { mode: 0o600 });
  const env = { HOME: folder, PATH: '/usr/bin:/bin', ...ENV };
  const command = [process.execPath, SERVER, '--config', file, 'server'];
  const child = Bun.spawn(command, { env, stdin: 'ignore', stdout: 'pipe', stderr: 'pipe', timeout: 20_000 });
  const [code, stdout, stderr] = await Promise.all([child.exited, child.stdout.text(), child.stderr.text()]);
  return { code, told: stdout + stderr };
}

describe('the server does not start', () => {
  const five = [1, 2, 3, 4, 5].map((i) => `127.0.0.1:${20_000 + i}`);
  const cases: readonly (readonly [string, Readonly<Record<string, unknown>>, RegExp])[] = [
    ['where one operator could sign alone', { threshold: 1 }, /threshold/],
    ['where more must sign than there are', { threshold: 4 }, /threshold.*no signature could ever be made/s],
    [
      'where two quorums need not share an operator',
      { parties: 5, threshold: 2, party_addresses: five },
      /threshold.*two groups of 2 sign without sharing/s,
    ],
    ['where n is not the number of addresses', { parties: 4, threshold: 3 }, /party_addresses.*3 addresses for 4/s],
    ['where its index is nobody', { my_index: 3 }, /my_index/],
    ['where its index counts from one, below zero', { my_index: -1 }, /my_index/],
    ['where a forked chain would be trusted sooner', { fork_confirmations: 1 }, /fork_confirmations/],
    ['where t is no whole number', { threshold: 2.5 }, /threshold/],
    ['where a key is misspelled', { treshold: 3 }, /Did you mean "threshold"/],
  ];
  for (const [name, change, told] of cases) {
    test(name, async () => {
      const run = await started(change);
      expect(run.code).not.toBe(0);
      expect(run.told).toMatch(told);
    }, 30_000);
  }
});

describe('a node that has a key', () => {
  /** The victim's files under a changed configuration. */
  async function reopened(change: Readonly<Record<string, unknown>>): Promise<Node> {
    const folder = join(siege.besieged.folder, '0');
    const file = join(folder, `changed-${crypto.randomUUID()}.json`);
    const config: Readonly<Record<string, unknown>> = JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'));
    // The database is a copy: the victim keeps its own open.
    const copy = `copy-${crypto.randomUUID()}.db`;
    const source = new Database(siege.victim.config.securityDbPath, { readonly: true });
    source.run(`VACUUM INTO '${join(folder, copy)}'`);
    source.close();
    await writeFile(file, JSON.stringify({ ...config, security_db_path: copy, ...change }), { mode: 0o600 });
    return open([configAt(file, siege.besieged.folder)], siege.besieged.logs, 0);
  }

  test('opens with the t and n that the key was made with', async () => {
    const node = await reopened({});
    expect(listKeys(node.store.db)).toHaveLength(1);
    await closeNode(node);
  });

  for (const [name, change] of [
    ['t', { threshold: 3 }],
    ['n', { parties: 2, party_addresses: ['127.0.0.1:20001', '127.0.0.1:20002'] }],
  ] as const) {
    test(`does not open with another ${name}`, async () => {
      await expect(reopened(change)).rejects.toThrow(/made by 3 operators of whom 2 must sign/);
      await siege.stillSigns();
    });
  }

  test("does not open another operator's key file, nor one under another passphrase", async () => {
    const node = await reopened({ key_share_path: 'stolen.enc' });
    const folder = siege.besieged.folder;
    await copyFile(join(folder, `${ATTACKER}`, 'key_share.enc'), join(folder, '0', 'stolen.enc'));
    await expect(unsealNode(node, PASSPHRASE)).rejects.toMatchObject({ name: 'KeyFileError', reason: 'other_node' });
    await expect(unsealNode(node, `${PASSPHRASE}!`)).rejects.toMatchObject({ reason: 'wrong_passphrase' });
    expect(node.keyRing.sealed).toBe(true);
    await closeNode(node);
  });
});

describe("a card that takes another operator's place", () => {
  const mallory = identityFromSeed(new Uint8Array(32).fill(9));
  const cardOf = (index: number) => {
    const card = siege.mallory.cards[index];
    if (card === undefined) throw new Error(`no card of operator ${index}`);
    const { v: _, sig: __, identity_key: ___, ...fields } = card;
    return fields;
  };
  const added = (card: object, replace = false) => run(siege.victim, 'peer-add', { card: { ...card }, replace });

  test('by its index is refused without the approval of the operator', async () => {
    const card = signCard({ ...cardOf(1), issued_at: Date.now() }, mallory);
    await expect(added(card)).rejects.toThrow(/known with another identity key/);
    await siege.stillSigns();
  });

  test('by its address, its network or an index that is nobody is refused', async () => {
    const attacker = cardOf(ATTACKER);
    const identity = siege.mallory.keyRing.identity();
    const wrong = [
      [signCard({ ...attacker, address: cardOf(1).address }, identity), /party_addresses\[2\]/],
      [signCard({ ...attacker, network: 'mainnet' }, identity), /for mainnet/],
      [signCard({ ...attacker, index: 3 }, identity), /index 3/],
    ] as const;
    for (const [card, told] of wrong) await expect(added(card)).rejects.toThrow(told);
    await siege.stillSigns();
  });

  test('by its identity key or its host key, as two participants in one, is refused', async () => {
    const { host_public_key } = cardOf(1);
    const identity = siege.mallory.keyRing.identity();
    const doubled = signCard({ ...cardOf(ATTACKER), host_public_key, issued_at: Date.now() }, identity);
    await expect(added(doubled)).rejects.toThrow(/host key .* operator 1/);
    const asOther = signCard({ ...cardOf(1), issued_at: Date.now() }, identity);
    await expect(added(asOther, true)).rejects.toThrow(/identity key .* operator 2/);
    // The card that it was to replace is still there.
    const { peers, missing } = await run(siege.victim, 'peer-list', {});
    expect(missing).toEqual([]);
    expect(peers.map(({ name }) => name)).toEqual(['operator-0', 'operator-1', 'operator-2']);
    await siege.stillSigns();
  });

  test("as the node's own is refused, and its own card too", async () => {
    const { card: own } = await run(siege.victim, 'peer-export', {});
    await expect(added(own)).rejects.toThrow(/^this is your own card: give it to the other operators/);
    await expect(added(signCard({ ...cardOf(0), issued_at: Date.now() }, mallory), true)).rejects.toThrow(
      /node itself/,
    );
    await siege.stillSigns();
  });
});
