// One well-formed body of each peer message, for the fuzz tests to spoil. The compiler holds the list against the
// message types, so that a new message cannot be forgotten.
import type { MessageBody, MessageType } from '../../ceremony/messages.ts';
import type { Json } from '../../crypto/canonical-json.ts';

const id = '0a'.repeat(16);
const hash = '0b'.repeat(32);
const signature = '0c'.repeat(64);
const nonce = { id, nonce: '02'.repeat(66) };

/** Intents of every kind. */
export const intents = {
  test_message: { kind: 'test_message', message: 'hello' },
  ceremony_proof: { kind: 'ceremony_proof', ceremony_id: 'ceremony-1', transcript_hash: hash },
  attestation: {
    kind: 'attestation',
    test: false,
    items: [{ txid: hash, vout: 1, recipient: hash, amount: '50000', expiry: '1700000000' }],
  },
  line: {
    kind: 'line',
    step: 'payout',
    test: true,
    treasury: { txid: hash, vout: 0, amount: '600000' },
    swept: [
      { txid: hash, vout: 2, amount: '5000', leaf: { kind: 'deposit', recipient: hash } },
      { txid: hash, vout: 4, amount: '600', leaf: { kind: 'treasury' } },
    ],
    burns: [
      {
        burn_txid: hash,
        nullifier: hash,
        address: 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080',
        amount: '500000',
        fee: '1000',
      },
    ],
    destination: { script: `5120${hash}`, amount: '499000' },
    fee: '500',
    surplus: '7000',
  },
} as const;

const request = {
  session: id,
  key_id: 'key-1',
  signers: [0, 2],
  boots: { '0': id, '2': id },
  messages: [{ nonce_ids: { '0': id, '2': id }, nonce_commitment: '02'.repeat(66) }],
};

type Samples = { readonly [T in MessageType]: readonly MessageBody<T>[] };

const typed: Samples = {
  dkg_join: [
    {
      parameters: {
        ...{ threshold: 2, deposit_min_sats: '1000', normal_confirmations: 6, fork_confirmations: 12 },
        ...{ wire_confirmations: 6, attestation_validity_s: 86_400, cards: [hash, hash] },
      },
      version: '0.1.0',
      rehearsal: false,
      joined_at: 1,
      now: 2,
      checks: [{ name: 'disk space', ok: true, detail: '1 GiB' }],
      heard: [0, 1],
      answer: true,
    },
  ],
  dkg_not_joined: [{}, { reason: 'key_live' }],
  dkg_start: [{ attempt: id }],
  dkg_round1: [{ attempt: id, pmsg1: '02'.repeat(200), ed25519_package: '01'.repeat(129) }],
  dkg_packages: [{ attempt: id, cmsg1: '02'.repeat(500), ed25519_packages: ['01'.repeat(129), '01'.repeat(129)] }],
  dkg_share: [{ attempt: id, box: '0d'.repeat(48), package_hash: hash }],
  dkg_share_received: [{ attempt: id }],
  dkg_round2: [{ attempt: id, pmsg2: signature, boxes: ['0d'.repeat(48)] }],
  dkg_investigate: [{ attempt: id }],
  dkg_investigation: [{ attempt: id, cinv: '0e'.repeat(65) }],
  dkg_certificate: [{ attempt: id, cmsg2: signature.repeat(3), boxes: [['0d'.repeat(48)]] }],
  dkg_confirm: [{ attempt: id, transcript_hash: hash, signature }],
  dkg_complete: [{ attempt: id, signatures: [signature, signature] }],
  dkg_done: [{ attempt: id }],
  dkg_abort: [{ attempt: id, reason: 'timeout', culprit: 1, suspects: [0, 2], detail: 'silent' }],
  nonce_request: [{ scheme: 'bip340', key_id: 'key-1', count: 4 }],
  nonces: [{ scheme: 'ed25519', key_id: 'key-1', boot: id, nonces: [nonce, { ...nonce, id: '0f'.repeat(16) }] }],
  sign_request: [
    { ...request, scheme: 'bip340', intent: intents.test_message },
    { ...request, scheme: 'ed25519', intent: intents.ceremony_proof },
    { ...request, scheme: 'ed25519', intent: { ...intents.attestation, items: [...intents.attestation.items] } },
    {
      ...request,
      scheme: 'bip340',
      intent: { ...intents.line, swept: [...intents.line.swept], burns: [...intents.line.burns] },
    },
  ],
  sign_response: [{ session: id, partials: [hash], nonces: [nonce] }],
  sign_refusal: [
    { session: id, reason: 'not_tip', detail: 'another step is the tip', data: { tip: hash, waiting: null } },
  ],
};

