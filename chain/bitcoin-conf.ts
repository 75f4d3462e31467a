// The RPC user and password in a node's own bitcoin.conf, as its operator may have set them there. A file that others can
// read is no place for a password, and is not taken as one.
import { readFile, stat } from 'node:fs/promises';
import type { BitcoinNetwork } from './network.ts';

/** What a bitcoin.conf gives. `open`: it has a user and a password, and others can read it. */
export type ConfCredentials =
  | { readonly kind: 'found'; readonly user: string; readonly password: string }
  | { readonly kind: 'open' }
  | { readonly kind: 'none' };

const CONF_BYTES_MAX = 1024 * 1024;
const READABLE_BY_OTHERS = 0o077;
/** Core's names of its sections. */
const SECTIONS: Record<BitcoinNetwork, string> = {
  mainnet: 'main',
  testnet: 'test',
  testnet4: 'testnet4',
  signet: 'signet',
  regtest: 'regtest',
};

/** Reads a bitcoin.conf; one that is missing, too large or cannot be read gives nothing. */
export async function readBitcoinConf(path: string, network: BitcoinNetwork): Promise<ConfCredentials> {
  try {
    const facts = await stat(path);
    if (!facts.isFile() || facts.size > CONF_BYTES_MAX) return { kind: 'none' };
    const found = confCredentials(await readFile(path, 'utf8'), network);
    if (found === null) return { kind: 'none' };
    const isOwn = facts.uid === process.geteuid?.() && (facts.mode & READABLE_BY_OTHERS) === 0;
    return isOwn ? { kind: 'found', ...found } : { kind: 'open' };
  } catch {
    return { kind: 'none' };
  }
}

/**
 * `rpcuser` and `rpcpassword` as Core reads them: the network's section before the lines above all sections, and of the same
 * key the first line. Null where one of the two is missing.
 */
export function confCredentials(
  text: string,
  network: BitcoinNetwork,
): { readonly user: string; readonly password: string } | null {
  const [user, password] = ['rpcuser', 'rpcpassword'].map((key) => confValues(text, network, key)[0]);
  return user === undefined || password === undefined || password === '' ? null : { user, password };
}

/** The values of a key as Core reads them: those of the network's section before those above all sections, in their order. */
export function confValues(text: string, network: BitcoinNetwork, key: string): readonly string[] {
  const own = SECTIONS[network];
  const [ofNetwork, above]: [string[], string[]] = [[], []];
  let section = '';
  for (const line of text.split('\n').map((raw) => raw.replace(/#.*$/, '').trim())) {
    const heading = /^\[(.*)\]$/.exec(line);
    if (heading !== null) section = heading[1] ?? '';
    const [, prefix = section, name, value] = /^(?:([a-z0-9]+)\.)?([a-z0-9]+)\s*=\s*(.*)$/.exec(line) ?? [];
    if (value === undefined || name !== key) continue;
    if (prefix === own) ofNetwork.push(value);
    else if (prefix === '') above.push(value);
  }
  return [...ofNetwork, ...above];
}
