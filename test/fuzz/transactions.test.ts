// Fuzz: transactions and what holds them: PSBTs, addresses, announced steps, raw blocks. Named verdicts and errors only,
// and never more work than the bytes that are there can ask for.
import { describe, expect, test } from 'bun:test';
import { Transaction } from '@scure/btc-signer';
import fc from 'fast-check';
import { parseBlock } from '../../chain/block.ts';
import { MalformedBlockError } from '../../chain/byte-cursor.ts';
import { finalizeSpend, signedBy } from '../../chain/custody-spend.ts';
import { addressScript, scriptAddress } from '../../chain/network.ts';
import { exportPsbt, inspectPsbt } from '../../chain/psbt.ts';
import { RawTransactions } from '../../chain/raw-transactions.ts';
import { fromHex, sha256 } from '../../crypto/bytes.ts';
import { ADDRESS, built, groupKey, signer, steps } from '../chain/line-steps.ts';
import { fuzz, noise, spoiledBytes, spoiledText } from './hostile.ts';

const hash = '0b'.repeat(32);

describe('fuzz: transactions and PSBTs', () => {
  const step = built(steps.payout);
  const final = finalizeSpend(step, signer.signAll(step));
  if (!final.ok) throw new Error('the sample is signed');
  const { transaction } = final;

  test('a PSBT of any bytes is summed up or malformed', () => {
    const valid = exportPsbt(step, groupKey);
    const spoiledPsbt = spoiledBytes(fc.constant(new Uint8Array(Buffer.from(valid, 'base64'))));
    const texts = fc.oneof(
      fc.string(),
      noise(200).map((bytes) => Buffer.from(bytes).toString('base64')),
      spoiledPsbt.map((bytes) => Buffer.from(bytes).toString('base64')),
    );
    fuzz(500, texts, (text) => {
      const verdict = inspectPsbt(text, 'regtest');
      if (!verdict.ok) expect(verdict.reason).toBe('malformed');
    });
    expect(inspectPsbt(valid, 'regtest')).toMatchObject({ ok: true, summary: { txid: step.txid, version: 2 } });
    expect(inspectPsbt('A'.repeat(2_000_000), 'regtest')).toEqual({ ok: false, reason: 'too_large' });
  });

  test('an announced transaction is the signed step of its intent in one spelling only', () => {
    expect(signedBy(step, transaction)).toBe(true);
    expect(signedBy(built(steps.sweep), transaction)).toBe(false);
    fuzz(250, fc.oneof(noise(300), spoiledBytes(fc.constant(transaction))), (bytes) => {
      if (signedBy(step, bytes)) expect(bytes).toEqual(transaction);
    });
  });

  test('an address of any text has a script of this network or a sentence, and scripts come back as their address', () => {
    fuzz(600, fc.oneof(fc.string(), spoiledText(fc.constant(ADDRESS)), fc.constant(ADDRESS)), (text) => {
      const verdict = addressScript(text, 'regtest');
      if (!verdict.ok) return;
      expect(scriptAddress(verdict.script, 'regtest')?.toLowerCase()).toBe(text.toLowerCase());
    });
    fuzz(400, noise(40), (script) => {
      const address = scriptAddress(script, 'mainnet');
      if (address !== null) expect(addressScript(address, 'mainnet')).toEqual({ ok: true, script });
    });
  });
});

