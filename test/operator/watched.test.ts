// The list of what the scan looks for, as a node holds it for months.
import { heapStats } from 'bun:jsc';
import { expect, test } from 'bun:test';
import { parseBlock } from '../../chain/block.ts';
import { fromHex } from '../../crypto/bytes.ts';
import { custodyScript } from '../../crypto/taproot.ts';
import { takeBlock } from '../../operator/chain-state/block-taking.ts';
import { Watched } from '../../operator/chain-state/watched.ts';
import type { FederationKey } from '../../operator/keys/keys.ts';
import { getDeposit } from '../../store/deposits.ts';
import type { Store } from '../../store/open.ts';
import { rememberRecipient } from '../../store/recipients.ts';
import { listUtxos } from '../../store/utxos.ts';
import { display, makeBlock, txidOf } from '../chain/block-arbitraries.ts';
import { id, NOW, raw, withStore } from '../store/fixture.ts';

/** Of one recipient and one output together, in bytes: 68 of keys, and what a hash table over flat arrays takes besides. */
const BYTES_EACH_MAX = 180;
const MANY = 20_000;
const NUMBERED = 'WITH RECURSIVE numbered(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbered WHERE i < ?1)';
const HASH = 'lower(hex(randomblob(32)))';

// The generator of secp256k1: any point will do.
const publicKey = fromHex('0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798');
const group = (scheme: 'bip340' | 'ed25519') => ({
  ...{ scheme, threshold: 2, participants: 2, publicKey, verifyingShares: [publicKey, publicKey] },
});
const key: FederationKey = {
  ...{ keyId: 'key', ceremonyId: 'ceremony', status: 'live', transcriptHash: '', createdAt: 1 },
  ...{ bitcoin: group('bip340'), attestation: group('ed25519') },
};

test('a recipient and an output that are watched for ever take few bytes of memory', () => {
  withStore((store) => {
    const watched = new Watched(store.db);
    addMany(store, 1);
    watched.list(key);
    addMany(store, MANY);
    const before = held();
    const list = watched.list(key);
    const each = (held() - before) / MANY;
    expect([list.scripts.size, list.outpoints.size]).toEqual([MANY + 2, MANY + 1]);
    expect(each).toBeLessThan(BYTES_EACH_MAX);
  });
});

test('a deposit is put down to the recipient of its script, and what pays the treasury to nobody', () => {
  withStore(({ db }) => {
    const recipients = ['a', 'b', 'c'].map((name) => id(name));
    const scripts = recipients.map((recipient) => {
      const leaf = { kind: 'deposit', recipient: fromHex(recipient) } as const;
      const { scriptPubKey } = custodyScript(publicKey, leaf);
      rememberRecipient(db, { recipient, keyId: 'key', script: Buffer.from(scriptPubKey).toString('hex') }, NOW);
      return scriptPubKey;
    });
    const paid = [...scripts, custodyScript(publicKey, { kind: 'treasury' }).scriptPubKey];
    const input = { txid: new Uint8Array(32).fill(1), index: 0, finalScriptSig: new Uint8Array(0), sequence: 0 };
    const outputs = paid.map((script, i) => ({ amount: BigInt(i + 1), script }));
    const transaction = { version: 2, segwitFlag: false, inputs: [input], outputs, lockTime: 0 };
    const block = parseBlock(makeBlock([transaction]).bytes);
    expect(takeBlock(block, 7, new Watched(db).list(key))(db, NOW)).toEqual({ deposits: 3 });
    const txid = display(txidOf(transaction));
    expect([0, 1, 2].map((vout) => getDeposit(db, { txid, vout })?.recipient)).toEqual(recipients);
    expect(getDeposit(db, { txid, vout: 3 })).toBeNull();
    expect(listUtxos(db).rows.map(({ leaf }) => leaf)).toMatchObject([
      { kind: 'treasury' },
      ...[...recipients].reverse().map((recipient) => ({ kind: 'deposit', recipient })),
    ]);
  });
});

function addMany(store: Store, rows: number): void {
  raw(store, (database) => {
    const insert = (into: string, values: string) =>
      database.query(`INSERT INTO ${into} ${NUMBERED} SELECT ${values} FROM numbered`).run(rows);
    insert('recipients (script, recipient, key_id, created_at)', `'5120' || ${HASH}, ${HASH}, 'key', i`);
    insert(
      'utxos (txid, vout, amount, leaf, height, status, updated_at)',
      `${HASH}, 0, 1000, '{"kind":"treasury"}', 1, 'unspent', 1`,
    );
  });
}

function held(): number {
  Bun.gc(true);
  return heapStats().heapSize;
}
