// The name of a pair of keys, by which operators, files and certificates tell one key ceremony's keys from another's.
import { sha256, toHex, utf8 } from './bytes.ts';

const KEY_ID_DOMAIN = '0BTC_WIRE_KEY_ID';

/** The name of a pair of keys: 16 hexadecimal characters that any node computes from the two public keys. */
export function keyIdOf(bitcoinPublicKey: Uint8Array, attestationPublicKey: Uint8Array): string {
  return toHex(sha256(utf8(KEY_ID_DOMAIN), bitcoinPublicKey, attestationPublicKey)).slice(0, 16);
}
