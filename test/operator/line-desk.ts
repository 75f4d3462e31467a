// One signer of the treasury line with its own views held in memory: a real store, fakes of Bitcoin and Wire, and the line as
// a test sets it. What a test does not change is as it should be, so that whatever is refused is refused for the change.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lineIntentSchema } from '../../ceremony/intent.ts';
import { BitcoinViewError, type MempoolEntry } from '../../chain/bitcoin-view.ts';
import { placeholderSpend } from '../../chain/custody-spend.ts';
import { feeAt } from '../../chain/fee.ts';
import { type BuiltLine, buildLine, type LineRoot, surplusAfter } from '../../chain/line.ts';
import { type LineBurn, type LineIntent, lineJson } from '../../chain/line-intent.ts';
import { type LinePlace, rootPlace } from '../../chain/line-rule.ts';
import { type Outpoint, outpointName } from '../../chain/outpoint.ts';
import type { AttestationJson } from '../../crypto/attestation.ts';
import { toHex } from '../../crypto/bytes.ts';
import { custodyScript } from '../../crypto/taproot.ts';
import type { LinePolicy } from '../../operator/config/config.ts';
import type { LineLook, LineRules, LineSight, SignerViews, WaitingStep } from '../../operator/validation/line-views.ts';
import { PayoutPolicy } from '../../operator/validation/payout-policy.ts';
import { validateLine } from '../../operator/validation/validate-line.ts';
import type { Verdict } from '../../operator/validation/verdict.ts';
import { getStep, recordStep, type StepContent } from '../../store/line.ts';
import { lineHistory } from '../../store/line-history.ts';
import { openStore, type Store } from '../../store/open.ts';
import { recordRoot } from '../../store/treasury-roots.ts';
import { type FakeBitcoin, fakeBitcoin } from '../chain/fake-bitcoin.ts';
import { type FakeLedger, fakeLedger } from '../chain/fake-ledger.ts';
import { ADDRESS, root as richRoot, burn as someBurn, terms } from '../chain/line-steps.ts';

export const NOW = 1_800_000_000_000;
/** Height of the best block. */
export const HEIGHT = 500;
/** The estimate of the own nodes, in sats per 1000 vbytes. */
export const ESTIMATE = 4_000n;

/** A root with 30,000 sats of surplus, of which 20,000 may be taken at once. */
export const root: LineRoot = { ...richRoot, amount: 40_000n };

// Whom and how much is attested is not the signer's concern here: the mint is.
const attestation: AttestationJson = {
  id: '0a'.repeat(32),
  deposit_txid: '0d'.repeat(32),
  deposit_vout: 0,
  recipient_pubkey_hash: '0e'.repeat(32),
  amount: '1',
  nonce: '0',
  signature: '0f'.repeat(64),
  expiry: '0',
  created_at: '0',
};

/** A burn that bears well over what its payment costs. */
export const burn = (n: number, amount = 15_000n, fee = 5_000n, address = ADDRESS): LineBurn =>
  someBurn(n, amount, fee, address);

type Writable<T> = { -readonly [K in keyof T]: T[K] };

export class LineDesk {
  readonly store: Store;
  payouts: PayoutPolicy;
  readonly bitcoin: FakeBitcoin = fakeBitcoin();
  readonly ledger: FakeLedger = fakeLedger('regtest');
  readonly rules: Writable<LineRules> = {
    forkConfirmations: 12,
    depositMinSats: 1_000n,
    bumpBlocks: 6,
    feeRateMax: 100_000n,
    feeTargetBlocks: 6,
    consolidateScripts: [],
    feeReserve: 0n,
    cheapRate: ESTIMATE,
  };
  readonly policy: Writable<LinePolicy> = {
    ...{
      depositMinSats: 1_000n,
      consolidateScripts: [],
      feeReserveSats: 100_000n,
      withdrawalMaxSats: null,
      dayMaxSats: null,
    },
    ...{ approveAboveSats: null, holdAboveSats: null, holdMinutes: 60 },
  };
  now = NOW;
  /** What the monotonic clock says, in ms; null: it goes as `now` does. */
  elapsed: number | null = null;
  readonly held = new Set<string>();
  readonly approved = new Set<string>();
  readonly sight: Writable<LineSight> = { tip: { ...rootPlace(root), height: 400 }, waiting: null, child: null };
  /** What the own nodes were asked, by name. */
  readonly asked: string[] = [];
  root: LineRoot | null = root;
  blind: Extract<LineLook, { ok: false }> | null = null;
  /** What the nodes' policy says of any transaction; null: yes. */
  relayRefusal: string | null = null;
  estimate: bigint | null = ESTIMATE;
  readonly #mints = new Map<string, number>();
  readonly #folder = mkdtempSync(join(tmpdir(), 'line-desk-'));

