// What a node in the lobby of a key ceremony says of each operator that it waits for.
import { describe, expect, test } from 'bun:test';
import { DKG_TIMING, type DkgProgress, type DkgSetup } from '../../ceremony/dkg/setup.ts';
import { type Contact, contactOf, lobbyLines } from '../../operator/key-ceremonies/lobby-text.ts';

const key = new Uint8Array(32);
const setup: DkgSetup = {
  ...{ network: 'regtest', ceremonyId: 'initial-dkg', version: '1', myIndex: 0, threshold: 2 },
  participants: [0, 1, 2].map((index) => ({ index, name: `bank-${index}`, identityKey: key, hostPublicKey: key })),
  parameters: {
    ...{ threshold: 2, deposit_min_sats: '1000', normal_confirmations: 6, fork_confirmations: 12 },
    ...{ wire_confirmations: 6, attestation_validity_s: 86_400, cards: [] },
  },
  timing: DKG_TIMING,
};
const seen = (waitingFor: readonly number[]): DkgProgress => ({
  ...{ phase: 'lobby', step: 'joining', attempt: null, coordinator: null, waitingFor, problems: [], declined: [] },
  ...{ abort: null, mayStillComplete: false },
});

function lines(contacts: readonly (Contact | null)[], elsewhere: readonly (string | null)[] = [], rehearsal = false) {
  const view = {
    contact: (index: number) => contacts[index - 1] ?? null,
    elsewhere: (index: number) => elsewhere[index - 1] ?? null,
  };
  return [...lobbyLines(setup, seen([1, 2]), rehearsal, view).values()];
}
const well: Contact = { offsetMs: 20, failure: null };

describe('an operator that is waited for', () => {
  test('whose node answers is told to join, with the command', () => {
    const [one] = lines([well], [], true);
    expect(one).toBe(
      'operator 1 (bank-1): its node answers, but its operator has not joined: run `dkg --ceremony-id initial-dkg --rehearsal` there',
    );
  });

  test('whose node cannot be reached is named with the reason', () => {
    const failure = 'nothing answers at bank.example:1: that node does not run, or it is sealed (ECONNREFUSED)';
    expect(lines([{ offsetMs: null, failure }, well])[0]).toBe(`operator 1 (bank-1): ${failure}`);
  });

  test('that waits in another ceremony is named with both ids', () => {
    expect(lines([well, well], ['inital-dkg'])[0]).toContain('waits in ceremony inital-dkg, this node in initial-dkg');
  });

  test('whose clock is off is named with the difference, also where its node refuses for it', () => {
    const late = contactOf(
      { ok: false, error: 'rejected', rejection: 'clock_skew', detail: 'the clocks differ', peerTime: 1_000_000 },
      1_040_000,
    );
    expect(lines([late, well])[0]).toContain("its clock is 40.0 s behind this node's: correct the one that is wrong");
  });

  test('is not blamed where the own clock is the odd one out', () => {
    const ahead: Contact = { offsetMs: 40_000, failure: 'the clocks differ' };
    for (const line of lines([ahead, ahead])) {
      expect(line).toContain("this node's clock is 40.0 s behind those of all others: set it right");
    }
  });

  test('of which nothing is known yet has no line', () => expect(lines([null, null])).toEqual([]));
});
