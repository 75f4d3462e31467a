/** @jsxImportSource hono/jsx */
// How each field of an act is asked for: its label, its hint, and the control.
import type { FieldProps } from './kit.tsx';

type FieldLook = Omit<FieldProps, 'name' | 'value' | 'fault'>;

const REASON: FieldLook = { label: 'Reason', hint: 'It is kept in the audit log.', required: true };
const TOLD_REASON: FieldLook = { label: 'Reason', hint: 'All operators see it.', required: true };
const BURN: FieldLook = {
  label: 'Burn',
  hint: 'Its transaction id on Wire: 64 hexadecimal characters.',
  required: true,
};
const ADDRESS: FieldLook = { label: 'Bitcoin address', required: true };
const RATE: FieldLook = {
  label: 'Fee rate in sat/vB',
  hint: 'Empty: the next step up, or the estimate.',
  type: 'text',
};
const WAIT: FieldLook = { label: 'How long to wait for the other nodes, in seconds', type: 'number' };
const CEREMONY: FieldLook = {
  label: 'Name of the ceremony',
  hint: 'All operators agree on it and give the same.',
  required: true,
};
const USER: FieldLook = { label: 'User', required: true };
const INCIDENT: FieldLook = { label: 'Incident', required: true };
const BROADCAST: FieldLook = { label: 'Sign a real transaction and broadcast it (regtest only)', type: 'checkbox' };
const TIMELINE: FieldLook = { label: 'What to tell all operators', required: true };

const LOOKS: Readonly<Record<string, Readonly<Record<string, FieldLook>>>> = {
  dkg: {
    ceremony_id: CEREMONY,
    rehearsal: { label: 'A rehearsal: do everything, then destroy the keys', type: 'checkbox' },
    wait_s: WAIT,
  },
  'ceremony-abandon': { ceremony_id: CEREMONY },
  'ceremony-recover': {
    file: {
      label: 'The exported ceremony',
      hint: 'What another operator downloads under Ceremonies: paste all of it.',
      type: 'textarea',
      required: true,
      file: true,
    },
  },
  'treasury-open': { wait_s: WAIT },
  'backup-key-share': {
    recipient: {
      label: 'Recipient',
      hint: 'An age recipient (age1…), whose identity is kept off this machine.',
      required: true,
    },
  },
  'deposit-address': {
    recipient: { label: 'Recipient', hint: 'The hash of its public key: 64 hexadecimal characters.', required: true },
  },
  attest: {
    txid: { label: 'Transaction of the deposit', required: true },
    vout: { label: 'Output', type: 'number', required: true },
    recipient: { label: 'Recipient', required: true },
    amount: { label: 'Amount in sats', required: true },
    test: { label: 'A test attestation, which mints nothing', type: 'checkbox' },
  },
  withdraw: {
    burn_txids: { label: 'Burns', hint: 'One a line. Empty: all that wait and may be paid.', type: 'textarea' },
  },
  bump: { fee_rate: RATE },
  hold: { burn_txid: BURN, reason: REASON },
  unhold: { burn_txid: BURN },
  void: { reason: TOLD_REASON },
  veto: { burn_txid: BURN, reason: TOLD_REASON },
  'requests-approve': { id: { label: 'Request', required: true } },
  'requests-refuse': { id: { label: 'Request', required: true }, reason: REASON },
  'consolidate-fees': { address: ADDRESS, fee_rate: RATE },
  'test-consolidate-fees': { address: ADDRESS, broadcast: BROADCAST },
  'test-burn': {
    txid: BURN,
    address: ADDRESS,
    amount: { label: 'Burnt amount in sats', required: true },
    fee: { label: 'Fee in sats', required: true },
    broadcast: BROADCAST,
  },
  'emergency-pause': {
    reason: TOLD_REASON,
    federation: { label: 'Ask all other nodes to stop as well', type: 'checkbox' },
  },
  'policy-set': {
    name: { label: 'Value of the policy', required: true },
    values: { label: 'New value', hint: 'A number, "off", or for lists one a line.', type: 'textarea', required: true },
  },
  'peer-add': {
    card: {
      label: 'Operator card',
      hint: 'Paste all of it, from { to }.',
      type: 'textarea',
      required: true,
      file: true,
    },
    replace: { label: 'Replace the card that this node has', type: 'checkbox' },
  },
  'checklist-confirm': {
    box: { label: 'Box', required: true },
    note: { label: 'What you looked at', hint: 'It stands beside the tick with your name.', required: true },
  },
  'test-communication': { rounds: { label: 'Questions to each peer', type: 'number' } },
  'test-signing': { message: { label: 'Message', required: true } },
  'user-set-role': {
    user: USER,
    role: {
      label: 'Role',
      type: 'select',
      options: ['admin', 'operator', 'security-officer', 'observer'].map((role) => [role, role] as const),
    },
  },
  'user-reset': {
    user: USER,
    kind: {
      label: 'What they set anew',
      type: 'select',
      options: [
        ['password', 'a password'],
        ['totp', 'an authenticator app'],
      ],
    },
  },
  'user-unlock': { user: USER },
  'user-disable': { user: USER },
  'user-enable': { user: USER },
  'user-delete': { user: USER },
  escalate: {
    level: {
      label: 'Level',
      type: 'select',
      options: [
        ['1', '1: technical issue'],
        ['2', '2: security concern'],
        ['3', '3: critical emergency'],
      ],
    },
    summary: { label: 'What happened, in one line', required: true },
  },
  'incident-acknowledge': { id: INCIDENT, text: TIMELINE },
  'incident-respond': { id: INCIDENT, text: TIMELINE },
  'incident-plan': { id: INCIDENT, text: TIMELINE },
  'incident-close': {
    id: INCIDENT,
    text: { label: 'Review', hint: 'What happened, why, and what is changed.', required: true },
  },
  'ceremony-schedule': {
    at: { label: 'Date and time (UTC)', type: 'datetime-local', required: true },
    backup: { label: 'The date if the first one fails (UTC)', type: 'datetime-local', required: true },
    ceremony_id: { ...CEREMONY, required: false, hint: 'Empty: not agreed on yet.' },
  },
  'ceremony-schedule-answer': {
    id: { label: 'Proposal', hint: 'Empty: the newest.' },
    answer: {
      label: 'Answer',
      type: 'select',
      options: [
        ['accepted', 'accept'],
        ['refused', 'refuse'],
      ],
    },
    reason: TIMELINE,
  },
};

/** The fields of an act's form in its order. */
export function actFields(
  command: string,
  names: readonly string[],
  values: Readonly<Record<string, string>>,
  faults: Readonly<Record<string, string>>,
): readonly FieldProps[] {
  return names.map((name) => {
    const look = LOOKS[command]?.[name] ?? { label: name };
    const fault = faults[name];
    return { ...look, name, value: values[name] ?? '', ...(fault !== undefined && { fault }) };
  });
}
