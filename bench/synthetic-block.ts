// A block such as mainnet has them, made from a seed: key-path and P2WPKH spends, legacy ones, some with many outputs, some
// with a large witness. Signatures and keys are noise, for nothing here executes scripts.
import { createHash } from 'node:crypto';
import { RawTx } from '@scure/btc-signer';
import { concat, sha256, u32le, utf8 } from '../crypto/bytes.ts';

/** A stream of bytes that follows from a seed: SHA-256 of seed and counter. */
export class SeededBytes {
  readonly #seed: string;
  #counter = 0;
  #left: Uint8Array = new Uint8Array(0);

  constructor(seed: string) {
    this.#seed = seed;
  }

  bytes(length: number): Uint8Array {
    while (this.#left.length < length) {
      const more = createHash('sha512')
        .update(`${this.#seed}:${this.#counter++}`)
        .digest();
      this.#left = concat(this.#left, new Uint8Array(more));
    }
    const taken = this.#left.slice(0, length);
    this.#left = this.#left.slice(length);
    return taken;
  }

  /** A whole number from 0 to below the bound. */
  below(bound: number): number {
    const [a = 0, b = 0, c = 0] = this.bytes(3);
    return ((a << 16) | (b << 8) | c) % bound;
  }
}

type Transaction = Parameters<typeof RawTx.encode>[0];

/** The scriptPubKey of a Taproot output with this key of 32 bytes. */
export function taprootScript(key: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(0x51, 32), key);
}

/** A block of about `bytesWanted` whose outputs pay some of `scripts`, one in `every` outputs. */
export function syntheticBlock(
  seed: string,
  bytesWanted: number,
  scripts: readonly Uint8Array[],
  every: number,
): { readonly block: Uint8Array; readonly transactions: number; readonly payments: number } {
  const noise = new SeededBytes(seed);
  const encoded: Uint8Array[] = [RawTx.encode(coinbase(noise))];
  const txids: Uint8Array[] = [txid(coinbase(new SeededBytes(seed)))];
  let size = encoded[0]?.length ?? 0;
  let outputs = 0;
  let payments = 0;
  const payee = (): Uint8Array => {
    outputs += 1;
    const script = outputs % every === 0 ? scripts[noise.below(scripts.length)] : undefined;
    if (script === undefined) return ordinaryScript(noise);
    payments += 1;
    return script;
  };
  while (size < bytesWanted) {
    const transaction = ordinaryTransaction(noise, payee);
    const bytes = RawTx.encode(transaction);
    encoded.push(bytes);
    txids.push(txid(transaction));
    size += bytes.length;
  }
  const header = concat(u32le(0x2000_0000), noise.bytes(32), rootOf(txids), u32le(1_750_000_000), noise.bytes(8));
  const block = concat(header, countBytes(encoded.length), ...encoded);
  return { block, transactions: encoded.length, payments };
}

function ordinaryTransaction(noise: SeededBytes, payee: () => Uint8Array): Transaction {
  const kind = noise.below(100);
  const isLegacy = kind < 12;
  const inputCount = kind % 10 === 0 ? 1 + noise.below(12) : 1 + noise.below(2);
  // Payouts of exchanges.
  const outputCount = kind % 25 === 0 ? 10 + noise.below(60) : 1 + noise.below(2);
  const inputs = Array.from({ length: inputCount }, () => ({
    txid: noise.bytes(32),
    index: noise.below(4),
    finalScriptSig: isLegacy ? noise.bytes(107) : new Uint8Array(0),
    sequence: 0xffff_fffd,
  }));
  const outputs = Array.from({ length: outputCount }, () => ({
    amount: BigInt(noise.below(1 << 24)),
    script: payee(),
  }));
  const common = { version: 2, inputs, outputs, lockTime: 0 };
  if (isLegacy) return { ...common, segwitFlag: false };
  return { ...common, segwitFlag: true, witnesses: inputs.map(() => witness(noise, kind)) };
}

function witness(noise: SeededBytes, kind: number): Uint8Array[] {
  if (kind === 99) return [noise.bytes(64), noise.bytes(4_000), noise.bytes(33)];
  return kind < 65 ? [noise.bytes(72), noise.bytes(33)] : [noise.bytes(64)];
}

function ordinaryScript(noise: SeededBytes): Uint8Array {
  const kind = noise.below(100);
  if (kind < 45) return concat(Uint8Array.of(0, 20), noise.bytes(20));
  if (kind < 80) return taprootScript(noise.bytes(32));
  if (kind < 92) return concat(Uint8Array.of(0x76, 0xa9, 20), noise.bytes(20), Uint8Array.of(0x88, 0xac));
  if (kind < 97) return concat(Uint8Array.of(0xa9, 20), noise.bytes(20), Uint8Array.of(0x87));
  return concat(Uint8Array.of(0x6a, 40), noise.bytes(40));
}

function coinbase(noise: SeededBytes): Transaction {
  const input = {
    txid: new Uint8Array(32),
    index: 0xffff_ffff,
    finalScriptSig: noise.bytes(20),
    sequence: 0xffff_ffff,
  };
  const outputs = [{ amount: 312_500_000n, script: ordinaryScript(noise) }];
  const common = { version: 2, segwitFlag: true, lockTime: 0 };
  return { ...common, inputs: [input], outputs, witnesses: [[new Uint8Array(32)]] };
}

function txid(transaction: Transaction): Uint8Array {
  const { witnesses: _, ...rest } = transaction;
  return sha256(sha256(RawTx.encode({ ...rest, segwitFlag: false })));
}

function rootOf(txids: readonly Uint8Array[]): Uint8Array {
  let level = [...txids];
  while (level.length > 1) {
    level = Array.from({ length: Math.ceil(level.length / 2) }, (_, place) => {
      const left = level[place * 2] ?? utf8('');
      return sha256(sha256(left, level[place * 2 + 1] ?? left));
    });
  }
  return level[0] ?? new Uint8Array(32);
}

function countBytes(count: number): Uint8Array {
  return count < 0xfd ? Uint8Array.of(count) : Uint8Array.of(0xfd, count & 0xff, count >> 8);
}
