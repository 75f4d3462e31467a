// The pages of money: approvals, deposits, payouts and the search, on a federation in memory and with made reports.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { inspectPsbt } from '../../../chain/psbt.ts';
import type { WireBurn } from '../../../chain/wire-ledger.ts';
import type { ActReport } from '../../../operator/admin/acts.ts';
import { approvalReport, requestRows } from '../../../operator/admin/approval-reports.ts';
import { AdminDesk } from '../../../operator/admin/desk.ts';
import { lookAlike } from '../../../operator/admin/money-shapes.ts';
import { waitingBurns } from '../../../operator/admin/payout-reports.ts';
import { search } from '../../../operator/admin/search.ts';
import { stepPsbt, stepReport } from '../../../operator/admin/step-reports.ts';
import type { WithdrawalReport } from '../../../operator/runtime/command-types.ts';
import { approvalPage, approvalsPage } from '../../../routes/admin/approvals-page.ts';
import { depositAddressPage, depositPage, depositsPage } from '../../../routes/admin/deposits-page.ts';
import { type AdminPage, pageRequest } from '../../../routes/admin/page.ts';
import { payoutFileRoutes } from '../../../routes/admin/payout-files.ts';
import { burnPage, feesPage, payoutsPage, stepPage } from '../../../routes/admin/payouts-page.ts';
import { searchPage } from '../../../routes/admin/search-page.ts';
import type { UserRole } from '../../../store/schema-users.ts';
import { ActResult } from '../../../views/act-results.tsx';
import { ActSummary } from '../../../views/acts.tsx';
import { Others, SecondPerson } from '../../../views/approvals.tsx';
import { fewEnds, placed } from '../../../views/bands.tsx';
import { groupVersions, paidBy } from '../../../views/payouts.tsx';
import { BridgeWorld, type Paid } from '../../operator/bridge-world.ts';

const TXID = 'ab'.repeat(32);
const HOSTILE = '<img src=x onerror=alert(1)><hx-partial hx-get="/x">';

