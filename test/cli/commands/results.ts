// Results as a node gives them, one for each command, for tests of how they are printed.
import type { CommandResults, Notice, Problem } from '../../../operator/runtime/command-types.ts';

export const TXID = 'ab'.repeat(32);
export const BURN = 'cd'.repeat(32);
export const RECIPIENT = '1f'.repeat(32);
const SIGNING = { signers: [0, 2], excluded: [{ index: 1, reason: 'unreachable' }], duration_ms: 1234 };
const AT = '2026-03-01T08:30:00.000Z';

const helpful = {
  ...{ index: 1, name: 'Beta', answered: 40, slow: 0, silent: 0, refused: 0, lying: 0, usual_ms: 105, last: null },
};
const liar = {
  ...{ index: 2, name: 'Gamma', answered: 31, slow: 4, silent: 0, refused: 0, lying: 2, usual_ms: 130 },
  last: { fault: 'lying' as const, reason: 'bad_share', detail: 'gave a wrong partial signature', at: AT },
};

export const sealedPeer: Problem = {
  ...{ code: 'peer_unreachable', severity: 'error', subject: 'operator 2 (Gamma)', since: AT },
  cause: 'it does not answer',
  action: 'ask its operator',
};

export const serviceOff: CommandResults['service-status'] = {
  ...{ state: 'off', since: null, paused_since: null, first_enabled_at: null, missing: null },
  does: ['It signs nothing real.'],
  would_begin: ['It attests deposits by itself.', 'Waiting now: 2 deposits to attest, 1 burn to pay.'],
  peers: [
    { index: 1, name: 'Beta', state: 'enabled', heard_at: AT, counts: true, paused: false },
    { index: 2, name: 'Gamma', state: 'enabled', heard_at: AT, counts: false, paused: false },
  ],
  ...{ enabled: 1, threshold: 2, participants: 3, open: false },
};

export const serviceOn: CommandResults['service-status'] = {
  ...serviceOff,
  ...{ state: 'enabled', since: AT, first_enabled_at: AT, does: ['It attests deposits by itself.'], would_begin: [] },
  ...{ enabled: 2, open: true },
};

export const emergency: CommandResults['emergency-status'] = {
  pauses: [{ scope: 'federation', asked_by: 2, reason: 'a copied key file', since: AT }],
  ignored: [{ asked_by: 1, reason: 'again', since: AT, until: AT }],
  peers: [
    { index: 1, name: 'Beta', paused_since: AT, heard_at: AT },
    { index: 2, name: 'Gamma', paused_since: null, heard_at: null },
  ],
};

export const policy: CommandResults['policy-show'] = {
  file: '/home/op/config.json',
  values: [
    { name: 'day_max_sats', value: 500, what: 'a number' },
    { name: 'hold_above_sats', value: null, what: 'a number' },
    { name: 'consolidate_addresses', value: [], what: 'a list' },
  ],
  deposit_min_sats: '1000',
  signed_today_sats: '300',
};

export const unopened: Notice = {
  ...{ code: 'treasury_not_open', subject: 'treasury', since: AT, cause: 'it is not open yet' },
  action: 'run `mpc_operator treasury open`',
};
export const openPort: Notice = {
  ...{ code: 'open_to_all', subject: 'this node', since: AT, cause: 'its peer port is open on all interfaces' },
  action: 'set "listen_address"',
};

