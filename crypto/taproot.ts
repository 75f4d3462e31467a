// Custody addresses (BIP 341, BIP 350): Taproot outputs whose internal key is the bitcoin group key and whose script tree
// is one unspendable leaf that says what the output is for. Key-path spend only.
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js';
import { bech32m } from '@scure/base';
import { BoundedCache } from './bounded-cache.ts';
import { concat, equal, toHex, utf8 } from './bytes.ts';
import type { Tweak } from './scheme.ts';
import { taggedHash } from './tagged-hash.ts';

/** Networks by the names that Bitcoin Core's documentation uses. */
export type BitcoinNetwork = 'mainnet' | 'testnet' | 'testnet4' | 'signet' | 'regtest';

/**
 * What a custody output is for. `recipient`: 32 bytes, whom the deposit is credited to on Wire. `test` belongs to
 * inputs that cannot exist: no address is ever given out for it.
 */
export type CustodyLeaf =
  | { readonly kind: 'deposit'; readonly recipient: Uint8Array }
  | { readonly kind: 'test' }
  | { readonly kind: 'treasury' };

/** A custody output and what spending or proving it takes. */
export interface CustodyScript {
  /** 32 bytes, x-only: the group key before the tweak. */
  readonly internalKey: Uint8Array;
  readonly leafScript: Uint8Array;
  /** The TapLeaf hash, which is the merkle root as there is one leaf. */
  readonly merkleRoot: Uint8Array;
  /** BIP 341 TapTweak hash of internal key ‖ merkle root. */
  readonly tweak: Uint8Array;
  /** 32 bytes, x-only: the key that the signature must verify under. */
  readonly outputKey: Uint8Array;
  /** `OP_1 <outputKey>`, 34 bytes. */
  readonly scriptPubKey: Uint8Array;
  /** 33 bytes: leaf version and parity ‖ internal key. */
  readonly controlBlock: Uint8Array;
}

const OP_RETURN = 0x6a;
const OP_1 = 0x51;
const TAPSCRIPT_LEAF_VERSION = 0xc0;
const LEAF_MAGIC = utf8('0BTCWIRE');
/** The byte after the magic: which kind of leaf, and the version of its layout. */
const LEAF_VERSION = { deposit: 0x01, test: 0x04, treasury: 0x05 } as const;
const HRP: Record<BitcoinNetwork, string> = {
  mainnet: 'bc',
  testnet: 'tb',
  testnet4: 'tb',
  signet: 'tb',
  regtest: 'bcrt',
};

/** Whether a text names a network. */
export function isBitcoinNetwork(name: string): name is BitcoinNetwork {
  return Object.hasOwn(HRP, name);
}

/** Length of a deposit's recipient in bytes. */
export const RECIPIENT_BYTES = 32;

/** Enough for the inputs of some payouts, each of which is looked at several times while it is validated and built. */
const SCRIPTS_KEPT_MAX = 1024;
const scripts = new BoundedCache<CustodyScript>(SCRIPTS_KEPT_MAX);

/**
 * The custody output of a group key (33 bytes, as ChillDKG gives it) for a leaf. ChillDKG has already committed that key
 * to an unspendable script path; this adds the one BIP 341 tweak of the address. Treat the result as frozen: it is kept.
 * Throws on a malformed key or recipient.
 */
export function custodyScript(groupKey: Uint8Array, leaf: CustodyLeaf): CustodyScript {
  return scripts.get(`${toHex(groupKey)}/${toHex(leafScript(leaf))}`, () => derived(groupKey, leaf));
}

function derived(groupKey: Uint8Array, leaf: CustodyLeaf): CustodyScript {
  const internalKey = internalKeyOf(groupKey);
  const script = leafScript(leaf);
  const merkleRoot = taggedHash('TapLeaf', Uint8Array.of(TAPSCRIPT_LEAF_VERSION, script.length), script);
  const tweak = taggedHash('TapTweak', internalKey, merkleRoot);
  // BIP 341: the tweak applies to the point with the even y, whatever the group key's own parity. fromBytes refuses a
  // tweak that is not below the group order.
  const tweakScalar = secp256k1.Point.Fn.fromBytes(tweak);
  const internalPoint = schnorr.utils.lift_x(BigInt(`0x${toHex(internalKey)}`));
  const output = internalPoint.add(secp256k1.Point.BASE.multiply(tweakScalar)).toBytes(true);
  const outputKey = output.slice(1);
  const isOdd = output[0] === 0x03;
  return {
    internalKey,
    leafScript: script,
    merkleRoot,
    tweak,
    outputKey,
    scriptPubKey: concat(Uint8Array.of(OP_1, 32), outputKey),
    controlBlock: concat(Uint8Array.of(TAPSCRIPT_LEAF_VERSION | (isOdd ? 1 : 0)), internalKey),
  };
}

/** The tweaks under which FROST signs for this output: one, x-only, as BIP 341 demands. */
export function taprootTweaks(groupKey: Uint8Array, leaf: CustodyLeaf): readonly Tweak[] {
  const internalKey = internalKeyOf(groupKey);
  const script = leafScript(leaf);
  const merkleRoot = taggedHash('TapLeaf', Uint8Array.of(TAPSCRIPT_LEAF_VERSION, script.length), script);
  return [{ tweak: taggedHash('TapTweak', internalKey, merkleRoot), xOnly: true }];
}

/**
 * Whether a signature of the group key under this leaf's tweak spends a UTXO with this scriptPubKey. Ask before every
 * signature: a key tweaked once too often signs validly for a key that nobody was paid to.
 */
export function spendsUtxo(utxoScriptPubKey: Uint8Array, groupKey: Uint8Array, leaf: CustodyLeaf): boolean {
  return equal(custodyScript(groupKey, leaf).scriptPubKey, utxoScriptPubKey);
}

/** As `spendsUtxo`, throwing: for the last step before a share is computed, where a mismatch is a bug. */
export function assertSpends(utxoScriptPubKey: Uint8Array, groupKey: Uint8Array, leaf: CustodyLeaf): void {
  if (!spendsUtxo(utxoScriptPubKey, groupKey, leaf)) {
    throw new Error(`the tweaked ${leaf.kind} key is not the key of the UTXO`);
  }
}

/** The BIP 350 address of a Taproot scriptPubKey (34 bytes); throws on any other script. */
export function taprootAddress(scriptPubKey: Uint8Array, network: BitcoinNetwork): string {
  if (scriptPubKey.length !== 34 || scriptPubKey[0] !== OP_1 || scriptPubKey[1] !== 32) {
    throw new Error('not a Taproot scriptPubKey');
  }
  return bech32m.encode(HRP[network], [1, ...bech32m.toWords(scriptPubKey.subarray(2))]);
}

function internalKeyOf(groupKey: Uint8Array): Uint8Array {
  if (groupKey.length !== 33) throw new Error('the bitcoin group key has 33 bytes');
  secp256k1.Point.fromBytes(groupKey);
  return groupKey.slice(1);
}

function leafScript(leaf: CustodyLeaf): Uint8Array {
  const recipient = leaf.kind === 'deposit' ? leaf.recipient : new Uint8Array(0);
  if (leaf.kind === 'deposit' && recipient.length !== RECIPIENT_BYTES) throw new Error('a recipient has 32 bytes');
  const data = concat(LEAF_MAGIC, Uint8Array.of(LEAF_VERSION[leaf.kind]), recipient);
  // Up to 75 bytes, the length is its own push opcode.
  return concat(Uint8Array.of(OP_RETURN, data.length), data);
}
