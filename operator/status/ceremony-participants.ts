// Who has done its part in a key ceremony and who is awaited, one row for each participant.
import type { DkgProgress } from '../../ceremony/dkg/setup.ts';
import { NOT_JOINED_REASONS } from '../../ceremony/messages-dkg.ts';
import type { CeremonyHistory } from '../key-ceremonies/ceremony-history.ts';
import type { CeremonyParticipantReport } from '../runtime/command-types.ts';

/** A row for each, in the order of `members`. */
export function participantRows(
  members: readonly { readonly index: number; readonly name: string }[],
  seen: DkgProgress,
  history: CeremonyHistory,
): readonly CeremonyParticipantReport[] {
  return members.map(({ index, name }) => {
    const awaitedSince = history.awaitedSince(index);
    const since = awaitedSince === null ? null : new Date(awaitedSince).toISOString();
    return { index, name, ...stateOf(index, seen), since };
  });
}

function stateOf(index: number, seen: DkgProgress): Pick<CeremonyParticipantReport, 'state' | 'detail'> {
  const { abort, declined, problems, waitingFor, phase } = seen;
  if (abort?.culprit === index) return { state: 'blamed', detail: abort.detail };
  if (abort?.suspects.includes(index) === true) return { state: 'suspected', detail: abort.detail };
  const failed = problems.filter((one) => one.index === index).map(({ check, detail }) => `${check}: ${detail}`);
  if (failed.length > 0) return { state: 'check_failed', detail: failed.join('; ') };
  const refusal = declined.find((one) => one.index === index);
  if (refusal !== undefined) return { state: 'declined', detail: `says that it ${NOT_JOINED_REASONS[refusal.reason]}` };
  if (waitingFor.includes(index)) return { state: 'awaited', detail: phase === 'lobby' ? 'has not joined' : '' };
  return { state: 'done', detail: '' };
}
