// Burns that this node left to the others when it was brought back (operator/guard/recovery.ts). It may have signed one of
// the payouts that it was told of, so it decides no other while one of them could still be mined: a claim is released once
// another transaction spends a coin of it so deep in the chain that it counts, or by its operator once a coin of it has
// been unknown to this node and to all its Bitcoin nodes for as many blocks (missing-coins.ts), for a node signs confirmed
// coins only. Should such a coin come back, the claim is open again.

import { asUnavailable } from '../../chain/bitcoin-view.ts';
import { outpointName } from '../../chain/outpoint.ts';
import { type ContestedClaim, isDead, isReopened, listContested, releaseClaim } from '../../store/contested-burns.ts';
import type { Queries } from '../../store/database.ts';
import type { Bridge } from '../bridge/bridge.ts';
import { scannedHeight } from '../bridge/scan.ts';
import { CommandError } from '../command-error.ts';
import type { CommandParams, CommandResults } from '../command-types.ts';
import { counted } from '../counted.ts';
import { finalDepth, type MissingParts, missingCoin } from './missing-coins.ts';

/** So many contested burns are named. */
const NAMED_MAX = 10;

/** Releases the claims that can never be mined, as the own scan has seen it. */
export function releaseDead(bridge: Pick<Bridge, 'db' | 'config' | 'effects' | 'log'>): void {
  const { db, effects, log } = bridge;
  const height = deepHeight(bridge);
  if (height === null) return;
  for (const { burnTxid, claims } of listContested(db, height)) {
    for (const claim of claims ?? []) {
      if (!isDead(db, claim, height)) continue;
      releaseClaim(db, burnTxid, claim.txid, 'spent', effects.now());
      log('info', 'burn_claim_released', { burn_txid: burnTxid, txid: claim.txid });
    }
  }
}

/** One sentence for each contested burn that no deep block pays. `height`: that of the deepest block which counts. */
export function contestedProblems(db: Queries, height: number | null): readonly string[] {
  const contested = listContested(db, height ?? -1);
  const problems = contested.slice(0, NAMED_MAX).map(({ burnTxid }) => {
    const told = `burn ${burnTxid} is left to the other operators, as this node may have signed a payout of it before it was`;
    return `${told} restored: have them pay it, or run \`mpc_operator release-burn --burn ${burnTxid}\``;
  });
  if (contested.length > NAMED_MAX) problems.push(`${contested.length - NAMED_MAX} more burns are left to the others`);
  return problems;
}

type Left = CommandResults['release-burn']['left'][number];

/**
 * Looks at each claim of a contested burn on all own Bitcoin nodes, and releases those that can never be mined. Where a coin
 * is missing for the first time, that is where its blocks are counted from. Throws `CommandError`.
 */
export async function releaseBurn(
  bridge: MissingParts,
  { burn_txid }: CommandParams<'release-burn'>,
): Promise<CommandResults['release-burn']> {
  const { db } = bridge;
  const height = deepHeight(bridge) ?? -1;
  const contested = listContested(db, height).find(({ burnTxid }) => burnTxid === burn_txid);
  if (contested === undefined) throw new CommandError('not_contested', `burn ${burn_txid} is not contested here`);
  if (contested.claims === null) {
    const told = 'it was marked by an earlier version, which did not keep what this node may have signed';
    throw new CommandError('claims_unknown', `${told}: the other operators have to pay it`);
  }
  const released: string[] = [];
  const left: Left[] = [];
  for (const claim of contested.claims) {
    const stays = await tryRelease(bridge, burn_txid, claim, height);
    if (stays === null) released.push(claim.txid);
    else left.push(stays);
  }
  return { burn_txid, released, left };
}

// Null where the claim is released; else why it is not.
async function tryRelease(
  bridge: MissingParts,
  burnTxid: string,
  claim: ContestedClaim,
  height: number,
): Promise<Left | null> {
  const { db, effects, log } = bridge;
  const { txid, inputs } = claim;
  const stays = (reason: string, blocks_left: number | null = null): Left => ({ txid, reason, blocks_left });
  if (isReopened(db, burnTxid, txid))
    return stays('it was released as its coin was missing, and that coin has come back');
  const dead = isDead(db, claim, height);
  if (!dead) {
    const missing = await missingCoin(bridge, burnTxid, claim).catch(asCommandError);
    if (missing.kind === 'none') {
      return stays(`it can still be mined, as nothing else has spent ${inputs.map(outpointName).join(', ')}`);
    }
    if (missing.kind === 'waiting') {
      const { coin, since, blocksLeft } = missing;
      const told = `its coin ${outpointName(coin)} is known to none of our Bitcoin nodes as of block ${since}`;
      return stays(`${told}: ask again in ${counted(blocksLeft, 'block')}, as it may still come back`, blocksLeft);
    }
  }
  releaseClaim(db, burnTxid, txid, dead ? 'spent' : 'operator', effects.now());
  log('warn', 'burn_claim_released', { burn_txid: burnTxid, txid, by: 'operator' });
  return null;
}

function asCommandError(error: unknown): never {
  if (error instanceof CommandError) throw error;
  const { reason, detail } = asUnavailable(error);
  throw new CommandError(reason, detail);
}

/** The height up to which blocks count as final, as for anchors, however whole the chain looks; null before it was read. */
export function deepHeight({ db, config }: Pick<Bridge, 'db' | 'config'>): number | null {
  const scanned = scannedHeight(db);
  return scanned === null ? null : scanned - finalDepth(config) + 1;
}
