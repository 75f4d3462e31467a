// Sizes and fees of payouts: BIP 141 weight of transactions whose inputs are all Taproot key-path spends, fee rates in
// sats per 1000 vbytes (Bitcoin Core's unit, whole numbers), and the dust threshold of Bitcoin Core's policy.

/** The least fee rate this project uses and signs for: 1 sat/vB. */
export const FEE_RATE_SATS_PER_KVB_MIN = 1_000n;
/** What outputs must be worth to be relayed: Core's default of -dustrelayfee, in sats per 1000 vbytes. */
export const DUST_RATE_SATS_PER_KVB = 3_000n;
/** Heaviest transaction that nodes relay, in weight units. */
export const STANDARD_WEIGHT_MAX = 400_000;

const WITNESS_SCALE = 4;
// Outpoint 36, empty script 1, sequence 4.
const INPUT_BASE_BYTES = 41;
// Count 1, length 1, a signature without sighash byte (SIGHASH_DEFAULT) 64.
const INPUT_WITNESS_BYTES = 66;

/** Weight units of a signed payout: so many key-path inputs, and outputs with scripts of these lengths (≤ 252). */
export function payoutWeight(inputs: number, outputScriptBytes: readonly number[]): number {
  const outputs = outputScriptBytes.reduce((total, bytes) => total + outputBytes(bytes), 0);
  return spendWeight(inputs, outputScriptBytes.length, outputs);
}

/** As `payoutWeight`, where the outputs are so many and take so many bytes together. */
export function spendWeight(inputs: number, outputs: number, bytesOfOutputs: number): number {
  const base = 4 + countBytes(inputs) + inputs * INPUT_BASE_BYTES + countBytes(outputs) + bytesOfOutputs + 4;
  // Marker and flag are witness data.
  return base * WITNESS_SCALE + 2 + inputs * INPUT_WITNESS_BYTES;
}

/** Bytes of an output, of which none are witness data: amount 8, length 1, script (≤ 252). */
export function outputBytes(scriptBytes: number): number {
  return 8 + 1 + scriptBytes;
}

/** Bytes of the smallest output with an address: P2WPKH. */
export const OUTPUT_BYTES_MIN = 31;

/** Virtual bytes of a weight, rounded up (BIP 141). */
export function virtualSize(weight: number): number {
  return Math.ceil(weight / WITNESS_SCALE);
}

/** The fee in sats at a rate in sats per 1000 vbytes, rounded up. */
export function feeAt(vsize: number, rate: bigint): bigint {
  return (BigInt(vsize) * rate + 999n) / 1000n;
}

/** What one more input costs in sats at a rate, rounded up: 57.5 vbytes. */
export function inputCost(rate: bigint): bigint {
  return (BigInt(INPUT_BASE_BYTES * WITNESS_SCALE + INPUT_WITNESS_BYTES) * rate + 3999n) / 4000n;
}

/** The least amount in sats at which an output of this script is relayed (Core's GetDustThreshold), at a dust rate. */
export function dustThreshold(script: Uint8Array, rate = DUST_RATE_SATS_PER_KVB): bigint {
  // What spending it takes: 32 + 4 + 1 + 107 + 4 bytes, the 107 discounted for witness programs.
  const spending = isWitnessProgram(script) ? 32 + 4 + 1 + Math.floor(107 / WITNESS_SCALE) + 4 : 148;
  return (BigInt(outputBytes(script.length) + spending) * rate) / 1000n;
}

function isWitnessProgram(script: Uint8Array): boolean {
  const [version = 0xff, length = 0] = script;
  const isVersion = version === 0 || (version >= 0x51 && version <= 0x60);
  return isVersion && script.length >= 4 && script.length <= 42 && length === script.length - 2;
}

function countBytes(count: number): number {
  return count < 0xfd ? 1 : 3;
}

/** A rate in sats per 1000 vbytes as operators read it: sats per vbyte with two decimals, rounded down unless told otherwise. */
export function satVb(rate: bigint, rounded: 'down' | 'up' = 'down'): string {
  const hundredths = (rate + (rounded === 'up' ? 9n : 0n)) / 10n;
  return `${hundredths / 100n}.${`${hundredths % 100n}`.padStart(2, '0')}`;
}