export const status: CommandResults['status'] = {
  version: '0.1.0',
  network: 'regtest',
  my_index: 0,
  name: 'Alpha',
  threshold: 2,
  participants: 3,
  running: true,
  sealed: false,
  started_at: AT,
  listening: '0.0.0.0:50051',
  key_id: '0011223344556677',
  peers_known: 3,
  peers: [
    {
      ...{ index: 1, name: 'Beta', address: 'beta:50051', reachable: true, since: null, detail: '' },
      ...{
        answered_at: '2026-03-01T11:59:56.000Z',
        heard_at: '2026-03-01T11:59:56.000Z',
        phase: 'live',
        paused_since: null,
      },
      ...{ version: '0.1.0', key_id: null, bitcoin_height: 812, recipients: 3, head: { epoch: 1, seq: 523 } },
      clock_offset_ms: -180,
    },
    {
      ...{
        index: 2,
        name: 'Gamma',
        address: 'gamma:50051',
        reachable: false,
        since: AT,
        detail: 'unreachable: refused',
      },
      ...{
        answered_at: null,
        heard_at: null,
        phase: null,
        paused_since: null,
        version: null,
        key_id: null,
        bitcoin_height: null,
      },
      ...{ recipients: null, head: null, clock_offset_ms: null },
    },
  ],
  ceremonies: [
    {
      ...{ ceremony_id: 'initial-dkg', rehearsal: false, phase: 'lobby', attempt: null, coordinator: null },
      ...{ key_id: null, transcript_hash: null, detail: 'joined; waiting for Gamma', created_at: AT, updated_at: AT },
      steps: [{ step: 'lobby', at: AT }],
      participants: [{ index: 2, name: 'Gamma', state: 'awaited', detail: 'has not joined', since: AT }],
    },
  ],
  bitcoin: [
    {
      ...{ url: 'http://localhost:8332', ok: true, height: 812, detail: '', since: null },
      answered_at: '2026-03-01T11:59:59.000Z',
    },
  ],
  wire: [
    {
      ...{ url: 'http://localhost:7000', ok: false, height: null, detail: 'connection refused', since: AT },
      answered_at: '2026-03-01T11:56:40.000Z',
    },
  ],
  scan: { height: 809, tip: 812 },
  treasury: { state: 'funded', detail: 'funded, 3 of 12 confirmations' },
  custody: null,
  service: serviceOff,
  deposits: { pending: 2, minted: 5 },
  withdrawals: {},
  burns_waiting: 1,
  clock: { now: '2026-03-01T12:00:00.000Z', peers: [{ index: 1, offset_ms: -180 }], set: null },
  audit_head: { seq: 17, hash: 'ee'.repeat(32) },
  backups: { key_share: AT, database: null, drill: null },
  certificate_expires_at: '2027-03-01T12:00:00.000Z',
  rejections: { replay: 3, bad_signature: 0 },
  accounts: { users: 0, admins: 0, locked: [], single_operator: false, fault: null },
  signers: [helpful, liar],
  notices: [],
  problems: [],
};

export const custody: NonNullable<CommandResults['status']['custody']> = {
  ...{ total: '150000000', treasury: '100000000', unswept: '49000000', strays: '1000000' },
  ...{ owed: '149000000', attested: '200000000', redeemed: '51000000', excess: '1000000', is_complete: true },
};

export const checklist: CommandResults['checklist'] = {
  boxes: [
    {
      ...{
        box: 'channel',
        title: 'Secure communication channel is established',
        ticked: true,
        needs_confirmation: true,
      },
      items: [{ ok: true, text: 'Operators answer: all 2 answer' }],
      confirmation: { at: AT, by: 'sam', note: 'twelve words by phone', is_current: true },
      action: null,
    },
    {
      ...{ box: 'bitcoin', title: 'Bitcoin nodes are fully synced', ticked: true, needs_confirmation: false },
      ...{ items: [], confirmation: null, action: null },
    },
  ],
  ...{ ticked: 2, total: 2 },
};
export const checklistOpen: CommandResults['checklist'] = {
  boxes: [
    {
      ...{ box: 'emergency', title: 'Emergency procedures are documented', ticked: false, needs_confirmation: true },
      ...{ items: [], confirmation: { at: AT, by: null, note: 'a call', is_current: false } },
      action: 'run: mpc_operator checklist confirm emergency --note TEXT',
    },
    {
      ...{ box: 'monitoring', title: 'Monitoring is active', ticked: false, needs_confirmation: false },
      items: [
        { ok: false, text: 'the metrics were read never since the start' },
        { ok: true, text: 'Alertmanager is ready' },
      ],
      ...{ confirmation: null, action: null },
    },
  ],
  ...{ ticked: 0, total: 2 },
};

export const securityCheck: CommandResults['security-check'] = {
  server: true,
  checks: [
    {
      ...{ id: 'core_dumps', title: 'Core dumps', verdict: 'fail', seen: 'on: one would hold the keys' },
      action: 'put LimitCORE=0 into its unit',
    },
    { id: 'swap', title: 'Swap', verdict: 'warn', seen: '/dev/sda2 is not encrypted', action: 'run `swapoff -a`' },
    { id: 'drill', title: 'Restore drill', verdict: 'pass', seen: 'held today', action: null },
  ],
  counts: { fail: 1, warn: 1, pass: 1 },
};

export const keyInfo: CommandResults['key-info'] = {
  keys: [
    {
      key_id: '0011223344556677',
      ceremony_id: 'initial-dkg',
      status: 'live',
      threshold: 2,
      participants: 3,
      my_index: 0,
      bitcoin_public_key: `02${'11'.repeat(32)}`,
      attestation_public_key: '22'.repeat(32),
      transcript_hash: '33'.repeat(32),
      created_at: AT,
      shares_held: true,
      shares_valid: true,
      treasury_address: 'bcrt1ptreasury',
    },
  ],
};

