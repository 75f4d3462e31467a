// What the treasury holds and what it may spend on miners, worked out from the transactions of the chain alone, against the
// figures of every node that has read it.
import { rootSurplus, treasuryScript } from '../chain/line.ts';
import { type Outpoint, outpointName } from '../chain/outpoint.ts';
import { equal } from '../crypto/bytes.ts';
import { minedTip } from '../store/line.ts';
import type { Output } from './raw-bytes.ts';
import type { World } from './world.ts';

/** The end of the mined line. Sats. */
interface Figures {
  readonly txid: string;
  readonly amount: bigint;
  readonly surplus: bigint;
}

/** Compares the figures of all honest nodes with those of the chain, each at the step that it takes for the last one. */
export function reconcile(world: World): void {
  const { root, trace, tally } = world;
  if (root === null) return;
  let figures: Figures = { txid: root.txid, amount: root.amount, surplus: rootSurplus(root) };
  const along = new Map<string, Figures>();
  for (const { parsed } of world.oracle.line.mined()) {
    figures = after(world, figures, parsed.inputs, parsed.txid);
    along.set(parsed.txid, figures);
    if (figures.surplus !== parsed.surplus || figures.surplus < 0n) {
      trace.violated('fault', `step ${parsed.txid} says ${parsed.surplus} sats of surplus, not ${figures.surplus}`);
    }
  }
  for (const { index, store } of world.honest()) {
    const tip = minedTip(store.db);
    // A node that has not read the last blocks may take a step for mined that no longer is.
    const right = tip === null ? undefined : along.get(tip.txid);
    if (tip === null || right === undefined) continue;
    tally.add('figures of nodes that were compared with the chain');
    const { txid, treasuryAmount, surplus } = tip;
    if (treasuryAmount === right.amount && surplus === right.surplus) continue;
    const told = `${treasuryAmount} sats with a surplus of ${surplus} at ${txid}`;
    trace.violated('fault', `node ${index} believes the treasury held ${told}, not ${right.amount}, ${right.surplus}`);
  }
}

function after({ chain, ledger, oracle, groupKey }: World, before: Figures, inputs: readonly Outpoint[], txid: string) {
  const spent = inputs.map((outpoint) => outputAt(chain.known, outpoint));
  const outputs = chain.known.get(txid)?.outputs ?? [];
  const total = (all: readonly Output[]): bigint => all.reduce((sum, { amount }) => sum + amount, 0n);
  const script = treasuryScript(groupKey);
  const strays = total(spent.slice(1).filter((output) => equal(output.script, script)));
  const fee = total(spent) - total(outputs);
  const paid = ledger.burns.filter(({ burnTxid }) => oracle.line.payersOf(burnTxid).includes(txid));
  const burnFees = paid.reduce((sum, burn) => sum + burn.fee, 0n);
  return { txid, amount: outputs[0]?.amount ?? 0n, surplus: before.surplus + burnFees + strays - fee };
}

function outputAt(known: World['chain']['known'], outpoint: Outpoint): Output {
  const output = known.get(outpoint.txid)?.outputs[outpoint.vout];
  if (output === undefined) throw new Error(`there is no output ${outpointName(outpoint)}`);
  return output;
}