describe('on a federation that has paid one burn and asks about another', () => {
  let world: BridgeWorld;
  let desk: AdminDesk;
  let deposit: Paid;
  let paid: WireBurn;
  let asked: WireBurn;
  let stepTxid: string;

  beforeAll(async () => {
    world = await BridgeWorld.opened(300_000n);
    deposit = await world.minted(1_000_000n);
    paid = world.burn();
    world.mine(6);
    await world.until(() => world.paymentsOf(paid).length === 1);
    world.mine(1);
    await world.untilAll(paid, 'mined');
    for (const { index } of world.federation.members) {
      const { policy } = world.federation.at(index).node.config;
      Object.assign(policy, { approveAboveSats: 1n, holdAboveSats: 1n, holdMinutes: 1 });
    }
    asked = world.burn();
    const { node } = world.federation.at(0);
    desk = new AdminDesk(node, { told: () => null, onFault: () => {} });
    await world.until(() => requestRows(node, { limit: 5, offset: 0 }).total === 1);
    stepTxid = world.paymentsOf(paid)[0]?.txid ?? '';
  }, 240_000);
  afterAll(() => world.close());

  async function rendered(page: AdminPage, path: Record<string, string> = {}, query = '', role: UserRole = 'operator') {
    const visitor = { user: 'ada', role, factor: 'totp' as const, session: 's', createdAt: 0, seenAt: 0 };
    const { node } = desk;
    const now = node.input.effects.now();
    const status = await desk.read('status', {});
    const parts = await page.parts(
      pageRequest({ desk, visitor, status, now, query: new URLSearchParams(query), path }),
    );
    return parts === null ? null : parts.map(({ view }) => String(view ?? '')).join('\n');
  }
  const grouped = (text: string) => text.replace(/.{4}(?=.)/g, '$& ');
  const request = () => requestRows(desk.node, { limit: 5, offset: 0 }).rows[0]?.request.id ?? '';

  test('a request shows its amount, the whole address in groups of four, and the burn with its height on Wire', async () => {
    const list = await rendered(approvalsPage);
    expect(list).toContain(grouped(asked.address));
    const page = (await rendered(approvalPage, { id: request() })) ?? '';
    expect(page).toContain(grouped(asked.address));
    expect(page).toContain(asked.burnTxid);
    expect(page).toContain('Height on Wire');
    expect(page).toContain('needs a person');
    expect(await rendered(approvalPage, { id: TXID.slice(0, 32) })).toBeNull();
    expect(page).toContain(`/acts/new/requests-approve?id=${request()}`);
    expect(page).toContain(`/acts/new/requests-refuse?id=${request()}`);
  });

  test('a role that may not decide is offered nothing, and told who decides', async () => {
    const page = (await rendered(approvalPage, { id: request() }, '', 'observer')) ?? '';
    expect(page).not.toContain('/acts/new/');
    expect(page).toContain('An operator or security officer does.');
    const payouts = (await rendered(payoutsPage, {}, '', 'observer')) ?? '';
    expect(payouts).not.toContain('/acts/new/');
    expect(await rendered(payoutsPage)).toContain('/acts/new/withdraw');
  });

  test('a veto is offered exactly while the node would take it', () => {
    const { node } = desk;
    const now = () => approvalReport(node, request())?.can_veto.ok;
    const before = now();
    Object.assign(node.config.policy, { holdAboveSats: null });
    expect(approvalReport(node, request())?.can_veto).toMatchObject({ ok: false });
    Object.assign(node.config.policy, { holdAboveSats: 1n, holdMinutes: 100_000 });
    expect(now()).toBeTrue();
    Object.assign(node.config.policy, { holdMinutes: 1 });
    expect(now()).toBe(before === true);
  });

  test('inputs less outputs of a step are its fee, and the PSBT has the very same transaction', () => {
    const step = stepReport(desk.node, stepTxid);
    if (step === null) throw new Error('the step is held');
    const sum = (amounts: readonly (string | null)[]) => amounts.reduce((all, one) => all + BigInt(one ?? 'x'), 0n);
    const fee = sum(step.inputs.map(({ amount }) => amount)) - sum(step.outputs.map(({ amount }) => amount));
    expect(`${fee}`).toBe(step.miner_fee ?? '');
    expect(step.outputs.filter(({ what }) => what === 'burn').map(({ address }) => address)).toEqual([paid.address]);
    const psbt = inspectPsbt(stepPsbt(desk.node, stepTxid) ?? '', 'regtest');
    if (!psbt.ok) throw new Error(psbt.reason);
    expect(psbt.summary).toMatchObject({ txid: stepTxid, fee });
  });

  test('the files of a step are downloads under its own name, and what is no step has none', async () => {
    const files = payoutFileRoutes(desk);
    const psbt = await files.request(`/payouts/${stepTxid}/psbt`);
    expect(psbt.headers.get('content-disposition')).toBe(`attachment; filename="${stepTxid}.psbt"`);
    expect(await psbt.text()).toStartWith('cHNidP');
    expect((await files.request(`/payouts/${stepTxid}/transaction`)).status).toBe(200);
    expect((await files.request(`/payouts/${TXID}/psbt`)).status).toBe(404);
  });

  test('a step is drawn with what stays with the federation marked, and its fee in three units', async () => {
    const page = (await rendered(stepPage, { txid: stepTxid })) ?? '';
    expect(page).toContain('Back to the treasury (ours)');
    expect(page).toContain('<desc>');
    expect(page).toMatch(/sats, [0-9.]+ sat\/vB, [0-9.]+ % of what it pays/);
    expect(page).toContain(grouped(paid.address));
    expect(page).not.toContain('style=');
    expect(await rendered(stepPage, { txid: TXID })).toBeNull();
  });

  test('a burn that waits says for what, and leads to its request', async () => {
    const [one] = waitingBurns(desk.node, {}).burns;
    expect(one?.burn.burn_txid).toBe(asked.burnTxid);
    expect(one?.remedy).not.toBe('');
    expect(await rendered(payoutsPage)).toContain(`/approvals/${request()}`);
    expect(await rendered(burnPage, { burn: asked.burnTxid })).toContain(grouped(asked.address));
    expect(await rendered(burnPage, { burn: paid.burnTxid })).toContain(`/payouts/${stepTxid}`);
  });

  test('no page of money waits for a Bitcoin or Wire node', async () => {
    const { node } = desk;
    const [bitcoin, wire] = [node.bitcoin.agreedTip, node.bitcoin.mempoolSpends];
    const never = () => new Promise<never>(() => {});
    Object.assign(node.bitcoin, { agreedTip: never, mempoolSpends: never, blockHash: never });
    for (const page of [approvalsPage, depositsPage, payoutsPage, feesPage])
      expect(await rendered(page)).not.toBeNull();
    Object.assign(node.bitcoin, { agreedTip: bitcoin, mempoolSpends: wire });
  });

  test('deposits are filtered by status, and each of them and its address have a page', async () => {
    const link = `/deposits/${deposit.txid}/${deposit.vout}`;
    expect(await rendered(depositsPage)).toContain(link);
    expect(await rendered(depositsPage, {}, 'status=minted')).toContain(link);
    expect(await rendered(depositsPage, {}, 'status=seen')).toContain('No deposit is seen.');
    const page = (await rendered(depositPage, { txid: deposit.txid, vout: '0' })) ?? '';
    expect(page).toContain('Minted');
    expect(page).toContain(deposit.recipient);
    const address = (await rendered(depositAddressPage, { recipient: deposit.recipient })) ?? '';
    expect(address).toContain('<svg');
    expect(address).toContain(link);
    expect(await rendered(depositAddressPage, { recipient: 'no recipient' })).toBeNull();
  });

  test('a recipient without an address is offered one, and none is derived by looking', async () => {
    const page = (await rendered(depositAddressPage, { recipient: TXID })) ?? '';
    expect(page).toContain(`/acts/new/deposit-address?recipient=${TXID}`);
    expect(search(desk.node, TXID)).toEqual([]);
  });

  test('the search finds a step, a burn, a deposit, an outpoint, an address and a request, whatever stands around it', () => {
    const links = (text: string) => search(desk.node, text).map(({ href }) => href);
    expect(links(` ${stepTxid.toUpperCase()}\n`)).toContain(`/payouts/${stepTxid}`);
    expect(links(asked.burnTxid)).toContain(`/payouts/burns/${asked.burnTxid}`);
    expect(links(deposit.txid)).toContain(`/deposits/${deposit.txid}/0`);
    expect(links(`${deposit.txid}:0`)).toContain(`/deposits/${deposit.txid}/0`);
    const root = stepReport(desk.node, stepTxid)?.inputs[0];
    expect(links(`${root?.txid}:${root?.vout}`)).toEqual(['/payouts', `/payouts/${stepTxid}`]);
    expect(links(asked.address)).toContain(`/payouts/burns/${asked.burnTxid}`);
    expect(links(request().slice(0, 8))).toContain(`/approvals/${request()}`);
    expect(links(HOSTILE)).toEqual([]);
  });

  test('what was searched for is text, whatever it holds', async () => {
    expect(await rendered(searchPage, {}, new URLSearchParams({ q: HOSTILE }).toString())).not.toContain('<img');
  });

  test('the reason of another operator’s veto and refusal is text, whatever it holds', () => {
    const report = approvalReport(desk.node, request());
    if (report === null) throw new Error('the request is there');
    const veto = { id: 'c1', by: '1 b', reason: HOSTILE, until: '2027-01-01T00:00:00Z', approvals: [], holds: true };
    const refusals = [{ by: '2 c', reason: HOSTILE, detail: HOSTILE, at: '2027-01-01T00:00:00Z' }];
    const html = String(Others({ report: { ...report, vetoes: [veto], refusals } }));
    expect(html).not.toContain('<img');
    expect(html).not.toContain('<hx-partial');
    expect(html).toContain('&lt;img');
  });
});

