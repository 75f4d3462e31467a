// A check: a question about the facts that has one answer, with what was seen and what to do.
import type { CheckReport, CheckVerdict } from '../runtime/check-command-types.ts';
import { CHECK_VERDICTS } from '../runtime/check-command-types.ts';
import type { Facts } from './facts.ts';

/** An answer; without full stops, as others quote it. */
export interface Finding {
  readonly verdict: CheckVerdict;
  readonly seen: string;
  readonly action: string | null;
}

/** `judge` looks at nothing but the facts. */
export interface Check {
  readonly id: string;
  readonly title: string;
  readonly judge: (facts: Facts) => Finding;
}

export function pass(seen: string): Finding {
  return { verdict: 'pass', seen, action: null };
}

export function warn(seen: string, action: string): Finding {
  return { verdict: 'warn', seen, action };
}

export function fail(seen: string, action: string): Finding {
  return { verdict: 'fail', seen, action };
}

/** What nobody can tell is no pass. */
export function unseen(why: string, action: string): Finding {
  return warn(`cannot tell: ${why}`, action);
}

/** Of what only the server's own process shows. */
export const NO_SERVER = unseen('no server runs', 'start the server, then run `mpc_operator security-check` again');

/** The answers of all checks, the worst first. */
export function judged(checks: readonly Check[], facts: Facts): readonly CheckReport[] {
  const reports = checks.map(({ id, title, judge }) => ({ id, title, ...judge(facts) }));
  return CHECK_VERDICTS.flatMap((verdict) => reports.filter((report) => report.verdict === verdict));
}

/** How many ended in each way. */
export function countVerdicts(reports: readonly CheckReport[]): Readonly<Record<CheckVerdict, number>> {
  const of = (verdict: CheckVerdict) => reports.filter((report) => report.verdict === verdict).length;
  return { fail: of('fail'), warn: of('warn'), pass: of('pass') };
}