  constructor() {
    this.store = openStore(join(this.#folder, 'security.db'));
    const { keyId, network, txid, vout, amount } = root;
    recordRoot(this.store.db, { keyId, network, txid, vout, amount }, NOW);
    this.payouts = this.restarted();
    this.bitcoin.feeRate = async () => {
      if (this.estimate === null) throw new BitcoinViewError('bitcoin_unavailable', 'no node estimates');
      return this.estimate;
    };
    this.bitcoin.agreedTip = async () => ({ height: HEIGHT, hash: '00'.repeat(32), fork: null });
    this.ledger.mint = async (txid, vout) => {
      this.asked.push(`mint ${outpointName({ txid, vout })}`);
      const confirmations = this.#mints.get(outpointName({ txid, vout }));
      return confirmations === undefined ? null : { attestation, height: 5, confirmations };
    };
    this.bitcoin.testPolicy = async () =>
      this.relayRefusal === null
        ? { ok: true, txid: '' }
        : { ok: false, reason: 'rejected', detail: this.relayRefusal };
  }

  /** The policy as a process that starts now holds it. */
  restarted(): PayoutPolicy {
    const clocks = { now: () => this.now, monotonic: () => this.elapsed ?? this.now - NOW };
    return new PayoutPolicy({ db: this.store.db, threshold: 2, policy: () => this.policy, ...clocks });
  }

  close(): void {
    this.store.close();
    rmSync(this.#folder, { recursive: true });
  }

  views(): SignerViews {
    const { network, keyId, groupKey } = terms;
    return {
      bitcoin: this.bitcoin,
      wire: this.ledger,
      db: this.store.db,
      terms: { network, keyId, groupKey },
      root: this.root,
      history: (of) => lineHistory(this.store.db, of),
      look: async () => this.blind ?? { ok: true, line: this.sight },
      burnRules: { network, confirmations: 6 },
      rules: this.rules,
      isHeld: (burnTxid) => this.held.has(burnTxid),
      payouts: this.payouts,
      isApproved: ({ kind, treasury }) => this.approved.has(`${kind}/${outpointName(treasury)}`),
      now: () => this.now,
    };
  }

  /** The verdict on a step as it comes from a peer. */
  async validation(intent: LineIntent, peer?: number): Promise<Verdict> {
    return validateLine(this.views(), lineIntentSchema.parse(lineJson(intent)), peer);
  }

  /** `signed`, then it was decided, or the reason of the refusal. */
  async validate(intent: LineIntent, peer?: number): Promise<string> {
    const verdict = await this.validation(intent, peer);
    const decided = verdict.ok ? verdict.decide() : verdict;
    return decided.ok ? 'signed' : decided.reason;
  }

  /** The refusal of a step; throws where it is signed. */
  async refusal(intent: LineIntent) {
    const verdict = await this.validation(intent);
    if (verdict.ok) throw new Error('the step would be signed');
    return verdict;
  }

  /** A step of these parts upon the tip or another place, at this fee rate in sats per 1000 vbytes. */
  step(
    parts: Partial<LineIntent> & Pick<LineIntent, 'step'>,
    rate = ESTIMATE,
    on: LinePlace = this.sight.tip,
  ): LineIntent {
    const treasury = { txid: on.txid, vout: on.vout, amount: on.amount };
    const rest = { test: false, treasury, swept: [], burns: [], destination: null, fee: 0n, surplus: 0n };
    const free = { ...rest, ...parts };
    const fee = parts.fee ?? feeAt(this.built(free).vsize, rate);
    const priced = { ...free, fee };
    return { ...priced, surplus: parts.surplus ?? surplusAfter(on.surplus, priced) };
  }

  /** A step with some parts changed, at a fee rate, and with the surplus that follows. */
  changed(intent: LineIntent, changes: Partial<LineIntent>, rate = ESTIMATE): LineIntent {
    const on = lineHistory(this.store.db, root).place(changes.treasury ?? intent.treasury);
    if (on === null) throw new Error('what a step spends is held');
    const { fee: _, surplus: __, ...parts } = intent;
    return this.step({ ...parts, ...changes }, rate, on);
  }

  built(intent: LineIntent): BuiltLine {
    const verdict = buildLine({ ...terms, root }, intent);
    if (!verdict.ok) throw new Error(`${verdict.reason}: ${verdict.detail}`);
    return verdict.built;
  }

  /** Shows the own nodes all that a step needs: its burns are final, its deposits minted for good, its coins deep. */
  provide(intent: LineIntent): LineIntent {
    for (const burn of intent.burns) {
      if (this.ledger.known.some(({ burnTxid }) => burnTxid === burn.burnTxid)) continue;
      const seq = this.ledger.known.length + 1;
      this.ledger.known.push({ ...burn, seq, height: 5, confirmations: 6, proof: null });
    }
    for (const { leaf, amount, ...outpoint } of intent.swept) {
      const script = custodyScript(terms.groupKey, leaf).scriptPubKey;
      this.bitcoin.add(outpoint, { amount, script, confirmations: 12, coinbase: false });
      if (leaf.kind === 'deposit') this.mint(outpoint);
    }
    return intent;
  }

  /** The own Wire nodes show the mint of a deposit. */
  mint(outpoint: Outpoint, confirmations = 6): void {
    this.#mints.set(outpointName(outpoint), confirmations);
  }

  unmint(outpoint: Outpoint): void {
    this.#mints.delete(outpointName(outpoint));
  }

  /** A step of others is in the own mempool, since so many blocks; it spends the tip, or what waits on it. */
  wait(
    intent: LineIntent,
    changes: { blocks?: number; listed?: boolean; entry?: Partial<MempoolEntry> } = {},
  ): WaitingStep {
    const { blocks = 0, listed = true, entry = {} } = changes;
    const { vsize, txid } = this.built(intent);
    const own = { count: 1, vsize, fees: intent.fee };
    const standard = { vsize, fee: intent.fee, height: HEIGHT - blocks, ancestors: own, descendants: own };
    this.hold(intent, { listed });
    const step = getStep(this.store.db, txid);
    if (step === null) throw new Error('the step is held');
    const waiting = { step, entry: { ...standard, ...entry } };
    const { sight } = this;
    if (intent.treasury.txid === sight.tip.txid) sight.waiting = waiting;
    else sight.child = waiting;
    return waiting;
  }

  /** A step is in the chain, and its treasury output the new tip. */
  mine(intent: LineIntent, changes: { listed?: boolean } = {}): LinePlace {
    const height = this.sight.tip.height + 1;
    const place = this.hold(intent, { ...changes, height });
    this.sight.tip = { ...place, height };
    this.sight.waiting = this.sight.child;
    this.sight.child = null;
    return place;
  }

  /** A step is held, and this node has agreed to nothing. Gives the place that it makes. */
  hold(
    intent: LineIntent,
    { listed = true, height = null }: { listed?: boolean; height?: number | null } = {},
  ): LinePlace {
    const built = this.built(intent);
    const on = lineHistory(this.store.db, root).place(intent.treasury);
    if (on === null) throw new Error('what a step spends is held');
    const [treasury] = built.outputs;
    const list = { kind: intent.step, burns: intent.burns, fee: intent.fee, intent: lineJson(intent) };
    const content: StepContent = {
      txid: built.txid,
      parentTxid: on.depth === 0 ? null : on.txid,
      keyId: terms.keyId,
      unsignedTx: toHex(built.unsigned),
      inputs: built.inputs.map(({ txid, vout }) => ({ txid, vout })),
      treasuryAmount: treasury?.amount ?? 0n,
      surplus: intent.surplus,
      vsize: built.vsize,
      ...(listed ? list : { kind: null, burns: null, fee: null, intent: null }),
    };
    const block = { height, blockHash: height === null ? null : '00'.repeat(32) };
    const verdict = recordStep(this.store.db, { ...content, ...block, signedTx: toHex(placeholderSpend(built)) }, NOW);
    if (!verdict.ok) throw new Error(`the step is not held: ${verdict.reason}`);
    return { txid: built.txid, vout: 0, amount: treasury?.amount ?? 0n, depth: on.depth + 1, surplus: intent.surplus };
  }
}
