// Handles one message within an attempt: routes it to the role that awaits it, and detects a sender that says two
// things in one step. Messages that nobody awaits have no effect; they are sent again if they matter.
import { sha256, toHex } from '../../crypto/bytes.ts';
import { canonicalBytes } from '../../crypto/canonical-json.ts';
import type { DkgMessage, Outgoing } from '../messages.ts';
import { type Attempt, faultOf, type OrFault } from './attempt.ts';
import { type CoordinatorRole, investigationFor, onConfirm, onRound1, onRound2 } from './coordinator.ts';
import {
  onCertificate,
  onComplete,
  onInvestigation,
  onPackages,
  onShare,
  type ParticipantRole,
} from './participant.ts';
import { type DkgContext, type DkgResult, type Fault, nameOf } from './setup.ts';

/** An attempt under way. */
export interface Run {
  readonly attempt: string;
  readonly coordinator: number;
  readonly rehearsal: boolean;
  /** 32 secret bytes. */
  readonly random: Uint8Array;
  readonly participant: ParticipantRole;
  readonly coordination: CoordinatorRole | null;
  /** When each role came to its present step, in ms. */
  readonly participantSince: number;
  readonly coordinatorSince: number;
  /** Hash of what each sender said in each step. */
  readonly said: ReadonlyMap<string, string>;
  /** This node has confirmed and heard nothing for long: it asks everybody how it ended. */
  readonly doubt: boolean;
}

/** What hearing something led to. */
export type RunStep =
  | { readonly kind: 'running'; readonly run: Run; readonly replies: readonly Outgoing<DkgMessage>[] }
  | {
      readonly kind: 'complete';
      readonly run: Run;
      readonly result: DkgResult;
      readonly replies: readonly Outgoing<DkgMessage>[];
    }
  | { readonly kind: 'fault'; readonly run: Run; readonly fault: Fault };

/** A run as its roles see it. */
export function attemptOf(context: DkgContext, run: Run): Attempt {
  return { context, id: run.attempt, coordinator: run.coordinator, random: run.random };
}

/** Tries to complete a confirmed attempt with the n signatures; null where they are not right. */
export function completeRun(
  context: DkgContext,
  run: Run,
  message: DkgMessage,
): { readonly result: DkgResult } | { readonly wrong: number } | null {
  if (message.type !== 'dkg_complete' || run.participant.step !== 'confirmed') return null;
  const completed = onComplete(attemptOf(context, run), run.participant, message.body);
  return completed.ok ? { result: completed.result } : { wrong: completed.wrong };
}

/** What one message, from another node or from this one itself, leads to. */
export function hear(context: DkgContext, run: Run, from: number, message: DkgMessage, now: number): RunStep {
  if (message.type === 'dkg_share_received') return running(delivered(run, from));
  const key = `${message.type}/${from}`;
  const hash = toHex(sha256(canonicalBytes(message.body)));
  const before = run.said.get(key);
  if (before !== undefined && before !== hash && run.participant.step !== 'confirmed') {
    const detail = `${nameOf(context.setup, from)} said two different things in ${message.type}`;
    return { kind: 'fault', run, fault: faultOf('equivocation', from, detail) };
  }
  const step = before === undefined ? route(context, run, from, message) : repeated(context, run, from, message);
  if (step.kind === 'fault' || step.run === run) return step;
  const { participant, coordination } = step.run;
  const next: Run = {
    ...step.run,
    said: new Map(run.said).set(key, hash),
    participantSince: participant.step === run.participant.step ? run.participantSince : now,
    coordinatorSince: coordination?.step === run.coordination?.step ? run.coordinatorSince : now,
  };
  return { ...step, run: next };
}

// Some answers are asked for again because the first one was lost.
function repeated({ setup }: DkgContext, run: Run, from: number, message: DkgMessage): RunStep {
  if (message.type === 'dkg_share') return running(run, [shareReceived(run, from)]);
  if (message.type === 'dkg_investigate') return running(run, investigation(setup, run, from));
  return running(run);
}

function running(run: Run, replies: readonly Outgoing<DkgMessage>[] = []): RunStep {
  return { kind: 'running', run, replies };
}

function shareReceived(run: Run, to: number): Outgoing<DkgMessage> {
  return { to, type: 'dkg_share_received', body: { attempt: run.attempt } };
}

function investigation(setup: DkgContext['setup'], run: Run, to: number): Outgoing<DkgMessage>[] {
  if (run.coordination?.step !== 'gathering_round2') return [];
  const answer = investigationFor(setup, run.coordination, to);
  return answer === null ? [] : [answer];
}

