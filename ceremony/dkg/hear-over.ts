// What a node says, and still hears, once a key ceremony is over for it: complete, aborted, or given up for good.

import type { DkgMessage, Outgoing } from '../messages.ts';
import { type Applied, abortMessage, aboutEnded, type CoreIn, notJoined, quiet } from './core.ts';
import { completeRun } from './hear.ts';
import { type DkgContext, NO_ATTEMPT } from './setup.ts';

/** A message to a node whose ceremony is complete. */
export function hearAfterwards(core: CoreIn<'complete'>, from: number, message: DkgMessage): Applied {
  const { run, result } = core;
  const { attempt } = run;
  const reply = answerCompleted({ attempt, signatures: result.certificate.signatures }, from, message);
  if (reply !== null) return { core, replies: [reply] };
  if (!('attempt' in message.body) || message.body.attempt !== attempt) {
    return { core, replies: notJoined(from, message) };
  }
  const { coordination } = run;
  if (message.type !== 'dkg_done' || coordination?.step !== 'completing' || coordination.done.has(from)) {
    return quiet(core);
  }
  const done = new Set(coordination.done).add(from);
  return quiet({ ...core, run: { ...run, coordination: { ...coordination, done } } });
}

/** What a node that holds the certificate says to whoever has not heard of it; null where nothing is asked. */
export function answerCompleted(
  { attempt, signatures }: { readonly attempt: string; readonly signatures: readonly string[] },
  to: number,
  message: DkgMessage,
): Outgoing<DkgMessage> | null {
  const complete: Outgoing<DkgMessage> = { to, type: 'dkg_complete', body: { attempt, signatures: [...signatures] } };
  // All n took part, so whoever is still in the lobby has lost what it knew, and would wait for ever.
  if (message.type === 'dkg_join') return complete;
  if (!('attempt' in message.body) || message.body.attempt !== attempt) return null;
  if (message.type === 'dkg_complete') return { to, type: 'dkg_done', body: { attempt } };
  return message.type === 'dkg_confirm' ? complete : null;
}

/** A message to a node that has ended an attempt; the n signatures still complete one that it had confirmed. */
export function hearAborted(context: DkgContext, core: CoreIn<'aborted'>, from: number, message: DkgMessage): Applied {
  const { abort, lobby, run } = core;
  const completed = run === null || !isAbout(abort.attempt, message) ? null : completeRun(context, run, message);
  if (run !== null && completed !== null && 'result' in completed) {
    const done = { to: from, type: 'dkg_done' as const, body: { attempt: abort.attempt } };
    return { core: { phase: 'complete', lobby, run, result: completed.result }, replies: [done] };
  }
  return { core, replies: aboutEnded(lobby, from, message) ?? notJoined(from, message) };
}

function isAbout(attempt: string, message: DkgMessage): boolean {
  return 'attempt' in message.body && message.body.attempt === attempt;
}

/**
 * What a node says whose operator has given the ceremony up for good. Nothing to one that has confirmed: it may have
 * confirmed itself before, which nobody can take back, and the others may hold live keys.
 */
export function answerAbandoned(to: number, message: DkgMessage): Outgoing<DkgMessage> | null {
  const given = {
    reason: 'operator',
    culprit: null,
    suspects: [],
    detail: 'has given up this ceremony for good',
  } as const;
  switch (message.type) {
    case 'dkg_join':
      return abortMessage({ ...given, attempt: NO_ATTEMPT }, to);
    case 'dkg_start':
    case 'dkg_round1':
    case 'dkg_packages':
    case 'dkg_share':
    case 'dkg_round2':
    case 'dkg_investigate':
    case 'dkg_certificate':
      return abortMessage({ ...given, attempt: message.body.attempt }, to);
    default:
      return null;
  }
}
