// Validates the meaning of every signing request: derives the messages from it and holds it against this node's own Bitcoin
// nodes, Wire nodes, ledger and policy. Nothing is signed because a peer said so (the design's Never list, 4).

import type { Intent } from '../../ceremony/intent.ts';
import { ceremonyProofMessages, testMessages } from '../../ceremony/intent-messages.ts';
import { asUnavailable, type BitcoinView, BitcoinViewError } from '../../chain/bitcoin-view.ts';
import type { BurnProofVerifier, BurnRules } from '../../chain/burn.ts';
import type { Consumed } from '../../chain/deposit.ts';
import type { WireLedger } from '../../chain/wire-ledger.ts';
import type { SchemeName } from '../../crypto/scheme.ts';
import type { Queries } from '../../store/database.ts';
import { isHeld } from '../../store/holds.ts';
import { lineHistory } from '../../store/line-history.ts';
import { isVoidApproved } from '../../store/requests.ts';
import { type ChainReadiness, plainReadiness } from '../chain-state/chain-watch.ts';
import { lineRoot, lineTerms } from '../chain-state/line-terms.ts';
import { lineNow } from '../chain-state/line-view.ts';
import type { OperatorConfig } from '../config/config.ts';
import type { FederationKey, Keys } from '../keys/keys.ts';
import type { Effects } from '../runtime/effects.ts';
import { HourlyLimit } from '../runtime/hourly-limit.ts';
import type { Log } from '../runtime/log.ts';
import { consumedDeposit } from './consumed.ts';
import type { SignerViews } from './line-views.ts';
import { PayoutPolicy } from './payout-policy.ts';
import { refuseService } from './service-gate.ts';
import { type AttestationContext, validateAttestation } from './validate-attestation.ts';
import { validateLine } from './validate-line.ts';
import { nothingToDecide, type Refusal, refuse, type Verdict } from './verdict.ts';

/** How many times in an hour this node agrees to steps that one peer asks for; each is a row of the audit log, for ever. */
export const STEPS_PER_HOUR_MAX = 3_000;

/** What validation looks at. */
export interface ValidationInput {
  readonly config: OperatorConfig;
  readonly db: Queries;
  readonly keys: Keys;
  readonly bitcoin: BitcoinView;
  readonly wire: WireLedger | null;
  readonly verifyProof: BurnProofVerifier | null;
  /** How the chain stands; absent: taken as the view tells it. */
  readonly chain?: ChainReadiness;
  readonly effects: Pick<Effects, 'now' | 'monotonic'>;
  readonly log: Log;
}

/** Validates signing requests. */
export class Validation {
  readonly #input: ValidationInput;
  readonly #chain: ChainReadiness;
  readonly #steps: HourlyLimit;

  /** What the operator's policy says of payouts. */
  readonly payouts: PayoutPolicy;

  constructor(input: ValidationInput) {
    this.#input = input;
    this.#steps = new HourlyLimit(STEPS_PER_HOUR_MAX, () => input.effects.monotonic());
    const { config, db, effects } = input;
    const { threshold } = config;
    const clocks = { now: () => effects.now(), monotonic: () => effects.monotonic() };
    this.payouts = new PayoutPolicy({ db, threshold, policy: () => config.policy, ...clocks });
    this.#chain = input.chain ?? plainReadiness(input.config);
  }

  /**
   * The verdict on an intent that is to be signed with this key. Never decides anything by itself. `peer`: who asks, by
   * index; absent where this node does.
   */
  async validate(intent: Intent, keyId: string, scheme: SchemeName, peer?: number): Promise<Verdict> {
    const { db } = this.#input;
    const verdict = refuseService(db, intent) ?? (await this.validateMeaning(intent, keyId, scheme, peer));
    if (!verdict.ok) return verdict;
    // Validating took its time, in which the operator may have disabled the service.
    const refuseNow = () => refuseService(db, intent) ?? this.#refuseMany(intent, peer);
    return { ...verdict, decide: (signed) => refuseNow() ?? verdict.decide(signed) };
  }

