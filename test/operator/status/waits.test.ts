// Work that waits longer than it should is a problem, with what holds it up and since when, until it goes on.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { depositReports } from '../../../operator/deposit-reports.ts';
import type { Problem } from '../../../operator/runtime/problems.ts';
import { lastingWaits, WAITS_MAX } from '../../../operator/status/lasting-waits.ts';
import { getDeposit, recordDeposit } from '../../../store/deposits.ts';
import { holdBurn } from '../../../store/holds.ts';
import { recordRequest } from '../../../store/requests.ts';
import { BridgeWorld } from '../bridge-world.ts';
import { freshHash } from '../custody.ts';

let world: BridgeWorld;
afterEach(() => world.close());

/** What the operator of node 0 is shown. */
function shown(): readonly Problem[] {
  const { node, services } = world.federation.at(0);
  return lastingWaits(Object.assign({}, node, { online: services }), world.federation.key());
}
const found = (code: string) => shown().find((one) => one.code === code) ?? null;
const now = () => world.federation.at(0).node.input.effects.now();
const seconds = (ms: number) => Math.ceil(ms / 1000);

describe('of a treasury with little in it', () => {
  beforeEach(async () => {
    world = await BridgeWorld.opened();
  });

  test('a burn that it cannot pay is a problem beyond the bound, with what is missing, and none before', async () => {
    const burn = world.burn({ amount: 900_000n, fee: 500n });
    await world.rounds(3);
    expect(found('burns_wait')).toBeNull();
    const { payoutBatch } = world.federation.member(0).config;
    world.pass(payoutBatch.ageS + seconds(WAITS_MAX.burn));
    await world.rounds(2);
    const late = found('burns_wait');
    expect(late).toMatchObject({ severity: 'error', subject: 'burns' });
    expect(late?.cause).toContain(`1 burn is not paid yet`);
    expect(late?.cause).toContain(burn.burnTxid);
    expect(Date.parse(late?.since ?? '')).toBeLessThan(now() - WAITS_MAX.burn);
  });

  test('a burn that no payout can ever pay is one at once, until it is held', async () => {
    const burn = world.burn({ amount: 400n, fee: 390n });
    await world.rounds(3);
    const told = found('burns_unpayable');
    expect(told).toMatchObject({ severity: 'warning', subject: 'burns' });
    expect(told?.cause).toMatch(/^1 burn is not payable \((below_dust|fee_too_small|fee_above_amount): /);
    expect(told?.action).toContain(`mpc_operator hold ${burn.burnTxid} --reason`);
    holdBurn(world.db(0), burn.burnTxid, 'it is dust', now());
    expect(found('burns_unpayable')).toBeNull();
    expect(found('burns_wait')).toBeNull();
  });

  test('a burn that waits behind very many that no payout can pay is still a problem', async () => {
    for (let many = 0; many < 600; many++) world.burn({ amount: 400n, fee: 390n });
    const late = world.burn({ amount: 900_000n, fee: 500n });
    await world.rounds(3, [0]);
    const { payoutBatch } = world.federation.member(0).config;
    world.pass(payoutBatch.ageS + seconds(WAITS_MAX.burn));
    await world.rounds(1, [0]);
    expect(found('burns_unpayable')?.cause).toContain('600 burns are not payable');
    expect(found('burns_wait')?.cause).toContain('1 burn is not paid yet');
    expect(found('burns_wait')?.cause).toContain(late.burnTxid);
  });

  test('a request of a peer waits for a person, until it is decided or over', () => {
    const treasury = { txid: freshHash(), vout: 0 };
    const request = { id: 'ab'.repeat(16), kind: 'void' as const, treasury, reason: 'stuck', askedBy: 2 };
    recordRequest(world.db(0), { ...request, createdAt: now(), expiresAt: now() + 60_000 }, now());
    expect(found('request_waits')).toMatchObject({
      cause: 'operator 2 asks operator 0 to approve a void step: stuck',
      action: `ask why, then \`mpc_operator requests approve ${request.id}\` or \`requests refuse ${request.id}\``,
    });
    world.pass(61);
    expect(found('request_waits')).toBeNull();
  });
});

describe('of deposits', () => {
  beforeEach(async () => {
    world = await BridgeWorld.make();
  });

  test('one that is deep enough and not attested is a problem beyond the bound, and none once it is', async () => {
    const paid = world.pay(await world.recipient());
    world.mine(6);
    const others = [1, 2];
    for (const index of others) world.federation.down.add(index);
    await world.rounds(1, [0]);
    expect(found('deposits_wait')).toBeNull();
    world.pass(seconds(WAITS_MAX.attestation) + 1);
    expect(found('deposits_wait')).toMatchObject({ severity: 'error', subject: 'deposits' });
    expect(found('deposits_wait')?.cause).toContain(`${paid.txid}:0`);
    for (const index of others) world.federation.down.delete(index);
    await world.untilMinted(paid);
    expect(found('deposits_wait')).toBeNull();
  });

  test('each is listed with what it waits for: confirmations, more sats than it has, Wire, and nothing once it is minted', async () => {
    const page = { limit: 50, offset: 0 };
    const waitsFor = ({ txid }: { readonly txid: string }) => {
      const { node, services } = world.federation.at(0);
      const { deposits } = depositReports(Object.assign({}, node, { online: services }), page);
      return deposits.find((one) => one.txid === txid)?.waits_for;
    };
    const least = world.federation.member(0).config.policy.depositMinSats;
    const ledger = world.federation.chain.ledgers[0];
    if (ledger === undefined) throw new Error('every member has a ledger');
    const { mint } = ledger;
    ledger.mint = async () => null;
    const recipient = await world.recipient();
    const [small, large] = [world.pay(recipient, least - 1n), world.pay(recipient)];
    world.mine(2);
    await world.rounds(1);
    const tooSmall = `nothing: it is below the least amount of ${least} sats (policy.deposit_min_sats), so this node does not attest it`;
    expect([waitsFor(small), waitsFor(large)]).toEqual([tooSmall, 'confirmations: 2 of 6']);
    world.mine(4);
    await world.until(() => getDeposit(world.db(0), large)?.status === 'attested');
    expect(waitsFor(large)).toStartWith('Wire: its mint needs ');
    ledger.mint = mint;
    await world.untilMinted(large);
    expect([waitsFor(small), waitsFor(large)]).toEqual([tooSmall, null]);
  });

  test('one that no Bitcoin node knows is named with what the attempt to attest it came to', async () => {
    const lost = {
      txid: freshHash(),
      vout: 0,
      recipient: freshHash(),
      amount: 5_000n,
      height: 1,
      blockHash: freshHash(),
    };
    for (const { index } of world.federation.members) recordDeposit(world.db(index), lost, now());
    world.mine(6);
    const { deposits } = world.federation.at(0).services.autopilot;
    await world.until(() => deposits.why(`${lost.txid}:0`) !== null);
    const why = deposits.why(`${lost.txid}:0`) ?? '';
    expect(why).not.toBe('');
    world.pass(seconds(WAITS_MAX.attestation) + 1);
    expect(found('deposits_wait')?.cause).toContain(`${lost.txid}:0 (${why})`);
  });

  test('one whose mint Wire refuses is a problem beyond the bound, with what Wire said', async () => {
    const ledger = world.federation.chain.ledgers[0];
    if (ledger === undefined) throw new Error('every member has a ledger');
    Object.assign(ledger, {
      mint: async () => null,
      postMint: async () => ({
        ok: false,
        reason: 'mint_refused',
        code: 'bad_signature',
        detail: 'it does not verify',
      }),
    });
    const paid = world.pay(await world.recipient());
    world.mine(6);
    await world.until(() => getDeposit(world.db(0), paid)?.status === 'attested');
    await world.rounds(1);
    expect(found('mints_wait')).toBeNull();
    world.pass(seconds(WAITS_MAX.mint));
    await world.rounds(1);
    expect(found('mints_wait')?.cause).toContain('mint_refused: it does not verify');
    // A refusal for good cannot change.
    world.pass(7 * 86_400);
    expect(found('mints_wait')).toBeNull();
  });
});
