// A veto keeps a large payout from being signed anywhere, within its hold window and for a day at most.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import type { WireBurn } from '../../chain/wire-ledger.ts';
import { commands } from '../../operator/commands.ts';
import { Vetoes } from '../../operator/payouts/vetoes.ts';
import { knownFinalSince } from '../../store/payout-limits.ts';
import { listRequests } from '../../store/requests.ts';
import { approveVetoed, getVeto, holdingVeto, recordVeto, VETO_MS } from '../../store/vetoes.ts';
import { deposit } from '../chain/line-steps.ts';
import { BridgeWorld } from './bridge-world.ts';
import { codeOf, freshHash } from './custody.ts';
import { burn, LineDesk, NOW } from './line-desk.ts';

const REASON = 'nobody knows this payee';
const WINDOW_S = 600;

describe('a signer', () => {
  let desk: LineDesk;
  beforeEach(() => {
    desk = new LineDesk();
  });
  afterEach(() => desk.close());
  const ID = '0a'.repeat(16);
  const { burnTxid } = burn(1);
  const veto = (id = ID, vetoedBy = 2) =>
    recordVeto(desk.store.db, { id, burnTxid, vetoedBy, reason: REASON, at: NOW, expiresAt: NOW + VETO_MS });
  const step = () => desk.provide(desk.step({ step: 'payout', swept: [deposit(1, 900_000n)], burns: [burn(1)] }));

  test('refuses a vetoed burn by name for 24 h, and not a moment longer', async () => {
    expect(veto()).toBe('taken');
    desk.now = NOW + VETO_MS - 1;
    expect(await desk.refusal(step())).toMatchObject({ reason: 'payout_vetoed', data: { burn_txid: burnTxid } });
    desk.now += 1;
    expect(await desk.validate(step())).toBe('signed');
  });

  test('counts the hold window of a vetoed burn from when it is final, so that no veto opens it to another', async () => {
    Object.assign(desk.policy, { holdAboveSats: 1n, holdMinutes: WINDOW_S / 60 });
    veto();
    expect((await desk.refusal(step())).reason).toBe('payout_vetoed');
    expect(knownFinalSince(desk.store.db, burnTxid)).toBe(NOW);
    desk.now = NOW + VETO_MS;
    expect(await desk.validate(step())).toBe('signed');
  });

  test('signs it once t operators let it go, each counted once, and of every veto of it', async () => {
    veto();
    veto('0b'.repeat(16), 1);
    const { db } = desk.store;
    for (const operator of [0, 0, 0]) approveVetoed(db, ID, operator, NOW);
    expect((await desk.refusal(step())).reason).toBe('payout_vetoed');
    approveVetoed(db, ID, 1, NOW);
    expect((await desk.refusal(step())).detail).toContain('operator 1 has vetoed');
    for (const operator of [0, 2]) approveVetoed(db, '0b'.repeat(16), operator, NOW);
    expect(await desk.validate(step())).toBe('signed');
  });

  test('keeps one veto of an operator and a burn for ever, and so many of one operator within a day', () => {
    veto();
    expect(veto()).toBe('known');
    const more = Array.from({ length: 100 }, (_, i) => {
      const id = freshHash().slice(0, 32);
      return recordVeto(desk.store.db, {
        id,
        burnTxid: freshHash(),
        vetoedBy: 2,
        reason: REASON,
        at: NOW + i,
        expiresAt: NOW + VETO_MS,
      });
    });
    expect([more[98], more[99]]).toEqual(['taken', 'full']);
    expect(veto('0c'.repeat(16), 1)).toBe('taken');
    expect(
      recordVeto(desk.store.db, {
        id: '0d'.repeat(16),
        burnTxid,
        vetoedBy: 2,
        reason: REASON,
        at: NOW + 2 * VETO_MS,
        expiresAt: NOW + 3 * VETO_MS,
      }),
    ).toBe('known');
  });
});