export const treasury: CommandResults['treasury'] = {
  network: 'regtest',
  key_id: '0011223344556677',
  address: 'bcrt1ptreasury',
  amount_min: '20000',
  state: 'not_funded',
  confirmations: 0,
  confirmations_needed: 12,
  too_small: null,
  root: null,
  missing: [],
  tip: null,
  balance: null,
  surplus: null,
  fee_reserve: '100000',
  consolidate_addresses: ['bcrt1qagreed'],
  waiting: null,
  strays: { count: 0, amount: '0' },
};
export const treasuryOpening: CommandResults['treasury'] = {
  ...treasury,
  state: 'opening',
  confirmations: 14,
  root: { txid: TXID, vout: 1, amount: '25000' },
  missing: [{ index: 2, name: 'Gamma', detail: 'does not answer' }],
};
export const treasuryOpen: CommandResults['treasury'] = {
  ...treasuryOpening,
  state: 'open',
  missing: [],
  tip: { txid: TXID, vout: 1, depth: 0 },
  balance: '25000',
  surplus: '15000',
};

export const peerList: CommandResults['peer-list'] = {
  peers: [
    {
      index: 0,
      name: 'Alpha',
      address: 'one.example.com:50051',
      fingerprint: 'acid adult',
      self: true,
      certificate_expires_at: AT,
    },
  ],
  missing: [1, 2],
};

export const dkg: CommandResults['dkg'] = {
  ceremony_id: 'initial-dkg',
  rehearsal: false,
  coordinator: 1,
  key_id: '0011223344556677',
  bitcoin_public_key: `02${'11'.repeat(32)}`,
  attestation_public_key: '22'.repeat(32),
  transcript_hash: '33'.repeat(32),
  proven: [
    [0, 1],
    [1, 2],
  ],
  duration_ms: 64_000,
};

const ceremony: CommandResults['ceremony-show']['ceremony'] = {
  ceremony_id: 'initial-dkg',
  rehearsal: false,
  steps: [],
  participants: [],
  phase: 'live',
  attempt: '44'.repeat(16),
  coordinator: 1,
  key_id: '0011223344556677',
  transcript_hash: '33'.repeat(32),
  detail: '',
  created_at: AT,
  updated_at: AT,
};
export const ceremonyList: CommandResults['ceremony-list'] = { ceremonies: [ceremony] };
export const ceremonyShow: CommandResults['ceremony-show'] = { ceremony, file: { v: 1, b: 2, a: [1] } };
export const ceremonyRecover: CommandResults['ceremony-recover'] = {
  ceremony_id: 'initial-dkg',
  key_id: '0011223344556677',
  bitcoin_public_key: `02${'11'.repeat(32)}`,
  attestation_public_key: '22'.repeat(32),
  transcript_hash: '33'.repeat(32),
  shares: 'recovered',
};
export const ceremonyRunning: CommandResults['ceremony-show'] = {
  ceremony: { ...ceremony, phase: 'round1', key_id: null, transcript_hash: null },
  file: null,
};

const reached = {
  index: 1,
  name: 'Beta',
  address: 'two.example.com:50051',
  reachable: true,
  fits: true,
  detail: 'reachable',
  version: '0.1.0',
  certificate_days_left: 300.4,
  clock_offset_ms: -12.4,
  round_trip_ms: { min: 1.24, median: 2, max: 10.06 },
  signing: { ...liar, index: 1, name: 'Beta' },
};
const silent = {
  index: 2,
  name: 'Gamma',
  address: 'three.example.com:50051',
  reachable: false,
  fits: false,
  detail: 'connection refused',
  version: null,
  certificate_days_left: null,
  clock_offset_ms: null,
  round_trip_ms: null,
  signing: null,
};
export const communication: CommandResults['test-communication'] = { peers: [reached], ok: true };
export const communicationUnfit: CommandResults['test-communication'] = {
  peers: [{ ...reached, fits: false, detail: "its clock is 10.0 s ahead of this node's" }],
  ok: false,
};
export const communicationBroken: CommandResults['test-communication'] = { peers: [reached, silent], ok: false };

const signed = { ...SIGNING, signature: '55'.repeat(64), public_key: '66'.repeat(32), signed: '77'.repeat(32) };
export const testSigning: CommandResults['test-signing'] = {
  message: 'test message',
  bitcoin: signed,
  attestation: { ...signed, signature: '88'.repeat(64) },
};

