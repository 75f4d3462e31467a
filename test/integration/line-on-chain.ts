// The treasury line as the blocks of a Bitcoin node show it, and what follows from them for its money: nothing here comes from
// an operator.
import { z } from 'zod';
import { btcAmount } from '../../chain/amount.ts';
import { type ParsedLine, parseLine, TREASURY_SATS_MIN, treasuryScript } from '../../chain/line.ts';
import { type Outpoint, outpointName } from '../../chain/outpoint.ts';
import { fromHex, toHex } from '../../crypto/bytes.ts';
import type { Federation } from '../../devnet/federation.ts';

const outputSchema = z.object({ value: btcAmount, scriptPubKey: z.object({ hex: z.string() }) });
const transactionSchema = z.object({ hex: z.string(), vout: z.array(outputSchema) });

/** A step with its money. Sats; `strays`: what it sweeps that pays the treasury script. */
export interface StepMoney {
  readonly parsed: ParsedLine;
  readonly swept: bigint;
  readonly strays: bigint;
  readonly minerFee: bigint;
  readonly treasury: bigint;
  /** The outputs that pay burns, by script in hex. */
  readonly paid: readonly { readonly script: string; readonly amount: bigint }[];
}

/** Every mined step from the root on, in order. `groupKey`: 33 bytes. */
export async function lineOnChain(
  { bitcoin: { rpc } }: Federation,
  root: Outpoint,
  groupKey: Uint8Array,
): Promise<readonly StepMoney[]> {
  const outputs = new Map<string, z.infer<typeof outputSchema>>();
  const steps: ParsedLine[] = [];
  let tip = outpointName(root);
  const height = await rpc.call('getblockcount', [], z.int());
  for (let at = 1; at <= height; at++) {
    const hash = await rpc.call('getblockhash', [at], z.string());
    const { tx } = await rpc.call(
      'getblock',
      [hash, 2],
      z.object({ tx: z.array(transactionSchema.extend({ txid: z.string() })) }),
    );
    for (const { txid, hex, vout } of tx) {
      for (const [n, output] of vout.entries()) outputs.set(outpointName({ txid, vout: n }), output);
      const parsed = parseLine(fromHex(hex), groupKey);
      if (parsed === null || outpointName(parsed.treasury) !== tip) continue;
      steps.push(parsed);
      tip = outpointName({ txid: parsed.txid, vout: 0 });
    }
  }
  const treasury = toHex(treasuryScript(groupKey));
  return steps.map((parsed) => {
    const spent = parsed.inputs.map((input) => outputs.get(outpointName(input)));
    const sum = (all: readonly (z.infer<typeof outputSchema> | undefined)[]) =>
      all.reduce((total, output) => total + (output?.value ?? 0n), 0n);
    const [next, , ...paid] = parsed.outputs;
    const swept = spent.slice(1);
    return {
      parsed,
      swept: sum(swept),
      strays: sum(swept.filter((output) => output?.scriptPubKey.hex === treasury)),
      minerFee: sum(spent) - parsed.outputs.reduce((total, { amount }) => total + amount, 0n),
      treasury: next?.amount ?? 0n,
      paid: paid.map(({ script, amount }) => ({ script: toHex(script), amount })),
    };
  });
}

/** The surplus after each step, from the root's sats and what burns brought in fees, by the script that they pay in hex. */
export function surpluses(
  rootSats: bigint,
  steps: readonly StepMoney[],
  feeOf: (script: string, amount: bigint) => bigint,
): readonly bigint[] {
  let surplus = rootSats - TREASURY_SATS_MIN;
  return steps.map(({ strays, minerFee, paid }) => {
    const burnFees = paid.reduce((sum, { script, amount }) => sum + feeOf(script, amount), 0n);
    surplus += burnFees + strays - minerFee;
    return surplus;
  });
}
