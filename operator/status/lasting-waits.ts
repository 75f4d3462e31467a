// Work that waits longer than it should, for any reason: deposits, mints, burns, steps of the treasury line, and
// decisions that only a person can make. Each is shown with the reason that the work itself gives.

import type { WaitCause, WaitReason } from '../../chain/line-plan.ts';
import { type Outpoint, outpointName } from '../../chain/outpoint.ts';
import { getAttestation } from '../../store/attestations.ts';
import { listWaitingBurns, paymentOf } from '../../store/burn-payments.ts';
import { type Burn, getBurn } from '../../store/burns.ts';
import { getCeremony } from '../../store/ceremonies.ts';
import { PAGE_ROWS_MAX } from '../../store/database.ts';
import { isHeld } from '../../store/holds.ts';
import { type LineStep, waitingSteps } from '../../store/line.ts';
import { type AttestedPlace, listAttestedAfter, listOpenDeposits } from '../../store/open-deposits.ts';
import { listPayoutRequests } from '../../store/payout-requests.ts';
import { requestOutcome } from '../../store/request-outcome.ts';
import { listRequests } from '../../store/requests.ts';
import { stepPlace } from '../../store/step-state.ts';
import { isHolding, openVetoes } from '../../store/vetoes.ts';
import { scannedHeight } from '../chain-state/scan.ts';
import { storedOutcome } from '../key-ceremonies/ceremony-outcome.ts';
import type { FederationKey } from '../keys/keys.ts';
import type { Node } from '../node.ts';
import { payoutReport } from '../payouts/payout-requests.ts';
import { waitReport } from '../payouts/withdraw.ts';
import type { TreasuryReport } from '../runtime/command-types.ts';
import { counted } from '../runtime/counted.ts';
import { type Problem, problem } from '../runtime/problems.ts';
import { treasuryReport, treasuryStatus } from '../treasury-report.ts';

/** Longest waits that are well, in ms. All operators take over from each other within minutes. */
export const WAITS_MAX = {
  /** From the moment a deposit is deep enough until it is attested. */
  attestation: 30 * 60_000,
  /** From an attestation until its mint is final on Wire. */
  mint: 60 * 60_000,
  /** Above the age at which a burn is paid at the latest (`payout_batch_age_s`). */
  burn: 30 * 60_000,
  /** From a signed step until a block has it. */
  step: 6 * 3_600_000,
  /** From a key until each share of it has signed. */
  proof: 10 * 60_000,
  /** From a key until its treasury is open. */
  treasury: 3_600_000,
} as const;
/** For so long after its attestation a mint is shown that Wire refuses for good, in ms. */
const REFUSED_SHOWN_MS = 7 * 86_400_000;
/** Most that are counted of a kind, and most rows that are read for it: those that wait may lie behind many that do not. */
const COUNTED_MAX = 100;
const ROWS_READ_MAX = 10_000;

/** Burns that no payout can ever pay, however long they wait. */
const UNPAYABLE: ReadonlySet<WaitCause> = new Set<WaitCause>([
  'names_treasury',
  'address_invalid',
  'fee_above_amount',
  'below_dust',
  'nullifier_twice',
  'burn_proof_invalid',
  'burn_mismatch',
]);

/** Burns that wait because an operator wants them to, which is told elsewhere where somebody has to act. */
const MEANT_TO_WAIT: ReadonlySet<WaitCause> = new Set<WaitCause>([
  ...(['payout_on_hold', 'payout_vetoed', 'approval_needed'] as const),
]);

/** All of them. */
export function lastingWaits(node: Node, key: FederationKey): readonly Problem[] {
  return [
    ...depositWaits(node),
    ...mintWaits(node),
    ...burnWaits(node),
    ...lineWaits(node, key),
    ...stepWaits(node),
    ...proofWaits(node, key),
    ...treasuryWaits(node, key),
    ...requestWaits(node),
  ];
}

