// Bitcoin networks as this node meets them: Bitcoin Core's chain names, and addresses (BIP 173, BIP 350, base58check)
// to and from scriptPubKeys. Testnet, testnet4 and signet share their prefixes, so an address alone cannot tell them
// apart.
import { bech32m } from '@scure/base';
import { Address, NETWORK, OutScript, TEST_NETWORK } from '@scure/btc-signer';
import { concat } from '../crypto/bytes.ts';
import type { BitcoinNetwork } from '../crypto/taproot.ts';

export type { BitcoinNetwork };

type AddressParameters = typeof NETWORK;

const REGTEST: AddressParameters = { ...TEST_NETWORK, bech32: 'bcrt' };
const PARAMETERS: Record<BitcoinNetwork, { readonly chain: string; readonly addresses: AddressParameters }> = {
  mainnet: { chain: 'main', addresses: NETWORK },
  testnet: { chain: 'test', addresses: TEST_NETWORK },
  testnet4: { chain: 'testnet4', addresses: TEST_NETWORK },
  signet: { chain: 'signet', addresses: TEST_NETWORK },
  regtest: { chain: 'regtest', addresses: REGTEST },
};

/** What `getblockchaininfo` calls the network in its field `chain`. */
export function chainName(network: BitcoinNetwork): string {
  return PARAMETERS[network].chain;
}

/** What `addressScript` found; `detail` is one clear sentence. */
export type AddressVerdict =
  | { readonly ok: true; readonly script: Uint8Array }
  | { readonly ok: false; readonly detail: string };

/** Longest scriptPubKey that is paid to, in bytes: the longest that all of Bitcoin's node software relays. */
export const OUTPUT_SCRIPT_BYTES_MAX = 34;
// BIP 141: a witness program has 2 bytes or more; version n is pushed as OP_n, and OP_0 is another range.
const WITNESS_PROGRAM_BYTES_MIN = 2;
const WITNESS_VERSION_MAX = 16;
const OP_1 = 0x51;
const OP_16 = 0x60;

/**
 * The scriptPubKey that an address of this network pays to. Witness versions 1 to 16 are paid whatever their program means,
 * up to `OUTPUT_SCRIPT_BYTES_MAX`: they are relayed, and a burn that names one can name no other. Never throws.
 */
export function addressScript(address: string, network: BitcoinNetwork): AddressVerdict {
  const script = decode(address, PARAMETERS[network].addresses);
  if (script !== null) return { ok: true, script };
  const other = [NETWORK, TEST_NETWORK, REGTEST].some((parameters) => decode(address, parameters) !== null);
  return {
    ok: false,
    detail: other ? `the address belongs to another network than ${network}` : 'the address cannot be decoded',
  };
}

/** The address of a scriptPubKey, or null where there is none that is paid to (OP_RETURN, bare multisig, …). */
export function scriptAddress(script: Uint8Array, network: BitcoinNetwork): string | null {
  const [opcode = 0, length] = script;
  if (opcode >= OP_1 && opcode <= OP_16) {
    const program = script.subarray(2);
    if (length !== program.length || !isPaid(program)) return null;
    return bech32m.encode(PARAMETERS[network].addresses.bech32, [opcode - OP_1 + 1, ...bech32m.toWords(program)]);
  }
  try {
    return Address(PARAMETERS[network].addresses).encode(OutScript.decode(script));
  } catch {
    return null;
  }
}

function decode(address: string, parameters: AddressParameters): Uint8Array | null {
  try {
    return futureScript(address, parameters.bech32) ?? OutScript.encode(Address(parameters).decode(address));
  } catch {
    return null;
  }
}

// The script of a BIP 350 address; null where the text is none, as one of witness version 0 or with a base58 checksum.
function futureScript(address: string, prefix: string): Uint8Array | null {
  const read = bech32m.decodeUnsafe(address);
  const version = read?.words[0] ?? 0;
  if (read === undefined || read.prefix !== prefix || version < 1 || version > WITNESS_VERSION_MAX) return null;
  const program = bech32m.fromWords(read.words.slice(1));
  return isPaid(program) ? concat(Uint8Array.of(OP_1 + version - 1, program.length), program) : null;
}

function isPaid(program: Uint8Array): boolean {
  return program.length >= WITNESS_PROGRAM_BYTES_MIN && program.length + 2 <= OUTPUT_SCRIPT_BYTES_MAX;
}
