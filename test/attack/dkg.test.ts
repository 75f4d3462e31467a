// Attacks on key generation, by a participant and by a coordinator: each ends the ceremony at every honest node with the
// attacker's name, and without keys. At the end the attacker is replaced, and the federation makes keys and signs.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import type { DkgMessage, Outgoing } from '../../ceremony/messages.ts';
import type { AbortReason } from '../../ceremony/messages-dkg.ts';
import type { Json } from '../../crypto/canonical-json.ts';
import { closeNode, unsealNode } from '../../operator/node.ts';
import { attackedCeremony, blamed, flipped, lying, put, text } from './dkg-lies.ts';
import { MaliciousPeer } from './malicious-peer.ts';
import { ATTACKER, type Besieged, besiege, open, PASSPHRASE, run, THRESHOLD } from './nodes.ts';
import { type Ending, honest, type Spoken, type Tamper } from './scripted-dkg.ts';

const POINT = 66;
/** Where the parts of `pmsg1` begin, in characters: t commitments, proof, public nonce, encrypted shares. */
const PROOF_AT = POINT * THRESHOLD;
const ED25519_PROOF_AT = 2 + 64 * THRESHOLD;

let besieged: Besieged;
let mallory: MaliciousPeer;
let ceremonies = 0;
beforeAll(async () => {
  besieged = await besiege();
  mallory = await MaliciousPeer.enter(besieged);
});
afterAll(async () => {
  await mallory.leave();
  await besieged.stop();
}, 20_000);

function attacked(tamper: Tamper, lead = false): Promise<Ending> {
  return attackedCeremony(besieged, mallory, `attack-${++ceremonies}`, tamper, lead);
}

const pmsg1 = (change: (hex: string) => string) =>
  lying('dkg_round1', (body) => ({ ...body, pmsg1: change(text(body, 'pmsg1')) }));
const dealt = (change: (hex: string) => string) =>
  lying('dkg_round1', (body) => ({ ...body, ed25519_package: change(text(body, 'ed25519_package')) }));

describe('a participant is blamed for', () => {
  const commitment = `02${'79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798'}`;
  const base = '5866666666666666666666666666666666666666666666666666666666666666';
  const cases: readonly (readonly [string, Tamper, AbortReason])[] = [
    ['commitments longer than t (bitcoin key)', pmsg1((hex) => commitment + hex), 'invalid_message'],
    ['commitments shorter than t (bitcoin key)', pmsg1((hex) => hex.slice(POINT)), 'invalid_message'],
    ['commitments longer than t (attestation key)', dealt((hex) => `03${base}${hex.slice(2)}`), 'invalid_message'],
    ['commitments shorter than t (attestation key)', dealt((hex) => `01${hex.slice(66)}`), 'invalid_message'],
    ['commitments that claim another t than they have', dealt((hex) => `03${hex.slice(2)}`), 'invalid_package'],
    [
      'equivocation in round 1',
      lying('dkg_round1', (body) => [body, { ...body, pmsg1: flipped(text(body, 'pmsg1'), -1) }]),
      'equivocation',
    ],
    [
      'a missing proof of possession (bitcoin key)',
      pmsg1((hex) => put(hex, PROOF_AT, '0'.repeat(128))),
      'invalid_contribution',
    ],
    [
      'a missing proof of knowledge (attestation key)',
      dealt((hex) => put(hex, ED25519_PROOF_AT, '0'.repeat(128))),
      'invalid_package',
    ],
    [
      // To both: one that does not coordinate can only say that it was the attacker or the coordinator.
      'a bad share (bitcoin key)',
      pmsg1((hex) => flipped(flipped(hex, -64 * 3 + 63), -64 * 2 + 63)),
      'invalid_contribution',
    ],
    [
      'a bad share (attestation key)',
      lying('dkg_share', (body, to) => (to === 1 ? { ...body, box: flipped(text(body, 'box'), 0) } : body)),
      'invalid_share',
    ],
    ['the point at infinity as its commitment', pmsg1((hex) => put(hex, 0, '0'.repeat(POINT))), 'invalid_contribution'],
    ['a non-canonical point (bitcoin key)', pmsg1((hex) => put(hex, 0, `02${'f'.repeat(64)}`)), 'invalid_contribution'],
    ['a point off the curve (bitcoin key)', pmsg1((hex) => put(hex, 2, `${'0'.repeat(63)}5`)), 'invalid_contribution'],
    ['the identity as its commitment', dealt((hex) => put(hex, 2, `01${'0'.repeat(62)}`)), 'invalid_package'],
    ['a small-order point (attestation key)', dealt((hex) => put(hex, 2, `ec${'f'.repeat(60)}7f`)), 'invalid_package'],
    [
      'a non-canonical point (attestation key)',
      dealt((hex) => put(hex, 2, `ed${'f'.repeat(60)}7f`)),
      'invalid_package',
    ],
    [
      'another transcript that it confirms',
      lying('dkg_confirm', (body) => ({ ...body, transcript_hash: 'ab'.repeat(32) })),
      'transcript_mismatch',
    ],
  ];
  for (const [name, tamper, reason] of cases) {
    test(name, async () => {
      blamed(await attacked(tamper), [reason]);
    }, 30_000);
  }

  test('a replayed proof of possession, of another ceremony', async () => {
    const proofs = { pmsg1: '', ed25519_package: '' };
    const listen = lying('dkg_round1', (body) => {
      proofs.pmsg1 = text(body, 'pmsg1').slice(PROOF_AT, PROOF_AT + 128);
      proofs.ed25519_package = text(body, 'ed25519_package').slice(ED25519_PROOF_AT);
      return { ...body, pmsg1: flipped(text(body, 'pmsg1'), -1) };
    });
    await attacked(listen);
    blamed(await attacked(pmsg1((hex) => put(hex, PROOF_AT, proofs.pmsg1))), ['invalid_contribution']);
    blamed(await attacked(dealt((hex) => put(hex, ED25519_PROOF_AT, proofs.ed25519_package))), ['invalid_package']);
  }, 60_000);
});

