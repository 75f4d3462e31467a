// What signers said who refuse the address of a consolidation, as the operator reads it who ordered it: whose policies lack the
// address, and what to do.
import { z } from 'zod';
import type { LineIntent } from '../../chain/line-intent.ts';
import { type BitcoinNetwork, scriptAddress } from '../../chain/network.ts';
import { toHex } from '../../crypto/bytes.ts';
import { CommandError } from '../runtime/command-error.ts';
import { inOrder, type SignerRefusal } from './rate-refusals.ts';

const scriptData = z.object({ script: z.string() });

/**
 * The error of a consolidation that too few sign because their policies lack its address; null where so few lack it that it
 * is not the reason. `missing`: how many more signers a signature takes.
 */
export function destinationRefused(
  refusals: readonly SignerRefusal[],
  asked: { readonly participants: number; readonly threshold: number; readonly missing: number },
  { destination }: Pick<LineIntent, 'destination'>,
  network: BitcoinNetwork,
): CommandError | null {
  if (destination === null) return null;
  const isLacking = ({ reason, data }: SignerRefusal): boolean =>
    reason === 'policy' && scriptData.safeParse(data).success;
  const lacking = inOrder(refusals).filter(isLacking);
  const { participants, threshold, missing } = asked;
  if (lacking.length < missing) return null;
  const address = scriptAddress(destination.script, network) ?? toHex(destination.script);
  const who = lacking.map(({ index }) => `operator ${index}`).join(', ');
  const others = inOrder(refusals)
    .filter((one) => !isLacking(one))
    .map(({ index, reason, detail }) => `; operator ${index}: ${reason} (${detail})`);
  const sentence =
    `the policies of ${lacking.length} of ${participants} operators lack ${address}: ${who}. ${threshold} have to list it: ` +
    'each adds it to policy.consolidate_addresses in its own configuration and restarts its server';
  return new CommandError('policy', `${sentence}${others.join('')}`);
}