/** Every ceremony message's type with a body as it travels. */
export const ceremonySamples: readonly (readonly [string, Json])[] = Object.entries(typed).flatMap(([type, bodies]) =>
  bodies.map((body): readonly [string, Json] => [type, JSON.parse(JSON.stringify(body))]),
);

const beat = {
  head: { statement: {}, session: {} },
  seen: null,
  duplicate: { later: {}, earlier: { session: {}, envelope: {} } },
  other_start_ms: 40,
  phase: 'live',
  version: '0.1.0',
  now: 1,
  key_id: null,
  bitcoin_height: 3,
  service: 'enabled',
  pause: { id, reason: 'a copied key file' },
  paused_since: 4,
  recipients: 2,
};

const statement = { v: 1, network: 'regtest', key_id: '0d'.repeat(8), txid: hash, vout: 1, amount: '20000' };

/** The messages that belong to no ceremony. */
export const serviceSamples: readonly (readonly [string, Json])[] = [
  ['ping', {}],
  ['pong', { version: '0.1.0', now: 1, sealed: false, key_id: null, bitcoin_height: 3 }],
  ['announce_attestations', { attestations: [{ id: hash, deposit_vout: 1, signature }] }],
  ['announce_step', { intent: intents.line, transaction: '0200' }],
  ['line_request', { held: [hash], unlisted: [hash] }],
  ['line', { steps: [{ intent: intents.line, transaction: '0200' }], lists: [intents.line] }],
  [
    'announce_request',
    {
      id: 'a0'.repeat(16),
      kind: 'void',
      treasury: { txid: hash, vout: 0 },
      reason: 'a wrong estimate',
      open_ms: 1_000,
    },
  ],
  ['announce_veto', { burn_txid: hash, vetoed_by: 1, act: 'veto', reason: 'an unknown payee', open_ms: 5 }],
  ['veto_answer', { taken: false, detail: 'has no hold window here' }],
  ['announce_card', { card: { v: 1, index: 1, issued_at: 7 }, overlap_s: 3600 }],
  ['card_answer', { taken: false, detail: 'the card is older than the one that is here' }],
  [
    'announce_timeline',
    {
      entries: [
        { id: 'ab'.repeat(16), thread: '0-1f2e3d4c', kind: 'opened', level: 2, text: 'an unknown login', at: 1 },
        { id: 'ac'.repeat(16), thread: '0-1f2e3d4c', kind: 'closed', text: 'a test', at: 2 },
        {
          ...{ id: 'ad'.repeat(16), thread: '0-2f2e3d4c', kind: 'scheduled', ceremony_id: 'c-1', at: 3 },
          ...{ first_at: 4, backup_at: 5 },
        },
        { id: 'ae'.repeat(16), thread: '0-2f2e3d4c', kind: 'refused', text: 'we are away', at: 6 },
      ],
    },
  ],
  ['timeline_answer', { refused: [{ id: 'ab'.repeat(16), reason: 'timeline_limit' }] }],
  ['announce_proofs', { ceremony_id: 'c', bitcoin: signature, attestation: signature, subsets: [[0, 1], [2]] }],
  ['proofs_request', { ceremony_id: 'c' }],
  ['heartbeat', beat],
  ['heartbeat_reply', { ...beat, duplicate: { later: {}, earlier: null }, other_start_ms: null }],
  ['announce_recipient', { recipient: hash, key_id: 'k', height: 7 }],
  ['recipients_request', { after: 0, limit: 500 }],
  ['recipients', { recipients: [{ recipient: hash, key_id: 'k', height: null }], next: 500 }],
  ['treasury_root_request', { key_id: 'k', statement }],
  [
    'treasury_root',
    { certificate: { statement, signatures: [signature] }, signatures: { '0': signature }, refusal: null },
  ],
  ['finished_request', { after: { epoch: 0, seq: 0 } }],
  [
    'finished',
    {
      attestations: [],
      at: { epoch: 1, seq: 7 },
      more: true,
    },
  ],
];
