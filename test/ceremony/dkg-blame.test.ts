// Lies, silence and disagreement in a key ceremony, each ending it with the right name and without keys.
import { describe, expect, test } from 'bun:test';
import { ATTEMPT_DOMAIN } from '../../ceremony/dkg/attempt.ts';
import { dkgProgress } from '../../ceremony/dkg/progress.ts';
import type { DkgAbort } from '../../ceremony/dkg/setup.ts';
import { isDkgMessage, MESSAGE_SCHEMAS, type MessageBody, parseMessage } from '../../ceremony/messages.ts';
import { concat, fromHex, sha256, toHex, utf8 } from '../../crypto/bytes.ts';
import { sealShare } from '../../crypto/share-box.ts';
import { Federation, type InFlight, type Tamper } from './federation.ts';

const OPTIONS = { n: 3, t: 2 };

/** Flips the last bit of a byte (from the end where negative). */
function flipped(hex: string, at: number): string {
  const bytes = fromHex(hex);
  const position = at < 0 ? bytes.length + at : at;
  bytes[position] = (bytes[position] ?? 0) ^ 1;
  return toHex(bytes);
}

type Type = InFlight['message']['type'];
type OfType<T extends Type> = Extract<InFlight['message'], { type: T }>;

/** Changes messages of one type from one sender. */
function lying<T extends Type>(
  type: T,
  from: number,
  change: (body: OfType<T>['body'], to: number) => OfType<T>['body'],
): Tamper {
  return (flight) => {
    const { message } = flight;
    const body: unknown = message.body;
    if (flight.from !== from || message.type !== type || !isBodyOf(type, body)) return [flight];
    const changed = parseMessage(type, JSON.parse(JSON.stringify(change(body, message.to))));
    if (!changed.ok || !isDkgMessage(changed.message)) throw new Error('a lie has to be well-formed');
    return [{ from, message: { to: message.to, ...changed.message } }];
  };
}

function isBodyOf<T extends Type>(type: T, body: unknown): body is OfType<T>['body'] {
  return MESSAGE_SCHEMAS[type].safeParse(body).success;
}

/** Runs a ceremony to its end; gives the abort that each node ended with. */
function abortsOf(tamper: Tamper, rounds = 60, tickMs = 1_000): (DkgAbort | null)[] {
  const federation = new Federation(OPTIONS, { tamper });
  federation.joinAll();
  federation.run(({ nodes }) => nodes.every(({ state }) => state.core.phase === 'aborted'), rounds, tickMs);
  expect(federation.phases()).not.toContain('complete');
  return federation.nodes.map(({ state }) => (state.core.phase === 'aborted' ? state.core.abort : null));
}

