// Burns that this node left to the others when it was brought back (operator/guard/recovery.ts). It may have signed one of
// the payouts that it was told of, so it decides no other while one of them could still be mined: a claim is released once
// another transaction spends a coin of it so deep in the chain that it counts, or once its operator has the node find that
// a coin of it does not exist, for a node signs confirmed coins only. No release makes a second payout possible.

import type { Outpoint } from '../../chain/outpoint.ts';
import { type ContestedClaim, isDead, listContested, releaseClaim } from '../../store/contested-burns.ts';
import type { Queries } from '../../store/database.ts';
import { getUtxo } from '../../store/utxos.ts';
import type { Bridge } from '../bridge/bridge.ts';
import { scannedHeight } from '../bridge/scan.ts';
import { CommandError } from '../command-error.ts';
import type { CommandParams, CommandResults } from '../command-types.ts';

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

/** Looks at each claim of a contested burn on the own Bitcoin nodes, and releases those that can never be mined. */
export async function releaseBurn(
  bridge: Bridge,
  { burn_txid }: CommandParams<'release-burn'>,
): Promise<CommandResults['release-burn']> {
  const { db, effects, log } = bridge;
  const height = deepHeight(bridge) ?? -1;
  const contested = listContested(db, height).find(({ burnTxid }) => burnTxid === burn_txid);
  if (contested === undefined) throw new CommandError('not_contested', `burn ${burn_txid} is not contested here`);
  if (contested.claims === null) {
    const told = 'it was marked by an earlier version, which did not keep what this node may have signed';
    throw new CommandError('claims_unknown', `${told}: the other operators have to pay it`);
  }
  const released: string[] = [];
  const left: { txid: string; reason: string }[] = [];
  for (const claim of contested.claims) {
    const dead = isDead(db, claim, height);
    if (!dead && (await missingCoin(bridge, claim)) === null) {
      left.push({ txid: claim.txid, reason: stillThere(claim) });
      continue;
    }
    releaseClaim(db, burn_txid, claim.txid, dead ? 'spent' : 'operator', effects.now());
    log('warn', 'burn_claim_released', { burn_txid, txid: claim.txid, by: 'operator' });
    released.push(claim.txid);
  }
  return { burn_txid, released, left };
}

function stillThere({ inputs }: ContestedClaim): string {
  const coins = inputs.map(({ txid, vout }) => `${txid}:${vout}`).join(', ');
  return `it can still be mined, as nothing else has spent ${coins}`;
}

// A coin that no block and no mempool ever showed this node: it cannot have signed for it.
async function missingCoin({ db, bitcoin, chain }: Bridge, { inputs }: ContestedClaim): Promise<Outpoint | null> {
  const stopped = chain?.stops('history') ?? null;
  if (stopped !== null) throw new CommandError('bitcoin_unavailable', stopped);
  for (const input of inputs) {
    if (getUtxo(db, input) !== null) continue;
    const { state } = await bitcoin.transaction(input.txid, input.vout + 1);
    if (state === 'unknown') return input;
  }
  return null;
}

/** The height up to which blocks count as final, as for anchors, however whole the chain looks; null before it was read. */
export function deepHeight({ db, config }: Pick<Bridge, 'db' | 'config'>): number | null {
  const scanned = scannedHeight(db);
  return scanned === null ? null : scanned - Math.max(config.normalConfirmations, config.forkConfirmations) + 1;
}
