// The root of the treasury line: which output it is, who signs it, and how every node comes by the certificate.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { rm } from 'node:fs/promises';
import { ROOT_SATS_MIN, treasuryScript } from '../../chain/line.ts';
import type { Outpoint } from '../../chain/outpoint.ts';
import { toHex } from '../../crypto/bytes.ts';
import { rootStatement, verifyRootCertificate } from '../../crypto/root-certificate.ts';
import { taprootAddress } from '../../crypto/taproot.ts';
import { lineRoot } from '../../operator/chain-state/line-terms.ts';
import { readTreasuryFile } from '../../operator/keys/treasury-file.ts';
import { keepCard, listCards } from '../../operator/peers/federation.ts';
import { ceremonyShown } from '../../operator/reports.ts';
import { statusReport } from '../../operator/status/status-report.ts';
import { rootSignatures } from '../../store/root-signatures.ts';
import { enableService } from '../../store/service.ts';
import { currentRoot, getRoot } from '../../store/treasury-roots.ts';
import { getUtxo } from '../../store/utxos.ts';
import { BridgeWorld } from './bridge-world.ts';
import { attestBy, codeOf, freshHash } from './custody.ts';

const DEEP = 12;
let world: BridgeWorld;

beforeEach(async () => {
  world = await BridgeWorld.make(3, 2, 'closed');
  for (const index of world.running()) enableService(world.db(index), 0);
});
afterEach(() => world.close());

const script = () => treasuryScript(world.federation.key().bitcoin.publicKey);
const fund = (amount = ROOT_SATS_MIN, input: Outpoint = { txid: freshHash(), vout: 0 }): Outpoint => {
  const { txid } = world.chain.send([input], [{ script: script(), amount }]);
  return { txid, vout: 0 };
};
const open = (by: number) => world.federation.at(by).services.treasury.open(new AbortController().signal);
const rootAt = (index: number) => lineRoot(world.db(index), world.federation.key(index));
const nameAt = (index: number) => rootAt(index)?.txid ?? null;
const keyId = () => world.federation.key().keyId;
const untilOpen = () => world.until(() => world.running().every((index) => rootAt(index) !== null));

/** Blocks, and rounds in which every node reads them. */
async function mined(blocks: number): Promise<void> {
  world.mine(blocks);
  await world.rounds(1);
}

/** A treasury that is open on all nodes. */
async function opened(): Promise<Outpoint> {
  const root = fund();
  await mined(DEEP);
  await open(0);
  await untilOpen();
  return root;
}

/** Starts a node whose database is lost, with the cards and the key of an exported ceremony. */
async function restored(index: number, file: Readonly<Record<string, unknown>>): Promise<void> {
  const { federation } = world;
  await federation.stop(index);
  const { securityDbPath } = federation.member(index).config;
  for (const suffix of ['', '-wal', '-shm']) await rm(`${securityDbPath}${suffix}`, { force: true });
  const { node, services } = await federation.start(index);
  for (const card of listCards(world.db(index === 0 ? 1 : 0))) keepCard(node.store.db, card, false, Date.now());
  await services.ceremonies.recover(file);
}

const exported = (index: number): Readonly<Record<string, unknown>> => {
  const { file } = ceremonyShown(world.federation.at(index).node, 'first');
  if (file === null) throw new Error('the ceremony is over');
  return JSON.parse(JSON.stringify(file));
};