describe('blame falls on a participant', () => {
  test('whose first ChillDKG message is malformed', () => {
    const aborts = abortsOf(lying('dkg_round1', 2, (body) => ({ ...body, pmsg1: `ff${body.pmsg1.slice(2)}` })));
    expect(aborts[0]).toMatchObject({ by: 0, reason: 'invalid_contribution', culprit: 2, suspects: [] });
    expect(aborts[1]).toMatchObject({ by: 0, culprit: 2 });
  });

  test('whose first message has a wrong length', () => {
    const aborts = abortsOf(lying('dkg_round1', 2, (body) => ({ ...body, pmsg1: body.pmsg1.slice(2) })));
    expect(aborts[0]).toMatchObject({ reason: 'invalid_message', culprit: 2 });
  });

  test('whose proof of possession in ChillDKG is wrong', () => {
    const pop = 33 * 2;
    const aborts = abortsOf(lying('dkg_round1', 2, (body) => ({ ...body, pmsg1: flipped(body.pmsg1, pop + 63) })));
    expect(aborts[0]).toMatchObject({ reason: 'invalid_contribution', culprit: 2 });
  });

  test('whose Ed25519 package has a wrong proof', () => {
    const change = (body: MessageBody<'dkg_round1'>) => ({
      ...body,
      ed25519_package: flipped(body.ed25519_package, -32),
    });
    const aborts = abortsOf(lying('dkg_round1', 2, change));
    expect(aborts[0]).toMatchObject({ by: 0, reason: 'invalid_package', culprit: 2, suspects: [] });
  });

  test('whose encrypted ChillDKG share is wrong, found by investigation', () => {
    for (const victim of [0, 1]) {
      const at = -32 * OPTIONS.n + 32 * victim + 31;
      const aborts = abortsOf(lying('dkg_round1', 2, (body) => ({ ...body, pmsg1: flipped(body.pmsg1, at) })));
      // Node 0 coordinates. Another node cannot tell what it was sent from what the coordinator altered.
      const found = victim === 0 ? { culprit: 2, suspects: [] } : { culprit: null, suspects: [0, 2] };
      expect(aborts[victim]).toMatchObject({ by: victim, reason: 'invalid_contribution', ...found });
    }
  });

  test('whose sealed share does not open', () => {
    const aborts = abortsOf(
      lying('dkg_share', 2, (body, to) => (to === 1 ? { ...body, box: flipped(body.box, 0) } : body)),
    );
    expect(aborts[1]).toMatchObject({ by: 1, reason: 'invalid_share', culprit: 2 });
    expect(aborts[0]).toMatchObject({ by: 1, culprit: 2 });
  });

  test('whose share opens but does not fit its package', () => {
    const { nodes } = new Federation(OPTIONS);
    const contexts = nodes.map(({ context }) => context);
    const change = (body: MessageBody<'dkg_share'>, to: number): MessageBody<'dkg_share'> => {
      const [dealer, recipient] = [contexts[2], contexts[to]];
      if (to !== 1 || dealer === undefined || recipient === undefined) return body;
      const keys = dealer.setup.participants.map(({ hostPublicKey }) => hostPublicKey);
      const box = sealShare(concat(new Uint8Array([7]), new Uint8Array(31)), dealer.secrets.hostSecret, {
        ceremonyId: dealer.setup.ceremonyId,
        context: sha256(utf8(`${ATTEMPT_DOMAIN}/${body.attempt}/`), fromHex(body.package_hash)),
        senderIndex: 2,
        recipientIndex: to,
        senderPublicKey: keys[2] ?? new Uint8Array(0),
        recipientPublicKey: keys[to] ?? new Uint8Array(0),
      });
      return { ...body, box: toHex(box) };
    };
    const aborts = abortsOf(lying('dkg_share', 2, change));
    expect(aborts[1]).toMatchObject({ by: 1, reason: 'invalid_share', culprit: 2 });
    expect(aborts[1]?.detail).toContain('does not fit');
  });

  test('whose certificate signature is wrong', () => {
    const aborts = abortsOf(lying('dkg_round2', 2, (body) => ({ ...body, pmsg2: flipped(body.pmsg2, 0) })));
    expect(aborts[0]).toMatchObject({ by: 0, reason: 'invalid_certificate', culprit: 2 });
  });

  test('whose signature over the transcript is wrong', () => {
    const aborts = abortsOf(lying('dkg_confirm', 2, (body) => ({ ...body, signature: flipped(body.signature, 0) })));
    expect(aborts[0]).toMatchObject({ by: 0, reason: 'invalid_confirmation', culprit: 2 });
  });

  test('who confirms another transcript', () => {
    const change = (body: MessageBody<'dkg_confirm'>) => ({
      ...body,
      transcript_hash: flipped(body.transcript_hash, 0),
    });
    const aborts = abortsOf(lying('dkg_confirm', 2, change));
    expect(aborts[0]).toMatchObject({ by: 0, reason: 'transcript_mismatch', culprit: 2 });
  });

  test('who says two different things in one step', () => {
    const twice: Tamper = (flight) => {
      const { message } = flight;
      if (flight.from !== 2 || message.type !== 'dkg_round1') return [flight];
      const other = { ...message, body: { ...message.body, pmsg1: flipped(message.body.pmsg1, -1) } };
      return [flight, { from: 2, message: other }];
    };
    const aborts = abortsOf(twice);
    expect(aborts[0]).toMatchObject({ by: 0, reason: 'equivocation', culprit: 2 });
  });

  test('who falls silent, named by the coordinator', () => {
    const aborts = abortsOf(
      (flight) => (flight.from === 2 && flight.message.type !== 'dkg_join' ? [] : [flight]),
      60,
      10_000,
    );
    expect(aborts[0]).toMatchObject({ by: 0, reason: 'timeout', culprit: 2 });
    expect(aborts[1]).toMatchObject({ by: 0, culprit: 2 });
  });
});

