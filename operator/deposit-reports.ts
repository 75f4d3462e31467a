// The list of deposits: each with what it waits for, as this node knows it without asking anybody.
import { outpointName } from '../chain/outpoint.ts';
import { type Attestation, getAttestation } from '../store/attestations.ts';
import type { Outpoint, Page } from '../store/database.ts';
import { type Deposit, type DepositStatus, depositsOf, getDeposit, listDeposits } from '../store/deposits.ts';
import { exposedDeposits } from '../store/reorganisation.ts';
import { lineRoot } from './chain-state/line-terms.ts';
import { scannedHeight } from './chain-state/scan.ts';
import type { Node } from './node.ts';
import type { CommandParams, CommandResults, DepositReport } from './runtime/command-types.ts';

/** Most deposits of one recipient that are shown together. */
const OF_RECIPIENT_MAX = 50;

/** Deposits, newest first. */
export function depositReports(node: Node, page: CommandParams<'deposits'>): CommandResults['deposits'] {
  return depositsInStatus(node, undefined, page);
}

/** The same of one status alone; undefined: all. */
export function depositsInStatus(
  node: Node,
  status: DepositStatus | undefined,
  page: Page,
): CommandResults['deposits'] {
  const { rows, total } = listDeposits(node.store.db, status === undefined ? undefined : [status], page);
  return { deposits: reportsOf(node, rows), total };
}

/** The newest deposits of one recipient. */
export function depositsOfRecipient(node: Node, recipient: string): readonly DepositReport[] {
  return reportsOf(node, depositsOf(node.store.db, recipient, OF_RECIPIENT_MAX));
}

/** A deposit with all that this node knows of it. Times ISO 8601; the heights and the signature null where there are none. */
export interface DepositDetail extends DepositReport {
  readonly height: number | null;
  readonly block_hash: string | null;
  readonly confirmations: number;
  readonly confirmations_needed: number;
  readonly seen_at: string;
  readonly decided_at: string | null;
  readonly nonce: string | null;
  readonly expires_at: string | null;
  readonly signature: string | null;
}

/** One deposit; null where this node has not seen it. */
export function depositDetail(node: Node, outpoint: Outpoint): DepositDetail | null {
  const { store, config, chain } = node;
  const found = getDeposit(store.db, outpoint);
  const [report] = found === null ? [] : reportsOf(node, [found]);
  if (found === null || report === undefined) return null;
  const attestation = getAttestation(store.db, outpoint);
  const expiry = attestation?.signatureExpiry ?? null;
  return {
    ...report,
    height: found.height,
    block_hash: found.blockHash,
    confirmations: depthOf(node, found),
    confirmations_needed: chain?.confirmations() ?? config.normalConfirmations,
    seen_at: iso(found.seenAt),
    decided_at: attestation === null ? null : iso(attestation.decidedAt),
    nonce: attestation === null ? null : `${attestation.nonce}`,
    expires_at: expiry === null ? null : iso(Number(expiry) * 1000),
    signature: attestation?.signature ?? null,
  };
}

function reportsOf(node: Node, rows: readonly Deposit[]): readonly DepositReport[] {
  const { db } = node.store;
  const suspended = new Set(exposedDeposits(db).map(({ recipient }) => recipient));
  return rows.map((deposit) => {
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
}

function depthOf({ store }: Node, { height }: Deposit): number {
  const scanned = scannedHeight(store.db);
  return height === null || scanned === null ? 0 : Math.max(0, scanned - height + 1);
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
  const depth = depthOf(node, deposit);
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
