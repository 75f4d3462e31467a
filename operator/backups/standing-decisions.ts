// What operators have said that only the database knows: pauses, holds, vetoes, and that the service is disabled. A database that
// is put back forgets what was said since its backup, and holds to what was ended since.
import type { Queries } from '../../store/database.ts';
import { listHolds } from '../../store/holds.ts';
import { openPauses } from '../../store/pauses.ts';
import { serviceSwitch } from '../../store/service.ts';
import { isHolding, openVetoes } from '../../store/vetoes.ts';
import { printable } from '../runtime/shown-text.ts';
import { pauseText } from '../validation/pause-gate.ts';

/** One thing that stands: `key` tells it apart in both databases, `text` says it to people. */
export interface StandingDecision {
  readonly key: string;
  readonly text: string;
}

/** What a restore does to what was said. `lost`: null where the database that was there cannot be read. */
export interface DecisionChange {
  readonly lost: readonly string[] | null;
  /** What stands in the backup, and so stands again. */
  readonly kept: readonly string[];
}

/** Everything that keeps this node from signing now by somebody's word. `threshold`: how many approvals end a veto. */
export function standingDecisions(db: Queries, threshold: number, now: number): readonly StandingDecision[] {
  const isOff = serviceSwitch(db).state === 'disabled';
  return [
    ...openPauses(db).map((pause) => ({ key: `pause ${pause.id}`, text: `the node is paused ${pauseText(pause)}` })),
    ...listHolds(db).map(({ burnTxid, reason }) => ({
      key: `hold ${burnTxid}`,
      text: `burn ${burnTxid} is held: ${printable(reason)}`,
    })),
    ...openVetoes(db, now)
      .filter((veto) => isHolding(veto, threshold, now))
      .map(({ id, burnTxid, vetoedBy, expiresAt, reason }) => ({
        key: `veto ${id}`,
        text: `operator ${vetoedBy} vetoes burn ${burnTxid} until ${new Date(expiresAt).toISOString()}: ${printable(reason)}`,
      })),
    ...(isOff ? [{ key: 'service', text: 'the service is disabled: no new attestations' }] : []),
  ];
}

/** What stands here and not in the backup, and what stands in the backup. `here` null: it cannot be read. */
export function decisionChange(
  here: readonly StandingDecision[] | null,
  backup: readonly StandingDecision[],
): DecisionChange {
  const known = new Set(backup.map(({ key }) => key));
  const lost = here?.filter(({ key }) => !known.has(key)).map(({ text }) => text) ?? null;
  return { lost, kept: backup.map(({ text }) => text) };
}
