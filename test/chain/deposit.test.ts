// Every verdict on a deposit.
import { describe, expect, test } from 'bun:test';
import { verifyDeposit } from '../../chain/deposit.ts';
import { outpointName } from '../../chain/outpoint.ts';
import { custodyScript } from '../../crypto/taproot.ts';
import { fakeBitcoin } from './fake-bitcoin.ts';
import { singleSigner } from './single-signer.ts';

const groupKey = singleSigner(3).groupKey;
const recipient = new Uint8Array(32).fill(7);
const claim = { txid: 'ab'.repeat(32), vout: 1, recipient, amount: 100_000_000n };
const rules = { network: 'regtest' as const, groupKey, confirmations: 6 };
const script = custodyScript(groupKey, { kind: 'deposit', recipient }).scriptPubKey;

function withDeposit(confirmations: number, coinbase = false) {
  const view = fakeBitcoin();
  view.add(claim, { amount: claim.amount, script, confirmations, coinbase });
  return view;
}

describe('a deposit that a settled step of the line has consumed', () => {
  const scanned = { txid: 'cd'.repeat(32), recipient, amount: claim.amount, height: 95 };
  const consumed = async () => scanned;
  const spent = () => {
    const view = fakeBitcoin();
    view.tip = async () => ({ height: 100, hash: '0'.repeat(64) });
    return view;
  };

  test('is right by what the scan recorded, with the confirmations of its own block', async () => {
    expect(await verifyDeposit(spent(), rules, claim, consumed)).toEqual({ ok: true, confirmations: 6 });
  });

  test('is held against the same script, amount and confirmations', async () => {
    const reason = async (changes: object, need = 6) => {
      const verdict = await verifyDeposit(
        spent(),
        { ...rules, confirmations: need },
        { ...claim, ...changes },
        consumed,
      );
      return verdict.ok ? 'ok' : verdict.reason;
    };
    expect(await reason({ recipient: new Uint8Array(32) })).toBe('deposit_wrong_script');
    expect(await reason({ amount: 1n })).toBe('deposit_wrong_amount');
    expect(await reason({}, 7)).toBe('deposit_too_few_confirmations');
  });

  test('is spent or unknown where nothing is known of a step', async () => {
    const verdict = await verifyDeposit(spent(), rules, claim, async () => null);
    expect(verdict).toMatchObject({ ok: false, reason: 'deposit_not_found' });
  });
});

describe('a deposit', () => {
  test('with the exact script, amount and enough confirmations is ok', async () => {
    expect(await verifyDeposit(withDeposit(6), rules, claim)).toEqual({ ok: true, confirmations: 6 });
  });

  test('that no node has ever seen is not found', async () => {
    const verdict = await verifyDeposit(fakeBitcoin(), rules, claim);
    expect(verdict).toMatchObject({ ok: false, reason: 'deposit_not_found' });
  });

  test('at an output number that the transaction does not have is not found', async () => {
    const verdict = await verifyDeposit(withDeposit(6), rules, { ...claim, vout: 2 });
    expect(verdict).toMatchObject({ ok: false, reason: 'deposit_not_found' });
  });

  test('at the output number of another output of the transaction has the wrong script', async () => {
    const view = withDeposit(6);
    view.add(
      { ...claim, vout: 0 },
      { amount: claim.amount, script: script.slice().reverse(), confirmations: 6, coinbase: false },
    );
    const verdict = await verifyDeposit(view, rules, { ...claim, vout: 0 });
    expect(verdict).toMatchObject({ ok: false, reason: 'deposit_wrong_script' });
  });

  test('claimed for another recipient has the wrong script', async () => {
    const verdict = await verifyDeposit(withDeposit(6), rules, { ...claim, recipient: new Uint8Array(32) });
    expect(verdict).toMatchObject({ ok: false, reason: 'deposit_wrong_script' });
  });

  test('to another federation has the wrong script', async () => {
    const other = { ...rules, groupKey: singleSigner(4).groupKey };
    expect(await verifyDeposit(withDeposit(6), other, claim)).toMatchObject({ reason: 'deposit_wrong_script' });
  });

  test('of another amount is refused with both amounts, even by one sat', async () => {
    const verdict = await verifyDeposit(withDeposit(6), rules, { ...claim, amount: 100_000_001n });
    expect(verdict).toMatchObject({ reason: 'deposit_wrong_amount', have: 100_000_000n, claimed: 100_000_001n });
  });

  test('with too few confirmations says how many it has and needs', async () => {
    for (const have of [0, 1, 5]) {
      const verdict = await verifyDeposit(withDeposit(have), rules, claim);
      expect(verdict).toMatchObject({ reason: 'deposit_too_few_confirmations', have, need: 6 });
    }
  });

  test('that is a coinbase output needs to be spendable first', async () => {
    const verdict = await verifyDeposit(withDeposit(99, true), rules, claim);
    expect(verdict).toMatchObject({ reason: 'deposit_too_few_confirmations', have: 99, need: 100 });
    expect(await verifyDeposit(withDeposit(100, true), rules, claim)).toMatchObject({ ok: true });
  });

  test('spent by a confirmed transaction is spent', async () => {
    const view = withDeposit(6);
    view.confirmed.clear();
    view.withMempool.clear();
    expect(await verifyDeposit(view, rules, claim)).toMatchObject({ ok: false, reason: 'deposit_spent' });
  });

  test('spent by a transaction in the mempool is spent', async () => {
    const view = withDeposit(6);
    view.withMempool.delete(outpointName(claim));
    expect(await verifyDeposit(view, rules, claim)).toMatchObject({ ok: false, reason: 'deposit_spent' });
  });

  test('gone from a node without transaction index is not found rather than guessed', async () => {
    const view = withDeposit(6);
    view.confirmed.clear();
    view.withMempool.clear();
    view.transactions.set(claim.txid, { state: 'confirmed', confirmations: 6, outputs: null });
    expect(await verifyDeposit(view, rules, claim)).toMatchObject({ ok: false, reason: 'deposit_not_found' });
  });

  test('cannot be validated without nodes or on another network', async () => {
    const view = withDeposit(6);
    view.unavailable = true;
    expect(await verifyDeposit(view, rules, claim)).toMatchObject({ ok: false, reason: 'bitcoin_unavailable' });
    const elsewhere = await verifyDeposit(fakeBitcoin('signet'), rules, claim);
    expect(elsewhere).toMatchObject({ ok: false, reason: 'wrong_network' });
  });

  test('without any confirmation asked for is a bug of the caller', async () => {
    await expect(verifyDeposit(withDeposit(6), { ...rules, confirmations: 0 }, claim)).rejects.toThrow('at least one');
  });
});
