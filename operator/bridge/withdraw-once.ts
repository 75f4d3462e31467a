// `withdraw` at one node while another node's payout of the same burns is on its way: the federation refuses a second one,
// and what the operator should hear is that the burns are being paid, and by which transaction.
import { listPayoutsOfBurn, type Payout } from '../../store/payout-listing.ts';
import { CommandError } from '../command-error.ts';
import type { CommandParams, CommandResults } from '../command-types.ts';
import { PAYOUT_FRESH_MS } from '../judge/payout-rivals.ts';
import type { Progress } from '../progress.ts';
import type { Bridge } from './bridge.ts';
import { livePayoutOf } from './burns.ts';
import type { Follower } from './follow.ts';
import { withdraw } from './payouts.ts';

/** Why a payout fails beside another that this node has not heard of yet. */
const RACES: ReadonlySet<string> = new Set([
  'not_signed',
  'fee_rate_too_low',
  'burn_conflict',
  'input_reserved',
  'input_spent',
  'input_unknown',
  'insufficient_funds',
]);
/** How often, and with what pause in ms, an announcement that may be on its way is looked for. */
const LOOKS_MAX = 4;
const LOOK_PAUSE_MS = 500;

/**
 * `withdraw`; named burns that turn out to be paid by another node's payout give that one instead. What peers have announced
 * is taken in first, and waited for a moment where this node has just given its share of a payout of these burns.
 */
export async function withdrawOnce(
  bridge: Bridge,
  follower: Pick<Follower, 'settled' | 'round'>,
  params: CommandParams<'withdraw'>,
  progress: Progress,
): Promise<CommandResults['withdraw']> {
  const { burn_txids: burns } = params;
  if (burns.length === 0) return withdraw(bridge, params, progress);
  const look = (isExpected: () => boolean): Promise<boolean> => untilUnderWay(bridge, follower, burns, isExpected);
  await look(() => burns.some((burnTxid) => isBeingSigned(bridge, burnTxid)));
  try {
    return await withdraw(bridge, params, progress);
  } catch (error) {
    const isRace = error instanceof CommandError && RACES.has(error.code);
    if (!isRace || !(await look(() => true))) throw error;
  }
  return withdraw(bridge, params, progress);
}

function isBeingSigned({ db, effects }: Bridge, burnTxid: string): boolean {
  const isFresh = ({ status, createdAt }: Payout): boolean =>
    status === 'decided' && effects.now() - createdAt < PAYOUT_FRESH_MS;
  return listPayoutsOfBurn(db, burnTxid).some(isFresh);
}

async function untilUnderWay(
  bridge: Bridge,
  follower: Pick<Follower, 'settled' | 'round'>,
  burnTxids: readonly string[],
  isExpected: () => boolean,
): Promise<boolean> {
  for (let looks = 1; ; looks++) {
    // A round that runs already may have begun before the announcement came.
    await follower.settled();
    await follower.round();
    if (burnTxids.every((burnTxid) => livePayoutOf(bridge, [burnTxid]) !== null)) return true;
    if (looks >= LOOKS_MAX || !isExpected()) return false;
    await bridge.effects.sleep(LOOK_PAUSE_MS);
  }
}