describe('lists', () => {
  const step = (txid: string, replaced_by: string | null, status: WithdrawalReport['status']): WithdrawalReport => ({
    ...{ txid, kind: 'payout', status, replaced_by, burns: [], miner_fee: '1', fee_rate: 1 },
    ...{ surplus: '0', confirmations: 0, created_at: '2027-01-01T00:00:00Z' },
  });

  test('all versions of a payout are one row, also where one was replaced by another that was', () => {
    const groups = groupVersions([step('c', null, 'signed'), step('b', 'c', 'replaced'), step('a', 'b', 'replaced')]);
    expect(groups.map(({ step: { txid }, versions }) => [txid, versions.map((one) => one.txid)])).toEqual([
      ['c', ['b', 'a']],
    ]);
  });

  test('a version whose successor is on another page is not lost', () => {
    expect(groupVersions([step('a', 'elsewhere', 'replaced')]).map(({ step: { txid } }) => txid)).toEqual(['a']);
  });

  test('a sum with an unknown part is unknown, never too small', () => {
    const burn = { burn_txid: TXID, address: 'x', amount: '10', fee: '1' };
    expect(paidBy([burn, burn])).toBe(18n);
    expect(paidBy([burn, { ...burn, amount: null }])).toBeNull();
  });

  test('bands of many outputs are drawn as few, without losing a sat, and none overlaps the next', () => {
    const ends = Array.from({ length: 40 }, (_, at) => ({ label: `${at}`, sats: BigInt(at), look: 'other' as const }));
    const few = fewEnds(ends);
    expect(few.length).toBeLessThan(10);
    expect(few.reduce((sum, { sats }) => sum + (sats ?? 0n), 0n)).toBe(780n);
    const bands = placed(few, 780n);
    for (const [at, { y, thick }] of bands.entries()) {
      const next = bands[at + 1];
      if (next !== undefined) expect(next.y).toBeGreaterThan(y + thick);
    }
  });

  test('an address that begins and ends as another does is marked, and the same address is not', () => {
    const [one, other] = ['bc1qabcdxxxxxxxxxxwxyz', 'bc1qabcdyyyyyyyyyywxyz'];
    expect(lookAlike(one, [other, one])).toBe(other);
    expect(lookAlike(one, [one, 'bc1qzbcdyyyyyyyyyywxyz'])).toBeNull();
  });
});