export const depositAddress: CommandResults['deposit-address'] = {
  recipient: RECIPIENT,
  address: 'bcrt1pdeposit',
  script: `5120${'99'.repeat(32)}`,
};

export const attest: CommandResults['attest'] = {
  attestation: {
    deposit_txid: TXID,
    deposit_vout: 0,
    amount: '100000000',
    signature: '55'.repeat(64),
    expiry: '1795466938',
  },
  test: false,
  submitted: true,
  detail: 'minted at height 9',
  signing: SIGNING,
};

const step: CommandResults['bump']['step'] = {
  txid: TXID,
  kind: 'payout',
  burns: [
    { burn_txid: BURN, address: 'bcrt1qpayee', amount: '50000000', fee: '1000' },
    { burn_txid: 'ce'.repeat(32), address: null, amount: null, fee: null },
  ],
  swept: 3,
  miner_fee: '310',
  fee_rate: 2,
  vsize: 155,
  broadcast: true,
  detail: '',
  signing: SIGNING,
};
const poor: CommandResults['withdrawals-waiting']['waiting'][number] = {
  burn_txid: 'cf'.repeat(32),
  reason: 'fee_too_small',
  missing_sats: '120',
  fee_rate: 1.5,
  remedy: 'it is paid once the fee rate is 1.5 sat/vB or less',
  top_up_address: null,
};
const broke: CommandResults['withdrawals-waiting']['waiting'][number] = {
  burn_txid: null,
  reason: 'no_funds',
  missing_sats: '4000',
  fee_rate: null,
  remedy: 'top up the treasury with 4000 sats or more',
  top_up_address: 'bcrt1ptreasury',
};

export const withdraw: CommandResults['withdraw'] = { status: 'new', step, left: [poor] };
export const bump: CommandResults['bump'] = { step, left: [] };
export const hold: CommandResults['hold'] = {
  burn_txid: BURN,
  held: true,
  known: true,
  signed_step: null,
  holds_needed: 2,
};
export const unhold: CommandResults['unhold'] = { burn_txid: BURN, held: false };
export const waiting: CommandResults['withdrawals-waiting'] = { waiting: [poor, broke] };

export const REQUEST = '0d'.repeat(16);
const request: CommandResults['requests-show']['request'] = {
  id: REQUEST,
  kind: 'void',
  treasury: `${TXID}:0`,
  burn_txid: null,
  reason: 'a wrong estimate',
  asked_by: 2,
  created_at: AT,
  expires_at: '2026-03-02T08:30:00.000Z',
  decision: null,
  decision_reason: null,
  decided_at: null,
  outcome: { state: 'open', txid: null },
};
export const requestOpen: CommandResults['requests-show'] = { request };
export const requestApproved: CommandResults['requests-approve'] = {
  request: { ...request, decision: 'approved', decided_at: AT },
};
export const requestRefused: CommandResults['requests-refuse'] = {
  request: { ...request, decision: 'refused', decision_reason: 'the payout is right', decided_at: AT },
};
export const requestOvertaken: CommandResults['requests-show'] = {
  request: { ...request, decision: 'approved', decided_at: AT, outcome: { state: 'overtaken', txid: TXID } },
};
export const requestList: CommandResults['requests-list'] = { requests: [request], total: 1 };
export const voidAsked: CommandResults['void'] = {
  request: requestApproved.request,
  step: null,
  left: [],
  detail: 'the federation did not sign, because 1 of 2 answered',
};
export const voidMade: CommandResults['void'] = {
  ...voidAsked,
  step: { ...step, kind: 'void', burns: [], swept: 0 },
  detail: '',
};

const feeSums = { steps: 2, burn_fees: '3000', miner_fees: '620', top_ups: '5000', consolidated: '70000' };
export const fees: CommandResults['fees'] = {
  days: [{ date: '2026-03-01', ...feeSums, surplus: '107380' }],
  opening_surplus: '170000',
  total: feeSums,
  surplus: '107380',
  fee_reserve: '100000',
  above_reserve: '7380',
  incomplete_steps: 1,
};

const consolidation = { address: 'bcrt1qagreed', amount: '70000', surplus: '100000', reserve: '100000' };
export const consolidated: CommandResults['consolidate-fees'] = {
  ...consolidation,
  step: { ...step, kind: 'consolidate', burns: [], swept: 0 },
};