describe('fuzz: raw blocks', () => {
  // BIP 144: marker and flag, one input that spends nothing, one Taproot output of 50 bitcoins, a witness of 32 bytes.
  const coinbase = fromHex(
    `02000000000101${'00'.repeat(32)}ffffffff02510bffffffff0100f2052a01000000225120${hash}0120${'00'.repeat(32)}00000000`,
  );

  function blockOf(transactions: readonly Uint8Array[]): Uint8Array {
    const twice = (bytes: Uint8Array) => sha256(sha256(bytes));
    let level = transactions.map((bytes) => fromHex(Transaction.fromRaw(bytes, ANY).id).reverse());
    while (level.length > 1) {
      const pairs = Array.from({ length: Math.ceil(level.length / 2) }, (_, i) => [
        level[2 * i],
        level[2 * i + 1] ?? level[2 * i],
      ]);
      level = pairs.map(([a = new Uint8Array(0), b = new Uint8Array(0)]) => twice(new Uint8Array([...a, ...b])));
    }
    const [root = new Uint8Array(32)] = level;
    return new Uint8Array(
      Buffer.concat([
        new Uint8Array(36),
        root,
        new Uint8Array(12),
        Uint8Array.of(transactions.length),
        ...transactions,
      ]),
    );
  }
  const ANY = { allowUnknownInputs: true, allowUnknownOutputs: true, disableScriptCheck: true };
  const other = (n: number) => {
    const made = new Transaction(ANY);
    made.addInput({ txid: n.toString(16).padStart(64, '0'), index: n });
    made.addOutput({ script: fromHex(`5120${hash}`), amount: BigInt(n) });
    made.updateInput(0, { finalScriptWitness: [new Uint8Array(64)] }, true);
    return made.toBytes(true, true);
  };

  test('are read as another reader of transactions reads them', () => {
    fuzz(40, fc.uniqueArray(fc.integer({ min: 1, max: 10_000 }), { maxLength: 12 }), (numbers) => {
      const all = [coinbase, ...numbers.map(other)];
      const { transactions } = parseBlock(blockOf(all));
      expect(transactions.count).toBe(all.length);
      for (const [i, bytes] of all.entries()) expect(transactions.txid(i)).toBe(Transaction.fromRaw(bytes, ANY).id);
      expect(numbers.map((_, i) => transactions.amount(i + 1))).toEqual(numbers.map(BigInt));
    });
  });

  test('that are noise or spoiled anywhere are refused by MalformedBlockError, or keep every transaction', () => {
    const valid = blockOf([coinbase, other(1), other(2), other(3)]);
    const original = parseBlock(valid);
    const reasons = new Set<string>();
    fuzz(1500, fc.oneof(noise(300), spoiledBytes(fc.constant(valid))), (bytes) => {
      try {
        const { transactions } = parseBlock(bytes, { hash: original.header.hash });
        expect(Array.from({ length: transactions.count }, (_, i) => transactions.txid(i))).toEqual(
          Array.from({ length: original.transactions.count }, (_, i) => original.transactions.txid(i)),
        );
      } catch (error) {
        if (!(error instanceof MalformedBlockError)) throw error;
        reasons.add(error.reason);
      }
      // Without the header's protection the reader of transactions is on its own.
      try {
        const { transactions } = parseBlock(bytes);
        expect(transactions.end).toBe(bytes.length);
      } catch (error) {
        if (!(error instanceof MalformedBlockError)) throw error;
        reasons.add(error.reason);
      }
    });
    for (const reason of ['truncated', 'wrong_hash', 'wrong_merkle_root']) expect(reasons).toContain(reason);
  });

  test('that promise more than their bytes can hold cost nothing but the refusal', () => {
    const counts = fc.oneof(fc.integer({ min: 2, max: 2 ** 32 - 1 }), fc.constant(2 ** 32 - 1));
    fuzz(200, fc.tuple(counts, noise(100)), ([count, rest]) => {
      const size = Uint8Array.of(
        0xfe,
        count & 0xff,
        (count >>> 8) & 0xff,
        (count >>> 16) & 0xff,
        (count >>> 24) & 0xff,
      );
      const bytes = new Uint8Array(Buffer.concat([new Uint8Array(80), size, rest]));
      expect(() => parseBlock(bytes)).toThrow(MalformedBlockError);
      expect(() => new RawTransactions(rest, 0, count)).toThrow(MalformedBlockError);
    });
  });
});
