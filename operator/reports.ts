// What a node tells of itself to its operator: keys, ceremonies, peers and deposits. `status` is in status/.

import { toHex } from '../crypto/bytes.ts';
import { cardFingerprint } from '../crypto/operator-card.ts';
import { custodyScript, taprootAddress } from '../crypto/taproot.ts';
import { type Ceremony, getCeremony, listCeremonies } from '../store/ceremonies.ts';
import { ceremonyHeight } from '../store/ceremony-height.ts';
import { currentRoot } from '../store/treasury-roots.ts';
import { ceremonyFailureOf } from './key-ceremonies/ceremony-failures.ts';
import { storedOutcome } from './key-ceremonies/ceremony-outcome.ts';
import type { Node } from './node.ts';
import { readCertificate } from './peers/certificate.ts';
import { listCards, missingCards } from './peers/federation.ts';
import { CommandError } from './runtime/command-error.ts';
import type { CeremonyReport, CommandResults, KeyReport } from './runtime/command-types.ts';
import { participantRows } from './status/ceremony-participants.ts';

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

/** One ceremony as it stands. */
export function ceremonyReport(node: Node, stored: Ceremony): CeremonyReport {
  const runner = node.online?.ceremonies.running(stored.ceremonyId) ?? null;
  const seen = runner?.progress() ?? null;
  const times = { created_at: iso(stored.createdAt), updated_at: iso(stored.updatedAt) };
  const base = {
    ...{ ceremony_id: stored.ceremonyId, rehearsal: stored.rehearsal, ...times },
    steps: (runner?.history.steps() ?? []).map(({ step, at }) => ({ step, at: iso(at) })),
    participants: runner === null ? [] : participantRows(listCards(node.store.db), runner.progress(), runner.history),
  };
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

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
