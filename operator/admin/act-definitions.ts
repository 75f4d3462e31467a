// Every act that the web admin offers: its name, the fields of its form, what it will do in plain words, and the command that does
// the same at a terminal. What an act does is what the command of its name does; nothing is done here.
import type { Action } from '../accounts/permissions.ts';
import type { CommandName, CommandParams } from '../runtime/command-types.ts';

/** How a form's field becomes a parameter. An empty optional field is left out; `list`: one value a line. */
export type FieldKind = 'text' | 'number' | 'flag' | 'list' | 'json' | 'time' | 'nullable-text';

/** One act. */
export interface ActDefinition<C extends CommandName> {
  /** The text of its button: a verb and its object. */
  readonly title: string;
  readonly fields: { readonly [F in keyof CommandParams<C>]?: FieldKind };
  /** Sentences that tell the person the effect of the act. */
  readonly says: (params: CommandParams<C>) => readonly string[];
  /** The same at a terminal, without `mpc_operator`. */
  readonly terminal: (params: CommandParams<C>) => string;
  /** Begins without a second factor: it moves no bitcoin and changes nothing that is hard to change back. */
  readonly isLight?: true;
  /** What the result holds is for the eyes of whoever asked alone, and is shown once. */
  readonly isSecret?: true;
  /** What a role must allow for it here, where the command itself asks nobody to sign in. */
  readonly action?: Action;
}

