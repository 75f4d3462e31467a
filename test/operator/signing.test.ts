import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { testMessages } from '../../ceremony/intent-messages.ts';
import type { SigningResult } from '../../ceremony/signing/candidates.ts';
import { getAttestation } from '../../store/attestations.ts';
import { verifyAuditLog } from '../../store/audit-log.ts';
import { stepsOfBurn } from '../../store/burn-payments.ts';
import { getBurn } from '../../store/burns.ts';
import { askStep, attestBy, burn, deposit, planned, repliesOf, requestFor, stepAsked, withdrawBy } from './custody.ts';
import { FederationInMemory } from './federation-in-memory.ts';
import { openLine } from './treasury.ts';

let federation: FederationInMemory;

beforeAll(async () => {
  federation = await FederationInMemory.make();
  await federation.dkgByAll({}, 'closed');
  openLine(
    federation.members.map(({ index }) => federation.at(index).node),
    federation.chain,
    400_000n,
  );
});
afterAll(() => federation.close());
afterEach(() => {
  federation.meddle = ({ message }) => message;
  federation.meddleReply = ({ replies }) => replies;
  federation.down.clear();
});

const SCHEMES = ['bip340', 'ed25519'] as const;
type Scheme = (typeof SCHEMES)[number];

function asked(name: Scheme, text: string) {
  const intent = { kind: 'test_message' as const, message: text };
  return { name, intent, messages: testMessages(name, intent) };
}

async function signBy(by: number, name: Scheme, text = 'a text'): Promise<SigningResult> {
  const { keyId, bitcoin, attestation } = federation.key(by);
  const { services, node } = federation.at(by);
  const { intent, messages } = asked(name, text);
  const key = name === 'bip340' ? bitcoin : attestation;
  const scheme = node.keys.scheme(name);
  const { signing } = services;
  const result = await signing.coordinate({ scheme, keyId, key, intent, messages }, signing.candidates());
  if (result.kind === 'signed') {
    const [signature = new Uint8Array(64)] = result.signatures;
    const message = messages[0]?.message ?? new Uint8Array(0);
    expect(scheme.verify(scheme.outputKey(key, []), message, signature)).toBe(true);
  }
  return result;
}

function signers(result: SigningResult): readonly number[] {
  return result.kind === 'signed' ? result.signers : [];
}

const excluded = ({ exclusions }: SigningResult) => exclusions.map(({ index, reason }) => `${index}: ${reason}`);

describe.each([...SCHEMES])('a %s signature comes about', (name) => {
  // With empty pools everybody is asked, so that it does not depend on leftovers who signs.
  beforeEach(() => federation.restart(0));

  test('with all three up, whoever coordinates', async () => {
    for (const by of [0, 1, 2]) expect(signers(await signBy(by, name))).toHaveLength(2);
  });

  test('with one of three down, which is named', async () => {
    federation.down.add(1);
    const result = await signBy(0, name);
    expect(signers(result)).toEqual([0, 2]);
    expect(excluded(result)).toContain('1: unreachable');
  });

  test('with one that never answers', async () => {
    federation.meddle = ({ to, message }) => (to === 1 && message.type === 'sign_request' ? 'silent' : message);
    expect(signers(await signBy(0, name))).toEqual([0, 2]);
  });

  test('with one that refuses, and its reason is reported', async () => {
    await federation.stop(1);
    await federation.start(1, true);
    const result = await signBy(0, name);
    await federation.restart(1);
    expect(signers(result)).toEqual([0, 2]);
  });

  test('with one whose shares are changed on the way, and it is blamed', async () => {
    // Whoever has given nonces signs: these two have, before the third one can.
    federation.down.add(2);
    await signBy(0, name);
    federation.down.clear();
    federation.meddleReply = ({ to, replies }) =>
      replies.map(({ type, body }) => {
        if (to !== 1 || type !== 'sign_response') return { type, body };
        return { type, body: { ...Object(body), partials: [`${'00'.repeat(31)}05`] } };
      });
    const result = await signBy(0, name);
    expect(signers(result)).toEqual([0, 2]);
    expect(excluded(result)).toContain('1: bad_share');
  });

  test('with one whose answers are no answers', async () => {
    // It has given nonces, so it is asked; the third one has not yet.
    federation.down.add(2);
    await signBy(0, name);
    federation.down.clear();
    federation.meddleReply = ({ to, replies }) => (to === 1 ? [{ type: 'dkg_not_joined', body: {} }] : replies);
    const result = await signBy(0, name);
    expect(signers(result)).toEqual([0, 2]);
    expect(excluded(result)).toContain('1: malformed');
  });

  test('after a signer restarted, whose earlier nonces are worth nothing', async () => {
    await signBy(0, name);
    await federation.restart(1);
    federation.down.add(2);
    expect(signers(await signBy(0, name))).toEqual([0, 1]);
  });

  test('or not at all, once its coordinator is closed: nothing waits on', async () => {
    federation.meddle = ({ message }) => (message.type === 'sign_request' ? 'silent' : message);
    const { signing } = federation.at(0).services;
    const outcome = signBy(0, name).catch(String);
    await Bun.sleep(20);
    signing.close();
    expect(await outcome).toContain('the node is being closed');
  });

  test('never from fewer than two nodes', async () => {
    federation.down.add(1);
    federation.down.add(2);
    const result = await signBy(0, name);
    expect(result.kind).toBe('failed');
    expect(excluded(result).sort()).toEqual(['1: unreachable', '2: unreachable']);
  });
});

