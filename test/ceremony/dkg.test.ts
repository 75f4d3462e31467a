// Whole key ceremonies in memory.
import { describe, expect, test } from 'bun:test';
import { dkgProgress } from '../../ceremony/dkg/progress.ts';
import { bip340Scheme } from '../../crypto/bip340-scheme.ts';
import { toHex } from '../../crypto/bytes.ts';
import { participantRecover } from '../../crypto/chilldkg.ts';
import { ed25519Scheme } from '../../crypto/ed25519-frost.ts';
import { Federation } from './federation.ts';

function expectOneKey(federation: Federation): void {
  const results = federation.results();
  const [first] = results;
  if (first === undefined) throw new Error('no nodes');
  bip340Scheme.validateKey(first.bitcoin.groupKey);
  ed25519Scheme.validateKey(first.attestation.groupKey);
  for (const result of results) {
    expect(result.transcript).toEqual(first.transcript);
    expect(result.certificate).toEqual(first.certificate);
    expect(result.bitcoin.groupKey).toEqual(first.bitcoin.groupKey);
    expect(result.attestation.groupKey).toEqual(first.attestation.groupKey);
  }
  const secrets = results.flatMap(({ bitcoin, attestation }) => [bitcoin.signingShare, attestation.signingShare]);
  expect(new Set(secrets.map(toHex)).size).toBe(2 * results.length);
}

describe('a key ceremony', () => {
  for (const [t, n] of [
    [2, 3],
    [3, 5],
    [11, 15],
  ] as const) {
    test(`of ${t} out of ${n} gives every node its shares of the same two keys`, () => {
      const federation = new Federation({ n, t });
      federation.joinAll();
      expect(federation.run((all) => all.allComplete())).toBe(true);
      expectOneKey(federation);
    }, 60_000);
  }

  test('restores the bitcoin share from the recovery data and the host secret', () => {
    const federation = new Federation({ n: 3, t: 2 });
    federation.joinAll();
    federation.run((all) => all.allComplete());
    for (const [index, { recoveryData, bitcoin }] of federation.results().entries()) {
      const recovered = participantRecover(federation.node(index).context.secrets.hostSecret, recoveryData);
      expect(recovered.output.signingShare).toEqual(bitcoin.signingShare);
    }
  });

  test('makes other keys under another randomness', () => {
    const keys = ['a', 'b'].map((seed) => {
      const federation = new Federation({ n: 3, t: 2, seed });
      federation.joinAll();
      federation.run((all) => all.allComplete());
      return toHex(federation.results()[0]?.bitcoin.groupKey.publicKey ?? new Uint8Array(0));
    });
    expect(new Set(keys).size).toBe(2);
  });

  test('marks a rehearsal in the transcript', () => {
    const federation = new Federation({ n: 3, t: 2 });
    federation.joinAll(true);
    federation.run((all) => all.allComplete());
    expect(federation.results().map(({ rehearsal, transcript }) => rehearsal && transcript.rehearsal)).toEqual([
      true,
      true,
      true,
    ]);
  });

  for (let seed = 0; seed < 6; seed++) {
    test(`completes over a network that drops, repeats and reorders (seed ${seed})`, () => {
      const network = { drop: 0.3, repeat: 0.3, reorder: true, seed: `rough/${seed}` };
      const federation = new Federation({ n: 4, t: 3 }, network);
      federation.joinAll();
      expect(federation.run((all) => all.allComplete(), 150)).toBe(true);
      expectOneKey(federation);
    });
  }
});

test('a key ceremony continues at once if clocks are set back by an hour during it, also over a lossy network', () => {
  const federation = new Federation({ n: 3, t: 2 }, { drop: 0.3, seed: 'set back' });
  federation.setClocks(3_600_000);
  federation.joinAll();
  expect(federation.run(({ nodes }) => nodes.every(({ state }) => state.core.phase === 'running'), 50)).toBe(true);
  federation.setClocks(-3_600_000);
  expect(federation.run((all) => all.allComplete(), 150)).toBe(true);
});

describe('the coordinator', () => {
  test('is the node that joined first', () => {
    const federation = new Federation({ n: 3, t: 2 });
    for (const index of [2, 0, 1]) {
      federation.join(index);
      federation.now += 10;
    }
    federation.run((all) => all.allComplete());
    expect(federation.nodes.map(({ context, state }) => dkgProgress(context, state).coordinator)).toEqual([2, 2, 2]);
  });

  test('is the one with the lowest index where several joined at once', () => {
    const federation = new Federation({ n: 3, t: 2 });
    federation.joinAll();
    federation.run((all) => all.allComplete());
    expect(federation.nodes.map(({ context, state }) => dkgProgress(context, state).coordinator)).toEqual([0, 0, 0]);
  });
});
