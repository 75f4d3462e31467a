// A liar among the signers is named, counted, shown and written down by the node that coordinates.

import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { testMessages } from '../../ceremony/intent-messages.ts';
import { PATIENCE_UNKNOWN_MS } from '../../ceremony/signing/answer-times.ts';
import { problemText } from '../../operator/runtime/problems.ts';
import { SignerRecords } from '../../operator/signing/signer-records.ts';
import { LIE_SHOWN_MS, liars, signerReport } from '../../operator/status/signer-reports.ts';
import { dayOf } from '../../store/activity.ts';
import { listAudit, verifyAuditLog } from '../../store/audit-log.ts';
import { refusalsBetween, signerDaysBetween } from '../../store/report-activity.ts';
import { FederationInMemory } from './federation-in-memory.ts';

let federation: FederationInMemory;
beforeAll(async () => {
  federation = await FederationInMemory.make();
  await federation.dkgByAll();
  // With empty pools, so that the two that sign first are those that may answer first.
  await federation.restart(0);
});
afterAll(() => federation.close());

async function sign(text: string): Promise<void> {
  const { keyId, bitcoin: key } = federation.key(0);
  const { services, node } = federation.at(0);
  const intent = { kind: 'test_message' as const, message: text };
  const task = { scheme: node.keys.scheme('bip340'), keyId, key, intent, messages: testMessages('bip340', intent) };
  const result = await services.signing.coordinate(task, services.signing.candidates());
  expect(result.kind).toBe('signed');
}

function lying(): void {
  federation.meddleReply = ({ to, replies }) =>
    replies.map(({ type, body }) => {
      if (to !== 1 || type !== 'sign_response') return { type, body };
      return { type, body: { ...Object(body), partials: [`${'00'.repeat(31)}05`] } };
    });
}

test('a signer whose operator has not approved, or whose own rule forbids it, has answered and is not at fault', () => {
  const records = new SignerRecords({ now: () => 0, monotonic: () => 0 }, null);
  for (const reason of ['approval_needed', 'policy', 'fee_too_high'] as const) {
    records.excluded({ index: 1, reason, detail: 'x' }, {});
  }
  expect(records.list()).toMatchObject([{ answered: 2, faults: { refused: 1 }, last: { reason: 'fee_too_high' } }]);
});

describe('a signer that gave a wrong share', () => {
  test('is in the audit log by its index, with the session, scheme, key and kind of what was to be signed', async () => {
    federation.down.add(2);
    await sign('well');
    federation.down.clear();
    lying();
    await sign('with a liar');
    const { db } = federation.at(0).node.store;
    const lies = listAudit(db, { limit: 50 }).rows.filter(({ kind }) => kind === 'signer_lied');
    expect(lies).toHaveLength(1);
    const { keyId } = federation.key(0);
    expect(lies[0]?.body).toEqual({
      ...{ index: 1, reason: 'bad_share', scheme: 'bip340', key_id: keyId, intent: 'test_message' },
      ...{ session: expect.stringMatching(/^[0-9a-f]{32}$/), lies_since_start: 1 },
    });
    expect(verifyAuditLog(db).ok).toBe(true);
  });

  test('is reported with counts, reason and time, and needs attention for a day', () => {
    const standing = federation.at(0).services.signing.signers();
    const liar = standing.find(({ index }) => index === 1);
    if (liar === undefined) throw new Error('the liar has no record');
    const told = signerReport(liar, 'Beta');
    expect(told).toMatchObject({ index: 1, name: 'Beta', lying: 1, last: { fault: 'lying', reason: 'bad_share' } });
    expect(Math.abs(Date.parse(told.last?.at ?? '') - Date.now())).toBeLessThan(60_000);
    const at = liar.lastLie?.measuredAt ?? 0;
    const [lie = '', ...more] = liars(standing, at).map(problemText);
    expect(lie).toStartWith('operator 1: it gave a wrong partial signature or nonce, once since this node started');
    expect(lie).toContain(`last at ${told.last?.at} (shown for a day)`);
    expect(more).toEqual([]);
    expect(liars(standing, at + LIE_SHOWN_MS)).toEqual([]);
  });

  test('is counted for reports, with how long it and the others took to answer', () => {
    const { node } = federation.at(0);
    node.activity?.write();
    const rows = signerDaysBetween(node.store.db, 0, dayOf(node.input.effects.now()));
    const sum = (peer: number, of: 'answered' | 'lying' | 'timed') =>
      rows.filter(({ peerIndex }) => peerIndex === peer).reduce((total, row) => total + row[of], 0);
    expect(sum(1, 'lying')).toBe(1);
    expect(sum(0, 'lying')).toBe(0);
    for (const peer of [0, 1])
      expect([peer, sum(peer, 'timed') >= 2, sum(peer, 'answered') >= 1]).toEqual([peer, true, true]);
  });

  test('and the signers that helped have no fault', () => {
    const standing = federation.at(0).services.signing.signers();
    for (const { index, faults, last } of standing) {
      if (index === 1) continue;
      expect(faults.lying + faults.refused).toBe(0);
      if (index === 0) expect(last).toBe(null);
    }
  });

  test('that lies on is asked last, so that signatures come without it', async () => {
    await sign('after');
    expect(
      federation
        .at(0)
        .services.signing.signers()
        .find(({ index }) => index === 1)?.faults.lying,
    ).toBe(1);
  });
});

