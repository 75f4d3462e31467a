// A recipient's deposit address: derived from the key alone, and remembered, so that every node looks for what is paid to it.
import { toHex } from '../crypto/bytes.ts';
import { taprootAddress } from '../crypto/taproot.ts';
import { requireLiveKey } from './bridge/bridge.ts';
import { scannedHeight } from './chain-state/scan.ts';
import { keepRecipient } from './deposits/recipient-exchange.ts';
import type { Node } from './node.ts';
import type { CommandParams, CommandResults } from './runtime/command-types.ts';

/** Registers a recipient; the peers are told where the node is among them. Throws `CommandError` where there is no key. */
export function depositAddress(
  node: Node,
  { recipient }: CommandParams<'deposit-address'>,
): CommandResults['deposit-address'] {
  const key = requireLiveKey(node.keys);
  const { db } = node.store;
  const now = node.input.effects.now();
  const scriptPubKey =
    node.online?.recipients.register(key, recipient) ??
    keepRecipient(db, key, recipient, now, { height: scannedHeight(db), toldBy: null }).script;
  const script = toHex(scriptPubKey);
  return { recipient, address: taprootAddress(scriptPubKey, node.config.network), script };
}