/** Words for a POSIX shell. */
export function shellWord(word: string | number): string {
  const text = String(word);
  return /^[\w./:=@,+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function option(name: string, value: string | number | undefined | null): string {
  return value === undefined || value === null ? '' : ` --${name} ${shellWord(value)}`;
}

const noFields = {};

const KEY_ACTS = {
  dkg: {
    title: 'Begin a key ceremony',
    fields: { ceremony_id: 'text', rehearsal: 'flag', wait_s: 'number' },
    says: ({ ceremony_id, rehearsal, wait_s }) => [
      rehearsal
        ? `This node joins the rehearsal ${ceremony_id}: everything is done, and the keys are destroyed at its end.`
        : `This node joins the key ceremony ${ceremony_id}: it makes the keys that will hold the bitcoin.`,
      `It waits up to ${Math.round(wait_s / 60)} min for all other nodes to begin with the same name and parameters.`,
    ],
    terminal: ({ ceremony_id, rehearsal, wait_s }) =>
      `dkg --ceremony-id ${shellWord(ceremony_id)}${rehearsal ? ' --rehearsal' : ''} --wait ${wait_s}`,
  },
  'ceremony-abandon': {
    title: 'Abandon a key ceremony',
    fields: { ceremony_id: 'text' },
    says: ({ ceremony_id }) => [
      `This node takes no further part in ${ceremony_id}, and destroys what it holds of its keys.`,
      'If this node had confirmed already, the others may go on with the keys without it.',
    ],
    terminal: ({ ceremony_id }) => `ceremony abandon ${shellWord(ceremony_id)}`,
  },
  'ceremony-recover': {
    title: 'Recover a key from an exported ceremony',
    fields: { file: 'json' },
    says: () => ['The key of this exported ceremony becomes the live key of this node again, with its shares.'],
    terminal: () => 'ceremony recover FILE',
  },
  'treasury-open': {
    title: 'Open the treasury',
    fields: { wait_s: 'number' },
    says: () => [
      'All nodes sign which payment begins the treasury line. From then on, every payout comes out of that line.',
      'This cannot be undone: the line has one beginning for the life of the key.',
    ],
    terminal: ({ wait_s }) => `treasury open --wait ${wait_s}`,
  },
  seal: {
    title: 'Seal this node',
    fields: noFields,
    says: () => [
      'The keys leave the memory of this node. It signs nothing and its peers cannot reach it until somebody unseals it.',
    ],
    terminal: () => 'seal',
  },
  'backup-key-share': {
    title: 'Back up the key share',
    fields: { recipient: 'text' },
    says: ({ recipient }) => [
      `The key material of this node is encrypted for ${recipient}; only the holder of that identity can open it.`,
      'The page then offers the file. Keep it off this machine, and try it with a drill.',
    ],
    terminal: ({ recipient }) => `backup key-share --output FILE --recipient ${shellWord(recipient)}`,
  },
} as const satisfies { readonly [C in CommandName]?: ActDefinition<C> };

const MONEY_ACTS = {
  'deposit-address': {
    title: 'Derive a deposit address',
    fields: { recipient: 'text' },
    says: ({ recipient }) => [`All nodes will watch the deposit address of ${recipient}.`],
    terminal: ({ recipient }) => `deposit-address --recipient ${shellWord(recipient)}`,
    isLight: true,
  },
  attest: {
    title: 'Attest a deposit',
    fields: { txid: 'text', vout: 'number', recipient: 'text', amount: 'text', test: 'flag' },
    says: ({ txid, vout, amount, recipient, test }) => [
      `${test ? 'A test attestation, which mints nothing,' : 'An attestation'} of ${amount} sats in ${txid}:${vout} for ${recipient} is signed.`,
    ],
    terminal: ({ txid, vout, recipient, amount, test }) =>
      `${test ? 'test-attestation' : 'attest'} --txid ${txid} --vout ${vout} --recipient ${recipient} --amount ${amount}`,
  },
  withdraw: {
    title: 'Pay waiting burns',
    fields: { burn_txids: 'list' },
    says: ({ burn_txids }) => [
      burn_txids.length === 0
        ? 'All burns that wait and may be paid are paid in the next step of the treasury line.'
        : `These burns are paid in the next step of the treasury line: ${burn_txids.join(', ')}.`,
    ],
    terminal: ({ burn_txids }) => `withdraw${burn_txids.length === 0 ? '' : ` --burn ${burn_txids.join(' ')}`}`,
  },
  bump: {
    title: 'Raise the fee of the waiting step',
    fields: { fee_rate: 'number' },
    says: ({ fee_rate }) => [
      `The step of the treasury line that waits is replaced by one that pays ${fee_rate === undefined ? 'the next higher fee rate, or the estimate' : `${fee_rate} sat/vB`}.`,
    ],
    terminal: ({ fee_rate }) => `bump${option('fee-rate', fee_rate)}`,
  },
  hold: {
    title: 'Hold a burn',
    fields: { burn_txid: 'text', reason: 'text' },
    says: ({ burn_txid }) => [`This node signs no payout of the burn ${burn_txid} until somebody releases it here.`],
    terminal: ({ burn_txid, reason }) => `hold ${shellWord(burn_txid)}${option('reason', reason)}`,
  },
  unhold: {
    title: 'Release a burn',
    fields: { burn_txid: 'text' },
    says: ({ burn_txid }) => [`This node signs a payout of the burn ${burn_txid} again.`],
    terminal: ({ burn_txid }) => `unhold ${shellWord(burn_txid)}`,
  },
  void: {
    title: 'Void all unmined steps',
    fields: { reason: 'text' },
    says: () => [
      'All nodes are asked to sign one step that makes every signed and unmined step of the treasury line worthless.',
      'Each signing operator has to approve it. Burns that those steps would have paid wait again.',
    ],
    terminal: ({ reason }) => `void${option('reason', reason)}`,
  },
  veto: {
    title: 'Veto a payout',
    fields: { burn_txid: 'text', reason: 'text' },
    says: ({ burn_txid }) => [
      `All nodes are told that this operator vetoes the payout of the burn ${burn_txid}, with the reason.`,
      'The veto ends after 24 h, or once enough operators approve the payout all the same.',
    ],
    terminal: ({ burn_txid, reason }) => `veto ${shellWord(burn_txid)}${option('reason', reason)}`,
  },
  'requests-approve': {
    title: 'Approve a request',
    fields: { id: 'text' },
    says: ({ id }) => [`This node may sign what request ${id} asks for.`],
    terminal: ({ id }) => `requests approve ${shellWord(id)}`,
  },
  'requests-refuse': {
    title: 'Refuse a request',
    fields: { id: 'text', reason: 'text' },
    says: ({ id }) => [`This node does not sign what request ${id} asks for. This is final.`],
    terminal: ({ id, reason }) => `requests refuse ${shellWord(id)}${option('reason', reason)}`,
  },
  'consolidate-fees': {
    title: 'Pay out the surplus',
    fields: { address: 'text', fee_rate: 'number' },
    says: ({ address }) => [`A step of the treasury line pays the surplus above the reserve to ${address}.`],
    terminal: ({ address, fee_rate }) =>
      `consolidate-fees --address ${shellWord(address)}${option('fee-rate', fee_rate)}`,
  },
  'test-burn': {
    title: 'Sign a test payout',
    fields: { txid: 'text', address: 'text', amount: 'text', fee: 'text', broadcast: 'flag' },
    says: ({ amount, address }) => [
      `A payout of ${amount} sats to ${address} is signed with an input that cannot exist, so it can never be mined.`,
    ],
    terminal: ({ txid, address, amount, fee, broadcast }) =>
      `test-burn --txid ${shellWord(txid)} --address ${shellWord(address)} --amount ${amount} --fee ${fee}${broadcast ? ' --broadcast' : ''}`,
  },
  'test-consolidate-fees': {
    title: 'Sign a test consolidation',
    fields: { address: 'text', broadcast: 'flag' },
    says: ({ address }) => [
      `A consolidation to ${address} is signed with an input that cannot exist, so it can never be mined.`,
    ],
    terminal: ({ address, broadcast }) =>
      `test-consolidate-fees --address ${shellWord(address)}${broadcast ? ' --broadcast' : ''}`,
  },
} as const satisfies { readonly [C in CommandName]?: ActDefinition<C> };

const NODE_ACTS = {
  'enable-service': {
    title: 'Enable the service',
    fields: noFields,
    says: () => ['This node signs real attestations and payouts by itself, and serves the public API.'],
    terminal: () => 'enable-service',
  },
  'disable-service': {
    title: 'Disable the service',
    fields: noFields,
    says: () => ['This node signs no new attestations and closes its public API. Payouts of burns go on.'],
    terminal: () => 'disable-service',
  },
  'emergency-pause': {
    title: 'Pause signing',
    fields: { reason: 'text', federation: 'flag' },
    says: ({ federation }) => [
      'This node signs nothing from now on. Transactions that are signed already can still be mined.',
      ...(federation ? ['All other nodes are asked to stop as well; each goes on once its own operator resumes.'] : []),
    ],
    terminal: ({ reason, federation }) =>
      `emergency pause${option('reason', reason)}${federation ? ' --federation' : ''}`,
  },
  'emergency-resume': {
    title: 'Resume signing',
    fields: noFields,
    says: () => [
      'This node signs again. For 24 h it ignores further federation pauses of the operators whose pause this ends.',
    ],
    terminal: () => 'emergency resume',
  },
  'policy-set': {
    title: 'Change the policy',
    fields: { name: 'text', values: 'list' },
    says: ({ name, values }) => [
      `${name} becomes ${values.join(', ')} on this node.`,
      'Approvals that were given under the policy of before are void.',
    ],
    terminal: ({ name, values }) => `policy set ${shellWord(name)} ${values.map(shellWord).join(' ')}`,
  },
  'tls-rotate': {
    title: 'Renew the TLS certificate',
    fields: noFields,
    says: () => [
      'This node makes a new certificate and announces it. Old and new hold side by side until all peers have it.',
    ],
    terminal: () => 'tls rotate',
  },
  'peer-add': {
    title: 'Add an operator card',
    fields: { card: 'json', replace: 'flag' },
    says: () => [
      'This node takes messages of this operator. Read the fingerprint words aloud with its owner before you confirm.',
    ],
    terminal: ({ replace }) => `peer add CARD${replace ? ' --replace' : ''}`,
  },
  'checklist-confirm': {
    title: 'Confirm a box of the checklist',
    fields: { box: 'text', note: 'text' },
    says: ({ box }) => [`The box ${box} is ticked, with this note and your name.`],
    terminal: ({ box, note }) => `checklist confirm ${box}${option('note', note)}`,
    isLight: true,
  },
  'test-communication': {
    title: 'Test the way to all peers',
    fields: { rounds: 'number' },
    says: () => ['Every peer is asked for an answer, and how long it takes is measured.'],
    terminal: ({ rounds }) => `test-communication --rounds ${rounds}`,
    isLight: true,
    action: 'test',
  },
  'test-signing': {
    title: 'Sign a test message',
    fields: { message: 'text' },
    says: () => ['Both keys sign a test message, which no ledger and no Bitcoin node takes for anything else.'],
    terminal: ({ message }) => `test-signing --message ${shellWord(message)}`,
    isLight: true,
  },
} as const satisfies { readonly [C in CommandName]?: ActDefinition<C> };

const PEOPLE_ACTS = {
  'user-set-role': {
    title: 'Give a user another role',
    fields: { user: 'text', role: 'text' },
    says: ({ user, role }) => [`${user} becomes ${role}. Their sessions end.`],
    terminal: ({ user, role }) => `user set-role ${user} --role ${role}`,
  },
  'user-reset': {
    title: 'Let a user set something anew',
    fields: { user: 'text', kind: 'text' },
    says: ({ user, kind }) => [
      `A code is made with which ${user} sets a new ${kind === 'totp' ? 'authenticator' : 'password'} within 24 h. Give it to that person alone.`,
    ],
    terminal: ({ user, kind }) => `user reset-${kind} ${user}`,
    isSecret: true,
  },
  'user-unlock': {
    title: 'Unlock a user',
    fields: { user: 'text' },
    says: ({ user }) => [`The failed attempts of ${user} are forgotten.`],
    terminal: ({ user }) => `user unlock ${user}`,
  },
  'user-disable': {
    title: 'Disable a user',
    fields: { user: 'text' },
    says: ({ user }) => [`${user} can no longer sign in. Their sessions end.`],
    terminal: ({ user }) => `user disable ${user}`,
  },
  'user-enable': {
    title: 'Enable a user',
    fields: { user: 'text' },
    says: ({ user }) => [`${user} can sign in again.`],
    terminal: ({ user }) => `user enable ${user}`,
  },
  'user-delete': {
    title: 'Delete a user',
    fields: { user: 'text' },
    says: ({ user }) => [`${user} is removed with all passkeys, codes and sessions. The audit log keeps the name.`],
    terminal: ({ user }) => `user delete ${user}`,
  },
  escalate: {
    title: 'Open an incident',
    fields: { level: 'number', summary: 'text' },
    says: ({ level }) => [`All operators are told of an incident of level ${level}; their timers begin.`],
    terminal: ({ level, summary }) => `escalate --level ${level}${option('summary', summary)}`,
    isLight: true,
  },
  'incident-acknowledge': {
    title: 'Acknowledge the incident',
    fields: { id: 'text', text: 'text' },
    says: ({ id }) => [`All operators are told that somebody here has taken incident ${id}.`],
    terminal: ({ id, text }) => `incident acknowledge ${id}${option('text', text)}`,
    isLight: true,
  },
  'incident-respond': {
    title: 'Give the first response',
    fields: { id: 'text', text: 'text' },
    says: ({ id }) => [`All operators get this response to incident ${id}.`],
    terminal: ({ id, text }) => `incident respond ${id}${option('text', text)}`,
    isLight: true,
  },
  'incident-plan': {
    title: 'Give the plan',
    fields: { id: 'text', text: 'text' },
    says: ({ id }) => [`All operators get this plan for incident ${id}.`],
    terminal: ({ id, text }) => `incident plan ${id}${option('text', text)}`,
    isLight: true,
  },
  'incident-close': {
    title: 'Close the incident',
    fields: { id: 'text', text: 'text' },
    says: ({ id }) => [`Incident ${id} ends for all operators, with this review.`],
    terminal: ({ id, text }) => `incident close ${id}${option('review', text)}`,
    isLight: true,
  },
  'incident-test-notify': {
    title: 'Send a test notification',
    fields: noFields,
    says: () => ['The notify_command of this node is run once with a test message.'],
    terminal: () => 'incident test-notify',
    isLight: true,
  },
  'ceremony-schedule': {
    title: 'Propose a date of the key ceremony',
    fields: { at: 'time', backup: 'time', ceremony_id: 'nullable-text' },
    says: ({ at, backup }) => [`All operators are asked to accept ${at}, with ${backup} as the second date.`],
    terminal: ({ at, backup, ceremony_id }) =>
      `ceremony schedule --at ${shellWord(at)} --backup ${shellWord(backup)}${option('ceremony-id', ceremony_id)}`,
    isLight: true,
  },
  'ceremony-schedule-answer': {
    title: 'Answer a proposed date',
    fields: { id: 'nullable-text', answer: 'text', reason: 'text' },
    says: ({ answer }) => [`All operators are told that the date is ${answer} here.`],
    terminal: ({ id, answer, reason }) =>
      `ceremony schedule ${answer === 'accepted' ? 'accept' : 'refuse'}${id === null ? '' : ` ${id}`}${option('reason', reason)}`,
    isLight: true,
  },
} as const satisfies { readonly [C in CommandName]?: ActDefinition<C> };

/** Every act by its command. */
export const ACT_DEFINITIONS = { ...KEY_ACTS, ...MONEY_ACTS, ...NODE_ACTS, ...PEOPLE_ACTS } as const;
export type ActCommand = keyof typeof ACT_DEFINITIONS;

/** Whether the web admin has an act of this name. */
export function isActCommand(name: string): name is ActCommand {
  return Object.hasOwn(ACT_DEFINITIONS, name);
}

/** The definition of an act, for parameters that the schema of its command has checked. */
export interface AnyActDefinition {
  readonly title: string;
  readonly fields: Readonly<Record<string, FieldKind>>;
  // Methods, whose parameters may be those of any one act.
  says(params: CommandParams<ActCommand>): readonly string[];
  terminal(params: CommandParams<ActCommand>): string;
  readonly isLight?: true;
  readonly isSecret?: true;
  readonly action?: Action;
}

/** The definition of an act. */
export function actDefinition(command: ActCommand): AnyActDefinition {
  return ACT_DEFINITIONS[command];
}
