// Shares that come back from what is public of a ceremony and a host secret alone.
import { describe, expect, test } from 'bun:test';
import { verifyCeremonyFile } from '../../ceremony/ceremony-file.ts';
import { recoverShares } from '../../ceremony/dkg/recovery.ts';
import type { Transcript } from '../../ceremony/transcript.ts';
import { bytesOf, Federation } from './federation.ts';

function completed(n = 3, t = 2): Federation {
  const federation = new Federation({ n, t });
  federation.joinAll();
  if (!federation.run((all) => all.allComplete())) throw new Error('the ceremony completes');
  return federation;
}

function transcriptOf(federation: Federation): Transcript {
  const [first] = federation.results();
  if (first === undefined) throw new Error('there is a node');
  return first.transcript;
}

describe('the transcript of a ceremony', () => {
  test.each([
    [3, 2],
    [5, 3],
  ])('of %p nodes gives each of them both its shares back, with its host secret', (n, t) => {
    const federation = completed(n, t);
    const transcript = transcriptOf(federation);
    for (const [index, made] of federation.results().entries()) {
      const verdict = recoverShares(transcript, federation.node(index).context.secrets.hostSecret);
      expect(verdict).toEqual({ ok: true, bitcoin: made.bitcoin, attestation: made.attestation });
    }
  });

  test('gives nothing to another host secret', () => {
    const verdict = recoverShares(transcriptOf(completed()), bytesOf('a stranger'));
    expect(verdict).toEqual({ ok: false, detail: "this node's host key took no part in the ceremony" });
  });

  test('says so where it is of the version that kept no boxes', () => {
    const federation = completed();
    const transcript = transcriptOf(federation);
    const old = { ...transcript, ed25519: { packages: transcript.ed25519.packages } };
    const verdict = recoverShares(old, federation.node(1).context.secrets.hostSecret);
    expect(!verdict.ok && verdict.detail).toContain('older version');
  });

  test('whose box was altered is no longer certified, and the box is named', () => {
    const federation = completed();
    const [first] = federation.results();
    const { transcript, certificate } = first ?? fail();
    if (!('boxes' in transcript.ed25519)) throw new Error('new ceremonies keep boxes');
    const boxes = transcript.ed25519.boxes.map((row) => [...row]);
    const row = boxes[1];
    if (row === undefined) throw new Error('one row for each node');
    row[2] = '00'.repeat(48);
    const altered = { ...transcript, ed25519: { ...transcript.ed25519, boxes } };
    expect(verifyCeremonyFile({ v: 1, transcript: altered, certificate }).ok).toBe(false);
    const verdict = recoverShares(altered, federation.node(1).context.secrets.hostSecret);
    expect(verdict).toEqual({ ok: false, detail: 'the box of participant 2 does not open' });
  });

  test('with too few boxes or rows is refused', () => {
    const [made] = completed().results();
    const { transcript, certificate } = made ?? fail();
    if (!('boxes' in transcript.ed25519)) throw new Error('new ceremonies keep boxes');
    for (const boxes of [transcript.ed25519.boxes.slice(1), transcript.ed25519.boxes.map((row) => row.slice(1))]) {
      const file = { v: 1, transcript: { ...transcript, ed25519: { ...transcript.ed25519, boxes } }, certificate };
      const verdict = verifyCeremonyFile(file);
      expect(!verdict.ok && verdict.problems.join()).toContain('share boxes');
    }
  });
});

describe('a coordinator that passes on other boxes than a node reported', () => {
  test('is named by that node, and no keys are made', () => {
    const federation = new Federation(
      { n: 3, t: 2 },
      {
        tamper: ({ from, message }) => {
          if (message.type !== 'dkg_certificate' || message.to !== 2) return [{ from, message }];
          const boxes = message.body.boxes.map((row, at) => (at === 2 ? row.toReversed() : row));
          return [{ from, message: { ...message, body: { ...message.body, boxes } } }];
        },
      },
    );
    federation.joinAll();
    federation.run(({ nodes }) => nodes.every(({ state }) => state.core.phase === 'aborted'));
    const { core } = federation.node(2).state;
    expect(core.phase === 'aborted' && [core.abort.reason, core.abort.culprit]).toEqual(['package_mismatch', 0]);
  });

  test('cannot give another node a row of its own making: the transcripts differ', () => {
    const federation = new Federation(
      { n: 3, t: 2 },
      {
        tamper: ({ from, message }) => {
          if (message.type !== 'dkg_certificate' || message.to !== 2) return [{ from, message }];
          const boxes = message.body.boxes.map((row, at) => (at === 1 ? row.toReversed() : row));
          return [{ from, message: { ...message, body: { ...message.body, boxes } } }];
        },
      },
    );
    federation.joinAll();
    federation.run(({ nodes }) => nodes.every(({ state }) => state.core.phase === 'aborted'));
    const { core } = federation.node(0).state;
    expect(core.phase === 'aborted' && core.abort.reason).toBe('transcript_mismatch');
    expect(federation.certificates()).toEqual([]);
  });
});

function fail(): never {
  throw new Error('there is no result');
}
