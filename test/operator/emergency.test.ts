// A paused node gives no share, whoever asks and whatever for; and what a pause of the federation is at those who hear of it.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import type { AttestationIntent } from '../../ceremony/intent.ts';
import { testMessages } from '../../ceremony/intent-messages.ts';
import { emergencyReport, pauseNode, resumeNode } from '../../operator/emergency-commands.ts';
import { signOwnRoot } from '../../operator/payouts/root-signing.ts';
import { serviceReport } from '../../operator/service-report.ts';
import { statusReport } from '../../operator/status/status-report.ts';
import { pauseStops } from '../../operator/validation/pause-gate.ts';
import { listAudit } from '../../store/audit-log.ts';
import { getBurn } from '../../store/burns.ts';
import { getDeposit } from '../../store/deposits.ts';
import { waitingSteps } from '../../store/line.ts';
import { openPauses, PAUSE_IGNORED_MS, pauseByPeer, pauseHere, resumeHere } from '../../store/pauses.ts';
import { BridgeWorld, type Paid } from './bridge-world.ts';
import { askAll, askAttestation, askStep, attestBy, codeOf, planned, withdrawBy } from './custody.ts';
import { Ring } from './heartbeat-ring.ts';

const REASON = 'a key file was copied';
const ID = '0a'.repeat(16);

describe('a paused node', () => {
  let world: BridgeWorld;
  /** What left any node as a share. */
  let shares: number;
  beforeEach(async () => {
    world = await BridgeWorld.opened();
    shares = 0;
    world.federation.meddleReply = ({ replies }) => {
      shares += replies.filter(({ type }) => type === 'sign_response').length;
      return replies;
    };
  });
  afterEach(() => world.close());

  const node = (index: number) => world.federation.at(index).node;
  const pause = (index: number) => pauseNode(node(index), { reason: REASON, federation: false });
  const intentOf = ({ txid, vout, recipient, amount }: Paid): AttestationIntent => {
    const expiry = `${Math.floor(Date.now() / 1000) + node(0).config.attestationValidityS}`;
    return { kind: 'attestation', test: false, items: [{ txid, vout, recipient, amount: `${amount}`, expiry }] };
  };
  async function deep(): Promise<Paid> {
    const paid = world.pay(await world.recipient());
    world.mine(6);
    await world.federation.at(0).services.autopilot.scan.catchUp(world.federation.key(), new AbortController().signal);
    return paid;
  }

  test('refuses peers its share of attestations, steps and tests by name, and gives it again once it is resumed', async () => {
    pause(1);
    const paid = await deep();
    const step = await planned(world.federation, 0, [world.burn()]);
    const hello = { kind: 'test_message', message: 'hello' } as const;
    const test = { name: 'bip340', intent: hello, messages: testMessages('bip340', hello) } as const;
    expect(await askAttestation(world.federation, 0, intentOf(paid), [1])).toEqual(['1: paused']);
    expect(await askStep(world.federation, 0, step, [1])).toEqual(['1: paused']);
    expect(await askAll(world.federation, 0, test, [1])).toEqual(['1: paused']);
    expect([shares, waitingSteps(world.db(1)).length]).toEqual([0, 0]);
    resumeNode(node(1));
    await world.rounds(1, [1]);
    expect(await askStep(world.federation, 0, step, [1])).toEqual(['1: signed']);
  });

  test('that is paused while it validates a request gives no share for it, and writes no decision down', async () => {
    const step = await planned(world.federation, 0, [world.burn()]);
    const { validation } = node(1);
    const validate = validation.validate.bind(validation);
    validation.validate = async (...asked) => {
      const verdict = await validate(...asked);
      pause(1);
      return verdict;
    };
    expect(await askStep(world.federation, 0, step, [1])).toEqual(['1: paused']);
    expect([shares, waitingSteps(world.db(1)).length]).toEqual([0, 0]);
  });

  test('has nothing signed as coordinator, not even what others would sign without it, and peers count no fault', async () => {
    const burnt = world.burn();
    pause(0);
    expect(await codeOf(withdrawBy(world.federation, 0, [burnt]))).toBe('paused');
    expect(await codeOf(attestBy(world.federation, 0, { ...(await deep()), amount: '1000000', test: true }))).toBe(
      'paused',
    );
    await world.until(() => world.paymentsOf(burnt).length === 1);
    expect(
      world.federation
        .at(1)
        .services.signing.signers()
        .find((one) => one.index === 0)?.faults.refused ?? 0,
    ).toBe(0);
    expect(world.logged('signer_excluded').filter((line) => line.includes('paused'))).toEqual([]);
  });

  test('signs no root and begins no key ceremony', async () => {
    pause(0);
    const { services } = world.federation.at(0);
    const { bridge, ceremonies } = services;
    const input = { bridge, keyRing: node(0).keyRing, maySign: () => pauseStops(world.db(0)) === null };
    expect(await signOwnRoot(input, world.federation.key(), null)).toMatchObject({ ok: false, refusal: 'not_live' });
    const asked = { ceremony_id: 'next', rehearsal: true, wait_s: 1 };
    expect(await codeOf(ceremonies.join(asked, () => {}, new AbortController().signal))).toBe('paused');
  });

  test('goes on reading burns and deposits, and stays paused over a restart', async () => {
    pause(1);
    await world.federation.stop(1);
    await world.federation.start(1);
    const burnt = world.burn();
    const paid = world.pay(await world.recipient());
    world.mine(1);
    await world.rounds(1, [1]);
    expect(getBurn(world.db(1), burnt.burnTxid)).not.toBeNull();
    expect(getDeposit(world.db(1), paid)?.status).toBe('seen');
    expect(emergencyReport(node(1)).pauses).toMatchObject([{ scope: 'node', reason: REASON, asked_by: 1 }]);
    expect(() => resumeNode(node(0))).toThrow(/not paused/);
  });

  test('says so in status and service-status, with who, why and what to do, and does not count as enabled', async () => {
    pauseByPeer(world.db(0), { id: ID, askedBy: 2, reason: REASON }, 5);
    const { problems } = await statusReport(node(0));
    expect(problems.find(({ code }) => code === 'paused')).toMatchObject({
      ...{ severity: 'critical', since: new Date(5).toISOString(), cause: expect.stringContaining(`operator 2`) },
      action: expect.stringContaining('emergency resume'),
    });
    expect(serviceReport(node(0))).toMatchObject({
      ...{ state: 'enabled', enabled: 0, paused_since: new Date(5).toISOString() },
      does: expect.arrayContaining([expect.stringContaining('signs NOTHING')]),
    });
  });
});

