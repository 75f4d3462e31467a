// Judges a request to attest deposits: each on this node's own Bitcoin view, and none that was attested otherwise.

import type { AttestationIntent } from '../../ceremony/intent.ts';
import { attestationMessages } from '../../ceremony/intent-messages.ts';
import type { BitcoinView } from '../../chain/bitcoin-view.ts';
import { type DepositVerdict, verifyDeposit } from '../../chain/deposit.ts';
import type { BitcoinNetwork } from '../../chain/network.ts';
import { mintNonce } from '../../crypto/attestation.ts';
import { fromHex } from '../../crypto/bytes.ts';
import type { GroupKey } from '../../crypto/scheme.ts';
import { type AttestationClaim, decideAttestations } from '../../store/attestations.ts';
import type { Queries } from '../../store/database.ts';
import { exposedDeposits } from '../../store/reorganisation.ts';
import { type Judgement, nothingToDecide, type Refusal, refuse } from './judgement.ts';

/** How far a proposed expiry may stand off now plus the validity, in seconds. */
export const EXPIRY_TOLERANCE_S = 600;

type Item = AttestationIntent['items'][number];

/** What attestations are judged with. `now` in ms since 1970. */
export interface AttestationBench {
  /** Of the configuration: what the view must be of. */
  readonly network: BitcoinNetwork;
  readonly bitcoin: BitcoinView;
  readonly db: Queries;
  readonly bitcoinKey: GroupKey;
  readonly confirmations: number;
  readonly validityS: number;
  readonly now: () => number;
}

/** Judges every item; the first that fails decides. */
export async function judgeAttestation(bench: AttestationBench, intent: AttestationIntent): Promise<Judgement> {
  const names = intent.items.map((item) => `${item.txid}:${item.vout}`);
  if (new Set(names).size !== names.length) return refuse('bad_request', 'a deposit is listed twice');
  for (const item of intent.items) {
    const refusal = expiryRefusal(bench, item) ?? exposureRefusal(bench, item) ?? (await depositRefusal(bench, item));
    if (refusal !== null) return refusal;
  }
  return {
    ok: true,
    messages: attestationMessages(intent),
    decide: intent.test ? nothingToDecide : () => decide(bench, intent.items),
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

function expiryRefusal(bench: AttestationBench, item: Item): Refusal | null {
  const expected = BigInt(Math.floor(bench.now() / 1000) + bench.validityS);
  const off = BigInt(item.expiry) - expected;
  if (off <= BigInt(EXPIRY_TOLERANCE_S) && off >= -BigInt(EXPIRY_TOLERANCE_S)) return null;
  return refuse('expiry_out_of_range', `the expiry stands ${off} s off; ${EXPIRY_TOLERANCE_S} s are allowed`);
}

// Whoever has had a deposit minted that then left the chain gets nothing more before it is mined again.
function exposureRefusal({ db }: AttestationBench, { recipient }: Item): Refusal | null {
  const exposed = exposedDeposits(db).find((deposit) => deposit.recipient === recipient);
  if (exposed === undefined) return null;
  const name = `${exposed.txid}:${exposed.vout}`;
  return refuse(
    'policy',
    `deposit ${name} of this recipient was attested and has left the chain: it must be mined again`,
  );
}

async function depositRefusal(bench: AttestationBench, item: Item): Promise<Refusal | null> {
  const { network, bitcoin, bitcoinKey, confirmations } = bench;
  const rules = { network, groupKey: bitcoinKey.publicKey, confirmations };
  const { txid, vout } = item;
  const claim = { txid, vout, recipient: fromHex(item.recipient, { bytes: 32 }), amount: BigInt(item.amount) };
  const verdict: DepositVerdict = await verifyDeposit(bitcoin, rules, claim);
  return verdict.ok ? null : refuse(verdict.reason, verdict.detail);
}

function decide(bench: AttestationBench, items: readonly Item[]): { readonly ok: true } | Refusal {
  const verdicts = decideAttestations(bench.db, items.map(claimOf), bench.now());
  for (const [i, verdict] of verdicts.entries()) {
    if (verdict.ok) continue;
    const detail = `${items[i]?.txid}:${items[i]?.vout} was attested with another recipient or amount`;
    return { ok: false, reason: verdict.reason, detail, data: verdict.data };
  }
  return { ok: true };
}