describe('opening the treasury', () => {
  test("takes one operator's word: every node signs the root that its own scan shows, and all get the certificate", async () => {
    const root = await opened();
    for (const index of world.running()) {
      expect(rootAt(index)).toEqual({ network: 'regtest', keyId: keyId(), ...root, amount: ROOT_SATS_MIN });
    }
    const keys = listCards(world.db(0)).map(({ identity_key }) => Uint8Array.from(Buffer.from(identity_key, 'hex')));
    expect(verifyRootCertificate(currentRoot(world.db(1), keyId())?.certificate, keys).ok).toBe(true);
  });

  test('is refused until the payment is fork_confirmations deep on the own scan', async () => {
    expect(await codeOf(open(0))).toBe('not_funded');
    fund();
    await mined(DEEP - 1);
    expect(await codeOf(open(0))).toBe('not_funded');
    expect(currentRoot(world.db(0), keyId())).toBeNull();
    await mined(1);
    expect(await codeOf(open(0))).toBe('no error');
  });

  test('the root is the first output in chain order that is large enough', async () => {
    fund(ROOT_SATS_MIN - 1n);
    await mined(1);
    const first = fund(ROOT_SATS_MIN + 5n);
    fund(90_000n);
    await mined(1);
    fund();
    await mined(DEEP);
    await open(1);
    await untilOpen();
    expect(world.running().map(nameAt)).toEqual([first.txid, first.txid, first.txid]);
  });

  test('waits for a node that is down, keeps what the others signed over a restart, and ends once it is back', async () => {
    fund();
    await mined(DEEP);
    await world.federation.stop(2);
    await open(0);
    await world.rounds(2);
    expect(world.running().map(nameAt)).toEqual([null, null]);
    expect(world.federation.at(0).services.treasury.said(2)).toBe('does not answer');
    await world.federation.restart(0);
    const root = currentRoot(world.db(0), keyId());
    expect([...rootSignatures(world.db(0), root ?? { txid: '', vout: 0 }).keys()]).toEqual([0, 1]);
    await world.federation.start(2);
    await untilOpen();
  });

  test('a node signs no root that its own scan does not show, whatever a peer says', async () => {
    const root = fund();
    await mined(DEEP);
    const { treasury } = world.federation.at(1).services;
    const claim = { network: 'regtest', keyId: keyId(), ...root, amount: ROOT_SATS_MIN };
    const asked = (change: Partial<typeof claim>) =>
      treasury.answer({ key_id: keyId(), statement: rootStatement({ ...claim, ...change }) });
    for (const change of [{ vout: 1 }, { txid: freshHash() }, { amount: 30_000n }, { keyId: 'f'.repeat(16) }]) {
      expect(await asked(change)).toEqual({ certificate: null, signatures: {}, refusal: 'other_root' });
    }
    expect(await treasury.answer({ key_id: 'f'.repeat(16), statement: null })).toMatchObject({
      refusal: 'unknown_key',
    });
    expect(currentRoot(world.db(1), keyId())).toBeNull();
    expect(Object.keys((await asked({})).signatures)).toEqual(['1']);
    expect(currentRoot(world.db(1), keyId())).toMatchObject(root);
  });

  test('signatures that are wrong, or of another operator, are not kept', async () => {
    const root = fund();
    await mined(DEEP);
    world.federation.meddle = ({ from, message }) =>
      message.type === 'treasury_root_request' && from !== 0 ? 'lost' : message;
    world.federation.meddleReply = ({ to, replies }) =>
      replies.map((reply) => {
        if (reply.type !== 'treasury_root' || to !== 1) return reply;
        const signatures = { 0: 'ab'.repeat(64), 1: 'ab'.repeat(64) };
        return { type: reply.type, body: { certificate: null, signatures, refusal: null } };
      });
    await open(0);
    expect([...rootSignatures(world.db(0), root).keys()].sort()).toEqual([0, 2]);
    expect(nameAt(0)).toBeNull();
    world.federation.meddle = ({ message }) => message;
    world.federation.meddleReply = ({ replies }) => replies;
    await untilOpen();
  });
});

describe('an attestation', () => {
  test('is signed once the treasury is open, and a test attestation before', async () => {
    const paid = world.pay(await world.recipient());
    fund();
    await mined(DEEP);
    const { txid, vout, recipient, amount } = paid;
    const attested = (test: boolean) =>
      codeOf(attestBy(world.federation, 0, { txid, vout, recipient, amount: `${amount}`, test }));
    expect(await attested(true)).toBe('no error');
    expect(await attested(false)).toBe('no_root');
    await open(0);
    await untilOpen();
    expect(await attested(false)).toBe('no error');
  });
});

describe('status', () => {
  test('says in one line the state of the treasury, who is missing, and what to do next', async () => {
    const told = async (index = 0) => (await statusReport(world.federation.at(index).node)).treasury?.detail;
    const address = taprootAddress(script(), 'regtest');
    expect(await told()).toBe(`not funded: pay at least 20000 sats to ${address}`);
    fund(19_999n);
    await mined(1);
    const largest = 'in one output (the largest so far has 19999 sats)';
    expect(await told()).toBe(`not funded: pay at least 20000 sats ${largest} to ${address}`);
    fund();
    await mined(3);
    expect(await told()).toBe('funded, 3 of 12 confirmations; then run: mpc_operator treasury open');
    await mined(DEEP);
    expect(await told()).toBe('funded, 12 of 12 confirmations; run: mpc_operator treasury open');
    await world.federation.stop(2);
    await open(0);
    expect(await told()).toContain('opening; not signed yet: operator-2');
    await world.federation.start(2);
    await untilOpen();
    expect(await told(2)).toBe('open');
  });
});

describe('a root whose funding is double-spent', () => {
  test('is given up only fork_confirmations deep, and only then another is signed', async () => {
    const coin = { txid: freshHash(), vout: 0 };
    const lost = fund(ROOT_SATS_MIN, coin);
    await mined(DEEP);
    await open(0);
    await untilOpen();
    world.chain.reorganise(DEEP, () => false, null);
    world.showTip();
    world.chain.send([coin], [{ script: Uint8Array.of(0x51), amount: 1_000n }]);
    const next = fund(50_000n);
    await mined(DEEP - 1);
    // What a round reads of the chain counts in the next.
    await world.rounds(1);
    const claim = rootStatement({ network: 'regtest', keyId: keyId(), ...next, amount: 50_000n });
    const asked = () => world.federation.at(1).services.treasury.answer({ key_id: keyId(), statement: claim });
    expect(getUtxo(world.db(1), lost)?.height).toBeNull();
    expect(world.running().map(nameAt)).toEqual([lost.txid, lost.txid, lost.txid]);
    expect((await asked()).certificate?.statement.txid).toBe(lost.txid);
    await mined(1);
    await world.rounds(1);
    expect(world.running().map(nameAt)).toEqual([null, null, null]);
    expect(getRoot(world.db(0), lost)?.deadAt).not.toBeNull();
    expect(world.logged('treasury_root_lost', 0)).toHaveLength(1);
    await open(2);
    await untilOpen();
    expect(world.running().map(nameAt)).toEqual([next.txid, next.txid, next.txid]);
  });

  test('stands where the payment comes back instead', async () => {
    const root = await opened();
    world.chain.reorganise(DEEP, () => true, null);
    world.showTip();
    await mined(DEEP);
    expect(world.running().map(nameAt)).toEqual([root.txid, root.txid, root.txid]);
  });
});