  #refuseMany(intent: Intent, peer: number | undefined): Refusal | null {
    if (peer === undefined || intent.kind !== 'line' || intent.test || this.#steps.take(peer)) return null;
    return refuse('overloaded', `this node has agreed to ${STEPS_PER_HOUR_MAX} steps of this peer within an hour`);
  }

  /** The same of what others have signed already: whether this node itself does such work now is not asked. */
  async validateMeaning(intent: Intent, keyId: string, scheme: SchemeName, peer?: number): Promise<Verdict> {
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
        return (await this.#stopped('attestations')) ?? validateAttestation(this.attestationContext(key), intent);
      case 'line':
        if (scheme !== 'bip340') return refuse('unknown_intent', 'steps are signed with the bitcoin key');
        return (await this.#stopped('payouts')) ?? validateLine(this.signerViews(key), intent, peer);
    }
  }

  /** What attestations under a key are validated with. */
  attestationContext(key: FederationKey): AttestationContext {
    const { config, bitcoin, db, effects } = this.#input;
    const now = (): number => effects.now();
    const { network, attestationValidityS: validityS } = config;
    const { depositMinSats } = config.policy;
    const confirmations = this.#chain.confirmations();
    const consumed: Consumed = async (outpoint) => {
      const { height } = await bitcoin.agreedTip();
      return consumedDeposit(db, height - confirmations + 1, outpoint);
    };
    const root = lineRoot(db, key);
    const rules = { network, confirmations, validityS, depositMinSats };
    return { ...rules, bitcoin, db, consumed, bitcoinKey: key.bitcoin, root, now };
  }

  /** What steps of the line under a key are validated with. */
  signerViews(key: FederationKey): SignerViews {
    const { config, bitcoin, wire, db, effects, log } = this.#input;
    const now = (): number => effects.now();
    return {
      ...{ wire, db, now },
      bitcoin: { ...bitcoin, feeRate: (targetBlocks) => this.#feeRate(targetBlocks) },
      terms: lineTerms(config, key),
      root: lineRoot(db, key),
      history: (root) => lineHistory(db, root),
      look: () => lineNow({ db, bitcoin, config, effects, log }, key),
      burnRules: this.burnRules(),
      rules: {
        forkConfirmations: config.forkConfirmations,
        depositMinSats: config.policy.depositMinSats,
        bumpBlocks: config.payoutBump.afterBlocks,
        feeRateMax: BigInt(config.feeRateMaxSatVb) * 1000n,
        cheapRate: BigInt(config.payoutBatch.cheapSatVb) * 1000n,
        feeTargetBlocks: config.feeTargetBlocks,
        consolidateScripts: config.policy.consolidateScripts,
        feeReserve: config.policy.feeReserveSats,
      },
      isHeld: (burnTxid) => isHeld(db, burnTxid),
      payouts: this.payouts,
      isApproved: ({ treasury }) => isVoidApproved(db, treasury, now()),
    };
  }

  // What nodes estimate in a way that cannot be is no estimate.
  #feeRate(targetBlocks: number): Promise<bigint> {
    const why = this.#chain.stops('fee_estimates');
    if (why !== null) return Promise.reject(new BitcoinViewError('bitcoin_unavailable', why));
    return this.#input.bitcoin.feeRate(targetBlocks);
  }

  async #stopped(what: 'attestations' | 'payouts'): Promise<Refusal | null> {
    await this.#chain.ready();
    const why = this.#chain.stops(what);
    if (why === null) return null;
    // The view names a wrong network better than a report on all nodes can.
    const unavailable = await this.#input.bitcoin.agreedTip().then(() => null, asUnavailable);
    return refuse(unavailable?.reason ?? 'bitcoin_unavailable', unavailable?.detail ?? why);
  }

  /** What burns are held against. */
  burnRules(): BurnRules {
    const { config, verifyProof } = this.#input;
    const rules = { network: config.network, confirmations: config.wireConfirmations };
    return verifyProof === null ? rules : { ...rules, verifyProof };
  }
}