function depositWaits({ store: { db }, config, chain, input, online }: Node): readonly Problem[] {
  const scanned = scannedHeight(db);
  if (scanned === null || !config.automatic) return [];
  const now = input.effects.now();
  const height = scanned - (chain?.confirmations() ?? config.normalConfirmations) + 1;
  const nowSeconds = BigInt(Math.floor(now / 1000));
  const until = { height, nowSeconds, least: config.policy.depositMinSats };
  const late = lateOnes(
    (offset) => listOpenDeposits(db, until, { limit: PAGE_ROWS_MAX, offset }),
    // Deep enough since it was set to `confirmed`.
    ({ status, updatedAt }) => status === 'confirmed' && now - updatedAt > WAITS_MAX.attestation,
  );
  const [first] = late;
  if (first === undefined) return [];
  const name = outpointName(first);
  const why = online?.autopilot.deposits.why(name) ?? null;
  return [
    problem('deposits_wait', {
      subject: 'deposits',
      since: Math.min(...late.map(({ updatedAt }) => updatedAt)),
      cause: `${someOf(late.length, 'deposit')} deep enough, but not attested yet; one of them is ${name}${why === null ? '' : ` (${why})`}`,
      action: `run it yourself to see the reason: \`mpc_operator attest --txid ${first.txid} --vout ${first.vout} --recipient ${first.recipient} --amount ${first.amount}\``,
    }),
  ];
}

function mintWaits({ store: { db }, online, input }: Node): readonly Problem[] {
  const now = input.effects.now();
  let after: AttestedPlace | null = null;
  const page = () => {
    const rows = listAttestedAfter(db, after, PAGE_ROWS_MAX);
    after = rows.at(-1) ?? after;
    return rows.map((deposit) => ({
      ...deposit,
      decidedAt: getAttestation(db, deposit)?.decidedAt ?? deposit.updatedAt,
    }));
  };
  const whyNot = (deposit: Outpoint) => online?.follower.whyNotMinted(outpointName(deposit)) ?? null;
  const late = lateOnes(page, (deposit) => {
    const waited = now - deposit.decidedAt;
    // Nothing changes a refusal for good, and an alarm that never ends is looked at by nobody.
    const isOver = waited > REFUSED_SHOWN_MS && whyNot(deposit)?.forGood === true;
    return waited > WAITS_MAX.mint && !isOver;
  });
  const [first] = late;
  if (first === undefined) return [];
  const [name, why] = [outpointName(first), whyNot(first)?.detail ?? null];
  return [
    problem('mints_wait', {
      subject: 'mints',
      since: Math.min(...late.map(({ decidedAt }) => decidedAt)),
      cause: `${someOf(late.length, 'deposit')} attested, but the mint is not final on your Wire nodes; one of them is ${name}${why === null ? '' : ` (${why})`}`,
      action:
        'make sure that your Wire nodes are at the tip; ask the operators of Wire about mints that are refused for good',
    }),
  ];
}

function burnWaits(node: Node): readonly Problem[] {
  const { store, config, online, input } = node;
  const { db } = store;
  const left = (online?.autopilot.steps.left ?? []).filter(({ burnTxid }) => burnTxid !== null);
  const why = new Map(left.map((reason) => [reason.burnTxid, reason]));
  const unpayable = left.filter(({ burnTxid, reason }) => UNPAYABLE.has(reason) && !isHeld(db, burnTxid ?? ''));
  const before = input.effects.now() - config.payoutBatch.ageS * 1000 - WAITS_MAX.burn;
  const isLate = ({ burnTxid, seenAt }: Burn): boolean =>
    seenAt < before &&
    !isHeld(db, burnTxid) &&
    !UNPAYABLE.has(why.get(burnTxid)?.reason ?? 'nothing_waits') &&
    !MEANT_TO_WAIT.has(why.get(burnTxid)?.reason ?? 'nothing_waits') &&
    paymentOf(db, burnTxid, 0).state === 'waiting';
  const late = lateOnes((offset) => listWaitingBurns(db, { limit: PAGE_ROWS_MAX, offset }).rows, isLate);
  return [...unpayableProblems(node, unpayable), ...lateProblems(late, why)];
}

