// The `test-…` commands of compiled executables: they sign for real, with signatures that hold outside of the program,
// and change nothing; on regtest `test-burn --broadcast` pays.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { ed25519 } from '@noble/curves/ed25519.js';
import { schnorr } from '@noble/curves/secp256k1.js';
import { z } from 'zod';
import { concat, fromHex, sha256, u32le, u64le, utf8 } from '../../crypto/bytes.ts';
import type { Federation } from '../../devnet/federation.ts';
import {
  attest,
  burn,
  type Deposit,
  deposit,
  newRecipient,
  received,
  untilDepositKnown,
  untilSettled,
} from '../../devnet/steps.ts';
import { listAudit } from '../../store/audit-log.ts';
import { openReader } from '../../store/open.ts';
import {
  answer,
  attestedSchema,
  burnFlags,
  depositFlags,
  failure,
  START_TIMEOUT_MS,
  startBridge,
  TEST_TIMEOUT_MS,
  testBurnSchema,
  testSigningSchema,
  transaction,
  withdrawnSchema,
} from './federation.ts';

const recipient = newRecipient();
let federation: Federation;
let claim: Deposit;
let keys: { readonly bitcoin: Uint8Array; readonly attestation: Uint8Array };

beforeAll(async () => {
  federation = await startBridge();
  claim = await deposit(federation, recipient, 100_000_000n);
  const schema = z.object({
    keys: z.tuple([z.object({ bitcoin_public_key: z.string(), attestation_public_key: z.string() })]),
  });
  const {
    keys: [key],
  } = await answer(federation.operator(0), ['key-info'], schema);
  keys = { bitcoin: fromHex(key.bitcoin_public_key).slice(1), attestation: fromHex(key.attestation_public_key) };
}, START_TIMEOUT_MS);
afterAll(() => federation?.stop(), START_TIMEOUT_MS);

// What each operator has bound itself to; sightings of the chain are written down too, and are no decisions.
const decisions = () =>
  Promise.all(
    federation.operators.map(async (operator) => {
      const { db, close } = openReader(operator.config().securityDbPath);
      const kinds = listAudit(db, { limit: 500 }).rows.map(({ kind }) => kind);
      close();
      return kinds.filter((kind) => kind.startsWith('attestation') || kind.startsWith('line_decided')).length;
    }),
  );

test(
  'test-signing gives signatures of both keys that hold under the keys of key-info, at every operator',
  async () => {
    const tag = utf8('0BTC_WIRE_TEST_SIGNING');
    const text = utf8('test message');
    const before = await decisions();
    for (const operator of federation.operators) {
      const said = await answer(operator, ['test-signing', '--message', 'test message'], testSigningSchema);
      const { bitcoin, attestation } = said;
      expect(bitcoin.signed).toBe(sha256(sha256(tag), sha256(tag), text).toHex());
      expect(schnorr.verify(fromHex(bitcoin.signature), fromHex(bitcoin.signed), keys.bitcoin)).toBe(true);
      expect(attestation.signed).toBe(concat(tag, text).toHex());
      expect(ed25519.verify(fromHex(attestation.signature), concat(tag, text), keys.attestation)).toBe(true);
      for (const { signers } of [bitcoin, attestation]) expect(signers).toHaveLength(2);
    }
    expect(await decisions()).toEqual(before);
  },
  TEST_TIMEOUT_MS,
);

test(
  'test-attestation is really signed, under a tag that the ledger does not accept, and decides nothing',
  async () => {
    const before = await decisions();
    const flags = ['test-attestation', ...depositFlags(claim)];
    const { attestation, submitted, test: isTest } = await answer(federation.operator(0), flags, attestedSchema);
    expect({ isTest, submitted }).toEqual({ isTest: true, submitted: false });
    const number = (name: string) => u64le(BigInt(attestation[name] ?? 0));
    const fields = concat(
      ...[utf8(claim.txid), u32le(claim.vout), fromHex(recipient)],
      ...[number('amount'), number('nonce'), number('expiry')],
    );
    const signature = fromHex(`${attestation['signature']}`);
    const holds = (tag: string) => ed25519.verify(signature, concat(utf8(tag), fields), keys.attestation);
    expect([holds('0BTC_WIRE_TEST_ATTESTATION'), holds('0BTC_WIRE_MINT_ATTESTATION')]).toEqual([true, false]);
    expect(attestation['amount']).toBe('100000000');

    const handedIn = await fetch(`${federation.ledger.url}/v1/mints`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(attestation),
    });
    expect([handedIn.status, await handedIn.json()]).toMatchObject([422, { error: 'bad_signature' }]);
    expect(federation.ledger.balance(recipient)).toBe(0n);
    for (const operator of federation.operators) {
      // The scan has seen the deposit; nobody has attested it.
      const { deposits } = await operator.control('deposits', { limit: 10, offset: 0 });
      expect(deposits.filter(({ attested_at }) => attested_at !== null)).toEqual([]);
    }
    expect(await decisions()).toEqual(before);
  },
  TEST_TIMEOUT_MS,
);