describe('blame falls on the coordinator', () => {
  test('who alters a package: its dealer sees its own changed', () => {
    const swap = (body: MessageBody<'dkg_packages'>) => {
      const [a = '', b = '', c = ''] = body.ed25519_packages;
      return { ...body, ed25519_packages: [a, c, b] };
    };
    const aborts = abortsOf(lying('dkg_packages', 0, swap));
    const own = [aborts[1], aborts[2]].filter((abort) => abort?.reason === 'package_mismatch');
    expect(own.length).toBeGreaterThan(0);
    for (const abort of own) expect(abort).toMatchObject({ culprit: 0 });
  });

  test("who alters a node's summed share, found by investigation", () => {
    const at = -32 * OPTIONS.n + 32 + 31;
    const change = (body: MessageBody<'dkg_packages'>, to: number) =>
      to === 1 ? { ...body, cmsg1: flipped(body.cmsg1, at) } : body;
    const aborts = abortsOf(lying('dkg_packages', 0, change));
    expect(aborts[1]).toMatchObject({ by: 1, reason: 'invalid_contribution', culprit: 0, suspects: [] });
  });

  test('who gives one node an altered certificate', () => {
    const change = (body: MessageBody<'dkg_certificate'>, to: number) =>
      to === 1 ? { ...body, cmsg2: flipped(body.cmsg2, 70) } : body;
    const aborts = abortsOf(lying('dkg_certificate', 0, change));
    expect(aborts[1]).toMatchObject({ by: 1, reason: 'invalid_certificate', culprit: 0 });
  });

  test('who leaves out a package', () => {
    const change = (body: MessageBody<'dkg_packages'>) => ({
      ...body,
      ed25519_packages: body.ed25519_packages.slice(1),
    });
    const aborts = abortsOf(lying('dkg_packages', 0, change));
    expect(aborts[1]).toMatchObject({ reason: 'invalid_message', culprit: 0 });
  });

  test('who falls silent', () => {
    const aborts = abortsOf(
      (flight) => (flight.from === 0 && flight.message.type !== 'dkg_join' ? [] : [flight]),
      60,
      10_000,
    );
    // Before the start no attempt exists that could be aborted: the others still wait in the lobby.
    expect([aborts[1], aborts[2]]).toEqual([null, null]);
    const later = abortsOf(
      (flight) => (flight.from === 0 && flight.message.type === 'dkg_packages' ? [] : [flight]),
      60,
      10_000,
    );
    expect(later[1]).toMatchObject({ reason: 'timeout' });
  });

  test('who passes on a wrong confirmation; the node keeps what it needs in case all did confirm', () => {
    const federation = new Federation(OPTIONS, {
      tamper: lying('dkg_complete', 0, (body, to) =>
        to === 1 ? { ...body, signatures: body.signatures.map((signature) => flipped(signature, 0)) } : body,
      ),
    });
    federation.joinAll();
    federation.run(
      ({ nodes }) => nodes[1]?.state.core.phase === 'aborted' && nodes[2]?.state.core.phase === 'complete',
    );
    const { context, state } = federation.node(1);
    const progress = dkgProgress(context, state);
    expect(progress.abort).toMatchObject({ by: 1, reason: 'invalid_confirmation', culprit: 0 });
    expect(progress.mayStillComplete).toBe(true);
    const [truth] = federation.certificates();
    if (truth === undefined) throw new Error('node 2 has completed');
    federation.feed(1, {
      kind: 'message',
      from: 2,
      message: { type: 'dkg_complete', body: { attempt: truth.attempt, signatures: [...truth.signatures] } },
    });
    expect(federation.phases()).toEqual(['complete', 'complete', 'complete']);
  });
});

describe('suspicion is shared', () => {
  test('where a coordinator alters the package of an honest dealer, which is not named the culprit', () => {
    const change = (body: MessageBody<'dkg_packages'>, to: number) => ({
      ...body,
      ed25519_packages: body.ed25519_packages.map((one, dealer) =>
        to === 1 && dealer === 2 ? flipped(one, -32) : one,
      ),
    });
    const aborts = abortsOf(lying('dkg_packages', 0, change));
    expect(aborts[1]).toMatchObject({ by: 1, reason: 'invalid_package', culprit: null, suspects: [0, 2] });
  });

  test('where the coordinator and a dealer contradict each other about a package', () => {
    const change = (body: MessageBody<'dkg_share'>) => ({ ...body, package_hash: toHex(sha256(utf8('another'))) });
    const aborts = abortsOf(lying('dkg_share', 2, change));
    const found = aborts.find((abort) => abort?.by === 1 || abort?.by === 0);
    expect(found).toMatchObject({ reason: 'package_mismatch', culprit: found?.by === 0 ? 2 : null });
  });
});
