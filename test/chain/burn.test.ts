// Every verdict on a burn, and the burn proof command.
import { describe, expect, test } from 'bun:test';
import { verifyBurn } from '../../chain/burn.ts';
import { burnProofCommand } from '../../chain/burn-proof.ts';
import { addressScript } from '../../chain/network.ts';
import type { WireBurn } from '../../chain/wire-ledger.ts';
import { utf8 } from '../../crypto/bytes.ts';
import { fakeLedger } from './fake-ledger.ts';

const ADDRESS = 'bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080';
const burn: WireBurn = {
  seq: 1,
  burnTxid: '1a'.repeat(32),
  nullifier: '2b'.repeat(32),
  address: ADDRESS,
  amount: 50_000_000n,
  fee: 1_000n,
  height: 5,
  confirmations: 6,
  proof: utf8('proof'),
};
const claim = { burnTxid: burn.burnTxid, address: ADDRESS, amount: burn.amount, fee: burn.fee };
const rules = { network: 'regtest' as const, confirmations: 6 };
const validate = (known: Partial<WireBurn>, asked: Partial<typeof claim> = {}, ruled: Partial<typeof rules> = {}) =>
  verifyBurn(fakeLedger('regtest', { ...burn, ...known }), { ...rules, ...ruled }, { ...claim, ...asked });
// The same burn on both sides, so that the terms alone decide.
const terms = (change: Partial<typeof claim>) => validate(change, change);

describe('a burn', () => {
  test('that the ledger shows as claimed is ok, with the output that pays it', async () => {
    const script = addressScript(ADDRESS, 'regtest');
    expect(await validate({})).toEqual({
      ok: true,
      burn,
      output: { script: script.ok ? script.script : new Uint8Array(), amount: 49_999_000n },
    });
  });

  test('that the ledger does not know is unknown', async () => {
    expect(await validate({}, { burnTxid: '3c'.repeat(32) })).toMatchObject({ ok: false, reason: 'burn_unknown' });
  });

  test('with another address, amount or fee than claimed is a mismatch', async () => {
    const other = 'bcrt1q9vza2e8x573nczrlzms0wvx3gsqjx7vavgkx0l';
    for (const asked of [{ address: other }, { amount: burn.amount - 1n }, { fee: 0n }]) {
      expect(await validate({}, asked)).toMatchObject({ ok: false, reason: 'burn_mismatch' });
    }
  });

  test('with too few confirmations says how many it has and needs', async () => {
    const verdict = await validate({ confirmations: 5 });
    expect(verdict).toMatchObject({ ok: false, reason: 'burn_unconfirmed', have: 5, need: 6 });
  });

  test('to an address that is none, or of another network, is refused', async () => {
    for (const address of ['nonsense', 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4', `${ADDRESS.slice(0, -1)}1`]) {
      expect(await terms({ address })).toMatchObject({ ok: false, reason: 'address_invalid' });
    }
  });

  test('that pays less than dust is refused, exactly at the threshold', async () => {
    expect(await terms({ amount: 1_293n })).toMatchObject({ ok: false, reason: 'below_dust' });
    expect(await terms({ amount: 1_294n })).toMatchObject({ ok: true });
  });

  test('that pays less than the policy minimum is refused', async () => {
    const ledger = fakeLedger('regtest', burn);
    const asked = { ...rules, outputMin: 49_999_001n };
    expect(await verifyBurn(ledger, asked, claim)).toMatchObject({ ok: false, reason: 'below_dust' });
    expect(await verifyBurn(ledger, { ...asked, outputMin: 49_999_000n }, claim)).toMatchObject({ ok: true });
  });

  test('whose fee eats up the amount is refused', async () => {
    expect(await terms({ fee: 50_000_001n })).toMatchObject({ ok: false, reason: 'fee_above_amount' });
    expect(await terms({ fee: 50_000_000n })).toMatchObject({ ok: false, reason: 'fee_above_amount' });
  });

  test('cannot be validated without the ledger, or on a ledger bridged to another network', async () => {
    const silent = fakeLedger('regtest', burn);
    silent.unavailable = true;
    expect(await verifyBurn(silent, rules, claim)).toMatchObject({ ok: false, reason: 'wire_unavailable' });
    const elsewhere = await verifyBurn(fakeLedger('mainnet', burn), rules, claim);
    expect(elsewhere).toMatchObject({ ok: false, reason: 'wrong_network' });
  });
});

describe('the burn proof command', () => {
  const ledger = fakeLedger('regtest', burn);
  const withCommand = (command: string[], timeoutMs = 5_000) =>
    verifyBurn(ledger, { ...rules, verifyProof: burnProofCommand(command, timeoutMs) }, claim);

  test('gets the proof on stdin and the burn in its environment, and accepts with status 0', async () => {
    const script = `[ "$(cat)" = proof ] && [ "$MPC_BURN_AMOUNT" = 50000000 ] && [ -z "$HOME" ]`;
    expect(await withCommand(['sh', '-c', script])).toMatchObject({ ok: true });
  });

  test('refuses with any other status, and a burn without proof', async () => {
    expect(await withCommand(['sh', '-c', 'exit 3'])).toMatchObject({ ok: false, reason: 'burn_proof_invalid' });
    const verifyProof = burnProofCommand(['true'], 5_000);
    const verdict = await verifyBurn(fakeLedger('regtest', { ...burn, proof: null }), { ...rules, verifyProof }, claim);
    expect(verdict).toMatchObject({ ok: false, reason: 'burn_proof_invalid' });
  });

  test('gives no verdict when it does not start or does not end', async () => {
    expect(await withCommand(['/nowhere/verify'])).toMatchObject({ ok: false, reason: 'wire_unavailable' });
    expect(await withCommand(['sleep', '60'], 50)).toMatchObject({ ok: false, reason: 'wire_unavailable' });
  });
});