describe.each([...SCHEMES])('a %s nonce', (name) => {
  test('serves one request only, whatever the second one says', async () => {
    const request = await requestFor(federation, 0, asked(name, 'first'), [1, 2]);
    const body = { ...request };
    const [first] = await repliesOf(federation.send(0, 1, { type: 'sign_request', body }));
    expect(first?.type).toBe('sign_response');
    const others = [body, { ...body, session: 'ab'.repeat(16), intent: asked(name, 'second').intent }];
    for (const other of others) {
      const [second] = await repliesOf(federation.send(0, 1, { type: 'sign_request', body: other }));
      expect(second).toMatchObject({ type: 'sign_refusal', body: { reason: 'nonce_unknown' } });
    }
  });

  test('serves one of two requests that arrive at once', async () => {
    const request = await requestFor(federation, 0, asked(name, 'at once'), [1, 2]);
    const send = () => repliesOf(federation.send(0, 1, { type: 'sign_request', body: { ...request } }));
    const types = (await Promise.all([send(), send()])).map(([answer]) => answer?.type ?? '');
    expect(types.sort()).toEqual(['sign_refusal', 'sign_response']);
  });

  test('of one coordinator serves no other', async () => {
    const request = await requestFor(federation, 0, asked(name, 'mine'), [1, 2]);
    const [answer] = await repliesOf(federation.send(2, 1, { type: 'sign_request', body: { ...request } }));
    expect(answer).toMatchObject({ type: 'sign_refusal', body: { reason: 'nonce_unknown' } });
  });

  test('dies with the process that made it', async () => {
    const request = await requestFor(federation, 0, asked(name, 'before'), [1, 2]);
    await federation.restart(1);
    const boots = { ...request.boots, 1: federation.at(1).boot };
    for (const body of [request, { ...request, boots }]) {
      const [answer] = await repliesOf(federation.send(0, 1, { type: 'sign_request', body: { ...body } }));
      expect(answer).toMatchObject({ type: 'sign_refusal', body: { reason: 'nonce_unknown' } });
    }
  });
});

