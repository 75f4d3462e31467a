// What became of a request to make all worthless that is signed from a treasury output. It is read from the steps that spend
// this output, so nothing has to be written down. A reorganisation that takes a block back takes the outcome back.
import { and, desc, eq, isNotNull, or } from 'drizzle-orm';
import type { Queries } from './database.ts';
import { given, prepared } from './prepared.ts';
import type { StoredRequest } from './requests.ts';
import { lineInputs, lineSteps } from './schema.ts';

/**
 * `open`: nothing is signed for it yet. `signed`: a void step is signed and not mined. `done`: it is mined. `overtaken`:
 * another step is mined. `expired`: nothing came of it in time. `txid`: of that step, else null.
 */
export interface RequestOutcome {
  readonly state: 'open' | 'signed' | 'done' | 'overtaken' | 'expired';
  readonly txid: string | null;
}

// Step inputs have the treasury output at index 0. A mined one counts before one that is only signed.
const spenders = prepared((db) => {
  const { txid, kind, height, signedAt } = lineSteps;
  const spends = and(
    eq(lineInputs.prevTxid, given(lineInputs.prevTxid, 'treasuryTxid')),
    eq(lineInputs.prevVout, given(lineInputs.prevVout, 'treasuryVout')),
    eq(lineInputs.inputIndex, 0),
  );
  return db
    .select({ txid, kind, height })
    .from(lineInputs)
    .innerJoin(lineSteps, eq(txid, lineInputs.txid))
    .where(and(spends, or(isNotNull(height), isNotNull(signedAt))))
    .orderBy(desc(isNotNull(height)), desc(signedAt))
    .prepare();
});

/** What became of a request; `now` in ms since 1970. */
export function requestOutcome(
  db: Queries,
  { treasury, expiresAt }: Pick<StoredRequest, 'treasury' | 'expiresAt'>,
  now: number,
): RequestOutcome {
  const steps = spenders(db).all({ treasuryTxid: treasury.txid, treasuryVout: treasury.vout });
  const [first] = steps;
  if (first !== undefined && first.height !== null) {
    return { state: first.kind === 'void' ? 'done' : 'overtaken', txid: first.txid };
  }
  const signed = steps.find(({ kind }) => kind === 'void');
  if (signed !== undefined) return { state: 'signed', txid: signed.txid };
  return { state: expiresAt > now ? 'open' : 'expired', txid: null };
}
