// Nothing real before `enable-service`, whoever asks and however; and what disabling ends.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import type { AttestationIntent } from '../../ceremony/intent.ts';
import { bump } from '../../operator/payouts/withdraw.ts';
import { disableServiceHere, enableServiceHere, serviceReport } from '../../operator/service-report.ts';
import { serviceStops } from '../../operator/validation/service-gate.ts';
import { getAttestation } from '../../store/attestations.ts';
import { listAudit } from '../../store/audit-log.ts';
import { getDeposit } from '../../store/deposits.ts';
import { waitingSteps } from '../../store/line.ts';
import { disableService, enableService, serviceSwitch } from '../../store/service.ts';
import { BridgeWorld, type Paid } from './bridge-world.ts';
import { askAttestation, askStep, attestBy, codeOf, planned, withdrawBy } from './custody.ts';

const ALL = [0, 1, 2] as const;
let world: BridgeWorld;
/** What left any node as a share. */
let shares: number;

beforeEach(async () => {
  world = await BridgeWorld.opened(undefined, 3, 2, 'off');
  shares = 0;
  world.federation.meddleReply = ({ replies }) => {
    shares += replies.filter(({ type }) => type === 'sign_response').length;
    return replies;
  };
});
afterEach(() => world.close());

const node = (index: number) => world.federation.at(index).node;
const enable = (...indices: readonly number[]) => {
  for (const index of indices) enableServiceHere(node(index));
};
const claimOf = ({ txid, vout, recipient, amount }: Paid, test = false) => {
  return { txid, vout, recipient, amount: `${amount}`, test };
};
const intentOf = ({ txid, vout, recipient, amount }: Paid): AttestationIntent => {
  const { attestationValidityS: validityS } = node(0).config;
  const expiry = `${Math.floor(Date.now() / 1000) + validityS}`;
  return { kind: 'attestation', test: false, items: [{ txid, vout, recipient, amount: `${amount}`, expiry }] };
};

/** A deposit that every node has read, deep enough to be attested. */
async function deep(): Promise<Paid> {
  const paid = world.pay(await world.recipient());
  world.mine(6);
  await world.rounds(1);
  return paid;
}

describe('before enable-service', () => {
  test('no node attests or pays by itself, however long deposits and burns wait', async () => {
    const before = world.federation.sent.length;
    const paid = await deep();
    const burnt = world.burn();
    for (let round = 0; round < 6; round++) {
      await world.rounds(1);
      world.pass(60);
    }
    expect(ALL.map((index) => getDeposit(world.db(index), paid)?.status)).toEqual(['seen', 'seen', 'seen']);
    expect(world.paymentsOf(burnt)).toHaveLength(0);
    const sent = world.federation.sent.slice(before).map(({ message }) => message.type);
    expect(sent).not.toContain('sign_request');
    expect(world.logged('work_failed')).toEqual([]);
  });

  test('commands are refused by name, and write nothing down', async () => {
    const paid = await deep();
    const burnt = world.burn();
    const { bridge, autopilot } = world.federation.at(0).services;
    expect(await codeOf(attestBy(world.federation, 0, claimOf(paid)))).toBe('service_off');
    expect(await codeOf(withdrawBy(world.federation, 0, [burnt]))).toBe('service_off');
    enable(1, 2);
    expect(await codeOf(withdrawBy(world.federation, 0, [burnt]))).toBe('service_off');
    await withdrawBy(world.federation, 1, [burnt]);
    await world.rounds(1);
    expect(await codeOf(bump(bridge, autopilot.steps, { fee_rate: 20 }, () => {}))).toBe('service_off');
    expect(getAttestation(world.db(0), paid)).toBeNull();
    expect(waitingSteps(world.db(0)).map(({ decidedAt }) => decidedAt)).toEqual([null]);
  });

  test('a node refuses the requests of a peer that is enabled, and signs them once it is enabled itself', async () => {
    const paid = await deep();
    const burnt = world.burn();
    enable(0);
    const step = await planned(world.federation, 0, [burnt]);
    const refused = ['1: service_off', '2: service_off'];
    expect(await askAttestation(world.federation, 0, intentOf(paid), [1, 2])).toEqual(refused);
    expect(await askStep(world.federation, 0, step, [1, 2])).toEqual(refused);
    expect(await codeOf(attestBy(world.federation, 0, claimOf(paid)))).toBe('not_signed');
    expect(await codeOf(withdrawBy(world.federation, 0, [burnt]))).toBe('not_signed');
    expect(shares).toBe(0);
    for (const index of [1, 2]) {
      expect(getAttestation(world.db(index), paid)).toBeNull();
      expect(waitingSteps(world.db(index))).toEqual([]);
    }
    enable(1);
    expect(await askAttestation(world.federation, 0, intentOf(paid), [1, 2])).toEqual(['1: signed', '2: service_off']);
    expect(await askStep(world.federation, 0, step, [1, 2])).toEqual(['1: signed', '2: service_off']);
  });

  test('test commands work', async () => {
    const paid = await deep();
    const { signing } = await attestBy(world.federation, 0, claimOf(paid, true));
    expect(signing.signers).toHaveLength(2);
    expect(shares).toBeGreaterThan(0);
  });
});