test(
  'test-burn signs every input of a transaction that no node accepts, and decides nothing',
  async () => {
    await attest(federation, claim, 0);
    await untilDepositKnown(federation, claim);
    const burnt = await burn(federation, { recipient, amount: 50_000_000n, fee: 1_000n });
    const before = await decisions();
    for (const operator of federation.operators) {
      const signed = await answer(operator, ['test-burn', ...burnFlags(burnt)], testBurnSchema);
      expect({ broadcast: signed.broadcast, inputs: signed.inputs }).toEqual({ broadcast: false, inputs: 3 });
      await expectUnminable(signed);
      const psbt = z.object({ tx: z.object({ txid: z.string() }) });
      const decoded = await federation.bitcoin.rpc.call('decodepsbt', [signed.psbt], psbt);
      expect(decoded.tx.txid).toBe(signed.txid);
      expect(await operator.mustRun(['withdrawals'])).toBe('No withdrawals yet.\n');
    }
    expect(await decisions()).toEqual(before);
    const mempool = await federation.bitcoin.rpc.call('getrawmempool', [], z.array(z.string()));
    expect(mempool).toEqual([]);

    const flags = ['withdraw', '--burn', burnt.burn_txid];
    const { step: paid } = await answer(federation.operator(1), flags, withdrawnSchema);
    const [, swept] = (await transaction(federation, paid.txid)).vin;
    expect(swept).toMatchObject({ txid: claim.txid, vout: claim.vout });
    await untilSettled(federation, paid.txid);
    expect(await received(federation, burnt.btc_address)).toBe(49_999_000n);
  },
  TEST_TIMEOUT_MS,
);

/** Each input has its signature, yet the node finds an input that does not exist, also when told to send it. */
async function expectUnminable({ transaction: raw }: z.infer<typeof testBurnSchema>): Promise<void> {
  const { rpc } = federation.bitcoin;
  const input = z.object({ txid: z.string(), vout: z.int(), txinwitness: z.array(z.string()) });
  const { vin } = await rpc.call('decoderawtransaction', [raw], z.object({ vin: z.array(input) }));
  expect(vin.map(({ txinwitness }) => txinwitness.map((item) => item.length))).toEqual([[128], [128], [128]]);
  expect(vin.map(({ txid, vout }) => `${txid}:${vout}`)).toContain(`${claim.txid}:${claim.vout}`);
  const verdicts = z.array(z.object({ allowed: z.boolean(), 'reject-reason': z.string() }));
  const refused = [{ allowed: false, 'reject-reason': 'missing-inputs' }];
  expect(await rpc.call('testmempoolaccept', [[raw]], verdicts)).toEqual(refused);
  await expect(rpc.call('sendrawtransaction', [raw], z.string())).rejects.toThrow('bad-txns-inputs-missingorspent');
}

test(
  'test-burn --broadcast pays on regtest, once',
  async () => {
    const burnt = await burn(federation, { recipient, amount: 1_000_000n, fee: 1_000n });
    const flags = ['test-burn', '--broadcast', ...burnFlags(burnt)];
    const signed = await answer(federation.operator(2), flags, testBurnSchema);
    expect({ broadcast: signed.broadcast, inputs: signed.inputs }).toEqual({ broadcast: true, inputs: 1 });
    await untilSettled(federation, signed.txid);
    expect(await received(federation, burnt.btc_address)).toBe(999_000n);
    for (const operator of federation.operators) {
      const said = await failure(operator, flags);
      expect(said).toEqual({ code: 1, says: expect.stringMatching(/\(burn_already_paid\)\.$/) });
    }
  },
  TEST_TIMEOUT_MS,
);