describe('acts', () => {
  const act: ActReport = {
    ...{ id: 'a1', command: 'policy-set', action: 'policy', title: 'Change the policy', says: ['It becomes 5.'] },
    ...{ terminal: '', text: '', digest: '', by: 'ada', second: null, needs_second: true, progress: [] },
    ...{ asked_at: '2027-01-01T00:00:00Z', expires_at: '2027-01-01T01:00:00Z', state: { kind: 'awaits_second' } },
  };

  test('an act that waits for a second person leads to its page, and nothing is shown where none does', () => {
    expect(String(SecondPerson({ acts: [act], user: 'bob' }))).toContain('/acts/a1');
    expect(SecondPerson({ acts: [], user: 'bob' })).toBeNull();
  });

  test('whoever confirms an approval sees amount and whole address, from the text whose digest is confirmed', () => {
    const burn = { burn_txid: TXID, address: 'bc1pabcdefgh', amount: '5000', fee: '200' };
    const text = JSON.stringify({ command: 'requests-approve', subject: { request: {}, burn } });
    const html = String(ActSummary({ act: { ...act, text } }));
    expect(html).toContain('bc1p abcd efgh');
    expect(html).toContain('4\u202f800 sats');
    expect(String(ActSummary({ act }))).not.toContain('figure');
  });

  test('a payout’s result is sentences that lead to its step, with what was left out and why', () => {
    const step = { txid: TXID, kind: 'payout', burns: [{}], swept: 1, miner_fee: '263', fee_rate: 1, broadcast: true };
    const left = [{ burn_txid: 'cd'.repeat(32), reason: 'too_small', remedy: 'a larger `burn`' }];
    const result = { status: 'new', step: { ...step, detail: '', signing: { signers: [0, 2], excluded: [] } }, left };
    const html = String(ActResult({ command: 'withdraw', result }));
    expect(html).toContain(`href="/payouts/${TXID}"`);
    expect(html).toContain(`href="/payouts/burns/${'cd'.repeat(32)}"`);
    expect(html).toContain('A step that pays the burns is signed.');
  });

  test('a derived address leads to its page with the QR code', () => {
    const result = { recipient: TXID, address: 'bcrt1pabcdefgh', script: '5120' };
    const html = String(ActResult({ command: 'deposit-address', result }));
    expect(html).toContain(`/deposits/address/${TXID}`);
    expect(html).toContain('bcrt 1pab cdef gh');
  });

  test('a result is text, whatever it holds, also of an act that has no words of its own', () => {
    for (const command of ['withdraw', 'void', 'veto', 'tls-rotate']) {
      const result = {
        detail: HOSTILE,
        step: { txid: HOSTILE, detail: HOSTILE },
        request: { id: HOSTILE, reason: HOSTILE },
      };
      expect(String(ActResult({ command, result }))).not.toContain('<img');
    }
  });
});
