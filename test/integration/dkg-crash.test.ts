// A key ceremony of real processes that are killed (SIGKILL) at whatever they have just written down, coordinator and
// participant alike, until it is over; and a node whose database is lost afterwards.

import { Database, SQLiteError } from 'bun:sqlite';
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Federation } from '../../devnet/federation.ts';
import type { DevnetOperator } from '../../devnet/operator.ts';
import { exchangeCards } from '../../devnet/steps.ts';
import { until } from '../../devnet/until.ts';
import { problemText } from '../../operator/runtime/problems.ts';
import { answer, eventually, START_TIMEOUT_MS, startOperators, testSigningSchema } from './federation.ts';

const CEREMONY = 'killed';
const COORDINATOR = 0;
const PARTICIPANT = 1;
/** Distinct places in the ceremony at which each role must have died at least. */
const DEATHS_MIN = 6;
/** The record of a node that waits for others: no event yet. */
const IN_LOBBY = '0';
const LOOK_MS = 1;
/** Twenty-odd restarts take half a minute on an idle machine. */
const TEST_TIMEOUT_MS = 240_000;

let federation: Federation;

beforeAll(async () => {
  federation = await startOperators();
  await exchangeCards(federation);
}, START_TIMEOUT_MS);
afterAll(() => federation.stop());

const databaseOf = ({ folder }: DevnetOperator): string => join(folder, 'security.db');

/** How far a node's own record of the ceremony has come: its stored events, then the end, then the proof. */
function recordOf(operator: DevnetOperator): string {
  const database = new Database(databaseOf(operator), { readonly: true });
  try {
    const events = database.query<{ n: number }, []>('SELECT count(*) AS n FROM ceremony_events').get()?.n ?? 0;
    const row = database
      .query<{ status: string; proven: number }, []>(
        "SELECT status, coalesce(json_extract(outcome, '$.subsets'), '') <> '' AS proven FROM ceremonies",
      )
      .get();
    if (row === null) return 'none';
    return row.status === 'running' ? `${events}` : row.proven === 1 ? 'proven' : 'made';
  } catch (error) {
    // The node that has just been started has the file to itself while it recovers the journal.
    if (error instanceof SQLiteError && error.code?.startsWith('SQLITE_BUSY') === true) return 'busy';
    throw error;
  } finally {
    database.close();
  }
}

// The operator's word; it is said again only where it was lost with the process. Errors are those of its death.
async function takePart(operator: DevnetOperator): Promise<void> {
  const params = { ceremony_id: CEREMONY, rehearsal: false, wait_s: 60 };
  await operator.control('dkg', params).catch(() => null);
}

/** Kills a node at whatever it writes down next, until all is over. `died`: where it has died already. */
async function killAtEveryStep(
  operator: DevnetOperator,
  isOver: () => boolean,
  died: readonly string[] = [],
): Promise<readonly string[]> {
  const deaths = [...died];
  let seen = died.at(-1) ?? 'none';
  while (!isOver()) {
    const record = recordOf(operator);
    if (record === 'none' || record === seen || record === 'proven' || record === 'busy') {
      await Bun.sleep(LOOK_MS);
      continue;
    }
    await operator.kill();
    seen = recordOf(operator);
    deaths.push(seen);
    await operator.start();
    if (seen === IN_LOBBY) void takePart(operator);
  }
  return deaths;
}

const isInLobby = async (operator: DevnetOperator): Promise<boolean> => {
  const shown = await operator.control('ceremony-show', { ceremony_id: CEREMONY }).catch(() => null);
  return shown?.ceremony.phase === 'lobby';
};

/** Has the node join, die in the lobby, and join again. */
async function dieInLobby(operator: DevnetOperator): Promise<void> {
  const join = () => {
    void takePart(operator);
    return eventually('it waits in the lobby', () => isInLobby(operator));
  };
  await join();
  await operator.kill();
  await operator.start();
  await join();
}

test(
  'a key ceremony whose coordinator and participant are killed at all that they write down gives all one proven key',
  async () => {
    const { operators } = federation;
    const isOver = () => operators.every((operator) => recordOf(operator) === 'proven');
    const [coordinator, participant] = [federation.operator(COORDINATOR), federation.operator(PARTICIPANT)];
    // The first to join coordinates: nobody else joins before it has died in the lobby and is back.
    await dieInLobby(coordinator);
    for (const operator of operators.slice(1)) void takePart(operator);
    const deaths = await Promise.all([
      killAtEveryStep(coordinator, isOver, [IN_LOBBY]),
      killAtEveryStep(participant, isOver),
    ]);

    for (const places of deaths) expect(new Set(places).size).toBeGreaterThanOrEqual(DEATHS_MIN);
    const keys = await Promise.all(operators.map((operator) => operator.control('key-info', {})));
    expect(keys.map(({ keys: own }) => own.map(({ status, shares_valid }) => [status, shares_valid]))).toEqual(
      operators.map(() => [['live', true]]),
    );
    expect(new Set(keys.map(({ keys: own }) => own[0]?.transcript_hash)).size).toBe(1);
    const shown = await Promise.all(operators.map((one) => one.control('ceremony-show', { ceremony_id: CEREMONY })));
    expect(shown.map(({ ceremony }) => [ceremony.phase, ceremony.detail, ceremony.coordinator])).toEqual(
      operators.map(() => ['done', 'complete and proven', COORDINATOR]),
    );
  },
  TEST_TIMEOUT_MS,
);

test(
  'a node whose database is lost takes its key up again from what another exports, and signs with it',
  async () => {
    const [first, second, victim] = [federation.operator(0), federation.operator(1), federation.operator(2)];
    const file = join(first.folder, 'ceremony.json');
    await first.mustRun(['ceremony', 'show', CEREMONY, '--output', file]);
    await victim.kill();
    for (const suffix of ['', '-wal', '-shm']) await rm(`${databaseOf(victim)}${suffix}`, { force: true });
    await victim.start();
    await victim.mustRun(['peer', 'add', ...[first, second].map(({ folder }) => join(folder, 'card.json'))]);
    expect((await victim.control('key-info', {})).keys).toEqual([]);
    expect(await victim.mustRun(['ceremony', 'recover', file])).toContain('those of the key file');
    const wait = { timeoutMs: 120_000, signal: federation.signal };
    // Its state is older than what both others saw of it: both have to tell what it did since.
    const isStanding = async () =>
      !(await victim.control('status', {})).problems.map(problemText).join('\n').includes('signs nothing');
    await until(() => 'the recovered node has caught up', isStanding, wait);
    await second.stop();
    const signs = async () => {
      const signed = await answer(victim, ['test-signing', '--message', 'here again'], testSigningSchema).catch(
        () => null,
      );
      return signed?.bitcoin.signers.includes(2) === true && signed.attestation.signers.includes(0);
    };
    await until(() => 'the recovered node signs', signs, wait);
  },
  TEST_TIMEOUT_MS,
);
