// Validates a request to attest deposits: each on this node's own Bitcoin view, and none that was attested otherwise.

import { z } from 'zod';
import { ATTESTATIONS_MAX, type AttestationIntent } from '../../ceremony/intent.ts';
import { attestationMessages } from '../../ceremony/intent-messages.ts';
import type { BitcoinView } from '../../chain/bitcoin-view.ts';
import { type Consumed, verifyDeposits } from '../../chain/deposit.ts';
import type { LineRoot } from '../../chain/line.ts';
import type { BitcoinNetwork } from '../../chain/network.ts';
import { type Outpoint, outpointName } from '../../chain/outpoint.ts';
import { mintNonce } from '../../crypto/attestation.ts';
import { fromHex } from '../../crypto/bytes.ts';
import type { Json } from '../../crypto/canonical-json.ts';
import { hexOf, voutField } from '../../crypto/json-fields.ts';
import type { GroupKey } from '../../crypto/scheme.ts';
import { type AttestationClaim, decideAttestations } from '../../store/attestations.ts';
import type { Queries } from '../../store/database.ts';
import { exposedDeposits } from '../../store/reorganisation.ts';
import { nothingToDecide, type Refusal, refuse, type Verdict } from './verdict.ts';

/** How far a proposed expiry may stand off now plus the validity, in seconds. */
export const EXPIRY_TOLERANCE_S = 600;

type Item = AttestationIntent['items'][number];

/**
 * Why no single item is refused, but this node's chain view fails: all are refused with it, and none is named.
 */
const NOT_OF_ONE: ReadonlySet<string> = new Set(['bitcoin_unavailable', 'wrong_network']);

const refusedSchema = z.object({
  refused: z.array(z.object({ txid: hexOf(32), vout: voutField })).max(ATTESTATIONS_MAX),
});

/** The outpoints that a refusal of attestations names; none where it speaks of the whole request. */
export function refusedItems(refusal: { readonly reason: string; readonly data?: Json }): readonly Outpoint[] {
  const parsed = refusedSchema.safeParse(refusal.data);
  return parsed.success && !NOT_OF_ONE.has(refusal.reason) ? parsed.data.refused : [];
}

/** What attestations are validated with. `now` in ms since 1970. */
export interface AttestationContext {
  /** Of the configuration: what the view must be of. */
  readonly network: BitcoinNetwork;
  readonly bitcoin: BitcoinView;
  readonly db: Queries;
  /** What tells of deposits that the federation itself has spent. */
  readonly consumed: Consumed;
  readonly bitcoinKey: GroupKey;
  /** With which the treasury line of the key begins; null until all operators have signed it. */
  readonly root: LineRoot | null;
  readonly confirmations: number;
  readonly validityS: number;
  /** The federation's least deposit, in sats. */
  readonly depositMinSats: bigint;
  readonly now: () => number;
}

/**
 * Validates every item. One that fails refuses the whole; reason and detail are those of the first, and the data name them all
 * (`refusedItems`), so that the others can be asked for without them.
 */
export async function validateAttestation(context: AttestationContext, intent: AttestationIntent): Promise<Verdict> {
  // What is minted before there is a line to pay out from could be stranded.
  if (!intent.test && context.root === null) {
    return refuse('no_root', 'the treasury is not open: run `mpc_operator treasury` to see what it lacks');
  }
  const { items } = intent;
  if (new Set(items.map(outpointName)).size !== items.length) return refuse('bad_request', 'a deposit is listed twice');
  const exposed = new Map(exposedDeposits(context.db).map((deposit) => [deposit.recipient, deposit]));
  const deposits = await depositRefusals(context, items);
  const refusals = items.map(
    (item, i) =>
      sizeRefusal(context, item) ??
      expiryRefusal(context, item) ??
      exposureRefusal(exposed, item) ??
      deposits[i] ??
      null,
  );
  const refusal = refusalOf(items, refusals);
  if (refusal !== null) return refusal;
  return {
    ok: true,
    messages: attestationMessages(intent),
    decide: intent.test ? nothingToDecide : () => decide(context, items),
  };
}

/** An item as the store keeps it. */
export function claimOf(item: Item): AttestationClaim {
  const { txid, vout, recipient } = item;
  return {
    txid,
    vout,
    recipient,
    amount: BigInt(item.amount),
    nonce: mintNonce(txid, vout),
    expiry: BigInt(item.expiry),
  };
}

// What is never swept is never minted either: the coin behind it could not be paid out again.
function sizeRefusal({ depositMinSats }: AttestationContext, item: Item): Refusal | null {
  const amount = BigInt(item.amount);
  if (amount > 0n && amount >= depositMinSats) return null;
  const least = `the federation's least is ${depositMinSats} (policy.deposit_min_sats)`;
  return refuse('deposit_too_small', `deposit ${outpointName(item)} holds ${amount} sats; ${least}`);
}

function expiryRefusal(context: AttestationContext, item: Item): Refusal | null {
  const expected = BigInt(Math.floor(context.now() / 1000) + context.validityS);
  const off = BigInt(item.expiry) - expected;
  if (off <= BigInt(EXPIRY_TOLERANCE_S) && off >= -BigInt(EXPIRY_TOLERANCE_S)) return null;
  return refuse('expiry_out_of_range', `the expiry is ${off} s off; at most ${EXPIRY_TOLERANCE_S} s are allowed`);
}

// Whoever has had a deposit minted that then left the chain gets nothing more before it is mined again.
function exposureRefusal(exposed: ReadonlyMap<string, Outpoint>, { recipient }: Item): Refusal | null {
  const deposit = exposed.get(recipient);
  if (deposit === undefined) return null;
  const name = outpointName(deposit);
  return refuse(
    'policy',
    `deposit ${name} of this recipient was attested and has left the chain: it must be mined again`,
  );
}

async function depositRefusals(
  context: AttestationContext,
  items: readonly Item[],
): Promise<readonly (Refusal | null)[]> {
  const { network, bitcoin, bitcoinKey, confirmations, consumed } = context;
  const rules = { network, groupKey: bitcoinKey.publicKey, confirmations };
  const claims = items.map(({ txid, vout, recipient, amount }) => {
    return { txid, vout, recipient: fromHex(recipient, { bytes: 32 }), amount: BigInt(amount) };
  });
  const verdicts = await verifyDeposits(bitcoin, rules, claims, consumed);
  return verdicts.map((verdict) => (verdict.ok ? null : refuse(verdict.reason, verdict.detail)));
}

function decide(context: AttestationContext, items: readonly Item[]): { readonly ok: true } | Refusal {
  const verdicts = decideAttestations(context.db, items.map(claimOf), context.now());
  const refusals = items.map((item, i) => {
    const verdict = verdicts[i];
    if (verdict === undefined || verdict.ok) return null;
    const before = JSON.stringify(verdict.data);
    return refuse(verdict.reason, `${outpointName(item)} was attested with another recipient or amount: ${before}`);
  });
  return refusalOf(items, refusals) ?? { ok: true };
}

function refusalOf(items: readonly Item[], refusals: readonly (Refusal | null)[]): Refusal | null {
  const first = refusals.find((refusal) => refusal !== null) ?? null;
  if (first === null) return null;
  const refused = items.flatMap(({ txid, vout }, i) => {
    const refusal = refusals[i] ?? null;
    return refusal === null ? [] : [{ txid, vout, reason: refusal.reason }];
  });
  return { ...first, data: { refused } };
}
