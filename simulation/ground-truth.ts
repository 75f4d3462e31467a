// Never list, 4: what an intent claims, claim by claim, and whether a node's own views bear it out. Written independently
// of the validation that it checks, from the meaning of the words: the deposit stands there, the burn stands there, the
// treasury output ends the line.
import type { Intent } from '../ceremony/intent.ts';
import { type LineBurn, type LineIntent, parseLineIntent, type SweptOutput } from '../chain/line-intent.ts';
import { type Outpoint, outpointName } from '../chain/outpoint.ts';
import { equal, fromHex } from '../crypto/bytes.ts';
import { type CustodyLeaf, custodyScript } from '../crypto/taproot.ts';
import type { ChainView } from './chain-view.ts';
import type { SimulatedLedger } from './ledger.ts';
import { CONFIRMATIONS, FORK_CONFIRMATIONS, WIRE_CONFIRMATIONS } from './member-config.ts';

/** What a node looks at. `scanned`: up to which block it has read the chain. */
export interface Outlook {
  readonly view: ChainView;
  readonly ledger: SimulatedLedger;
  readonly wireLag: () => number;
  readonly groupKey: Uint8Array;
  readonly scanned: () => number;
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
      holds: () => isDeposit(outlook, { txid, vout }, recipient, BigInt(amount)),
    }));
  }
  if (intent.kind !== 'line' || intent.test) return [];
  const step = parseLineIntent(intent);
  return step === null ? [{ says: 'a step has a form', holds: () => false }] : lineClaims(step, outlook);
}

function lineClaims({ treasury, swept, burns }: LineIntent, outlook: Outlook): readonly Claim[] {
  const { view, scanned } = outlook;
  const isCurrent = { says: 'it has read the chain up to its own tip', holds: () => scanned() >= view.tip.height };
  const isEnd = {
    says: `${outpointName(treasury)} is the tip of the line, or made by a step that waits`,
    holds: () => view.confirmed(treasury) !== null || view.chain.mempool.has(treasury.txid),
  };
  return [
    isCurrent,
    isEnd,
    ...swept.map((one) => sweptClaim(one, outlook)),
    ...burns.map((burn) => burnClaim(burn, outlook)),
  ];
}

function sweptClaim({ txid, vout, amount, leaf }: SweptOutput, outlook: Outlook): Claim {
  const isMinted = () => outlook.ledger.mintedFor(`${txid}:${vout}`, outlook.wireLag()) >= WIRE_CONFIRMATIONS;
  return {
    says: `${txid}:${vout} is an unspent ${leaf.kind} of ${amount} sats, ${FORK_CONFIRMATIONS} deep and, a deposit, finally minted`,
    holds: () =>
      isCoin(outlook, { txid, vout }, leaf, amount, FORK_CONFIRMATIONS) && (leaf.kind !== 'deposit' || isMinted()),
  };
}

function burnClaim(claim: LineBurn, { ledger, wireLag }: Outlook): Claim {
  return {
    says: `burn ${claim.burnTxid.slice(0, 8)}… of ${claim.amount} sats to ${claim.address}, ${WIRE_CONFIRMATIONS} deep`,
    holds: () =>
      ledger
        .seen(wireLag())
        .some(
          (burn) =>
            burn.burnTxid === claim.burnTxid &&
            burn.nullifier === claim.nullifier &&
            burn.address === claim.address &&
            burn.amount === claim.amount &&
            burn.fee === claim.fee &&
            burn.confirmations >= WIRE_CONFIRMATIONS,
        ),
  };
}

// One that the federation has spent since stays a deposit: it was paid, and nobody but the depositor gains by its mint.
function isDeposit(outlook: Outlook, outpoint: Outpoint, recipient: string, amount: bigint): boolean {
  const leaf = { kind: 'deposit', recipient: fromHex(recipient) } as const;
  if (isCoin(outlook, outpoint, leaf, amount, CONFIRMATIONS)) return true;
  const paid = outlook.view.paid(outpoint);
  if (paid === null || paid.amount !== amount || paid.confirmations < CONFIRMATIONS) return false;
  return paid.isSpent && equal(paid.script, custodyScript(outlook.groupKey, leaf).scriptPubKey);
}

function isCoin(outlook: Outlook, outpoint: Outpoint, leaf: CustodyLeaf, amount: bigint, depth: number): boolean {
  const coin = outlook.view.confirmed(outpoint);
  if (coin === null || coin.amount !== amount || coin.confirmations < depth) return false;
  return equal(coin.script, custodyScript(outlook.groupKey, leaf).scriptPubKey);
}
