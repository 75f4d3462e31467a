// A node whose key file was put back to one of before its key was made: the database knows the key, the shares are gone.

import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { copyFile, readFile, rm } from 'node:fs/promises';
import { z } from 'zod';
import type { Json } from '../../crypto/canonical-json.ts';
import { storedOutcome } from '../../operator/key-ceremonies/ceremony-outcome.ts';
import { keepCard, listCards } from '../../operator/peers/federation.ts';
import { keyReports } from '../../operator/reports.ts';
import { problemText } from '../../operator/runtime/problems.ts';
import { statusReport } from '../../operator/status/status-report.ts';
import { auditHead } from '../../store/audit-log.ts';
import { getCeremony } from '../../store/ceremonies.ts';
import { listKeys, type StoredKey, storeKey } from '../../store/keys.ts';
import { codeOf } from './custody.ts';
import { FederationInMemory, PASSPHRASE, ringOf } from './federation-in-memory.ts';

const VICTIM = 2;
const BARE = 'key file: it holds no shares of the live key. Run: mpc_operator ceremony recover FILE.';
let federation: FederationInMemory;
beforeEach(async () => {
  federation = await FederationInMemory.make();
});
afterEach(() => federation.close());

const pathOf = (index: number): string => federation.member(index).config.keySharePath;
const recover = (index: number, file: unknown) => federation.at(index).services.ceremonies.recover(file);
const problems = async (index: number) =>
  (await statusReport(federation.at(index).node)).problems.map((one) =>
    problemText(one).replace(/ \(since [^)]*\)/, ''),
  );
const reported = () => keyReports(federation.at(VICTIM).node).keys[0];

/** Makes keys, and puts one node's key file back to that of before. */
async function putBack(): Promise<Readonly<Record<string, unknown>>> {
  const path = pathOf(VICTIM);
  await copyFile(path, `${path}.before`);
  await federation.dkgByAll();
  await federation.stop(VICTIM);
  await copyFile(path, `${path}.right`);
  await copyFile(`${path}.before`, path);
  await federation.start(VICTIM);
  return exported(0);
}

function exported(index: number): Readonly<Record<string, unknown>> {
  const stored = getCeremony(federation.at(index).node.store.db, 'first');
  const outcome = stored === null ? null : storedOutcome(stored);
  if (outcome === null) throw new Error('the ceremony is over');
  return JSON.parse(JSON.stringify(outcome.file));
}

/** The signing shares in a key file, as on disk. */
async function sharesIn(path: string): Promise<readonly string[]> {
  const ring = ringOf({ ...federation.member(VICTIM).config, keySharePath: path });
  await ring.unseal(PASSPHRASE);
  const kept = ring.keysOf(federation.key(0).keyId);
  const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
  const shares = kept === null ? [] : [hex(kept.bitcoin.signingShare), hex(kept.attestation.signingShare)];
  ring.close();
  return shares;
}

describe('a key file from before the key that is live', () => {
  test('is named by status and key-info, with what to do', async () => {
    await putBack();
    expect(await problems(VICTIM)).toContain(BARE);
    expect(await problems(0)).not.toContain(BARE);
    expect(reported()).toMatchObject({ status: 'live', shares_held: false, shares_valid: null });
  });

  test('gets the very shares back that it had from the exported ceremony, durably, and nothing else changes', async () => {
    const file = await putBack();
    const { db } = federation.at(VICTIM).node.store;
    const before = { keys: listKeys(db), head: auditHead(db), ceremony: getCeremony(db, 'first') };
    expect(await sharesIn(pathOf(VICTIM))).toEqual([]);
    const { keyId } = federation.key(0);
    expect(await recover(VICTIM, file)).toMatchObject({ ceremony_id: 'first', key_id: keyId, shares: 'recovered' });
    expect({ keys: listKeys(db), head: auditHead(db), ceremony: getCeremony(db, 'first') }).toEqual(before);
    const right = await sharesIn(`${pathOf(VICTIM)}.right`);
    expect(right).toHaveLength(2);
    expect(await sharesIn(pathOf(VICTIM))).toEqual(right);
    expect(await problems(VICTIM)).not.toContain(BARE);
    await federation.restart(VICTIM);
    expect(reported()).toMatchObject({ shares_held: true, shares_valid: true });
  });

  test('gets them back once: shares that are there are never written again', async () => {
    const file = await putBack();
    await recover(VICTIM, file);
    const written = await readFile(pathOf(VICTIM));
    expect(await codeOf(recover(VICTIM, file))).toBe('key_exists');
    expect(await readFile(pathOf(VICTIM))).toEqual(written);
  });

  for (const [what, refusal, doctored] of [
    ['made in another way', 'not_recovered', (key: StoredKey) => ({ ...key, groupKeys: swapped(key.groupKeys) })],
    ['made by a ceremony of another name', 'not_recovered', (key: StoredKey) => ({ ...key, ceremonyId: 'other' })],
    ['another one', 'key_exists', (key: StoredKey) => ({ ...key, keyId: 'ff'.repeat(8) })],
  ] as const) {
    test(`takes no shares, and nothing is written, where the live key is ${what}`, async () => {
      const file = await putBack();
      const [key] = listKeys(federation.at(VICTIM).node.store.db);
      if (key === undefined) throw new Error('the key is live');
      await loseDatabase(VICTIM);
      const { db } = federation.at(VICTIM).node.store;
      expect(storeKey(db, doctored(key), 'live', Date.now())).toEqual({ ok: true });
      const written = await readFile(pathOf(VICTIM));
      expect(await codeOf(recover(VICTIM, file))).toBe(refusal);
      expect(await readFile(pathOf(VICTIM))).toEqual(written);
      expect(listKeys(db)).toHaveLength(1);
    });
  }
});

/** Group keys in which two operators' verifying shares have changed places. */
function swapped(groupKeys: Json): Json {
  const parsed = z
    .object({ bitcoin: z.looseObject({ verifying_shares: z.array(z.string()) }), attestation: z.json() })
    .parse(groupKeys);
  const verifying_shares = parsed.bitcoin.verifying_shares.toReversed();
  return JSON.parse(JSON.stringify({ ...parsed, bitcoin: { ...parsed.bitcoin, verifying_shares } }));
}

/** The security database is gone; the cards are exchanged again. */
async function loseDatabase(index: number): Promise<void> {
  await federation.stop(index);
  const { securityDbPath } = federation.member(index).config;
  for (const suffix of ['', '-wal', '-shm']) await rm(`${securityDbPath}${suffix}`, { force: true });
  await federation.start(index);
  for (const card of listCards(federation.at(0).node.store.db)) {
    keepCard(federation.at(index).node.store.db, card, false, Date.now());
  }
}