function unpayableProblems({ store, input }: Node, unpayable: readonly WaitReason[]): readonly Problem[] {
  return [...Map.groupBy(unpayable, ({ reason }) => reason)].flatMap(([reason, found]) => {
    const [first] = found;
    if (first === undefined || first.burnTxid === null) return [];
    const seen = found.flatMap(({ burnTxid }) => getBurn(store.db, burnTxid ?? '')?.seenAt ?? []);
    return problem('burns_unpayable', {
      subject: 'burns',
      since: seen.length === 0 ? input.effects.now() : Math.min(...seen),
      cause: `${someOf(found.length, 'burn')} not payable (${reason}: ${first.remedy}); one of them is ${first.burnTxid}`,
      action: `agree with the other operators what to do about it; \`mpc_operator hold ${first.burnTxid} --reason TEXT\` ends this alarm`,
    });
  });
}

function lateProblems(late: readonly Burn[], why: ReadonlyMap<string | null, WaitReason>): readonly Problem[] {
  const [first] = late;
  if (first === undefined) return [];
  const reason = late.map(({ burnTxid }) => why.get(burnTxid)).find((found) => found !== undefined);
  const because = reason === undefined ? '' : ` (${reason.reason}: ${reason.remedy})`;
  return [
    problem('burns_wait', {
      subject: 'burns',
      since: Math.min(...late.map(({ seenAt }) => seenAt)),
      cause: `${someOf(late.length, 'burn')} not paid yet${because}; the oldest is ${first.burnTxid}`,
      action: 'see `mpc_operator withdrawals --waiting`, which names what is missing for each',
    }),
  ];
}

// What holds the whole line up: a pin, missing funds, a step whose burns are not known.
function lineWaits(node: Node, key: FederationKey): readonly Problem[] {
  const steps = node.online?.autopilot.steps;
  return (steps?.left ?? [])
    .filter(({ burnTxid }) => burnTxid === null)
    .map((reason) => {
      const { remedy, top_up_address: address } = waitReport(node, key, reason);
      return problem('line_waits', {
        subject: 'treasury line',
        since: steps?.waitsSince(reason.reason) ?? node.input.effects.now(),
        cause: `it waits (${reason.reason}): ${remedy}`,
        action: address === null ? 'see `mpc_operator withdrawals --waiting`' : `pay a top-up to ${address}`,
      });
    });
}

function stepWaits({ store, input }: Node): readonly Problem[] {
  const before = input.effects.now() - WAITS_MAX.step;
  // One that another has replaced waits for nothing.
  const isWaiting = (step: LineStep) => stepPlace(store.db, step, 0).state === 'signed';
  const [late] = waitingSteps(store.db).filter((step) => step.createdAt < before && isWaiting(step));
  if (late === undefined) return [];
  return [
    problem('line_step_unmined', {
      subject: `step ${late.txid} of the treasury line`,
      since: late.createdAt,
      cause: 'it is signed, but it is in no block yet',
      action: 'raise its fee: `mpc_operator bump`; `mpc_operator treasury` shows its rate',
    }),
  ];
}

// Every share of a new key signs once; until then nobody knows that each can.
function proofWaits(node: Node, key: FederationKey): readonly Problem[] {
  if (isProven(node, key) || node.input.effects.now() - key.createdAt <= WAITS_MAX.proof) return [];
  return [
    problem('keys_not_proven', {
      subject: `key ceremony ${key.ceremonyId}`,
      since: key.createdAt,
      cause: 'not every share of its key has signed yet; the nodes go on trying',
      action: 'make sure that all operators answer: this needs every one of them',
    }),
  ];
}

/** Whether each share of a key has signed; true where the ceremony that made it is not known here. */
export function isProven({ store }: Pick<Node, 'store'>, key: FederationKey): boolean {
  const stored = getCeremony(store.db, key.ceremonyId);
  const outcome = stored === null ? null : storedOutcome(stored);
  return outcome === null || outcome.subsets !== null;
}

/** What to do about a treasury that is not open. */
export function treasuryAction(state: TreasuryReport['state']): string {
  return state === 'opening'
    ? 'ask the operators named here to run their servers; `mpc_operator treasury open` shows how it goes on'
    : 'once the payment is deep enough, run `mpc_operator treasury open` at one node; `mpc_operator treasury` shows both';
}

