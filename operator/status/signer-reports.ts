// What this node, as a coordinator, tells its operator of the other signers: how often each helped, and what was wrong.

import type { Node } from '../node.ts';
import { listCards } from '../peers/federation.ts';
import type { SignerReport } from '../runtime/command-types.ts';
import { type Problem, problem } from '../runtime/problems.ts';
import type { SignerState } from '../signing/signing.ts';

/** For so long after its last lie a signer is something to look at, in ms; the audit log keeps it for ever. */
export const LIE_SHOWN_MS = 24 * 60 * 60_000;

/** Every signer that was asked since the node was unsealed, in index order; none while it is sealed. */
export function signerReports(node: Node): readonly SignerReport[] {
  const names = new Map(listCards(node.store.db).map(({ index, name }) => [index, name]));
  return (node.online?.signing.signers() ?? []).map((signer) =>
    signerReport(signer, names.get(signer.index) ?? `operator-${signer.index}`),
  );
}

/** The signers that lied lately. */
export function signerProblems(node: Node): readonly Problem[] {
  return liars(node.online?.signing.signers() ?? [], node.input.effects.monotonic());
}

/** One signer as `status` and `test-communication` show it. */
export function signerReport({ index, answered, faults, last, expectedMs }: SignerState, name: string): SignerReport {
  return {
    ...{ index, name, answered },
    ...faults,
    usual_ms: expectedMs === null ? null : Math.round(expectedMs),
    last: last === null ? null : { ...last, at: new Date(last.at).toISOString() },
  };
}

/** Who lied within the last day; `now` in ms by the monotonic clock. */
export function liars(signers: readonly SignerState[], now: number): readonly Problem[] {
  return signers.flatMap(({ index, faults, lastLie }) => {
    if (lastLie === null || now - lastLie.measuredAt >= LIE_SHOWN_MS) return [];
    const often = faults.lying === 1 ? 'once' : `${faults.lying} times`;
    const at = new Date(lastLie.at).toISOString();
    return [
      problem('peer_lied', {
        subject: `operator ${index}`,
        since: lastLie.at,
        cause: `it gave a wrong partial signature or nonce, ${often} since this node started, last at ${at} (shown for a day)`,
        action: 'ask its operator what runs there; the audit log keeps the evidence',
      }),
    ];
  });
}
