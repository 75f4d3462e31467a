// The federation's keys for most simulated runs, dealt by the simulator instead of made in a ceremony, which is simulated
// by itself. Shamir's scheme over both groups, x = index + 1; once for each (n, t).
import { ed25519 } from '@noble/curves/ed25519.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import { toHex } from '../crypto/bytes.ts';
import { keyIdOf } from '../crypto/key-id.ts';
import type { GroupKey, SchemeName } from '../crypto/scheme.ts';
import type { CeremonyKeys } from '../crypto/seal.ts';
import { Prng } from './prng.ts';

/** Both keys of a federation with the shares of all nodes, in index order. */
export interface DealtKeys {
  readonly keyId: string;
  readonly bitcoin: GroupKey;
  readonly attestation: GroupKey;
  readonly shares: readonly { readonly bitcoin: Uint8Array; readonly attestation: Uint8Array }[];
}

export const DEALT_CEREMONY = 'dealt';
const dealt = new Map<string, DealtKeys>();

/** The keys of every simulated federation of n nodes that needs t. */
export function dealtKeys(participants: number, threshold: number): DealtKeys {
  const name = `${threshold}-of-${participants}`;
  const known = dealt.get(name);
  if (known !== undefined) return known;
  const prng = new Prng(`keys/${name}`);
  const bitcoin = deal('bip340', participants, threshold, prng.fork('bitcoin'));
  const attestation = deal('ed25519', participants, threshold, prng.fork('attestation'));
  const keys: DealtKeys = {
    keyId: keyIdOf(bitcoin.key.publicKey, attestation.key.publicKey),
    bitcoin: bitcoin.key,
    attestation: attestation.key,
    shares: bitcoin.shares.map((share, index) => ({
      bitcoin: share,
      attestation: attestation.shares[index] ?? new Uint8Array(0),
    })),
  };
  dealt.set(name, keys);
  return keys;
}

/** One node's part of dealt keys, as a ceremony would have left it. */
export function ceremonyKeysOf(keys: DealtKeys, index: number): CeremonyKeys {
  const share = keys.shares[index];
  if (share === undefined) throw new Error(`no share was dealt to node ${index}`);
  return {
    ceremonyId: DEALT_CEREMONY,
    createdAt: 0,
    bitcoin: { groupKey: keys.bitcoin, signingShare: share.bitcoin.slice() },
    attestation: { groupKey: keys.attestation, signingShare: share.attestation.slice() },
  };
}

/** The secrets of dealt keys, in hexadecimal. */
export function dealtSecrets(keys: DealtKeys): readonly string[] {
  return keys.shares.flatMap(({ bitcoin, attestation }) => [toHex(bitcoin), toHex(attestation)]);
}

function deal(scheme: SchemeName, participants: number, threshold: number, prng: Prng) {
  const field = scheme === 'bip340' ? secp256k1.Point.Fn : ed25519.Point.Fn;
  const coefficients = Array.from({ length: threshold }, () => scalar(field.ORDER, prng));
  const at = (x: bigint): bigint =>
    coefficients.reduceRight((sum, coefficient) => field.add(field.mul(sum, x), coefficient), 0n);
  const values = Array.from({ length: participants }, (_, index) => at(BigInt(index + 1)));
  const key: GroupKey = {
    scheme,
    threshold,
    participants,
    publicKey: publicOf(scheme, at(0n)),
    verifyingShares: values.map((value) => publicOf(scheme, value)),
  };
  return { key, shares: values.map((value) => field.toBytes(value)) };
}

function scalar(order: bigint, prng: Prng): bigint {
  return (BigInt(`0x${toHex(prng.bytes(40))}`) % (order - 1n)) + 1n;
}

function publicOf(scheme: SchemeName, value: bigint): Uint8Array {
  if (scheme === 'bip340') return secp256k1.Point.BASE.multiply(value).toBytes(true);
  return ed25519.Point.BASE.multiply(value).toBytes();
}
