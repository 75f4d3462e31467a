// The set-up of a new organisation, from an empty machine to a working member: each step as it stands by the node's own reports, what
// to do next, and the command that does the same.

import type { Action } from '../accounts/permissions.ts';
import type { ConfigFinding } from '../config-check.ts';
import type { CommandResults } from '../runtime/command-types.ts';
import type { ActCommand } from './act-definitions.ts';
import { nextCeremonyId } from './ceremony-detail.ts';
import type { Seen } from './lookout.ts';
import type { PreflightBoard } from './preflight-board.ts';

/** What the steps are judged by. `findings`: of `config check`, as they were seen last. */
export interface SetUpFacts {
  readonly status: CommandResults['status'];
  readonly findings: Seen<readonly ConfigFinding[]>;
  readonly peers: CommandResults['peer-list'];
  readonly board: PreflightBoard;
  readonly ceremonies: CommandResults['ceremony-list']['ceremonies'];
  readonly date: CommandResults['ceremony-schedule-show']['current'];
  readonly backups: CommandResults['backup-list'];
  readonly users: CommandResults['user-list'];
}

/** An act that a step offers; `action`: what the role must allow. */
export interface SetUpAct {
  readonly act: ActCommand;
  readonly title: string;
  readonly action: Action;
  readonly fields: Readonly<Record<string, string>>;
}

/** One step. `unknown`: it was not looked at yet. All texts are sentences without their full stop. */
export interface SetUpStep {
  readonly id: string;
  readonly title: string;
  readonly state: 'done' | 'open' | 'unknown';
  /** What is so. */
  readonly seen: readonly string[];
  /** What to do; empty where it is done. */
  readonly remedies: readonly string[];
  readonly acts: readonly SetUpAct[];
  readonly link: { readonly href: string; readonly text: string } | null;
  /** The same at a terminal, without `mpc_operator`. */
  readonly command: string;
}

/** All steps in their order. */
export function setUpSteps(facts: SetUpFacts): readonly SetUpStep[] {
  return [
    configStep(facts),
    certificateStep(facts),
    identityStep(facts),
    bitcoinStep(facts),
    cardsStep(facts),
    preflightStep(facts),
    rehearsalStep(facts),
    keyStep(facts),
    treasuryStep(facts),
    backupStep(facts),
    usersStep(facts),
  ];
}

const NOTHING = { remedies: [], acts: [], link: null } as const;
type Told = Pick<SetUpStep, 'state' | 'seen' | 'remedies'>;

// Findings that are told under a step of their own.
const ELSEWHERE = /^(TLS certificate|key file|operator cards|accounts|backup|Bitcoin|wire_nodes|Wire)/;

function judged({ findings }: SetUpFacts, isOf: (subject: string) => boolean): Told {
  if (findings.value === null) {
    const why = findings.fault === null ? 'it is being looked at' : `it could not be looked at: ${findings.fault}`;
    return { state: 'unknown', seen: [why], remedies: [] };
  }
  const found = findings.value.filter(({ subject }) => isOf(subject));
  const faults = found.filter(({ verdict }) => verdict === 'fault');
  const told = found.filter(({ verdict }) => verdict !== 'ok');
  return {
    state: faults.length > 0 ? 'open' : 'done',
    seen: found.map(({ subject, detail }) => `${subject}: ${detail}`),
    remedies: told.flatMap(({ action }) => (action === null ? [] : [action])),
  };
}

function configStep(facts: SetUpFacts): SetUpStep {
  const told = judged(facts, (subject) => !ELSEWHERE.test(subject));
  return { ...NOTHING, id: 'config', title: 'Configuration', ...told, command: 'config check' };
}

function certificateStep(facts: SetUpFacts): SetUpStep {
  const told = judged(facts, (subject) => subject === 'TLS certificate');
  return { ...NOTHING, id: 'certificate', title: 'Certificate', ...told, command: 'tls generate' };
}

function identityStep({ peers, status }: SetUpFacts): SetUpStep {
  const own = peers.peers.find(({ self }) => self);
  const link = { href: '/federation', text: 'Give your card to the others' };
  const base = { ...NOTHING, id: 'identity', title: 'Identity', command: 'peer export --output card.json' };
  if (own === undefined) {
    const remedies = status.sealed
      ? ['unseal the node: it makes its card then']
      : ['restart the server: it makes its card then'];
    const way = status.sealed ? { href: '/keys/unseal', text: 'Unseal the node' } : null;
    return { ...base, state: 'open', seen: ['this node has no operator card of its own yet'], remedies, link: way };
  }
  const seen = [`operator ${own.index} (${own.name}) at ${own.address}`, `its card in words: ${own.fingerprint}`];
  return { ...base, state: 'done', seen, link };
}

