// Vetoes of large payouts: any one operator keeps a burn from being paid for a day, within its hold window, unless as many
// operators as must sign let it go. What this node's operator says is told to each peer until that has answered.
import { sha256, toHex, utf8 } from '../../crypto/bytes.ts';
import { getBurn } from '../../store/burns.ts';
import type { Queries } from '../../store/database.ts';
import { knownFinalSince } from '../../store/payout-limits.ts';
import { requestIdOf } from '../../store/request-ids.ts';
import { approveVetoed, getVeto, isHolding, openVetoes, recordVeto, VETO_MS, type Veto } from '../../store/vetoes.ts';
import type { Bridge } from '../bridge/bridge.ts';
import type { OperatorConfig } from '../config/config.ts';
import type { PeerClient } from '../peers/deliver.ts';
import { type VetoAnswer, type VetoTold, vetoSchemas } from '../peers/messages-vetoes.ts';
import { CommandError } from '../runtime/command-error.ts';
import type { CommandParams, CommandResults, RequestReport } from '../runtime/command-types.ts';
import { errorText } from '../runtime/log.ts';
import { printable } from '../runtime/shown-text.ts';

const TELL_TIMEOUT_MS = 5_000;
/** How long a peer that has not answered is left alone, in ms. */
const AGAIN_MS = { regtest: 2_000, other: 30_000 } as const;

/** What vetoes work with. */
export interface VetoesInput {
  readonly bridge: Pick<Bridge, 'config' | 'db' | 'effects' | 'log'>;
  readonly client: PeerClient;
  readonly peers: () => Iterable<number>;
}

/** The vetoes that this node hears and tells. */
export class Vetoes {
  readonly #input: VetoesInput;
  /** What each peer has taken of this process: `peer/act/id`. */
  readonly #taken = new Set<string>();
  /** By the monotonic clock, in ms: each peer, and what it was told, as above. */
  readonly #toldAt = new Map<number, number>();
  readonly #triedAt = new Map<string, number>();
  #telling: Promise<void> | null = null;

  constructor(input: VetoesInput) {
    this.#input = input;
  }