describe('a request', () => {
  test('to a sealed node is refused with not_unsealed, and its nonces are none', async () => {
    const request = await requestFor(federation, 0, asked('bip340', 'sealed'), [1, 2]);
    await federation.stop(1);
    await federation.start(1, true);
    const [answer] = await repliesOf(federation.send(0, 1, { type: 'sign_request', body: { ...request } }));
    const ask = { scheme: 'bip340', key_id: request.key_id, count: 4 };
    const [nonces] = await repliesOf(federation.send(0, 1, { type: 'nonce_request', body: ask }));
    await federation.restart(1);
    expect(answer).toMatchObject({ type: 'sign_refusal', body: { reason: 'not_unsealed' } });
    expect(nonces).toMatchObject({ type: 'nonces', body: { nonces: [] } });
  });

  test('for a key that this node does not have is refused with unknown_key', async () => {
    const request = await requestFor(federation, 0, asked('bip340', 'key'), [1, 2]);
    const body = { ...request, key_id: 'ffffffffffffffff' };
    const [answer] = await repliesOf(federation.send(0, 1, { type: 'sign_request', body }));
    expect(answer).toMatchObject({ type: 'sign_refusal', body: { reason: 'unknown_key' } });
  });

  test('to attest with the bitcoin key, or to pay with the attestation key, is refused with unknown_intent', async () => {
    const claim = deposit(federation);
    const { txid, vout, recipient, amount } = claim;
    const expiry = `${Math.floor(Date.now() / 1000) + 86_400}`;
    const intent = { kind: 'attestation' as const, test: false, items: [{ txid, vout, recipient, amount, expiry }] };
    const request = await requestFor(federation, 0, asked('bip340', 'scheme'), [1, 2]);
    const [answer] = await repliesOf(federation.send(0, 1, { type: 'sign_request', body: { ...request, intent } }));
    expect(answer).toMatchObject({ type: 'sign_refusal', body: { reason: 'unknown_intent' } });
  });

  test('to prove a ceremony that did not make the key is refused', async () => {
    const request = await requestFor(federation, 0, asked('bip340', 'proof'), [1, 2]);
    const intent = { kind: 'ceremony_proof', ceremony_id: 'first', transcript_hash: 'ab'.repeat(32) };
    const [answer] = await repliesOf(federation.send(0, 1, { type: 'sign_request', body: { ...request, intent } }));
    expect(answer).toMatchObject({ type: 'sign_refusal', body: { reason: 'bad_request' } });
  });

  test('flood of one peer leaves room for the requests of others', async () => {
    const view = federation.chain.views[1];
    if (view === undefined) throw new Error('there are three nodes');
    const { txOuts } = view;
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const stuck = deposit(federation);
    view.txOuts = async (outpoints, source) => {
      if (outpoints.some(({ txid }) => txid === stuck.txid)) await gate;
      return txOuts(outpoints, source);
    };
    const { txid, vout, recipient, amount } = stuck;
    const expiry = `${Math.floor(Date.now() / 1000) + 86_400}`;
    const intent = { kind: 'attestation', test: false, items: [{ txid, vout, recipient, amount, expiry }] };
    const request = await requestFor(federation, 2, asked('ed25519', 'flood'), [0, 1]);
    const flood = Array.from({ length: 64 }, () =>
      federation.send(2, 1, { type: 'sign_request', body: { ...request, intent } }),
    );
    await Bun.sleep(5);
    federation.down.add(2);
    const result = await signBy(0, 'ed25519');
    federation.down.clear();
    release();
    await Promise.all(flood);
    view.txOuts = txOuts;
    expect(signers(result)).toEqual([0, 1]);
  });
});

describe('a decision is durable before a share leaves', () => {
  // The share is computed, and then the process dies: nothing has left, but the decision stands.
  function dieAfterDecision(index: number): () => void {
    const member = federation.member(index);
    const { random } = member;
    member.random = () => {
      throw new Error('the process dies here');
    };
    return () => {
      member.random = random;
    };
  }

  test('of an attestation', async () => {
    const claim = deposit(federation);
    const { txid, vout, recipient, amount } = claim;
    const expiry = `${Math.floor(Date.now() / 1000) + 86_400}`;
    const intent = { kind: 'attestation' as const, test: false, items: [{ txid, vout, recipient, amount, expiry }] };
    const { messages } = { messages: testMessages('ed25519', { kind: 'test_message', message: '' }) };
    const request = await requestFor(federation, 0, { name: 'ed25519', intent, messages }, [1, 2]);
    const revive = dieAfterDecision(1);
    const sent = await federation.send(0, 1, { type: 'sign_request', body: { ...request } });
    revive();
    expect(sent.ok).toBe(false);
    await federation.restart(1);
    expect(getAttestation(federation.at(1).node.store.db, claim)?.recipient).toBe(recipient);
  });

  test('of a step of the line', async () => {
    const one = burn(federation);
    const intent = await planned(federation, 0, [one]);
    const revive = dieAfterDecision(2);
    const said = await askStep(federation, 0, intent, [2]).catch(() => ['dead']);
    revive();
    expect(said).toEqual(['dead']);
    await federation.restart(2);
    const { db } = federation.at(2).node.store;
    // Dying before nonces were given leaves nothing; so ask again, with nonces that were given before.
    expect(getBurn(db, one.burnTxid)).toBeNull();
    const request = await requestFor(federation, 0, stepAsked(federation, 0, intent), [1, 2]);
    const reviveAgain = dieAfterDecision(2);
    const sent = await federation.send(0, 2, { type: 'sign_request', body: { ...request } });
    reviveAgain();
    expect(sent.ok).toBe(false);
    await federation.restart(2);
    const reopened = federation.at(2).node.store.db;
    expect(stepsOfBurn(reopened, one.burnTxid)).toMatchObject([{ isSigned: false, height: null }]);
    expect(verifyAuditLog(reopened).ok).toBe(true);
    const result = await withdrawBy(federation, 0, [one]);
    expect(result.step.broadcast).toBe(true);
  });

  test('and where the store cannot write it, no share leaves', async () => {
    const claim = deposit(federation);
    const member = federation.at(1);
    const { db } = member.node.store;
    const { transaction } = db;
    db.transaction = () => {
      throw new Error('disk I/O error');
    };
    const { signing } = await attestBy(federation, 0, claim);
    db.transaction = transaction;
    expect(signing.signers).toEqual([0, 2]);
    expect(getAttestation(db, claim)).toBeNull();
  });
});