describe('a coordinator is blamed for', () => {
  const packages = (change: (list: readonly Json[]) => readonly Json[]) =>
    lying('dkg_packages', (body) => {
      const { ed25519_packages: list } = body;
      return { ...body, ed25519_packages: change(Array.isArray(list) ? list : []) };
    });
  const cmsg1 = (change: (hex: string, to: number) => string) =>
    lying('dkg_packages', (body, to) => ({ ...body, cmsg1: change(text(body, 'cmsg1'), to) }));
  const cases: readonly (readonly [string, Tamper, readonly AbortReason[]])[] = [
    ['commitments longer than t, in sum', cmsg1((hex) => `${hex}00`), ['invalid_message']],
    ['commitments shorter than t, in sum', cmsg1((hex) => hex.slice(POINT)), ['invalid_message']],
    ['an identifier that is missing', packages((list) => list.slice(1)), ['invalid_message']],
    [
      'an identifier that is unknown: one package too many',
      packages((list) => [...list, ...list.slice(0, 1)]),
      ['invalid_message'],
    ],
    [
      "a duplicate identifier: the victim's package and proof as its own",
      packages(([first = '', second = '']) => [first, second, first]),
      ['invalid_package', 'package_mismatch'],
    ],
    [
      'a summed share changed for one',
      cmsg1((hex, to) => (to === 1 ? flipped(hex, -64 * 2 + 63) : hex)),
      ['invalid_contribution'],
    ],
    [
      'a certificate changed for one',
      lying('dkg_certificate', (body, to) => (to === 1 ? { ...body, cmsg2: flipped(text(body, 'cmsg2'), 140) } : body)),
      ['invalid_certificate'],
    ],
  ];
  for (const [name, tamper, reasons] of cases) {
    test(name, async () => {
      blamed(await attacked(tamper, true), reasons);
    }, 30_000);
  }

  test('the end: it says that all have confirmed where one has not', async () => {
    const tamper = lying('dkg_complete', (body) => ({
      ...body,
      signatures: ['0'.repeat(128), '0'.repeat(128), '0'.repeat(128)],
    }));
    blamed(await attacked(tamper, true), ['invalid_confirmation']);
  }, 30_000);
});

const OTHER_PARAMETERS = {
  ...{ threshold: 3, deposit_min_sats: '1000', normal_confirmations: 6, fork_confirmations: 12 },
  ...{ wire_confirmations: 6, attestation_validity_s: 86_400, cards: Array(3).fill('ab'.repeat(32)) },
};

describe('nothing begins', () => {
  test('where a node joins with another t or card: it is named, and no attempt is made', async () => {
    const tamper = lying('dkg_join', (body) => ({ ...body, parameters: OTHER_PARAMETERS }));
    const { errors, aborts } = await attacked(tamper);
    for (const error of errors) {
      expect(error?.code).toBe('preflight_failed');
      expect(error?.message).toContain(`(operator-${ATTACKER}) fails`);
    }
    expect(aborts).toEqual([null, null]);
  }, 30_000);

  test('where a clock is skewed: it is named, and no attempt is made', async () => {
    const tamper = lying('dkg_join', (body) => ({ ...body, now: Number(body['now']) + 8_000 }));
    const { errors } = await attacked(tamper);
    for (const error of errors) {
      expect(error?.code).toBe('preflight_failed');
      expect(error?.message).toMatch(new RegExp(`operator-${ATTACKER}\\) fails "?clock`));
    }
  }, 30_000);
});

describe('a message of one ceremony', () => {
  test('replayed in another changes nothing there', async () => {
    const said: Spoken[] = [];
    const listening: Tamper = (message: Outgoing<DkgMessage>) => {
      const spoken = honest(message);
      if (message.type !== 'dkg_join' && message.type !== 'dkg_confirm') said.push(...spoken);
      return message.type === 'dkg_confirm' ? [] : spoken;
    };
    const mute = lying('dkg_confirm', (body) => ({ ...body, signature: '0'.repeat(128) }));
    await attacked((message) => (message.type === 'dkg_confirm' ? mute(message) : listening(message)));
    expect(said.map(({ type }) => type)).toContain('dkg_round1');
    const parrot: Tamper = (message) => [
      ...said,
      ...(message.type === 'dkg_confirm' ? mute(message) : honest(message)),
    ];
    // It goes as far as it would without: to the wrong confirmation, which alone is blamed.
    blamed(await attacked(parrot), ['invalid_confirmation']);
  }, 60_000);
});

test('with an honest operator in the place of the attacker the federation makes keys and signs', async () => {
  await mallory.leave();
  const third = open(besieged.configs, besieged.logs, ATTACKER);
  await unsealNode(third, PASSPHRASE);
  const nodes = [...besieged.nodes, third];
  try {
    const params = { ceremony_id: 'honest', rehearsal: false, wait_s: 30 };
    const made = await Promise.all(nodes.map((node) => run(node, 'dkg', params)));
    expect(new Set(made.map(({ transcript_hash }) => transcript_hash)).size).toBe(1);
    for (const node of nodes) {
      const signed = await run(node, 'test-signing', { message: 'keys at last' });
      expect(signed.bitcoin.excluded).toEqual([]);
    }
  } finally {
    await closeNode(third);
  }
}, 60_000);
