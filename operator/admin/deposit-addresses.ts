// A recipient's deposit address as pages show it: only one that was derived before, as nothing is derived by looking.
import { scriptAddress } from '../../chain/network.ts';
import { fromHex } from '../../crypto/bytes.ts';
import { findRecipient } from '../../store/recipients.ts';
import { depositsOfRecipient } from '../deposit-reports.ts';
import type { Node } from '../node.ts';
import type { DepositReport } from '../runtime/command-types.ts';
import { iso } from './money-shapes.ts';

/** An address with what was paid to it. `script` in hex. */
export interface DepositAddressReport {
  readonly recipient: string;
  /** null while it has not been derived at this node. */
  readonly derived: { readonly address: string; readonly script: string; readonly since: string } | null;
  /** Whether there is a key yet: without one there is no address. */
  readonly has_key: boolean;
  readonly deposits: readonly DepositReport[];
}

const RECIPIENT = /^[0-9a-f]{64}$/;

/** The address of a recipient; null where the text names none. */
export function depositAddressReport(node: Node, recipient: string): DepositAddressReport | null {
  if (!RECIPIENT.test(recipient)) return null;
  const key = node.keys.live();
  const known = key === null ? null : findRecipient(node.store.db, recipient, key.keyId);
  const address = known === null ? null : scriptAddress(fromHex(known.script), node.config.network);
  return {
    recipient,
    derived: known === null || address === null ? null : { address, script: known.script, since: iso(known.createdAt) },
    has_key: key !== null,
    deposits: depositsOfRecipient(node, recipient),
  };
}
