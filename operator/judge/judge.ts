// Judges the meaning of every signing request: derives the messages from it and holds it against this node's own Bitcoin
// nodes, Wire nodes, ledger and policy. Nothing is signed because a peer said so (the design's Never list, 4).

import type { Intent } from '../../ceremony/intent.ts';
import { ceremonyProofMessages, testMessages } from '../../ceremony/intent-messages.ts';
import { asUnavailable, type BitcoinView } from '../../chain/bitcoin-view.ts';
import type { BurnProofVerifier, BurnRules } from '../../chain/burn.ts';
import { FEE_RATE_SATS_PER_KVB_MIN } from '../../chain/fee.ts';
import type { PayoutCheckRules } from '../../chain/payout-check.ts';
import { parseChildIntent } from '../../chain/payout-child-intent.ts';
import { parsePayoutIntent } from '../../chain/payout-intent.ts';
import type { WireLedger } from '../../chain/wire-ledger.ts';
import type { SchemeName } from '../../crypto/scheme.ts';
import type { Queries } from '../../store/database.ts';
import { type ChainStanding, plainStanding } from '../bridge/chain-watch.ts';
import type { OperatorConfig } from '../config/config.ts';
import type { FederationKey, Keys } from '../keys.ts';
import { AskedPayouts } from './asked-payouts.ts';
import { type AttestationBench, judgeAttestation } from './judge-attestation.ts';
import { judgePayoutToSign, type PayoutApproval, type PayoutBench } from './judge-payout.ts';
import { judgeChild } from './judge-payout-child.ts';
import { type Approval, type Judgement, nothingToDecide, type Refusal, refuse } from './judgement.ts';

/** What a judge looks at. `now` in ms since 1970. */
export interface JudgeInput {
  readonly config: OperatorConfig;
  readonly db: Queries;
  readonly keys: Keys;
  readonly bitcoin: BitcoinView;
  readonly wire: WireLedger | null;
  readonly verifyProof: BurnProofVerifier | null;
  /** How the chain stands; absent: taken as the view tells it. */
  readonly standing?: ChainStanding;
  readonly now: () => number;
}

/** Judges signing requests. */
export class Judge {
  readonly #input: JudgeInput;
  readonly #standing: ChainStanding;
  readonly #asked: AskedPayouts;

  constructor(input: JudgeInput) {
    this.#input = input;
    this.#standing = input.standing ?? plainStanding(input.config);
    this.#asked = new AskedPayouts(input.db, input.now);
  }

  /**
   * The verdict on an intent that is to be signed with this key. Never decides anything by itself. `peer`: who asks, by
   * index; absent where this node does.
   */
  async judge(intent: Intent, keyId: string, scheme: SchemeName, peer?: number): Promise<Judgement> {
    const key = this.#input.keys.get(keyId);
    if (key === null) return refuse('unknown_key', `this node knows no key ${keyId}`);
    if (key.status === 'rehearsal' && intent.kind !== 'ceremony_proof') {
      return refuse('unknown_key', 'a key made in a rehearsal signs nothing but its own proof');
    }
    switch (intent.kind) {
      case 'test_message':
        return { ok: true, messages: testMessages(scheme, intent), decide: nothingToDecide };
      case 'ceremony_proof': {
        const made = key.ceremonyId === intent.ceremony_id && key.transcriptHash === intent.transcript_hash;
        if (!made) return refuse('bad_request', 'the proof is for another ceremony than the one that made this key');
        return { ok: true, messages: ceremonyProofMessages(scheme, intent), decide: nothingToDecide };
      }
      case 'attestation':
        if (scheme !== 'ed25519') return refuse('unknown_intent', 'attestations are signed with the attestation key');
        return (await this.#stopped('attestations')) ?? judgeAttestation(this.attestationBench(key), intent);
      case 'payout': {
        if (scheme !== 'bip340') return refuse('unknown_intent', 'payouts are signed with the bitcoin key');
        const payout = parsePayoutIntent(intent);
        if (payout === null) return refuse('bad_request', 'the payout is malformed');
        const stopped = await this.#stopped('payouts');
        if (stopped !== null) return stopped;
        const judged = await judgePayoutToSign(this.payoutBench(key), payout);
        return judged.ok && peer !== undefined && !payout.test ? this.#askedBy(peer, judged) : judged;
      }
      case 'payout_child': {
        if (scheme !== 'bip340') return refuse('unknown_intent', 'payouts are helped with the bitcoin key');
        const child = parseChildIntent(intent);
        if (child === null) return refuse('bad_request', 'the child is malformed');
        return (await this.#stopped('payouts')) ?? judgeChild(this.payoutBench(key), child);
      }
    }
  }

  /** What attestations under a key are judged with. */
  attestationBench(key: FederationKey): AttestationBench {
    const { config, bitcoin, db, now } = this.#input;
    const { network, attestationValidityS: validityS } = config;
    const confirmations = this.#standing.confirmations();
    return { network, bitcoin, db, bitcoinKey: key.bitcoin, confirmations, validityS, now };
  }

  /** What payouts under a key are judged with. */
  payoutBench(key: FederationKey): PayoutBench {
    const { bitcoin, wire, db, now } = this.#input;
    return { bitcoin, wire, db, rules: this.payoutRules(key), burnRules: this.#burnRules(), now };
  }

  /** The bounds of every payout under a key. */
  payoutRules(key: FederationKey): PayoutCheckRules {
    const { network, feeRateMaxSatVb } = this.#input.config;
    return {
      network,
      groupKey: key.bitcoin.publicKey,
      feeRateMin: FEE_RATE_SATS_PER_KVB_MIN,
      feeRateMax: BigInt(feeRateMaxSatVb) * 1000n,
      inputConfirmations: this.#standing.confirmations(),
    };
  }

  #askedBy(peer: number, judged: PayoutApproval): Judgement {
    const decide: Approval['decide'] = (signed) =>
      this.#asked.decide(peer, judged.payout.txid, () => judged.decide(signed));
    return { ...judged, decide };
  }

  async #stopped(what: 'attestations' | 'payouts'): Promise<Refusal | null> {
    await this.#standing.ready();
    const why = this.#standing.stops(what);
    if (why === null) return null;
    // The view names a wrong network better than a report on all nodes can.
    const unavailable = await this.#input.bitcoin.agreedTip().then(() => null, asUnavailable);
    return refuse(unavailable?.reason ?? 'bitcoin_unavailable', unavailable?.detail ?? why);
  }

  #burnRules(): BurnRules {
    const { config, verifyProof } = this.#input;
    const rules = { network: config.network, confirmations: config.wireConfirmations };
    return verifyProof === null ? rules : { ...rules, verifyProof };
  }
}
