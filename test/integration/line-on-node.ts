// A treasury line on a real Bitcoin node, with one key in the place of a federation's: it begins at a payment of the node's
// wallet, and each step is built as operators build it.
import { type BuiltSpend, finalizeSpend } from '../../chain/custody-spend.ts';
import { feeAt } from '../../chain/fee.ts';
import {
  type BuiltLine,
  buildLine,
  compareBurns,
  type LineTerms,
  rootSurplus,
  surplusAfter,
} from '../../chain/line.ts';
import type { LineBurn, LineIntent, SweptOutput } from '../../chain/line-intent.ts';
import { compareOutpoints } from '../../chain/outpoint.ts';
import { custodyScript, taprootAddress } from '../../crypto/taproot.ts';
import type { Regtest, RegtestWallet } from '../../devnet/bitcoind.ts';
import type { SingleSigner } from '../chain/single-signer.ts';

const KEY_ID = '11'.repeat(32);

/** What a step is made of; what is absent is empty. `rate` in sats per 1000 vbytes. */
export interface StepParts {
  readonly burns?: readonly LineBurn[];
  readonly swept?: readonly SweptOutput[];
  readonly test?: boolean;
  readonly rate: bigint;
}

/** Begins a line with a root of so many sats. */
export async function lineOnNode(signer: SingleSigner, node: Regtest, wallet: RegtestWallet, amount: bigint) {
  const { groupKey } = signer;
  const addressOf = (leaf: SweptOutput['leaf']) =>
    taprootAddress(custodyScript(groupKey, leaf).scriptPubKey, 'regtest');
  const funded = await wallet.send(addressOf({ kind: 'treasury' }), amount);
  await node.mine(1);
  const root = { network: 'regtest' as const, keyId: KEY_ID, ...funded, amount };
  const terms: LineTerms = { network: 'regtest', keyId: KEY_ID, groupKey, root };
  let tip = { ...funded, amount, surplus: rootSurplus(root) };

  /** A payout, or a sweep where it pays nobody, from the tip. */
  function step({ burns = [], swept = [], test = false, rate }: StepParts): BuiltLine {
    const { txid, vout, amount: sats, surplus } = tip;
    const formed = (fee: bigint): BuiltLine => {
      const parts: Omit<LineIntent, 'surplus'> = {
        ...{ step: burns.length === 0 ? ('sweep' as const) : ('payout' as const), test, destination: null, fee },
        treasury: { txid, vout, amount: sats },
        burns: [...burns].sort(compareBurns),
        swept: [...swept].sort(compareOutpoints),
      };
      const intent = { ...parts, surplus: 0n };
      const verdict = buildLine(terms, { ...intent, surplus: surplusAfter(surplus, intent) });
      if (!verdict.ok) throw new Error(`${verdict.reason}: ${verdict.detail}`);
      return verdict.built;
    };
    return formed(feeAt(formed(1n).vsize, rate));
  }

  /** The bytes of a step with a signature for each input; throws where one does not verify. */
  function signed(built: BuiltSpend): Uint8Array {
    const final = finalizeSpend(built, signer.signAll(built));
    if (!final.ok) throw new Error(final.reason);
    return final.transaction;
  }

  /** Goes on from a step's treasury output. */
  function advance({ txid, outputs: [next], intent }: BuiltLine): void {
    tip = { txid, vout: 0, amount: next?.amount ?? 0n, surplus: intent.surplus };
  }

  return {
    ...{ terms, step, signed, advance },
    tip: () => tip,
    /** Pays a custody address; the output is in the mempool. */
    fund: async (leaf: SweptOutput['leaf'], sats: bigint): Promise<SweptOutput> => ({
      ...(await wallet.send(addressOf(leaf), sats)),
      ...{ amount: sats, leaf },
    }),
  };
}

let burnCount = 0;

/** A burn that was never there before. */
export function newBurn(address: string, amount: bigint, fee: bigint): LineBurn {
  burnCount += 1;
  const hash = (first: string) => first + burnCount.toString(16).padStart(63, '0');
  return { burnTxid: hash('b'), nullifier: hash('c'), address, amount, fee };
}