export const testBurn: CommandResults['test-burn'] = {
  txid: TXID,
  transaction: '0200',
  psbt: 'cHNidP8=',
  inputs: 2,
  miner_fee: '310',
  broadcast: false,
  detail: 'spends an outpoint that cannot exist',
  signing: SIGNING,
};

export const testConsolidation: CommandResults['test-consolidate-fees'] = { ...consolidation, ...testBurn };

const deposit = {
  txid: TXID,
  vout: 1,
  recipient: RECIPIENT,
  amount: '150000000',
  status: 'attested',
  attested_at: AT,
  minted_at: null,
  waits_for: 'Wire: its mint needs 3 confirmations on your Wire nodes',
};
export const deposits: CommandResults['deposits'] = { deposits: [deposit], total: 3 };
export const manyDeposits: CommandResults['deposits'] = {
  deposits: Array.from({ length: 1000 }, () => deposit),
  total: 1000,
};

export const withdrawals: CommandResults['withdrawals'] = {
  withdrawals: [
    {
      txid: TXID,
      kind: 'payout',
      status: 'mined',
      replaced_by: null,
      burns: [
        { burn_txid: BURN, address: 'bcrt1qpayee', amount: '50000000', fee: '1000' },
        { burn_txid: 'ce'.repeat(32), address: 'bcrt1qother', amount: '7000', fee: '500' },
      ],
      miner_fee: '310',
      fee_rate: 2,
      surplus: '9000',
      confirmations: 6,
      created_at: AT,
    },
    {
      txid: 'dc'.repeat(32),
      kind: null,
      status: 'replaced',
      replaced_by: TXID,
      burns: [],
      miner_fee: null,
      fee_rate: null,
      surplus: '8000',
      confirmations: 0,
      created_at: AT,
    },
  ],
  total: 2,
};

const ann = { name: 'Ann', email: 'ann@example.org', phone: '+49 30 1', messaging: 'Signal ann.42' };
const annOfBeta = { index: 1, name: 'Beta', own: false, role: 'technical_coordinator' as const, contact: ann };
const nobody = { index: 0, name: 'Alpha', own: true, role: null, contact: null };

export const contacts: CommandResults['contacts'] = {
  levels: [
    { level: 1, what: 'technical issue', role: 'technical_coordinator', operators: [nobody, annOfBeta] },
    { level: 2, what: 'security concern', role: 'security_officer', operators: [nobody] },
    { level: 3, what: 'critical emergency', role: 'emergency_contact', operators: [nobody] },
  ],
  cards: [],
  missing_cards: [2],
};

const openIncident: CommandResults['incident-show']['incident'] = {
  ...{ id: '0-1f2e3d4c', level: 3, summary: 'the vault burns', opened_by: 0, opened_by_name: 'Alpha', opened_at: AT },
  ...{ state: 'overdue', closed_at: null, review: null },
  deadlines: [
    { step: 'acknowledge', due: AT, done_at: null, overdue: true, missing: [2] },
    { step: 'respond', due: AT, done_at: AT, overdue: false, missing: [] },
    { step: 'plan', due: AT, done_at: null, overdue: false, missing: [] },
  ],
  timeline: [
    { at: AT, operator: 0, name: 'Alpha', kind: 'opened', text: 'the vault burns' },
    { at: AT, operator: 1, name: 'Beta', kind: 'responded', text: 'we stop' },
  ],
};
export const incident = { incident: openIncident };
export const incidents = { incidents: [openIncident], total: 1 };
export const incidentStep: CommandResults['incident-respond'] = {
  incident: openIncident,
  delivery: { told: [1], untold: [{ index: 2, name: 'Gamma', detail: 'no answer within 5000 ms' }] },
};
export const escalated: CommandResults['escalate'] = { ...incidentStep, contacts: [annOfBeta] };

const date: CommandResults['ceremony-schedule']['date'] = {
  ...{ id: '0-2f2e3d4c', ceremony_id: 'initial-dkg', at: AT, backup: '2026-03-03T08:30:00.000Z', proposed_by: 0 },
  ...{ proposed_by_name: 'Alpha', proposed_at: AT, accepted: 1, participants: 3, agreed: false },
  answers: [
    { index: 0, name: 'Alpha', answer: 'accepted', reason: null },
    { index: 1, name: 'Beta', answer: 'refused', reason: 'away' },
    { index: 2, name: 'Gamma', answer: null, reason: null },
  ],
};
export const scheduled: CommandResults['ceremony-schedule'] = { date, delivery: incidentStep.delivery };
export const schedule: CommandResults['ceremony-schedule-show'] = { current: date, proposals: [date] };