test('a refusal is counted with its reason by the node that asked, and by the one that refused', async () => {
  federation.meddleReply = ({ to, replies }) =>
    replies.map(({ type, body }) => {
      if (to === 0 || type !== 'sign_response') return { type, body };
      const { session } = Object(body);
      return { type: 'sign_refusal', body: { session, reason: 'policy', detail: 'not today' } };
    });
  const { keyId, bitcoin: key } = federation.key(0);
  const { services, node } = federation.at(0);
  const intent = { kind: 'test_message' as const, message: 'refused' };
  const task = { scheme: node.keys.scheme('bip340'), keyId, key, intent, messages: testMessages('bip340', intent) };
  expect((await services.signing.coordinate(task, services.signing.candidates())).kind).toBe('failed');
  federation.meddleReply = ({ replies }) => replies;
  node.activity?.write();
  const day = dayOf(node.input.effects.now());
  const asked = refusalsBetween(node.store.db, 0, day);
  expect(asked).toEqual([1, 2].map((peerIndex) => ({ peerIndex, reason: 'policy', count: 1 })));

  const request = { session: '11'.repeat(16), key_id: '00'.repeat(8), scheme: 'bip340', intent, signers: [0, 1] };
  const messages = [{ nonce_ids: { 0: '22'.repeat(16), 1: '22'.repeat(16) }, nonce_commitment: '33'.repeat(66) }];
  const boots = { 0: '44'.repeat(16), 1: '44'.repeat(16) };
  await federation.send(0, 1, { type: 'sign_request', body: { ...request, boots, messages } });
  const refuser = federation.at(1).node;
  refuser.activity?.write();
  const refused = refusalsBetween(refuser.store.db, 0, day);
  expect(refused).toEqual([{ peerIndex: 1, reason: 'unknown_key', count: 1 }]);
});

describe('a signer whose share of a new key is not live yet', () => {
  test('is asked again until it is, and neither counted nor reported as failed', async () => {
    const late = await FederationInMemory.make();
    try {
      let early = 0;
      late.meddleReply = ({ replies }) =>
        replies.map(({ type, body }) => {
          if (type !== 'nonces' || early >= 4) return { type, body };
          early += 1;
          return { type, body: { ...Object(body), nonces: [] } };
        });
      // Sealing its key file keeps a node from answering for a while.
      for (const { running } of late.members) {
        if (running === null) throw new Error('all members run');
        const { services } = running;
        const handle = services.handle.bind(services);
        let asked = 0;
        services.handle = async (request) => {
          asked += request.type === 'nonce_request' ? 1 : 0;
          if (request.type === 'nonce_request' && asked === 3) await Bun.sleep(PATIENCE_UNKNOWN_MS + 100);
          return handle(request);
        };
      }
      for (const { proven } of await late.dkgByAll()) expect(proven).toHaveLength(2);
      expect(early).toBe(4);
      const records = late.members.flatMap(({ index }) => late.at(index).services.signing.signers());
      expect(records.map(({ last }) => last)).toEqual(records.map(() => null));
      expect(records.filter(({ answered }) => answered > 0).length).toBeGreaterThanOrEqual(3);
      expect(late.logLines().filter((line) => /signer_excluded|"warn"/.test(line))).toEqual([]);
    } finally {
      await late.close();
    }
  });

  test('is left out of any other signature with a reason that is no lie', async () => {
    federation.meddleReply = ({ to, replies }) =>
      replies.map(({ type, body }) => {
        return to === 2 && type === 'nonces' ? { type, body: { ...Object(body), nonces: [] } } : { type, body };
      });
    await federation.restart(0);
    federation.down.add(1);
    await expect(sign('with nobody')).rejects.toThrow();
    federation.down.clear();
    const record = federation
      .at(0)
      .services.signing.signers()
      .find(({ index }) => index === 2);
    expect(record?.faults).toMatchObject({ refused: 1, lying: 0 });
    expect(record?.last).toMatchObject({ fault: 'refused', reason: 'no_nonces' });
  });
});
