// Never list, 4: what an intent claims, claim by claim, and whether a node's own views bear it out. Written independently
// of the judge that it checks, from the meaning of the words: the deposit stands there, the burn stands there, the
// transaction pays the burns and nobody else.
import type { Intent, PayoutChildIntent } from '../ceremony/intent.ts';
import { addressScript } from '../chain/network.ts';
import { type PayoutIntent, parsePayoutIntent } from '../chain/payout-intent.ts';
import { equal, fromHex, toHex } from '../crypto/bytes.ts';
import { type CustodyLeaf, custodyScript } from '../crypto/taproot.ts';
import type { ChainView } from './chain-view.ts';
import type { SimulatedLedger } from './ledger.ts';
import { CONFIRMATIONS, WIRE_CONFIRMATIONS } from './member-config.ts';

/** What a node looks at. */
export interface Outlook {
  readonly view: ChainView;
  readonly ledger: SimulatedLedger;
  readonly wireLag: () => number;
  readonly groupKey: Uint8Array;
}

/** One claim: what it says, and whether the node's views bear it out now. */
export interface Claim {
  readonly says: string;
  readonly holds: () => boolean;
}

/** All that must hold before an intent may be signed; nothing for those that bind to nothing. */
export function claimsOf(intent: Intent, outlook: Outlook): readonly Claim[] {
  if (intent.kind === 'attestation' && !intent.test) {
    return intent.items.map(({ txid, vout, recipient, amount }) => ({
      says: `${txid}:${vout} is a deposit of ${amount} sats for ${recipient.slice(0, 8)}…, ${CONFIRMATIONS} deep`,
      holds: () => isCoin(outlook, { txid, vout }, { kind: 'deposit', recipient: fromHex(recipient) }, BigInt(amount)),
    }));
  }
  if (intent.kind === 'payout_child') return childClaims(intent, outlook);
  if (intent.kind !== 'payout' || intent.test) return [];
  const payout = parsePayoutIntent(intent);
  return payout === null ? [{ says: 'a payout has a form', holds: () => false }] : payoutClaims(payout, outlook);
}

function childClaims(child: PayoutChildIntent, { view, groupKey }: Outlook): readonly Claim[] {
  const change = toHex(custodyScript(groupKey, { kind: 'change' }).scriptPubKey);
  const { parent_txid, vout, output, amount, fee } = child;
  return [
    {
      says: `payout ${parent_txid} waits in the mempool and has ${amount} sats of change at ${vout}`,
      holds: () => {
        const spent = view.chain.mempool.get(parent_txid)?.outputs[vout];
        return spent !== undefined && toHex(spent.script) === change && spent.amount === BigInt(amount);
      },
    },
    {
      says: 'the child leaves that change, less its fee, as change',
      holds: () => output.script === change && BigInt(output.amount) + BigInt(fee) === BigInt(amount),
    },
  ];
}

function payoutClaims(payout: PayoutIntent, outlook: Outlook): readonly Claim[] {
  const inputs = payout.inputs.map(({ txid, vout, leaf, amount }) => ({
    says: `${txid}:${vout} is an unspent custody output of ${amount} sats, ${CONFIRMATIONS} deep and, a deposit, minted`,
    holds: () =>
      isCoin(outlook, { txid, vout }, leaf, amount) &&
      (leaf.kind !== 'deposit' || outlook.ledger.minted.has(`${txid}:${vout}`)),
  }));
  const burns = payout.burns.map((claim) => ({
    says: `burn ${claim.burnTxid.slice(0, 8)}… of ${claim.amount} sats to ${claim.address}, ${WIRE_CONFIRMATIONS} deep`,
    holds: () =>
      outlook.ledger
        .seen(outlook.wireLag())
        .some(
          (burn) =>
            burn.burnTxid === claim.burnTxid &&
            burn.address === claim.address &&
            burn.amount === claim.amount &&
            burn.fee === claim.fee &&
            burn.confirmations >= WIRE_CONFIRMATIONS,
        ),
  }));
  const outputs = { says: 'the outputs pay the burns and the change alone', holds: () => paysOnly(payout, outlook) };
  return [...inputs, ...burns, outputs];
}

function isCoin(
  outlook: Outlook,
  outpoint: { readonly txid: string; readonly vout: number },
  leaf: CustodyLeaf,
  amount: bigint,
): boolean {
  const coin = outlook.view.confirmed(outpoint);
  if (coin === null || coin.amount !== amount || coin.confirmations < CONFIRMATIONS) return false;
  return equal(coin.script, custodyScript(outlook.groupKey, leaf).scriptPubKey);
}

function paysOnly({ burns, inputs, outputs, fee }: PayoutIntent, { groupKey }: Outlook): boolean {
  const total = (amounts: readonly { readonly amount: bigint }[]): bigint =>
    amounts.reduce((sum, { amount }) => sum + amount, 0n);
  const fees = burns.reduce((sum, burn) => sum + burn.fee, 0n);
  if (total(inputs) !== total(outputs) + fee || fee > fees || fee < 0n) return false;
  const change = custodyScript(groupKey, { kind: 'change' }).scriptPubKey;
  return outputs.every(({ script, amount }, index) => {
    const burn = burns[index];
    if (burn === undefined) return index === burns.length && equal(script, change);
    const address = addressScript(burn.address, 'regtest');
    return address.ok && equal(script, address.script) && amount === burn.amount - burn.fee;
  });
}
