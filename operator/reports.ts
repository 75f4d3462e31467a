// What a node tells of itself to its operator: status, keys, ceremonies, peers, deposits and withdrawals.

import { toHex } from '../crypto/bytes.ts';
import { cardFingerprint } from '../crypto/operator-card.ts';
import { custodyScript, taprootAddress } from '../crypto/taproot.ts';
import { getAttestation } from '../store/attestations.ts';
import { auditHead } from '../store/audit-log.ts';
import { type Ceremony, getCeremony, listCeremonies } from '../store/ceremonies.ts';
import { listDeposits } from '../store/deposits.ts';
import { listChildrenOf } from '../store/payout-children.ts';
import { listPayouts, type Payout } from '../store/payout-listing.ts';
import { DEPOSIT_STATUSES, PAYOUT_STATUSES } from '../store/schema.ts';
import { chainProblems } from './bridge/chain-report.ts';
import { paidBurns } from './bridge/payouts.ts';
import { storedOutcome } from './ceremonies/ceremony-outcome.ts';
import { CommandError } from './command-error.ts';
import type {
  BackendReport,
  CeremonyReport,
  CommandParams,
  CommandResults,
  KeyReport,
  WithdrawalReport,
} from './command-types.ts';
import { errorText } from './log.ts';
import type { Node } from './node.ts';
import { signerProblems, signerReports } from './signing/signer-reports.ts';
import { daysLeft, readCertificate } from './transport/certificate.ts';
import { listCards, missingCards } from './transport/federation.ts';

/** A TLS certificate with fewer days left than this is a problem. */
const CERTIFICATE_DAYS_WARNED = 30;

/** An overview, with everything an operator should look at in `problems`. */
export async function statusReport(node: Node): Promise<CommandResults['status']> {
  const { config, input, store } = node;
  const [bitcoin, wire] = await Promise.all([bitcoinReports(node), wireReports(node)]);
  const cards = listCards(store.db);
  const key = node.keys.live();
  const problems: string[] = [];
  if (node.online === null) problems.push('the node is sealed');
  if (key === null) problems.push('the federation has no key yet');
  else problems.push(...shareProblems(node, key.keyId));
  const missing = missingCards(config, cards);
  if (missing.length > 0) problems.push(`no operator card of operator ${missing.join(', ')}`);
  for (const { url, ok, detail } of [...bitcoin, ...wire]) if (!ok) problems.push(`${url}: ${detail}`);
  if (config.wireNodes.length === 0) problems.push('no wire_nodes are configured: burns cannot be verified');
  for (const card of cards) {
    const facts = readCertificate(card.tls_certificate);
    const days = facts === null ? -1 : daysLeft(facts, input.effects.now());
    if (days < CERTIFICATE_DAYS_WARNED) problems.push(`the TLS certificate of ${card.name} has ${days} days left`);
  }
  for (const { index, twinAt } of node.online?.sessions.states() ?? []) {
    if (twinAt !== null) problems.push(`operator ${index} seems to run twice: an older start of it still speaks`);
  }
  problems.push(...(node.online?.heartbeat?.problems() ?? []));
  problems.push(...chainProblems(node));
  problems.push(...signerProblems(node));
  return {
    version: input.version,
    network: config.network,
    my_index: config.myIndex,
    name: config.name,
    threshold: config.threshold,
    participants: config.parties,
    sealed: node.online === null,
    started_at: iso(node.startedAt),
    listening: node.online?.gate.address ?? null,
    key_id: key?.keyId ?? null,
    peers_known: cards.filter((card) => card.index !== config.myIndex).length,
    bitcoin,
    wire,
    scan: scanReport(node),
    deposits: Object.fromEntries(
      DEPOSIT_STATUSES.map((status) => [status, listDeposits(store.db, [status], { limit: 1 }).total]),
    ),
    withdrawals: Object.fromEntries(
      PAYOUT_STATUSES.map((status) => [status, listPayouts(store.db, [status], { limit: 1 }).total]),
    ),
    audit_head: auditHead(store.db),
    rejections: rejectionCounts(node),
    signers: signerReports(node),
    problems,
  };
}

// Where the key file was put back to one of before the key was made, or does not go with the database.
function shareProblems({ keyRing, keys }: Node, keyId: string): readonly string[] {
  if (keyRing.sealed) return [];
  if (keyRing.keysOf(keyId) === null) {
    return ['the key file holds no shares of the live key; run: mpc_operator ceremony recover FILE'];
  }
  if (keys.sharesFit(keyId) === true) return [];
  return ['the shares in the key file do not fit the live key: put the key file back from its backup'];
}

function scanReport(node: Node): CommandResults['status']['scan'] {
  const progress = node.online?.autopilot.scan.progress() ?? null;
  return progress === null ? null : { height: progress.height, tip: progress.tip };
}

/** All keys, newest first. */
export function keyReports(node: Node): CommandResults['key-info'] {
  const keys = node.keys.list().map((key): KeyReport => {
    const change = custodyScript(key.bitcoin.publicKey, { kind: 'change' }).scriptPubKey;
    return {
      key_id: key.keyId,
      ceremony_id: key.ceremonyId,
      status: key.status,
      threshold: key.bitcoin.threshold,
      participants: key.bitcoin.participants,
      my_index: node.config.myIndex,
      bitcoin_public_key: toHex(key.bitcoin.publicKey),
      attestation_public_key: toHex(key.attestation.publicKey),
      transcript_hash: key.transcriptHash,
      created_at: iso(key.createdAt),
      shares_held: node.keyRing.sealed ? null : node.keyRing.keysOf(key.keyId) !== null,
      shares_valid: node.keys.sharesFit(key.keyId),
      change_address: taprootAddress(change, node.config.network),
    };
  });
  return { keys };
}

