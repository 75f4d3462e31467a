// Whether an operator's word may begin, or go on with, a key ceremony at this node, and what follows for others.

import type { DkgMessage } from '../../ceremony/messages.ts';
import { getCeremony } from '../../store/ceremonies.ts';
import type { Queries } from '../../store/database.ts';
import type { OperatorConfig } from '../config/config.ts';
import type { Keys } from '../keys/keys.ts';
import { addressConflicts, listCards, missingCards } from '../peers/federation.ts';
import type { OutMessage } from '../peers/peer-reply.ts';
import { CommandError } from '../runtime/command-error.ts';
import type { CommandParams } from '../runtime/command-types.ts';
import { errorText } from '../runtime/log.ts';
import { pauseStops } from '../validation/pause-gate.ts';
import type { CeremonyRunner } from './ceremony-runner.ts';
import type { CompletionInput } from './completion.ts';

/** What the entry is validated by. */
export interface EntryInput {
  readonly config: OperatorConfig;
  readonly db: Queries;
  readonly keys: Keys;
  readonly runners: ReadonlyMap<string, CeremonyRunner>;
}

/** Throws `CommandError` where the ceremony may not be entered. */
export function assertMayEnter(input: EntryInput, params: CommandParams<'dkg'>): void {
  const { config, db, keys } = input;
  const { ceremony_id: id, rehearsal } = params;
  const paused = pauseStops(db);
  if (paused !== null) {
    throw new CommandError(
      'paused',
      `no key ceremony begins here: ${paused}: \`mpc_operator emergency resume\` ends it`,
    );
  }
  const cards = listCards(db);
  const missing = missingCards(config, cards);
  if (missing.length > 0) {
    const which = missing.map((index) => `${index} (${config.partyAddresses[index]?.text})`).join(', ');
    const detail = `no operator card of operator ${which} is here: run \`mpc_operator peer add\``;
    throw new CommandError('cards_missing', detail);
  }
  const [conflict] = addressConflicts(config, cards);
  if (conflict !== undefined) {
    const { operator, cause, action } = conflict;
    throw new CommandError('addresses_differ', `${operator}: ${cause}: ${action}`);
  }
  const known = getCeremony(db, id);
  if (known !== null && known.status !== 'running') {
    const how = known.status === 'failed' ? 'was abandoned' : `is ${known.status} already`;
    throw new CommandError('ceremony_exists', `ceremony ${id} ${how}: choose another --ceremony-id`);
  }
  if (known !== null && known.rehearsal !== rehearsal) {
    const begun = known.rehearsal ? 'a rehearsal' : 'a ceremony for real keys';
    throw new CommandError(
      'ceremony_exists',
      `ceremony ${id} was begun as ${begun}: run it ${known.rehearsal ? 'with' : 'without'} --rehearsal, or choose another --ceremony-id`,
    );
  }
  if (!rehearsal && keys.live() !== null) {
    throw new CommandError('key_exists', 'the federation has a live key already; a new one is made by key rotation');
  }
  assertNothingElseAtWork(input, id);
}

/** The answers to a join, of a node that has a live key: its operator cannot join a ceremony that makes another. */
export function sayingKeyIsLive(join: DkgMessage, answers: readonly OutMessage[]): readonly OutMessage[] {
  if (join.type !== 'dkg_join' || join.body.rehearsal) return answers;
  return answers.map((answer) =>
    answer.type === 'dkg_not_joined' ? { type: answer.type, body: { reason: 'key_live' } } : answer,
  );
}

// Neither in another ceremony, rehearsals included.
function assertNothingElseAtWork({ db, runners }: Pick<EntryInput, 'db' | 'runners'>, ceremonyId: string): void {
  for (const [id, runner] of runners) {
    if (id === ceremonyId || !runner.isAtWork()) continue;
    const words = `ceremony ${id} is under way at this node, and a node takes part in one at a time`;
    if (runner.hasBegun()) {
      const how = `see \`ceremony show ${id}\`; if it can never end, run \`ceremony abandon ${id}\``;
      throw new CommandError('ceremony_running', `${words}: wait until it ends (${how})`);
    }
    const flag = getCeremony(db, id)?.rehearsal === true ? ' --rehearsal' : '';
    const how = `join it with \`dkg --ceremony-id ${id}${flag}\`, or leave it with \`ceremony abandon ${id}\``;
    throw new CommandError('ceremony_running', `${words}: ${how}`);
  }
}

/** Leaves every other ceremony that this node is making keys in: by this one it has a key, and theirs would be a second. */
export function leaveOthers(
  { log }: Pick<CompletionInput, 'log'>,
  runners: ReadonlyMap<string, CeremonyRunner>,
  ceremonyId: string,
): void {
  const left = { kind: 'operator_aborted', detail: `ceremony ${ceremonyId} made keys` } as const;
  for (const [id, runner] of runners) {
    if (id === ceremonyId || !runner.isAtWork()) continue;
    runner.feed(left).catch((error: unknown) => {
      log('error', 'ceremony_not_left', { ceremony: id, detail: errorText(error) });
    });
  }
}