function treasuryWaits(node: Node, key: FederationKey): readonly Problem[] {
  if (node.input.effects.now() - key.createdAt <= WAITS_MAX.treasury) return [];
  const { state } = treasuryReport(node);
  if (state === 'open') return [];
  return [
    problem('treasury_not_open', {
      subject: 'treasury',
      since: key.createdAt,
      cause: `it is not open, so no burn can be paid: ${treasuryStatus(node)?.detail ?? state}`,
      action: treasuryAction(state),
    }),
  ];
}

// A request that is over needs nobody, whatever was decided about it.
function requestWaits(node: Node): readonly Problem[] {
  return [...voidWaits(node), ...payoutWaits(node), ...vetoWaits(node)];
}

function payoutWaits({ store, input, config }: Node): readonly Problem[] {
  const desk = { db: store.db, config, now: input.effects.now() };
  return listPayoutRequests(store.db, { limit: COUNTED_MAX })
    .rows.map((request) => payoutReport(desk, request))
    .filter(({ decision, outcome }) => decision === null && outcome.state === 'open')
    .map(({ id, burn_txid, reason, created_at }) =>
      problem('request_waits', {
        subject: `request ${id}`,
        since: Date.parse(created_at),
        cause: `the payout of burn ${burn_txid} waits for your approval: it ${reason}`,
        action: `look at it, then \`mpc_operator requests approve ${id}\` or \`requests refuse ${id}\``,
      }),
    );
}

function vetoWaits({ store, input, config }: Node): readonly Problem[] {
  const now = input.effects.now();
  return openVetoes(store.db, now)
    .slice(0, COUNTED_MAX)
    .filter((veto) => isHolding(veto, config.threshold, now) && !veto.approvals.includes(config.myIndex))
    .map(({ id, burnTxid, vetoedBy, reason, at, expiresAt }) =>
      problem('request_waits', {
        subject: `request ${id}`,
        since: at,
        cause: `operator ${vetoedBy} vetoes the payout of burn ${burnTxid} until ${new Date(expiresAt).toISOString()}: ${reason}`,
        action: `find out why; \`mpc_operator requests approve ${id}\` lets the payout go, once ${config.threshold} operators say so`,
      }),
    );
}

function voidWaits({ store, input, config }: Node): readonly Problem[] {
  const now = input.effects.now();
  return listRequests(store.db, { limit: COUNTED_MAX })
    .rows.filter((request) => requestOutcome(store.db, request, now).state === 'open')
    .flatMap(({ id, kind, reason, askedBy, createdAt, decision, expiresAt }) => {
      const told = { subject: `request ${id}`, since: createdAt };
      if (decision === null) {
        return problem('request_waits', {
          ...told,
          cause: `operator ${askedBy} asks operator ${config.myIndex} to approve a ${kind} step: ${reason}`,
          action: `ask why, then \`mpc_operator requests approve ${id}\` or \`requests refuse ${id}\``,
        });
      }
      if (decision === 'refused') return [];
      return problem('request_open', {
        ...told,
        cause: `the ${kind} step of operator ${askedBy} is not signed yet: ${reason}; it is tried until ${new Date(expiresAt).toISOString()}`,
        action: `have the other operators approve it: \`mpc_operator requests approve ${id}\` at theirs`,
      });
    });
}

// Those that are late, oldest first; `page` gives the rows from an offset on.
function lateOnes<T>(page: (offset: number) => readonly T[], isLate: (one: T) => boolean): readonly T[] {
  const late: T[] = [];
  for (let offset = 0; offset < ROWS_READ_MAX && late.length < COUNTED_MAX; offset += PAGE_ROWS_MAX) {
    const rows = page(offset);
    late.push(...rows.filter(isLate));
    if (rows.length < PAGE_ROWS_MAX) break;
  }
  return late.slice(0, COUNTED_MAX);
}

function someOf(number: number, what: string): string {
  const all = number === COUNTED_MAX ? `${number} or more ${what}s` : counted(number, what);
  return `${all} ${number === 1 ? 'is' : 'are'}`;
}