/** The operator cards here, and the indices without one. */
export function peerReports(node: Node): CommandResults['peer-list'] {
  const cards = listCards(node.store.db);
  const peers = cards.map((card) => ({
    index: card.index,
    name: card.name,
    address: card.address,
    fingerprint: cardFingerprint(card).join(' '),
    self: card.index === node.config.myIndex,
    certificate_expires_at: iso(readCertificate(card.tls_certificate)?.notAfter ?? 0),
  }));
  return { peers, missing: missingCards(node.config, cards) };
}

/** All ceremonies, newest first. */
export function ceremonyReports(node: Node): CommandResults['ceremony-list'] {
  return {
    ceremonies: listCeremonies(node.store.db, { limit: 500 }).rows.map((stored) => ceremonyReport(node, stored)),
  };
}

/** One ceremony, with its exportable file where it was completed. */
export function ceremonyShown(node: Node, ceremonyId: string): CommandResults['ceremony-show'] {
  const stored = getCeremony(node.store.db, ceremonyId);
  if (stored === null) throw new CommandError('ceremony_unknown', `there is no ceremony ${ceremonyId} here`);
  const outcome = storedOutcome(stored);
  return { ceremony: ceremonyReport(node, stored), file: outcome === null ? null : { ...outcome.file } };
}

/** Deposits, newest first. */
export function depositReports(node: Node, page: CommandParams<'deposits'>): CommandResults['deposits'] {
  const { rows, total } = listDeposits(node.store.db, undefined, page);
  const deposits = rows.map((deposit) => {
    const attestation = getAttestation(node.store.db, deposit);
    return {
      txid: deposit.txid,
      vout: deposit.vout,
      recipient: deposit.recipient,
      amount: `${deposit.amount}`,
      status: deposit.status,
      attested_at: attestation?.signature == null ? null : iso(attestation.decidedAt),
      minted_at: deposit.status === 'minted' ? iso(deposit.updatedAt) : null,
    };
  });
  return { deposits, total };
}

/** Payout transactions, newest first. */
export async function withdrawalReports(
  node: Node,
  page: CommandParams<'withdrawals'>,
): Promise<CommandResults['withdrawals']> {
  const { rows, total } = listPayouts(node.store.db, undefined, page);
  const tip = await node.bitcoin.tip().then(
    ({ height }) => height,
    () => null,
  );
  return { withdrawals: rows.map((payout) => withdrawalReport(node, payout, tip)), total };
}

function withdrawalReport(node: Node, payout: Payout, tip: number | null): WithdrawalReport {
  const { txid, status, fee, feeRate, height, createdAt } = payout;
  const children = listChildrenOf(node.store.db, txid).filter((child) => child.status !== 'void');
  return {
    txid,
    status,
    burns: paidBurns(node.store.db, payout),
    miner_fee: `${fee}`,
    fee_rate: feeRate,
    confirmations: height === null || tip === null ? 0 : Math.max(0, tip - height + 1),
    created_at: iso(createdAt),
    children: children.map((child) => ({ txid: child.txid, status: child.status, miner_fee: `${child.fee}` })),
  };
}

function ceremonyReport(node: Node, stored: Ceremony): CeremonyReport {
  const seen = node.online?.ceremonies.running(stored.ceremonyId)?.progress() ?? null;
  const times = { created_at: iso(stored.createdAt), updated_at: iso(stored.updatedAt) };
  const base = { ceremony_id: stored.ceremonyId, rehearsal: stored.rehearsal, ...times };
  const outcome = storedOutcome(stored);
  if (outcome !== null) {
    const { key_id, coordinator, file, subsets } = outcome;
    const detail = subsets === null ? 'complete; not every share has been tried yet' : 'complete and proven';
    const { attempt } = file.transcript;
    const { transcript_hash } = file.certificate;
    return { ...base, phase: stored.status, attempt, coordinator, key_id, transcript_hash, detail };
  }
  const nothing = { key_id: null, transcript_hash: null };
  if (stored.status === 'failed') {
    const detail = 'abandoned by its operator';
    return { ...base, ...nothing, phase: 'abandoned', attempt: null, coordinator: null, detail };
  }
  if (seen === null) {
    const detail = 'goes on once the node is unsealed';
    return { ...base, ...nothing, phase: 'interrupted', attempt: null, coordinator: null, detail };
  }
  const { phase, attempt, coordinator } = seen;
  return { ...base, ...nothing, phase, attempt, coordinator, detail: seen.abort?.detail ?? seen.step };
}

async function bitcoinReports(node: Node): Promise<readonly BackendReport[]> {
  const url = node.config.bitcoinNodes.join(', ');
  try {
    const { height, hash } = await node.bitcoin.tip();
    return [{ url, ok: true, height, detail: hash }];
  } catch (error) {
    return [{ url, ok: false, height: null, detail: errorText(error) }];
  }
}

async function wireReports(node: Node): Promise<readonly BackendReport[]> {
  const { wire, config } = node;
  if (wire === null) return [];
  const url = config.wireNodes.join(', ');
  try {
    const { network, height, lastBurnSeq } = await wire.status();
    const ok = network === config.network;
    return [{ url, ok, height, detail: ok ? `last burn ${lastBurnSeq}` : `it is bridged to ${network}` }];
  } catch (error) {
    return [{ url, ok: false, height: null, detail: errorText(error) }];
  }
}

function rejectionCounts(node: Node): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { reason, count } of node.online?.acceptor.rejections() ?? [])
    counts[reason] = (counts[reason] ?? 0) + count;
  return counts;
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