describe('a pause of the federation', () => {
  let of: Ring;
  beforeEach(() => {
    of = new Ring(3, 2);
  });
  afterEach(() => of.close());
  const db = (index: number) => of.node(index).store.db;
  const paused = () => of.nodes.map(({ index }) => openPauses(db(index)).map(({ askedBy }) => askedBy));
  const ask = (index: number, id: string, reason = REASON) =>
    pauseHere(db(index), { id, askedBy: index, scope: 'federation', reason }, of.now);

  test('reaches every peer with the next beat, one that was away with its first, and holds until each resumes itself', async () => {
    await of.rounds(1);
    of.down.add(2);
    ask(0, ID);
    await of.rounds(1);
    expect(paused()).toEqual([[0], [0], []]);
    of.down.delete(2);
    of.restart(2);
    await of.rounds(1);
    expect(paused()).toEqual([[0], [0], [0]]);
    resumeHere(db(0), of.now);
    of.restart(1);
    await of.rounds(2);
    expect(paused()).toEqual([[], [0], [0]]);
    resumeHere(db(1), of.now);
    await of.rounds(1);
    expect(paused()).toEqual([[], [], [0]]);
    const told = of
      .node(0)
      .heartbeat.book.peers()
      .map(({ beat }) => beat?.paused_since !== null);
    expect(told).toEqual([false, true]);
  });

  test('that was ended here does not come back, and the same operator is ignored for 24 h, over a restart as well', async () => {
    ask(0, ID);
    await of.rounds(1);
    resumeHere(db(1), of.now);
    await of.rounds(1);
    expect(paused()[1]).toEqual([]);
    resumeHere(db(0), of.now);
    ask(0, '0b'.repeat(16), 'again\u202e');
    of.restart(1);
    await of.rounds(2);
    expect(paused()[1]).toEqual([]);
    const shown = of.node(1).heartbeat.pauses.problems();
    expect(shown).toMatchObject([{ code: 'pause_ignored', cause: expect.stringContaining('again?') }]);
    expect(of.node(1).log.filter((line) => line.includes(' pause_ignored '))).toHaveLength(1);
    // Another operator's is honoured meanwhile.
    ask(2, '0c'.repeat(16));
    await of.rounds(1);
    expect(paused()[1]).toEqual([2]);
  });

  test('is honoured again 24 h after the resume, and not a moment sooner', () => {
    pauseByPeer(db(1), { id: ID, askedBy: 0, reason: REASON }, 1_000);
    resumeHere(db(1), 2_000);
    const again = { id: '0b'.repeat(16), askedBy: 0, reason: REASON };
    expect(pauseByPeer(db(1), again, 2_000 + PAUSE_IGNORED_MS - 1)).toBe('ignored');
    expect(pauseByPeer(db(1), { ...again, id: ID }, 2_000 + PAUSE_IGNORED_MS)).toBe('ended');
    expect(pauseByPeer(db(1), again, 2_000 + PAUSE_IGNORED_MS)).toBe('taken');
    expect(pauseByPeer(db(1), { ...again, id: '0c'.repeat(16) }, 3_000 + PAUSE_IGNORED_MS)).toBe('known');
  });

  test('that was ended is ignored for 24 h also where the clock was once far ahead, or was set back', () => {
    const asked = (number: number) => ({ id: `${number}`.padStart(32, '0'), askedBy: 0, reason: REASON });
    const now = of.now;
    for (const [number, away] of [10 * PAUSE_IGNORED_MS, 0, -3 * PAUSE_IGNORED_MS].entries()) {
      expect(pauseByPeer(db(1), asked(number), now + away)).toBe('taken');
      expect(resumeHere(db(1), now + away)).toHaveLength(1);
      expect(pauseByPeer(db(1), asked(100 + number), now + away + 1_000)).toBe('ignored');
    }
  });

  test('never changes, is ended once, and is in the audit log from its beginning to its end', () => {
    ask(0, ID);
    expect(ask(0, '0b'.repeat(16))).toBeFalse();
    expect(pauseHere(db(0), { id: '0c'.repeat(16), askedBy: 0, scope: 'node', reason: REASON }, of.now)).toBeTrue();
    expect(resumeHere(db(0), of.now)).toHaveLength(2);
    const kinds = listAudit(db(0), { limit: 10 }).rows.map(({ kind }) => kind);
    expect(kinds.reverse().slice(-4)).toEqual(['node_paused', 'node_paused', 'node_resumed', 'node_resumed']);
  });
});