  /** Vetoes a payout at this operator's word, and tells the peers. Throws `CommandError`. */
  async veto({ burn_txid, reason }: CommandParams<'veto'>): Promise<CommandResults['veto']> {
    const { db, config, effects } = this.#input.bridge;
    const flaw = this.#flaw(burn_txid);
    if (flaw !== null) throw new CommandError(flaw.code, `burn ${burn_txid} ${flaw.detail}: ${flaw.remedy}`);
    const now = effects.now();
    const id = vetoId(burn_txid, config.myIndex);
    const veto = { id, burnTxid: burn_txid, vetoedBy: config.myIndex, reason, at: now, expiresAt: now + VETO_MS };
    const taken = recordVeto(db, veto);
    if (taken === 'known') {
      throw new CommandError(
        'veto_used',
        `this operator has vetoed burn ${burn_txid} before, and each may once: ${HOLD}`,
      );
    }
    if (taken === 'full')
      throw new CommandError('too_many_vetoes', `this operator has vetoed too many burns today: ${HOLD}`);
    await this.#tell();
    return { request: this.report(this.#require(id)), told: this.#whoHas(`veto/${id}`) };
  }

  /** Lets a vetoed payout go, as far as this operator has a say; null where there is no such veto. */
  allow(id: string): { readonly request: RequestReport } | null {
    const { db, config, effects } = this.#input.bridge;
    if (!approveVetoed(db, id, config.myIndex, effects.now())) return null;
    void this.#tell();
    return { request: this.report(this.#require(id)) };
  }

  /** Throws `CommandError` where a veto has this id: there is nothing to refuse. */
  assertNoVeto(id: string): void {
    if (getVeto(this.#input.bridge.db, id) === null) return;
    const detail = `request ${id} is a veto, which stays until it lapses or enough operators let the payout go`;
    throw new CommandError('veto_stays', `${detail}: to keep it, do nothing`);
  }

  /** Takes what a peer says. */
  take(from: number, { burn_txid, vetoed_by, act, reason, open_ms }: VetoTold): VetoAnswer {
    const { db, effects, log } = this.#input.bridge;
    const now = effects.now();
    const id = vetoId(burn_txid, vetoed_by);
    if (act === 'allow') {
      return approveVetoed(db, id, from, now) ? TAKEN : { taken: false, detail: 'there is no such veto here' };
    }
    if (vetoed_by !== from) return { taken: false, detail: 'each operator vetoes for itself' };
    const flaw = this.#flaw(burn_txid);
    if (flaw !== null && getVeto(db, id) === null) return { taken: false, detail: flaw.detail };
    const expiresAt = now + Math.min(open_ms, VETO_MS);
    const taken = recordVeto(db, {
      id,
      burnTxid: burn_txid,
      vetoedBy: from,
      reason: printable(reason),
      at: now,
      expiresAt,
    });
    if (taken === 'taken') log('warn', 'payout_vetoed', { from, burn_txid, reason: printable(reason) });
    return taken === 'full' ? { taken: false, detail: 'too many vetoes of this operator' } : TAKEN;
  }

  /** Tells peers what they have not taken yet. Never rejects. */
  round(): Promise<void> {
    return this.#tell();
  }

  /** A veto as a request, for operators. */
  report(veto: Veto): RequestReport {
    const { config, effects } = this.#input.bridge;
    return vetoReport({ config, now: effects.now() }, veto);
  }

  #tell(): Promise<void> {
    this.#telling ??= this.#tellAll()
      .catch((error: unknown) => this.#input.bridge.log('error', 'vetoes_not_told', { detail: errorText(error) }))
      .finally(() => {
        this.#telling = null;
      });
    return this.#telling;
  }

  async #tellAll(): Promise<void> {
    const { bridge, peers } = this.#input;
    const { db, config, effects } = bridge;
    const open = openVetoes(db, effects.now());
    const own = open.flatMap((veto): { readonly veto: Veto; readonly act: 'veto' | 'allow' }[] => [
      ...(veto.vetoedBy === config.myIndex ? [{ veto, act: 'veto' as const }] : []),
      ...(veto.approvals.includes(config.myIndex) ? [{ veto, act: 'allow' as const }] : []),
    ]);
    if (own.length === 0) return;
    await Promise.all([...peers()].map((peer) => this.#tellPeer(peer, own)));
  }

  async #tellPeer(
    peer: number,
    own: readonly { readonly veto: Veto; readonly act: 'veto' | 'allow' }[],
  ): Promise<void> {
    const { client, bridge } = this.#input;
    const { effects, config } = bridge;
    const triedAt = (one: (typeof own)[number]) => this.#triedAt.get(`${peer}/${one.act}/${one.veto.id}`) ?? -1;
    const missing = own
      .filter(({ veto, act }) => !this.#taken.has(`${peer}/${act}/${veto.id}`))
      .sort((a, b) => triedAt(a) - triedAt(b));
    const again = config.network === 'regtest' ? AGAIN_MS.regtest : AGAIN_MS.other;
    const toldAt = this.#toldAt.get(peer) ?? Number.NEGATIVE_INFINITY;
    const isNew = missing.some((one) => triedAt(one) < 0);
    if (missing.length === 0 || (!isNew && effects.monotonic() - toldAt < again)) return;
    const begun = effects.monotonic();
    this.#toldAt.set(peer, begun);
    for (const { veto, act } of missing) {
      // A peer that takes its time holds up everything else of the round.
      if (effects.monotonic() - begun >= TELL_TIMEOUT_MS) return;
      this.#triedAt.set(`${peer}/${act}/${veto.id}`, effects.monotonic());
      const open_ms = Math.max(1, veto.expiresAt - effects.now());
      const { burnTxid: burn_txid, vetoedBy: vetoed_by, reason } = veto;
      const message = { ceremony: '', type: 'announce_veto', body: { burn_txid, vetoed_by, act, reason, open_ms } };
      const result = await client.send(peer, message, { timeoutMs: TELL_TIMEOUT_MS });
      // One that does not answer is asked nothing more now.
      if (!result.ok) return;
      const answer = vetoSchemas.veto_answer.safeParse(result.messages[0]?.body).data;
      if (answer?.taken === true) this.#taken.add(`${peer}/${act}/${veto.id}`);
    }
  }

  #flaw(burnTxid: string): VetoFlaw | null {
    const { db, config, effects } = this.#input.bridge;
    return vetoFlaw({ db, config, now: effects.now() }, burnTxid);
  }

  #whoHas(what: string): readonly number[] {
    return [...this.#input.peers()].filter((peer) => this.#taken.has(`${peer}/${what}`));
  }

  #require(id: string): Veto {
    const veto = getVeto(this.#input.bridge.db, id);
    if (veto === null) throw new Error('the veto has just been kept');
    return veto;
  }
}

const TAKEN: VetoAnswer = { taken: true, detail: '' };
const HOLD = '`mpc_operator hold` keeps it back at this node';

/** A veto as a request, for operators: to approve it is to let the payout go. */
export function vetoReport(
  { config, now }: { readonly config: Pick<Bridge['config'], 'myIndex' | 'threshold'>; readonly now: number },
  veto: Veto,
): RequestReport {
  const { id, burnTxid, vetoedBy, reason, at, expiresAt, approvals } = veto;
  const isApproved = approvals.includes(config.myIndex);
  const isLifted = approvals.length >= config.threshold;
  const state = isLifted ? 'done' : isHolding(veto, config.threshold, now) ? 'open' : 'expired';
  return {
    ...{ id, kind: 'veto', treasury: null, burn_txid: burnTxid, reason, asked_by: vetoedBy },
    created_at: new Date(at).toISOString(),
    expires_at: new Date(expiresAt).toISOString(),
    decision: isApproved ? 'approved' : null,
    decision_reason: `${approvals.length} of ${config.threshold} operators let it go`,
    decided_at: null,
    outcome: { state, txid: null },
  };
}

/** Why a burn is not one to veto. `detail` goes on after its name in a sentence. */
export interface VetoFlaw {
  readonly code: string;
  readonly detail: string;
  readonly remedy: string;
}

/** Null where it may be vetoed: nobody needs to be able to stop what is small, or was to be seen for long enough. */
export function vetoFlaw(
  { db, config, now }: { readonly db: Queries; readonly config: Pick<OperatorConfig, 'policy'>; readonly now: number },
  burnTxid: string,
): VetoFlaw | null {
  const burn = getBurn(db, burnTxid);
  if (burn === null) {
    const remedy = 'check the id; the node reads burns from your Wire nodes';
    return { code: 'burn_unknown', detail: 'is not known here', remedy };
  }
  const { holdAboveSats, holdMinutes } = config.policy;
  if (holdAboveSats === null || burn.amount - burn.fee < holdAboveSats) {
    return { code: 'no_hold_window', detail: 'has no hold window here, by policy.hold_above_sats', remedy: HOLD };
  }
  const since = knownFinalSince(db, burnTxid);
  if (since === null || now < since + holdMinutes * 60_000) return null;
  return { code: 'hold_window_over', detail: 'is past its hold window here', remedy: HOLD };
}

function vetoId(burnTxid: string, vetoedBy: number): string {
  return requestIdOf('veto', toHex(sha256(utf8(`veto/${burnTxid}/${vetoedBy}`))));
}
