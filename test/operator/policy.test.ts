// `policy show` and `policy set`: the file is the one source, a running server uses what it writes at once.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { commands } from '../../operator/commands.ts';
import { loadConfig } from '../../operator/config/config.ts';
import { runLocally } from '../../operator/local.ts';
import type { Node } from '../../operator/node.ts';
import { policyReport } from '../../operator/policy-commands.ts';
import { policyHash } from '../../operator/validation/payout-policy.ts';
import { listAudit } from '../../store/audit-log.ts';
import { decidePayout, requestPayout } from '../../store/payout-requests.ts';
import { codeOf } from './custody.ts';
import { PASSPHRASE, SetUpNodes } from './set-up-nodes.ts';

const BURN = '0b'.repeat(32);
const ID = '0a'.repeat(16);
let nodes: SetUpNodes;
let node: Node;
beforeEach(async () => {
  nodes = await SetUpNodes.make();
  node = nodes.open(await nodes.init(0));
});
afterEach(() => nodes.close());

const set = async (name: string, ...values: readonly string[]) => {
  const io = { progress: () => {}, signal: new AbortController().signal };
  return commands['policy-set'](node, { name, values: [...values] }, io);
};
const inFile = () => JSON.parse(readFileSync(node.config.file, 'utf8'));
const valueOfName = (name: string) => policyReport(node).values.find((one) => one.name === name)?.value;
const audited = () => listAudit(node.store.db, { limit: 50 }).rows.filter(({ kind }) => kind.startsWith('policy_'));

describe('policy set', () => {
  test('writes one value into the file, keeps the rest, and is in use at once', async () => {
    const before = inFile();
    await set('day-max-sats', '500');
    expect(inFile()).toEqual({ ...before, policy: { day_max_sats: 500 } });
    expect(statSync(node.config.file).mode & 0o777).toBe(0o600);
    expect([node.config.policy.dayMaxSats, node.validation.payouts.day()?.left]).toEqual([500n, 500n]);
    await set('fee_rate_max_sat_vb', '40');
    expect([node.config.feeRateMaxSatVb, inFile().fee_rate_max_sat_vb, valueOfName('fee_rate_max_sat_vb')]).toEqual([
      40, 40, 40,
    ]);
    await set('day_max_sats', 'off');
    expect([inFile().policy, node.config.policy.dayMaxSats]).toEqual([{}, null]);
    expect(loadConfig(node.config.file, nodes.folder)).toMatchObject({ ok: true, config: { feeRateMaxSatVb: 40 } });
    await node.selfWatch?.look();
    expect(node.selfWatch?.configChangedAt()).toBeNull();
  });

  test('is in the audit log with the old and the new value, and voids the approvals of before', async () => {
    const { db } = node.store;
    requestPayout(db, BURN, ID, Date.now());
    decidePayout(db, ID, { decision: 'approved', reason: null, policy: policyHash(node.config.policy) }, Date.now());
    await set('withdrawal_max_sats', '700');
    expect(audited()[0]?.body).toEqual({ name: 'withdrawal_max_sats', before: null, after: 700, by: null });
    expect(
      commands['requests-show'](node, { id: ID }, { progress: () => {}, signal: new AbortController().signal }),
    ).toMatchObject({
      request: { kind: 'payout', burn_txid: BURN, decision: null, outcome: { state: 'open' } },
    });
  });

  test('takes from the file nothing but what it sets: what somebody else has written there waits for a restart', async () => {
    const edited = { ...inFile(), fee_rate_max_sat_vb: 77, policy: { withdrawal_max_sats: 999_999 } };
    const { feeRateMaxSatVb } = node.config;
    writeFileSync(node.config.file, JSON.stringify(edited), { mode: 0o600 });
    await set('day_max_sats', '500');
    expect(inFile().policy).toEqual({ withdrawal_max_sats: 999_999, day_max_sats: 500 });
    const { withdrawalMaxSats, dayMaxSats } = node.config.policy;
    expect([withdrawalMaxSats, dayMaxSats, node.config.feeRateMaxSatVb]).toEqual([null, 500n, feeRateMaxSatVb]);
    await node.selfWatch?.look();
    expect(node.selfWatch?.configChangedAt()).not.toBeNull();
  });

  test('loses none of two values that are set at once', async () => {
    await Promise.all([set('day_max_sats', '500'), set('withdrawal_max_sats', '400')]);
    expect(inFile().policy).toEqual({ day_max_sats: 500, withdrawal_max_sats: 400 });
    expect([node.config.policy.dayMaxSats, node.config.policy.withdrawalMaxSats]).toEqual([500n, 400n]);
    expect(await Promise.all([codeOf(set('day_max_sats', 'much')), codeOf(set('hold_minutes', '7'))])).toEqual([
      'config',
      'no error',
    ]);
  });

  test('refuses by name what is of the federation, what nobody knows, and what is no such value, and changes nothing', async () => {
    const before = readFileSync(node.config.file, 'utf8');
    expect(await codeOf(set('deposit_min_sats', '5000'))).toBe('federation_constant');
    expect(await codeOf(set('day_max', '5000'))).toBe('policy_unknown');
    for (const value of ['-1', '1.5', 'much', '99999999999999999'])
      expect(await codeOf(set('day_max_sats', value))).toBe('config');
    expect(await codeOf(set('consolidate_addresses', 'nowhere'))).toBe('config');
    expect(readFileSync(node.config.file, 'utf8')).toBe(before);
    expect(audited()).toEqual([]);
  });

  test('of a file that others can change is refused, and nothing is used', async () => {
    chmodSync(node.config.file, 0o666);
    expect(await codeOf(set('day_max_sats', '5'))).toBe('config');
    expect(node.config.policy.dayMaxSats).toBeNull();
    expect(audited()).toEqual([]);
  });

  test('without a server changes the file, which the next start uses', async () => {
    const other = await nodes.init(1);
    const signal = new AbortController().signal;
    const passphrase = async () => PASSPHRASE;
    const run = { progress: () => {}, signal, passphrase, passphraseIfAny: passphrase };
    await runLocally(nodes.inputOf(other), 'policy-set', { name: 'hold_above_sats', values: ['9'] }, run);
    expect(loadConfig(other.file, nodes.folder)).toMatchObject({
      ok: true,
      config: { policy: { holdAboveSats: 9n, holdMinutes: 60 } },
    });
  });
});