describe('a federation', () => {
  let world: BridgeWorld;
  let large: WireBurn;
  beforeEach(async () => {
    world = await BridgeWorld.opened();
    for (const index of [0, 1, 2]) hold(index, 40_000n);
    large = world.burn();
    await world.rounds(1);
  });
  afterEach(() => world.close());

  const at = (index: number) => world.federation.at(index);
  const hold = (index: number, holdAboveSats: bigint | null) =>
    Object.assign(at(index).node.config.policy, { holdAboveSats, holdMinutes: WINDOW_S / 60 });
  const vetoAt = (index: number, of = large) =>
    at(index).services.vetoes.veto({ burn_txid: of.burnTxid, reason: REASON });
  const paid = (one: WireBurn) => world.paymentsOf(one).length;
  const allow = async (index: number, id: string) => {
    at(index).services.vetoes.allow(id);
    await at(index).services.vetoes.round();
  };

  test('does not pay a burn that one operator vetoes, pays others, and pays it after 24 h', async () => {
    const { request, told } = await vetoAt(2);
    expect([told, request.kind, request.outcome.state]).toEqual([[0, 1], 'veto', 'open']);
    world.pass(WINDOW_S + 60);
    const small = world.burn({ amount: 30_000n });
    await world.until(() => paid(small) === 1);
    expect(paid(large)).toBe(0);
    const left = await at(0).services.autopilot.steps.waiting(world.federation.key());
    const why = left.find(({ burnTxid }) => burnTxid === large.burnTxid);
    expect(why).toMatchObject({ reason: 'payout_vetoed', remedy: expect.stringContaining(request.id) });
    world.pass(VETO_MS / 1000);
    await world.until(() => paid(large) === 1);
    expect(await codeOf(vetoAt(2))).toBe('hold_window_over');
  });

  test('pays it sooner once t operators have let it go, and not for one', async () => {
    const { request } = await vetoAt(2);
    world.pass(WINDOW_S + 60);
    await allow(0, request.id);
    await world.rounds(2);
    expect(paid(large)).toBe(0);
    await allow(1, request.id);
    await world.until(() => paid(large) === 1);
    const shown = commands['requests-show'](
      at(2).node,
      { id: request.id },
      { progress: () => {}, signal: new AbortController().signal },
    );
    expect(shown).toMatchObject({ request: { kind: 'veto', asked_by: 2, outcome: { state: 'done' } } });
  });

  test('tells one that was away, over a restart of the one that vetoes', async () => {
    await world.federation.stop(1);
    const { request, told } = await vetoAt(2);
    expect(told).toEqual([0]);
    await world.federation.stop(2);
    await world.federation.start(2);
    await world.federation.start(1);
    hold(1, 40_000n);
    hold(2, 40_000n);
    await world.rounds(1, [1]);
    world.pass(5);
    await world.rounds(1, [2]);
    expect(getVeto(world.db(1), request.id)).toMatchObject({ vetoedBy: 2, burnTxid: large.burnTxid });
  });

  test('refuses by name a veto of what is unknown, small, past its window, or vetoed by that operator before', async () => {
    expect(await codeOf(vetoAt(0, { ...large, burnTxid: freshHash() }))).toBe('burn_unknown');
    await vetoAt(0);
    expect(await codeOf(vetoAt(0))).toBe('veto_used');
    hold(1, 60_000n);
    expect(await codeOf(vetoAt(1))).toBe('no_hold_window');
    hold(1, 40_000n);
    world.pass(WINDOW_S);
    expect(await codeOf(vetoAt(1))).toBe('hold_window_over');
  });

  test('lets a vetoed burn go also where a peer asks for something else under the id of the veto', async () => {
    const { id } = (await vetoAt(0)).request;
    const body = { id, kind: 'void', treasury: { txid: freshHash(), vout: 0 }, reason: 'x', open_ms: 60_000 };
    const other = { ...body, id: `a${id.slice(1)}` };
    for (const asked of [body, other]) await world.federation.send(2, 0, { type: 'announce_request', body: asked });
    expect(listRequests(world.db(0)).rows.map((one) => one.id)).toEqual([other.id]);
    const node = { ...at(0).node, online: at(0).services as never };
    const { request } = await commands['requests-approve'](
      node,
      { id },
      { progress: () => {}, signal: new AbortController().signal },
    );
    expect(request).toMatchObject({ id, kind: 'veto', burn_txid: large.burnTxid, decision: 'approved' });
  });

  test('asks a peer that takes its time for little in one round, as everything else waits for that', async () => {
    const { bridge } = at(0).services;
    let passed = 0;
    let sent = 0;
    const effects = { ...bridge.effects, monotonic: () => passed, now: () => bridge.effects.now() };
    const client = {
      send: async () => {
        sent += 1;
        passed += 4_900;
        return { ok: true, messages: [{ type: 'veto_answer', body: { taken: false, detail: 'later' } }] } as never;
      },
    };
    const vetoes = new Vetoes({ bridge: { ...bridge, effects }, client, peers: () => [1] });
    for (let n = 0; n < 20; n++) {
      const [id, burnTxid, now] = [freshHash().slice(0, 32), freshHash(), effects.now()];
      recordVeto(world.db(0), { id, burnTxid, vetoedBy: 0, reason: REASON, at: now, expiresAt: now + VETO_MS });
    }
    await vetoes.round();
    expect(sent).toBe(2);
    // The others get their turn.
    await vetoes.round();
    expect(sent).toBe(4);
  });

  test('takes no veto of a peer past the own window, in the name of another, or longer than a day, nor twice', () => {
    const { vetoes } = at(0).services;
    const told = {
      burn_txid: large.burnTxid,
      vetoed_by: 1,
      act: 'veto',
      reason: REASON,
      open_ms: 10 * VETO_MS,
    } as const;
    const now = () => at(0).node.input.effects.now();
    expect(vetoes.take(2, told).taken).toBeFalse();
    expect(vetoes.take(1, { ...told, act: 'allow' }).taken).toBeFalse();
    expect(vetoes.take(1, told).taken).toBeTrue();
    const kept = holdingVeto(world.db(0), large.burnTxid, 2, now());
    expect(kept?.expiresAt).toBeLessThanOrEqual(now() + VETO_MS);
    world.pass(VETO_MS / 1000);
    expect(vetoes.take(1, told).taken).toBeTrue();
    expect(holdingVeto(world.db(0), large.burnTxid, 2, now())).toBeNull();
    expect(vetoes.take(2, { ...told, vetoed_by: 2 })).toMatchObject({
      taken: false,
      detail: expect.stringContaining('past its hold window'),
    });
  });
});