function route(context: DkgContext, run: Run, from: number, message: DkgMessage): RunStep {
  switch (message.type) {
    case 'dkg_packages':
    case 'dkg_investigation':
    case 'dkg_certificate':
      return from === run.coordinator ? routeFromCoordinator(context, run, message) : running(run);
    case 'dkg_share':
      return withParticipant(run, onShare(attemptOf(context, run), run.participant, from, message.body), [
        shareReceived(run, from),
      ]);
    case 'dkg_complete':
      return routeComplete(context, run, from, message);
    case 'dkg_round1':
    case 'dkg_round2':
    case 'dkg_confirm':
    case 'dkg_investigate':
      return run.coordination === null
        ? running(run)
        : routeToCoordinator(context, run, run.coordination, from, message);
    default:
      return running(run);
  }
}

function routeFromCoordinator(
  context: DkgContext,
  run: Run,
  message: Extract<DkgMessage, { type: 'dkg_packages' | 'dkg_investigation' | 'dkg_certificate' }>,
): RunStep {
  const attempt = attemptOf(context, run);
  const { participant } = run;
  if (message.type === 'dkg_packages' && participant.step === 'packages_awaited') {
    return withParticipant(run, onPackages(attempt, participant, message.body));
  }
  if (message.type === 'dkg_investigation' && participant.step === 'investigating') {
    return withParticipant(run, onInvestigation(attempt, participant, message.body));
  }
  if (message.type === 'dkg_certificate' && participant.step === 'certificate_awaited') {
    return withParticipant(run, onCertificate(attempt, participant, message.body, run.rehearsal));
  }
  return running(run);
}

function routeToCoordinator(
  context: DkgContext,
  run: Run,
  role: CoordinatorRole,
  from: number,
  message: Extract<DkgMessage, { type: 'dkg_round1' | 'dkg_round2' | 'dkg_confirm' | 'dkg_investigate' }>,
): RunStep {
  const { setup } = context;
  if (message.type === 'dkg_round1' && role.step === 'gathering_round1') {
    return withCoordination(run, onRound1(setup, role, from, message.body));
  }
  if (message.type === 'dkg_round2' && role.step === 'gathering_round2') {
    return withCoordination(run, onRound2(setup, role, from, message.body));
  }
  const { participant } = run;
  if (message.type === 'dkg_confirm' && role.step === 'gathering_confirmations' && participant.step === 'confirmed') {
    return withCoordination(run, onConfirm(setup, role, from, message.body, participant.confirm.transcript_hash));
  }
  // A copy of the run, so that the question is remembered and this node's own is not asked for ever.
  if (message.type === 'dkg_investigate') return running({ ...run }, investigation(setup, run, from));
  return running(run);
}

function routeComplete(context: DkgContext, run: Run, from: number, message: DkgMessage): RunStep {
  const completed = completeRun(context, run, message);
  if (completed === null) return running(run);
  if ('result' in completed) {
    const done = { to: from, type: 'dkg_done' as const, body: { attempt: run.attempt } };
    return { kind: 'complete', run, result: completed.result, replies: [done] };
  }
  if (from !== run.coordinator) return running(run);
  const detail = `the coordinator passed on a wrong signature of ${nameOf(context.setup, completed.wrong)}`;
  return { kind: 'fault', run, fault: faultOf('invalid_confirmation', from, detail) };
}

function withParticipant(
  run: Run,
  verdict: OrFault<{ readonly role: ParticipantRole }>,
  replies: readonly Outgoing<DkgMessage>[] = [],
): RunStep {
  return verdict.ok
    ? { kind: 'running', run: { ...run, participant: verdict.role }, replies }
    : { kind: 'fault', run, fault: verdict.fault };
}

function withCoordination(run: Run, verdict: OrFault<{ readonly role: CoordinatorRole }>): RunStep {
  return verdict.ok ? running({ ...run, coordination: verdict.role }) : { kind: 'fault', run, fault: verdict.fault };
}

// Not remembered in `said`: it changes nothing but what is sent again, and is not stored either.
function delivered(run: Run, to: number): Run {
  const { participant } = run;
  if (participant.step === 'packages_awaited' || participant.step === 'confirmed') return run;
  if (participant.delivered.has(to)) return run;
  return { ...run, participant: { ...participant, delivered: new Set(participant.delivered).add(to) } };
}
