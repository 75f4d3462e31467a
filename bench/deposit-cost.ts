// What one deposit costs the store that already holds a million of them, against one that holds a thousand: whose script
// it is, the sighting, and the durable decision to attest it.
import { Database } from 'bun:sqlite';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decideAttestations } from '../store/attestations.ts';
import type { Queries } from '../store/database.ts';
import { recordDeposit } from '../store/deposits.ts';
import { openStore, type Store } from '../store/open.ts';
import { recipientOfScript } from '../store/recipients.ts';
import { randomBytes } from './deal.ts';
import { type BenchOptions, figure, interleaved, type Report } from './measure.ts';

const [MANY, FEW] = [1_000_000, 1_000];
const DEPOSITS_PER_ROUND = 20;
const KEY_ID = 'bench-key';
const NUMBERED = `WITH RECURSIVE numbered(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbered WHERE i < ?1)`;
const HASH = `lower(hex(randomblob(32)))`;

/** The ratio of the two costs. */
export async function depositCost({ quick }: BenchOptions): Promise<Report> {
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'bench-store-'));
  const stores: Store[] = [];
  const grown = (name: string, rows: number): (() => void) => {
    const store = grow(join(folder, `${name}.db`), rows);
    stores.push(store);
    return () => handleDeposits(store.db);
  };
  try {
    const subjects = { many: grown('many', MANY), few: grown('few', FEW) };
    const times = await interleaved(subjects, quick ? 40 : 200);
    const each = (ms: number) => `${((ms * 1000) / DEPOSITS_PER_ROUND).toFixed(0)} µs`;
    return {
      figures: [figure('cost per deposit, 1,000,000 stored / 1,000 stored', times.many / times.few, 1.2, 'lower')],
      notes: [`per deposit: ${each(times.many)} with ${MANY} stored, ${each(times.few)} with ${FEW}`],
    };
  } finally {
    for (const store of stores) store.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A store with so many deposits, each with its script and its attestation, found by nothing but their keys. */
function grow(path: string, rows: number): Store {
  openStore(path).close();
  const database = new Database(path);
  const insert = (into: string, values: string) =>
    database.query(`INSERT INTO ${into} ${NUMBERED} SELECT ${values} FROM numbered`).run(rows);
  database.run('PRAGMA synchronous = OFF');
  database.run('BEGIN');
  insert('recipients (script, recipient, key_id, created_at)', `'5120' || ${HASH}, ${HASH}, '${KEY_ID}', i`);
  insert(
    'deposits (txid, vout, recipient, amount, height, block_hash, status, seen_at, updated_at)',
    `${HASH}, i % 3, ${HASH}, 100000, i, ${HASH}, 'minted', i, i`,
  );
  insert(
    'attestations (txid, vout, recipient, amount, nonce, expiry, decided_at, updated_at)',
    `${HASH}, i % 3, ${HASH}, 100000, i, i, i, i`,
  );
  database.run('COMMIT');
  database.run('PRAGMA wal_checkpoint(TRUNCATE)');
  database.close();
  return openStore(path);
}

function handleDeposits(db: Queries): void {
  for (let i = 0; i < DEPOSITS_PER_ROUND; i++) {
    const [txid, script, recipient, blockHash] = [hash(), `5120${hash()}`, hash(), hash()];
    const now = Date.now();
    if (recipientOfScript(db, script) !== null) throw new Error('a fresh script is known');
    const outpoint = { txid, vout: 0, recipient, amount: 100_000n };
    const seen = recordDeposit(db, { ...outpoint, height: 1, blockHash }, now);
    const [decided] = decideAttestations(db, [{ ...outpoint, nonce: 1n, expiry: 1n }], now);
    if (!seen.ok || decided?.ok !== true) throw new Error('the store refused a fresh deposit');
  }
}

function hash(): string {
  return Buffer.from(randomBytes(32)).toString('hex');
}
