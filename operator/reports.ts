// What a node tells of itself to its operator: status, keys, ceremonies, peers, deposits and withdrawals.

import { toHex } from '../crypto/bytes.ts';
import { cardFingerprint } from '../crypto/operator-card.ts';
import { custodyScript, taprootAddress } from '../crypto/taproot.ts';
import { getAttestation } from '../store/attestations.ts';
import { auditHead } from '../store/audit-log.ts';
import { type Ceremony, getCeremony, listCeremonies } from '../store/ceremonies.ts';
import { ceremonyHeight } from '../store/ceremony-height.ts';
import { listDeposits } from '../store/deposits.ts';
import { lineFigures, listLine, waitingSteps } from '../store/line.ts';
import { DEPOSIT_STATUSES } from '../store/schema.ts';
import { currentRoot } from '../store/treasury-roots.ts';
import { chainProblems } from './chain-report.ts';
import { scannedHeight } from './chain-state/scan.ts';
import { ceremonyFailureOf } from './key-ceremonies/ceremony-failures.ts';
import { storedOutcome } from './key-ceremonies/ceremony-outcome.ts';
import type { FederationKey } from './keys/keys.ts';
import type { Node } from './node.ts';
import { waitReport } from './payouts/withdraw.ts';
import { daysLeft, readCertificate, validityText } from './peers/certificate.ts';
import { listCards, missingCards } from './peers/federation.ts';
import { clockReport } from './runtime/clock-watch.ts';
import { CommandError } from './runtime/command-error.ts';
import type {
  BackendReport,
  CeremonyReport,
  CommandParams,
  CommandResults,
  KeyReport,
} from './runtime/command-types.ts';
import { errorText } from './runtime/log.ts';
import { signerProblems, signerReports } from './signer-reports.ts';
import { treasuryStatus } from './treasury-report.ts';

/** A TLS certificate with fewer days left than this is a problem. */
const CERTIFICATE_DAYS_WARNED = 30;

/** An overview, with everything an operator should look at in `problems`. */
export async function statusReport(node: Node): Promise<CommandResults['status']> {
  const { config, input, store } = node;
  const [bitcoin, wire] = await Promise.all([bitcoinReports(node), wireReports(node)]);
  const cards = listCards(store.db);
  const key = node.keys.live();
  const problems: string[] = [...(input.processProblems?.() ?? [])];
  if (node.damage !== undefined) problems.push(node.damage);
  if (node.online === null) problems.push('the node is sealed');
  if (key === null) problems.push('the federation has no key yet');
  else problems.push(...shareProblems(node, key.keyId));
  const missing = missingCards(config, cards);
  if (missing.length > 0) problems.push(`no operator card of operator ${missing.join(', ')}`);
  for (const { url, ok, detail } of [...bitcoin, ...wire]) if (!ok) problems.push(`${url}: ${detail}`);
  if (config.wireNodes.length === 0) problems.push('no wire_nodes are configured: burns cannot be verified');
  for (const card of cards) {
    const facts = readCertificate(card.tls_certificate);
    const now = input.effects.now();
    if (facts === null) problems.push(`the TLS certificate of ${card.name} cannot be read`);
    else if (daysLeft(facts, now) < CERTIFICATE_DAYS_WARNED) {
      problems.push(`the TLS certificate of ${card.name} ${validityText(facts, now)}`);
    }
  }
  for (const { index, duplicate } of node.online?.sessions.states() ?? []) {
    if (duplicate !== null) problems.push(duplicateProblem(index, duplicate));
  }
  problems.push(...(node.online?.heartbeat?.problems() ?? []));
  problems.push(...chainProblems(node));
  if (key !== null) problems.push(...lineProblems(node, key));
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
    treasury: treasuryStatus(node),
    deposits: Object.fromEntries(
      DEPOSIT_STATUSES.map((status) => [status, listDeposits(store.db, [status], { limit: 1 }).total]),
    ),
    withdrawals: withdrawalCounts(node),
    clock: clockReport(node.online?.heartbeat?.clock ?? null, input.effects.now()),
    audit_head: auditHead(store.db),
    rejections: rejectionCounts(node),
    signers: signerReports(node),
    problems,
  };
}

function duplicateProblem(index: number, { since, at }: { readonly since: number; readonly at: number }): string {
  const told = `operator ${index} seems to run twice: an older start of it has spoken since ${iso(since)}`;
  return `${told}, last at ${iso(at)}; its operator must end one of the two`;
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

// What holds the whole line up: a pin, missing funds, a step whose burns are not known. Single burns that wait are no problem
// of the node; `withdrawals --waiting` lists them.
function lineProblems(node: Node, key: FederationKey): readonly string[] {
  const left = node.online?.autopilot.steps.left ?? [];
  return left
    .filter(({ burnTxid }) => burnTxid === null)
    .map((reason) => waitReport(node, key, reason))
    .map(({ reason, remedy, top_up_address: address }) => {
      const where = address === null ? '' : `, to ${address}`;
      return `the treasury line waits (${reason}): ${remedy}${where}`;
    });
}

// Steps of the line by where they stand; `decided` are those that this node has not seen fully signed.
function withdrawalCounts({ store, config }: Node): Readonly<Record<string, number>> {
  const { total } = listLine(store.db, { limit: 1 });
  const scanned = scannedHeight(store.db) ?? 0;
  const settled = lineFigures(store.db, scanned - config.normalConfirmations + 1).steps;
  const mined = lineFigures(store.db, Number.MAX_SAFE_INTEGER).steps - settled;
  const signed = waitingSteps(store.db).length;
  return { decided: total - signed - mined - settled, signed, mined, settled };
}

function scanReport(node: Node): CommandResults['status']['scan'] {
  const progress = node.online?.autopilot.scan.progress() ?? null;
  return progress === null ? null : { height: progress.height, tip: progress.tip };
}

/** All keys, newest first. */
export function keyReports(node: Node): CommandResults['key-info'] {
  const keys = node.keys.list().map((key): KeyReport => {
    const treasury = custodyScript(key.bitcoin.publicKey, { kind: 'treasury' }).scriptPubKey;
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
      treasury_address: taprootAddress(treasury, node.config.network),
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
  if (outcome === null) return { ceremony: ceremonyReport(node, stored), file: null };
  const height = ceremonyHeight(node.store.db, ceremonyId);
  const certificate = currentRoot(node.store.db, outcome.key_id)?.certificate ?? null;
  const file = {
    ...outcome.file,
    ...(height === null ? {} : { height }),
    ...(certificate === null ? {} : { treasury_root: certificate }),
  };
  return { ceremony: ceremonyReport(node, stored), file };
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
  const failure = ceremonyFailureOf(node.store.db, stored.ceremonyId);
  const isOver = seen === null || seen.phase === 'idle' || seen.phase === 'aborted';
  if (failure !== null && isOver) {
    const rejoin = `join it again with \`dkg --ceremony-id ${stored.ceremonyId}${stored.rehearsal ? ' --rehearsal' : ''}\``;
    return { ...base, ...nothing, phase: 'failed', attempt: null, coordinator: null, detail: `${failure}; ${rejoin}` };
  }
  if (seen === null) {
    const detail = 'goes on once the server runs and is unsealed';
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
