// What each mined step of the treasury line did to the surplus, from its bytes and from the outputs that this node has read. By
// this alone every figure follows to the satoshi; what Wire tells of burns is not needed.
import { and, asc, eq, isNotNull, isNull, sql } from 'drizzle-orm';
import type { LineKind } from '../crypto/line-json.ts';
import type { Queries } from './database.ts';
import { readUnsigned } from './line-bytes.ts';
import { blockTimes, lineInputs, lineSteps, treasuryRoots, utxos } from './schema.ts';
import { TREASURY_LEAF } from './utxos.ts';

/** A mined step; amounts in sats, `time` in Unix seconds, null where its block's is not known. */
export interface StepAccount {
  readonly txid: string;
  readonly height: number;
  readonly time: number | null;
  /** null while its list of burns is not known: what it consolidated counts as less burn fees. */
  readonly kind: LineKind | null;
  readonly minerFee: bigint;
  readonly strays: bigint;
  readonly consolidated: bigint;
  readonly burnFees: bigint;
  /** After it. */
  readonly surplus: bigint;
  /** This node has not read all that it sweeps: its figures are not exact. */
  readonly incomplete: boolean;
}

/** The root that is not dead. */
export interface AccountRoot {
  readonly amount: bigint;
  readonly surplus: bigint;
}

/** The accounts of all mined steps on the line that is not dead, from the root on. `root`: what the line began with. */
export function* stepAccounts(db: Queries, root: AccountRoot): Generator<StepAccount> {
  const rows = db
    .select({ step: lineSteps, at: blockTimes.at })
    .from(lineSteps)
    .innerJoin(
      treasuryRoots,
      and(
        eq(treasuryRoots.txid, lineSteps.rootTxid),
        eq(treasuryRoots.vout, lineSteps.rootVout),
        isNull(treasuryRoots.deadAt),
      ),
    )
    .leftJoin(blockTimes, eq(blockTimes.height, lineSteps.height))
    .where(isNotNull(lineSteps.height))
    .orderBy(asc(lineSteps.depth))
    .all();
  let before = { treasury: root.amount, surplus: root.surplus };
  for (const { step, at } of rows) {
    const time = at === null ? null : Math.floor(at / 1_000);
    const { txid, height, kind, surplus, unsignedTx, treasuryAmount } = step;
    const { inputs, outputs } = readUnsigned(unsignedTx);
    const swept = sweptBy(db, txid);
    const paid = outputs.reduce((sum, { amount }) => sum + amount, 0n);
    const minerFee = before.treasury + swept.amount - paid;
    const consolidated = kind === 'consolidate' ? (outputs[2]?.amount ?? 0n) : 0n;
    const burnFees = surplus - before.surplus - swept.strays + consolidated + minerFee;
    yield {
      ...{ txid, height: height ?? 0, time, kind, minerFee, consolidated, burnFees, surplus },
      strays: swept.strays,
      incomplete: swept.outputs < inputs.length - 1,
    };
    before = { treasury: treasuryAmount, surplus };
  }
}

function sweptBy(db: Queries, txid: string) {
  const isStray = sql`${utxos.leaf} = ${TREASURY_LEAF}`;
  const found = db
    .select({
      outputs: sql<bigint>`count(*)`,
      amount: sql<bigint>`coalesce(sum(${utxos.amount}), 0)`,
      strays: sql<bigint>`coalesce(sum(case when ${isStray} then ${utxos.amount} else 0 end), 0)`,
    })
    .from(lineInputs)
    .innerJoin(utxos, and(eq(utxos.txid, lineInputs.prevTxid), eq(utxos.vout, lineInputs.prevVout)))
    .where(and(eq(lineInputs.txid, txid), sql`${lineInputs.inputIndex} > 0`))
    .get();
  return { outputs: Number(found?.outputs ?? 0n), amount: found?.amount ?? 0n, strays: found?.strays ?? 0n };
}