function bitcoinStep({ status, findings }: SetUpFacts): SetUpStep {
  const nodes = [...status.bitcoin, ...status.wire];
  const base = { ...NOTHING, id: 'bitcoin', title: 'Bitcoin node test', command: 'config check --online' };
  const seen = nodes.map(({ url, ok, height, detail }) =>
    ok
      ? `${url} answers, at height ${height ?? 'unknown'}`
      : `${url}: ${detail === '' ? 'it was not asked yet' : detail}`,
  );
  const flaws = (findings.value ?? []).filter(
    ({ subject, verdict }) => subject.startsWith('Bitcoin') && verdict === 'fault',
  );
  const isDone = status.bitcoin.length > 0 && status.bitcoin.every(({ ok }) => ok) && flaws.length === 0;
  const remedies = [
    ...flaws.flatMap(({ action }) => (action === null ? [] : [action])),
    ...nodes.filter(({ ok }) => !ok).map(({ url }) => `look whether ${url} runs, and at its address and credentials`),
  ];
  const link = { href: '/system', text: 'Look at each node' };
  return { ...base, state: isDone ? 'done' : 'open', seen, remedies, link };
}

function cardsStep({ peers, status }: SetUpFacts): SetUpStep {
  const { missing } = peers;
  const seen = [`${status.participants - missing.length} of ${status.participants} cards are here`];
  const base = { ...NOTHING, id: 'cards', title: 'Cards of the others', command: 'peer add CARD' };
  const link = { href: '/federation', text: 'Compare the words of each card by phone' };
  if (missing.length === 0) return { ...base, state: 'done', seen, link };
  const acts = [{ act: 'peer-add', title: 'Add a card', action: 'cards', fields: {} }] as const;
  const remedies = [`ask operator ${missing.join(', ')} for the card, add it, and compare its words by phone`];
  return { ...base, state: 'open', seen, remedies, acts, link };
}

function preflightStep({ board, status }: SetUpFacts): SetUpStep {
  const failing = board.rows.flatMap(({ index, name, checks }) =>
    checks
      .filter(({ ok }) => ok !== true)
      .map((check) => `operator ${index} (${name}), ${check.name}: ${check.detail}`),
  );
  const isDone = board.isGreen || status.key_id !== null;
  return {
    ...{ ...NOTHING, id: 'preflight', title: 'Preflight', command: 'test-communication' },
    state: isDone ? 'done' : 'open',
    seen: failing.length === 0 ? ['every check of every operator passes'] : failing,
    remedies: isDone ? [] : ['wait until every check passes, or call the operator at whom it fails'],
    link: { href: '/ceremonies', text: 'See every check of everybody' },
  };
}

function rehearsalStep({ ceremonies, status, date }: SetUpFacts): SetUpStep {
  const held = ceremonies.find(({ rehearsal, phase }) => rehearsal && phase === 'destroyed');
  const id = nextCeremonyId(ceremonies, true);
  const base = { ...NOTHING, id: 'rehearsal', title: 'Rehearsal', command: `dkg --ceremony-id ${id} --rehearsal` };
  const link = { href: '/ceremonies', text: 'Ceremonies' };
  if (held !== undefined || status.key_id !== null) {
    const seen =
      held === undefined ? ['the key is made already'] : [`${held.ceremony_id} succeeded, its keys are destroyed`];
    return { ...base, state: 'done', seen, link };
  }
  const fields = { ceremony_id: id, rehearsal: 'on' };
  const acts = [{ act: 'dkg', title: 'Rehearse', action: 'key-ceremony', fields }] as const;
  const seen = ['no rehearsal has succeeded yet', ...dateText(date)];
  const remedies = [
    'all operators begin a rehearsal with the same name: everything is done, then the keys are destroyed',
  ];
  return { ...base, state: 'open', seen, remedies, acts, link };
}

function dateText(date: SetUpFacts['date']): readonly string[] {
  if (date === null) return ['no date of the key ceremony is proposed yet'];
  const at = `${date.at.slice(0, 16).replace('T', ' ')}Z`;
  return [
    date.agreed
      ? `the ceremony is agreed for ${at}`
      : `${at} is proposed, accepted by ${date.accepted} of ${date.participants}`,
  ];
}

