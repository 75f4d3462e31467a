// A key ceremony in sentences for operators.

import { type DkgProgress, type DkgSetup, nameOf } from '../../ceremony/dkg/setup.ts';
import { ABORT_REASONS, NOT_JOINED_REASONS, type NotJoinedReason } from '../../ceremony/messages-dkg.ts';
import { CommandError } from '../runtime/command-error.ts';

const STEPS: Readonly<Record<string, string>> = {
  gathering_round1: 'every node deals its shares',
  packages_awaited: 'this node has dealt its shares',
  gathering_round2: 'every node checks its shares and signs what it saw of the bitcoin key',
  shares_awaited: 'this node collects its shares of the attestation key',
  certificate_awaited: 'this node has checked all its shares',
  investigating: 'something is wrong: the nodes find out whose fault it is',
  gathering_confirmations: 'every node confirms the transcript',
  confirmed: 'this node has confirmed the transcript',
  completing: 'all have confirmed; the keys go live',
  complete: 'all nodes have confirmed: the keys are live',
  in_doubt: 'asking the others how it ended',
};

/** The same of a rehearsal, whose keys never go live. */
const REHEARSED: Readonly<Record<string, string>> = {
  ...STEPS,
  completing: 'all have confirmed; the keys are tried next, and then destroyed',
  complete: 'all nodes have confirmed: the keys are tried, and then destroyed',
};

const LOBBY_STEPS: Readonly<Record<string, string>> = {
  not_joined: 'this node has not joined',
  joining: 'the operators join',
  preflight_failed: 'a check fails, so nothing begins',
  ready: 'all have joined, and all checks pass',
};

/** What goes on in a step, in plain words; of an aborted ceremony, why it ended. */
export function stepText(step: string, rehearsal: boolean): string {
  const reasons: Readonly<Record<string, string>> = ABORT_REASONS;
  return LOBBY_STEPS[step] ?? (rehearsal ? REHEARSED : STEPS)[step] ?? reasons[step] ?? step;
}

/** What an operator can do where others cannot join for a reason. */
const WAYS_OUT: Readonly<Record<NotJoinedReason, string>> = {
  key_live:
    'If this node belongs to that key, restore the key here instead: `ceremony recover FILE` with what another operator ' +
    'exports by `ceremony show ID --output FILE`, or a backup',
};

/** What goes on, in one sentence. */
export function progressText(setup: DkgSetup, seen: DkgProgress, rehearsal: boolean): string {
  const waiting = seen.waitingFor.length === 0 ? '' : `; waiting for ${operators(setup, seen.waitingFor)}`;
  switch (seen.phase) {
    case 'idle':
      return 'not joined';
    case 'lobby':
      if (seen.problems.length > 0) return `preflight: ${problemsText(seen)}${waiting}`;
      return seen.waitingFor.length > 0
        ? `joined${waiting}${declinedText(setup, seen)}`
        : 'all have joined, all checks pass';
    case 'running':
    case 'confirmed':
    case 'complete':
      return `${(rehearsal ? REHEARSED : STEPS)[seen.step] ?? seen.step}${seen.phase === 'complete' ? '' : waiting}`;
    case 'aborted':
      return abortText(setup, seen);
  }
}

/** The error of a command whose ceremony came to nothing. `lines`: what is known of each that did not join. */
export function ceremonyFailure(setup: DkgSetup, seen: DkgProgress, lines: readonly string[]): CommandError {
  if (seen.phase === 'aborted') return new CommandError('dkg_aborted', abortText(setup, seen));
  if (seen.problems.length > 0) {
    return new CommandError(
      'preflight_failed',
      `no keys were made: ${problemsText(seen)}. Fix this and run \`dkg\` again`,
    );
  }
  const waiting = operators(setup, seen.waitingFor);
  const known = lines.length === 0 ? '' : `: ${lines.join('; ')}`;
  const why = waiting === '' ? 'stopped' : `${waiting} did not join${known}${declinedText(setup, seen)}`;
  return new CommandError('left_lobby', `no keys were made: ${why}`);
}

// Their own word, told as such: whoever lies about it could as well not join.
function declinedText(setup: DkgSetup, { declined }: DkgProgress): string {
  const reasons = [...new Set(declined.map(({ reason }) => reason))];
  return reasons
    .map((reason) => {
      const who = declined.filter((one) => one.reason === reason).map(({ index }) => index);
      const says = who.length === 1 ? 'says that it' : 'each say that it';
      return `; ${operators(setup, who)} ${says} ${NOT_JOINED_REASONS[reason]}. ${WAYS_OUT[reason]}`;
    })
    .join('');
}

function problemsText(seen: DkgProgress): string {
  return seen.problems
    .map(({ index, name, check, detail }) => `operator ${index} (${name}) fails "${check}": ${detail}`)
    .join('; ');
}

// Index and name together: operators know each other by name, and commands by index.
function operators(setup: DkgSetup, indices: readonly number[]): string {
  return indices.map((index) => `operator ${index} (${nameOf(setup, index)})`).join(', ');
}

function abortText(setup: DkgSetup, { abort, mayStillComplete }: DkgProgress): string {
  if (abort === null) return 'the ceremony has ended without keys';
  const whose = abort.by === setup.myIndex ? '' : ` says ${operators(setup, [abort.by])}`;
  const culprit = abort.culprit === null ? '' : `; blamed: ${operators(setup, [abort.culprit])}`;
  const suspects = abort.suspects.length === 0 ? '' : `; one of ${operators(setup, abort.suspects)}`;
  const why = `${ABORT_REASONS[abort.reason]}${whose}${culprit}${suspects} (${abort.detail})`;
  if (abort.reason === 'finished') {
    return `this node holds no keys of it: ${why}. Take the exported ceremony of another and run \`ceremony recover\``;
  }
  const text = `no keys were made: ${why}`;
  return mayStillComplete
    ? `${text}. This node had confirmed: another operator may still show that all confirmed`
    : text;
}
