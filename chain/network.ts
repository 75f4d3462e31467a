// Bitcoin networks as this node meets them: Bitcoin Core's chain names, and addresses (BIP 173, BIP 350, base58check)
// to and from scriptPubKeys. Testnet, testnet4 and signet share their prefixes, so an address alone cannot tell them
// apart.
import { Address, NETWORK, OutScript, TEST_NETWORK } from '@scure/btc-signer';
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

/**
 * The scriptPubKey that an address of this network pays to. Witness versions unknown today are refused. Never
 * throws.
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

/** The address of a scriptPubKey, or null where there is none (OP_RETURN, bare multisig, …). */
export function scriptAddress(script: Uint8Array, network: BitcoinNetwork): string | null {
  try {
    return Address(PARAMETERS[network].addresses).encode(OutScript.decode(script));
  } catch {
    return null;
  }
}

function decode(address: string, parameters: AddressParameters): Uint8Array | null {
  try {
    return OutScript.encode(Address(parameters).decode(address));
  } catch {
    return null;
  }
}