function keyStep({ status, board, date, ceremonies }: SetUpFacts): SetUpStep {
  const id = date?.ceremony_id ?? nextCeremonyId(ceremonies, false);
  const base = { ...NOTHING, id: 'key', title: 'Key ceremony', command: `dkg --ceremony-id ${id}` };
  if (status.key_id !== null) {
    const link = { href: '/keys', text: 'Look at the key' };
    return { ...base, state: 'done', seen: [`the federation's key is ${status.key_id}`], link };
  }
  const fields = { ceremony_id: id };
  const acts = board.isGreen
    ? ([{ act: 'dkg', title: 'Begin the key ceremony', action: 'key-ceremony', fields }] as const)
    : [];
  const remedies = board.isGreen
    ? ['at the agreed time, all operators begin it with the same name']
    : ['first the preflight has to be green at everybody'];
  return {
    ...base,
    state: 'open',
    seen: ['there is no key yet'],
    remedies,
    acts,
    link: { href: '/ceremonies', text: 'Ceremonies' },
  };
}

function treasuryStep({ status }: SetUpFacts): SetUpStep {
  const { treasury } = status;
  const base = { ...NOTHING, id: 'treasury', title: 'Treasury', command: 'treasury open' };
  if (treasury === null) return { ...base, state: 'open', seen: ['it comes after the key'], remedies: [] };
  const link = { href: '/payouts', text: 'Look at the treasury' };
  if (treasury.state === 'open') return { ...base, state: 'done', seen: [treasury.detail], link };
  const acts =
    treasury.state === 'not_funded'
      ? []
      : ([{ act: 'treasury-open', title: 'Open the treasury', action: 'open-treasury', fields: {} }] as const);
  const remedies =
    treasury.state === 'not_funded'
      ? ['one operator pays the first amount to the treasury address, which stands under Keys']
      : ['once the payment has its confirmations, one operator opens the treasury, and all nodes sign for it'];
  return { ...base, state: 'open', seen: [treasury.detail], remedies, acts, link };
}

function backupStep({ backups, status }: SetUpFacts): SetUpStep {
  const base = {
    ...{ ...NOTHING, id: 'backup', title: 'Backup with drill' },
    command: 'backup key-share --output ~/key-share-backup.enc',
    link: { href: '/keys', text: 'Backups and drills' },
  };
  const { key_id: key } = status;
  if (key === null) return { ...base, state: 'open', seen: ['it comes after the key'] };
  const of = (event: 'made' | 'drilled') =>
    backups.backups.find((one) => one.kind === 'key_share' && one.event === event && one.key_id === key);
  const [made, drilled] = [of('made'), of('drilled')];
  const seen = [
    made === undefined ? 'no backup holds the shares of this key' : `backed up at ${made.at.slice(0, 16)}Z`,
    drilled === undefined ? 'no backup of this key was tried' : `tried at ${drilled.at.slice(0, 16)}Z`,
  ];
  if (made !== undefined && drilled !== undefined) return { ...base, state: 'done', seen };
  const acts =
    made === undefined && !status.sealed
      ? ([{ act: 'backup-key-share', title: 'Back up the key share', action: 'backup', fields: {} }] as const)
      : [];
  const remedies = [
    ...(made === undefined ? ['back up the key share, and keep two copies off this machine'] : []),
    'hold a drill at a terminal: `mpc_operator backup verify --input FILE --identity IDENTITY`',
  ];
  return { ...base, state: 'open', seen, remedies, acts };
}

function usersStep({ users: { users, single_operator } }: SetUpFacts): SetUpStep {
  const active = users.filter(({ state }) => state !== 'disabled');
  const roles = new Set(active.filter(({ role }) => role !== 'observer').map(({ role }) => role));
  const isDone = single_operator || roles.size > 1;
  const seen = active.map(({ user, role }) => `user ${user} is ${role}`);
  return {
    ...{ ...NOTHING, id: 'users', title: 'Users', command: 'user create --username NAME --role security-officer' },
    state: isDone ? 'done' : 'open',
    seen: single_operator ? [...seen, 'the configuration says that one person runs this node'] : seen,
    remedies: isDone
      ? []
      : ['invite a second person of another role: a restore, the policy and enabling the service take two'],
    link: { href: '/security/users', text: 'Users' },
  };
}
