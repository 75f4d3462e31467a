import { describe, expect, test } from 'bun:test';
import {
  coordinatorFinalize,
  coordinatorInvestigate,
  coordinatorStep1,
  participantFinalize,
  participantInvestigate,
  participantStep1,
  participantStep2,
  UnknownFaultyParticipantOrCoordinatorError,
} from '../../crypto/chilldkg.ts';
import { infiniteShareMessage, summedMessage } from './chilldkg-infinite-share.ts';
import { addedAt, bytesOf, hosts, one, runSession, type Session, thrownBy } from './chilldkg-session.ts';

/** Where the encrypted share for `recipient` stands in a participant's first message. */
function shareOffset(threshold: number, recipient: number): number {
  return 33 * threshold + 64 + 33 + 32 * recipient;
}

describe('a lie', () => {
  const honest: Session = runSession(3, 2, 'lie');
  const { hostseckeys, params, first } = honest;
  const victim = 1;
  const state = (i: number) => participantStep1(one(hostseckeys, i), params, bytesOf(`lie random ${i}`)).state;
  const step2 = (i: number, message: Uint8Array) =>
    participantStep2(one(hostseckeys, i), state(i), message, bytesOf(`lie aux ${i}`));

  /** The victim's failed step 2 after these first messages, then its investigation with this message. */
  function investigate(tampered: readonly Uint8Array[], change = (m: Uint8Array) => m): Error {
    const { message } = coordinatorStep1(tampered, params);
    const error = thrownBy(() => step2(victim, message));
    if (!(error instanceof UnknownFaultyParticipantOrCoordinatorError)) throw error;
    const investigation = one(coordinatorInvestigate(tampered, params), victim);
    return thrownBy(() => participantInvestigate(error, change(investigation)));
  }

  test('of a participant in a share is found by the investigation, by index', () => {
    for (const liar of [0, 2]) {
      const tampered = first.map((m, i) => (i === liar ? addedAt(m, shareOffset(2, victim)) : m));
      const blame = investigate(tampered);
      expect(blame.name).toBe('FaultyParticipantOrCoordinatorError');
      expect(blame).toHaveProperty('participantId', liar);
      expect(() => step2(0, coordinatorStep1(tampered, params).message)).not.toThrow();
    }
  });

  test('of the coordinator in my share to myself, in the sums or in the investigation is blamed on the coordinator', () => {
    const own = first.map((m, i) => (i === victim ? addedAt(m, shareOffset(2, victim)) : m));
    expect(investigate(own).message).toBe('Coordinator fiddled with the share from me to myself');
    const liar = first.map((m, i) => (i === 0 ? addedAt(m, shareOffset(2, victim)) : m));
    const framed = investigate(liar, (m) => addedAt(m, 32 * 2));
    expect(framed.name).toBe('FaultyCoordinatorError');
    expect(framed.message).toBe('Sum of encrypted partial secshares not equal to encrypted secshare');
    const noPoint = investigate(liar, (m) => m.map((byte, at) => (at === 32 * 3 ? 4 : byte)));
    expect([noPoint.name, noPoint.message]).toEqual(['FaultyCoordinatorError', 'invalid partial pubshare']);
    const noScalar = investigate(liar, (m) => m.map((byte, at) => (at < 32 ? 0xff : byte)));
    expect(noScalar.message).toBe('invalid encrypted partial secshare');
    expect(investigate(liar, (m) => m.slice(1)).name).toBe('ValueError');
  });

  test('of an error that no second step threw cannot be investigated', () => {
    const error = new UnknownFaultyParticipantOrCoordinatorError('made up');
    expect(() => participantInvestigate(error, new Uint8Array(65 * 3))).toThrow('does not come from a second step');
  });

  test('leaves an error that holds nothing but its name, its words and where it was thrown', () => {
    const tampered = first.map((m, i) => (i === 0 ? addedAt(m, shareOffset(2, victim)) : m));
    const error = thrownBy(() => step2(victim, coordinatorStep1(tampered, params).message));
    const values = Object.getOwnPropertyNames(error).map((name) => typeof Reflect.get(error, name));
    expect(new Set(values).difference(new Set(['string', 'number']))).toEqual(new Set());
    expect(error.cause).toBeUndefined();
  });

  test('of a participant in its proof of possession is blamed by every other participant', () => {
    const tampered = first.map((m, i) => (i === 2 ? addedAt(m, 33 * 2 + 32) : m));
    const { message } = coordinatorStep1(tampered, params);
    for (const i of [0, 1]) {
      const error = thrownBy(() => step2(i, message));
      expect([error.name, error.message]).toEqual([
        'FaultyParticipantOrCoordinatorError',
        'Participant sent invalid proof-of-knowledge',
      ]);
      expect(error).toHaveProperty('participantId', 2);
    }
  });

  test('of a participant whose message does not parse is blamed by the coordinator', () => {
    const noPoint = first.map((m, i) => (i === 1 ? m.map((byte, at) => (at === 0 ? 4 : byte)) : m));
    const noScalar = first.map((m, i) => (i === 2 ? m.map((byte, at) => (at >= m.length - 32 ? 0xff : byte)) : m));
    for (const [messages, culprit] of [
      [noPoint, 1],
      [noScalar, 2],
    ] as const) {
      for (const body of [() => coordinatorStep1(messages, params), () => coordinatorInvestigate(messages, params)]) {
        const error = thrownBy(body);
        expect(error.name).toBe('FaultyParticipantError');
        expect(error).toHaveProperty('participantId', culprit);
      }
    }
  });

  test('of the coordinator whose message does not parse is blamed on it', () => {
    const offsets = { commitment: 0, sum: 33 * 3 };
    for (const offset of Object.values(offsets)) {
      const message = honest.coordinatorFirst.map((byte, at) => (at === offset ? 4 : byte));
      expect(thrownBy(() => step2(0, message)).name).toBe('FaultyCoordinatorError');
    }
    const overflow = honest.coordinatorFirst.map((byte, at, all) => (at >= all.length - 32 ? 0xff : byte));
    expect(thrownBy(() => step2(0, overflow)).message).toBe('invalid encrypted secret shares');
    expect(thrownBy(() => step2(0, honest.coordinatorFirst.slice(1))).name).toBe('ValueError');
  });

  test('of participants whose commitments cancel each other out stops the coordinator with an error', () => {
    const two = hosts(2, 1, 'cancel');
    const message = participantStep1(one(two.hostseckeys, 0), two.params, bytesOf('r')).message;
    const negated = message.slice();
    negated[0] = (negated[0] ?? 0) ^ 1;
    expect(thrownBy(() => coordinatorStep1([message, negated], two.params)).name).toBe('ProtocolError');
  });

  describe('of a participant that makes its verifying share the point at infinity', () => {
    // It has seen what the others sent it before it chose its own part, which takes the coordinator's help.
    const liar = 2;
    const lie = infiniteShareMessage(honest, liar, 'lie liar');
    const messages = first.map((m, i) => (i === liar ? lie : m));

    test('is blamed on it by the coordinator', () => {
      const error = thrownBy(() => coordinatorStep1(messages, params));
      expect(error.name).toBe('FaultyParticipantError');
      expect(error.message).toBe('Participant made its verifying share the point at infinity');
      expect(error).toHaveProperty('participantId', liar);
    });

    test('is blamed on it, or the coordinator, by every other participant', () => {
      const message = summedMessage(messages, params.threshold);
      expect(summedMessage(first, params.threshold)).toEqual(honest.coordinatorFirst);
      for (const i of [0, 1]) {
        const error = thrownBy(() => step2(i, message));
        expect(error.name).toBe('FaultyParticipantOrCoordinatorError');
        expect(error).toHaveProperty('participantId', liar);
      }
    });
  });

  test('in the certificate is blamed on its signer by the coordinator, on the coordinator by participants', () => {
    const coordinator = coordinatorStep1(first, params);
    const tampered = honest.second.map((m, i) => (i === 2 ? addedAt(m, 32) : m));
    const error = thrownBy(() => coordinatorFinalize(coordinator.state, tampered));
    expect(error.name).toBe('FaultyParticipantError');
    expect(error).toHaveProperty('participantId', 2);
    const { state: state2 } = step2(0, honest.coordinatorFirst);
    const certificate = addedAt(honest.coordinatorSecond, 32);
    expect(thrownBy(() => participantFinalize(state2, certificate)).name).toBe('FaultyCoordinatorError');
  });

  test('that shows two participants different messages leaves no certificate that either accepts', () => {
    const other = first.map((m, i) => (i === 0 ? addedAt(m, shareOffset(2, 2)) : m));
    const seen = [coordinatorStep1(first, params).message, coordinatorStep1(other, params).message];
    const [a, b] = seen.map((message, i) => step2(i, message));
    if (!a || !b) throw new Error('Both pass step 2.');
    const certificate = Uint8Array.of(...a.message, ...b.message, ...one(honest.second, 2));
    for (const { state: state2 } of [a, b]) {
      expect(thrownBy(() => participantFinalize(state2, certificate)).name).toBe('FaultyCoordinatorError');
    }
  });
});
