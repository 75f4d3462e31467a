// The message of a taproot key-path spend (BIP 341, "Common signature message", SIGHASH_DEFAULT, no annex). The library's
// own writes the whole transaction out once for each input; here the five hashes that all inputs share are taken once,
// so that a payout of many inputs and outputs does not hold a server up.
import { concat, fromHex, sha256, u32le, u64le } from '../crypto/bytes.ts';
import { taggedHash } from '../crypto/tagged-hash.ts';
import type { Outpoint } from './outpoint.ts';

/** One input: what it spends (`amount` in sats, `script` the output's scriptPubKey) and its nSequence. */
export interface SpentInput extends Outpoint {
  readonly sequence: number;
  readonly amount: bigint;
  readonly script: Uint8Array;
}

/** What the messages commit to besides the inputs: nVersion, nLockTime and the outputs, amounts in sats. */
export interface SighashTerms {
  readonly version: number;
  readonly lockTime: number;
  readonly outputs: readonly { readonly amount: bigint; readonly script: Uint8Array }[];
}

const EPOCH = Uint8Array.of(0);
const SIGHASH_DEFAULT = Uint8Array.of(0);
/** Key path, no annex. */
const SPEND_TYPE = Uint8Array.of(0);

/** Gives the 32-byte message of the input with an index. Throws where a script is longer than 252 bytes. */
export function keyPathSighash(terms: SighashTerms, inputs: readonly SpentInput[]): (index: number) => Uint8Array {
  const { version, lockTime, outputs } = terms;
  const shared = concat(
    ...[EPOCH, SIGHASH_DEFAULT, u32le(version), u32le(lockTime)],
    sha256(...inputs.flatMap(({ txid, vout }) => [fromHex(txid, { bytes: 32 }).reverse(), u32le(vout)])),
    sha256(...inputs.map(({ amount }) => u64le(amount))),
    sha256(...inputs.flatMap(({ script }) => withLength(script))),
    sha256(...inputs.map(({ sequence }) => u32le(sequence))),
    sha256(...outputs.flatMap(({ amount, script }) => [u64le(amount), ...withLength(script)])),
    SPEND_TYPE,
  );
  return (index) => taggedHash('TapSighash', shared, u32le(index));
}

// A CompactSize of one byte is all that a custody or a standard output needs.
function withLength(script: Uint8Array): readonly [Uint8Array, Uint8Array] {
  if (script.length > 252) throw new RangeError(`a script of ${script.length} bytes is longer than any standard one`);
  return [Uint8Array.of(script.length), script];
}
