// The list of deposits: each with what it waits for, as this node knows it without asking anybody.
import { outpointName } from '../chain/outpoint.ts';
import { type Attestation, getAttestation } from '../store/attestations.ts';
import { type Deposit, listDeposits } from '../store/deposits.ts';
import { exposedDeposits } from '../store/reorganisation.ts';
import { lineRoot } from './chain-state/line-terms.ts';
import { scannedHeight } from './chain-state/scan.ts';
import type { Node } from './node.ts';
import type { CommandParams, CommandResults } from './runtime/command-types.ts';

/** Deposits, newest first. */
export function depositReports(node: Node, page: CommandParams<'deposits'>): CommandResults['deposits'] {
  const { db } = node.store;
  const { rows, total } = listDeposits(db, undefined, page);
  const suspended = new Set(exposedDeposits(db).map(({ recipient }) => recipient));
  const deposits = rows.map((deposit) => {
    const attestation = getAttestation(db, deposit);
    return {
      txid: deposit.txid,
      vout: deposit.vout,
      recipient: deposit.recipient,
      amount: `${deposit.amount}`,
      status: deposit.status,
      attested_at: attestation?.signature == null ? null : iso(attestation.decidedAt),
      minted_at: deposit.status === 'minted' ? iso(deposit.updatedAt) : null,
      waits_for: waitsFor(node, deposit, attestation, suspended.has(deposit.recipient)),
    };
  });
  return { deposits, total };
}

// The first thing that keeps it from the next status; null for one that is minted.
function waitsFor(node: Node, deposit: Deposit, attestation: Attestation | null, isSuspended: boolean): string | null {
  if (deposit.status === 'minted') return null;
  if (deposit.status === 'gone') return 'a block: its transaction left the chain, or never came into it';
  if (attestation?.signature != null) return waitsForMint(node, deposit);
  const { config, store, chain, keys, online } = node;
  const least = config.policy.depositMinSats;
  if (deposit.amount < least) {
    return `nothing: it is below the least amount of ${least} sats (policy.deposit_min_sats), so this node does not attest it`;
  }
  const needed = chain?.confirmations() ?? config.normalConfirmations;
  const scanned = scannedHeight(store.db);
  const depth = deposit.height === null || scanned === null ? 0 : Math.max(0, scanned - deposit.height + 1);
  if (depth < needed) return `confirmations: ${depth} of ${needed}`;
  const key = keys.live();
  if (key === null || lineRoot(store.db, key) === null)
    return 'the treasury: run `mpc_operator treasury` to see what it needs';
  if (isSuspended)
    return 'an earlier deposit of this recipient, which was attested and has left the chain: see `status`';
  const why = online?.autopilot.deposits.why(outpointName(deposit)) ?? null;
  if (why !== null) return `an attestation; the last attempt failed: ${why}`;
  if (!config.automatic) return 'your command `mpc_operator attest`: `automatic` is off here';
  return attestation === null
    ? 'an attestation: an operator begins it by itself'
    : 'the signature: this node has agreed';
}

function waitsForMint({ online, config }: Node, deposit: Deposit): string {
  const why = online?.follower.whyNotMinted(outpointName(deposit)) ?? null;
  if (why?.forGood === true) return `nothing: Wire refuses its mint for good (${why.detail})`;
  const told = why === null ? '' : `: ${why.detail}`;
  return `Wire: its mint needs ${config.wireConfirmations} confirmations on your Wire nodes${told}`;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