describe('a federation of which t nodes are enabled', () => {
  test('works by itself, and counts the refusals of the others as no fault of theirs', async () => {
    enable(0, 2);
    const paid = await world.minted();
    const burnt = world.burn();
    world.mine(6);
    await world.until(() => world.paymentsOf(burnt).length === 1);
    expect(getAttestation(world.db(1), paid)?.signature).toBeString();
    // The nonces of all are known by now, so operator 1 is asked first.
    await attestBy(world.federation, 0, claimOf(await deep()));
    expect(world.logged('signer_excluded').filter((line) => line.includes('service_off'))).toEqual([]);
    expect(world.logged('signer_service_off').length).toBeGreaterThan(0);
    for (const index of [0, 2]) {
      const others = world.federation.at(index).services.signing.signers();
      expect(others.find((one) => one.index === 1)?.faults.refused ?? 0).toBe(0);
    }
    const refusals = world.logged('sign_refused').filter((line) => line.includes('service_off'));
    expect(refusals.every((line) => line.includes('"level":"info"'))).toBeTrue();
  });
});

describe('disable-service', () => {
  test('ends new attestations at this node, by itself, by command and for peers; burns are still paid', async () => {
    const paid = await deep();
    enable(...ALL);
    for (const index of [1, 2]) disableServiceHere(node(index));
    const burnt = world.burn();
    expect(await codeOf(attestBy(world.federation, 1, claimOf(paid)))).toBe('service_off');
    expect(await askAttestation(world.federation, 0, intentOf(paid), [1, 2])).toEqual([
      '1: service_off',
      '2: service_off',
    ]);
    await world.until(() => world.paymentsOf(burnt).length === 1);
    expect(ALL.map((index) => getAttestation(world.db(index), paid)?.signature ?? null)).toEqual([null, null, null]);
    enable(1);
    await world.untilMinted(paid);
  });

  test('while a request is being validated keeps its share from leaving', async () => {
    const paid = await deep();
    enable(...ALL);
    const { validation } = node(1);
    const verdict = await validation.validate(intentOf(paid), world.federation.key(1).keyId, 'ed25519', 0);
    if (!verdict.ok) throw new Error(verdict.detail);
    disableServiceHere(node(1));
    expect(verdict.decide()).toMatchObject({ ok: false, reason: 'service_off' });
    expect(getAttestation(world.db(1), paid)).toBeNull();
  });

  test('of a service that was never enabled is refused', () => {
    expect(() => disableServiceHere(node(0))).toThrow(/never enabled at this node, so there is nothing to disable/);
    expect(serviceSwitch(world.db(0)).state).toBe('off');
  });
});

describe('the switch', () => {
  test('survives a restart, is written down once a change, and never returns to what was never enabled', async () => {
    expect(serviceSwitch(world.db(0))).toEqual({ state: 'off', changedAt: null, firstEnabledAt: null });
    expect([enableService(world.db(0), 5), enableService(world.db(0), 6)]).toEqual([true, false]);
    expect([disableService(world.db(0), 7), disableService(world.db(0), 8)]).toEqual([true, false]);
    await world.federation.stop(0);
    await world.federation.start(0);
    expect(serviceSwitch(world.db(0))).toEqual({ state: 'disabled', changedAt: 7, firstEnabledAt: 5 });
    expect(serviceStops(world.db(0), 'payouts')).toBeNull();
    enableService(world.db(0), 9);
    expect(serviceSwitch(world.db(0))).toEqual({ state: 'enabled', changedAt: 9, firstEnabledAt: 5 });
    const kinds = listAudit(world.db(0), { limit: 200 }).rows.map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind.startsWith('service_')).reverse()).toEqual([
      'service_enabled',
      'service_disabled',
      'service_enabled',
    ]);
  });

  test('is turned on only where there is a live key with the certificate of its root', async () => {
    const closed = await BridgeWorld.make(3, 2, 'closed');
    try {
      const shut = closed.federation.at(0).node;
      expect(() => enableServiceHere(shut)).toThrow(/the treasury is not open/);
      expect(serviceReport(shut)).toMatchObject({ state: 'off', missing: expect.stringContaining('treasury') });
    } finally {
      await closed.close();
    }
  });
});

describe('service-status', () => {
  test('says what this node does by itself, and before it is enabled what would begin and what waits', async () => {
    await deep();
    world.burn();
    await world.rounds(1);
    expect(serviceReport(node(0))).toMatchObject({
      ...{ state: 'off', since: null, missing: null, enabled: 0, threshold: 2, participants: 3 },
      does: [expect.stringContaining('signs nothing real'), expect.stringContaining('follows the chain')],
      would_begin: expect.arrayContaining(['Waiting now: 1 deposit to attest, 1 burn to pay.']),
    });
    enable(0);
    expect(serviceReport(node(0))).toMatchObject({
      ...{ state: 'enabled', since: expect.any(String), enabled: 1, would_begin: [] },
      does: [expect.stringContaining('attests deposits by itself'), expect.stringContaining('pays burns by itself')],
    });
    disableServiceHere(node(0));
    const { does, enabled } = serviceReport(node(0));
    expect([does[0], enabled]).toEqual(['It attests nothing new.', 0]);
  });
});