describe('a chain that changes while a root is chosen', () => {
  test('leaves a root alone whose rival was mined and has left the chain again, however long ago', async () => {
    const coin = { txid: freshHash(), vout: 0 };
    const root = fund(ROOT_SATS_MIN, coin);
    await mined(DEEP);
    await open(0);
    await untilOpen();
    const funding = world.chain.known.get(root.txid);
    if (funding === undefined) throw new Error('the funding is known');
    world.chain.reorganise(DEEP, () => false, null);
    world.showTip();
    world.chain.send([coin], [{ script: Uint8Array.of(0x51), amount: 1_000n }]);
    await mined(1);
    expect(getUtxo(world.db(0), root)?.height).toBeNull();
    world.chain.reorganise(1, () => false, funding);
    world.showTip();
    await mined(DEEP + 1);
    await world.rounds(1);
    expect(getUtxo(world.db(0), root)?.height).not.toBeNull();
    expect(world.running().map(nameAt)).toEqual([root.txid, root.txid, root.txid]);
  }, 60_000);

  test('gives no root that the scan has not read, though a block of that height funds one', async () => {
    fund();
    await mined(DEEP);
    const other = fund(50_000n);
    const rival = world.chain.known.get(other.txid);
    if (rival === undefined) throw new Error('the payment is known');
    world.chain.reorganise(DEEP, () => false, rival);
    world.showTip();
    expect(await codeOf(open(0))).toBe('not_funded');
    await world.rounds(1);
    await open(0);
    await untilOpen();
    expect(nameAt(0)).toBe(other.txid);
  }, 60_000);
});

describe('the certificate', () => {
  test('lies beside the key file, in the exported ceremony and in the database', async () => {
    const root = await opened();
    for (const index of world.running()) {
      const { keyRing } = world.federation.at(index).node;
      const file = await readTreasuryFile(keyRing, keyId());
      expect(file?.height).toBe(0);
      expect(file?.certificate?.statement.txid).toBe(root.txid);
      expect(exported(index)).toMatchObject({ height: 0, treasury_root: file?.certificate });
    }
  });

  test('comes back to a node that lost its database: from a peer, from beside its key file, or with the ceremony', async () => {
    await opened();
    const { treasury_root: certificate, ...bare } = exported(0);
    const { keySharePath } = world.federation.member(2).config;
    await rm(`${keySharePath}.treasury.json`);
    await restored(2, bare);
    expect(nameAt(2)).toBeNull();
    await untilOpen();
    world.federation.down.add(2);
    await restored(2, bare);
    expect(nameAt(2)).toBeNull();
    await untilOpen();
    await rm(`${keySharePath}.treasury.json`);
    await restored(2, { ...bare, treasury_root: certificate });
    expect(nameAt(2)).not.toBeNull();
  });

  test('is not taken from a peer where a signature is missing or the own chain holds no such output', async () => {
    const root = fund();
    await mined(1);
    const { treasury } = world.federation.at(0).services;
    const statement = rootStatement({ network: 'regtest', keyId: keyId(), ...root, amount: ROOT_SATS_MIN });
    world.federation.meddleReply = ({ request }) =>
      request.type !== 'treasury_root_request'
        ? []
        : [
            {
              type: 'treasury_root',
              body: {
                certificate: { statement, signatures: ['a', 'b', 'c'].map((digit) => digit.repeat(128)) },
                signatures: {},
                refusal: null,
              },
            },
          ];
    await treasury.pull(world.federation.key(), new AbortController().signal);
    expect(nameAt(0)).toBeNull();
  });
});

describe('a scan that begins', () => {
  test('begins where the key ceremony began, not two weeks back, so that a restored node sees the root', async () => {
    const root = await opened();
    const file = exported(0);
    await rm(`${world.federation.member(2).config.keySharePath}.treasury.json`);
    world.mine(2_030);
    await restored(2, file);
    await world.until(() => getUtxo(world.db(2), root)?.height === 1);
  }, 60_000);

  test('watches the treasury script of the key', async () => {
    const paid = fund(15_000n);
    await mined(1);
    expect(toHex(script())).toHaveLength(68);
    expect(getUtxo(world.db(0), paid)).toMatchObject({ leaf: { kind: 'treasury' }, amount: 15_000n, height: 1 });
  });
});
