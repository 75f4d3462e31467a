// Whether a backup of key material would bring a node back: every share against its public share, the keys against the
// transcripts of the ceremonies that made them, the root certificate, the certificate against its key, and the cards.

import { createPrivateKey } from 'node:crypto';
import { verifyCeremonyFile } from '../../ceremony/ceremony-file.ts';
import { type CeremonyFile, ceremonyFileSchema, outputOf } from '../../ceremony/transcript.ts';
import { equal, fromHex, toHex } from '../../crypto/bytes.ts';
import { canonicalBytes } from '../../crypto/canonical-json.ts';
import { hostpubkeyGen } from '../../crypto/chilldkg.ts';
import { signerFromSeed } from '../../crypto/ed25519.ts';
import { keyIdOf } from '../../crypto/key-id.ts';
import { type OperatorCard, parseCard } from '../../crypto/operator-card.ts';
import { sameRoot, verifyRootCertificate } from '../../crypto/root-certificate.ts';
import type { CeremonyKeys, KeyShare } from '../../crypto/seal.ts';
import { verifyingShareOf } from '../../crypto/verifying-share.ts';
import { checkConfig, describeProblem, type OperatorConfig } from '../config/config.ts';
import { parseTreasuryFile } from '../keys/treasury-file.ts';
import { holdsKeyOf, readCertificate } from '../peers/certificate.ts';
import type { KeyShareBackup } from './key-share-backup.ts';

/** What a backup holds, as far as it could be read. `config`: as a node at that place would read it. */
export interface ProvenBackup {
  /** What does not hold, a sentence each; empty where the backup would bring the node back. */
  readonly problems: readonly string[];
  readonly keyIds: readonly string[];
  readonly config: OperatorConfig | null;
  readonly cards: readonly OperatorCard[];
  /** The ceremonies that hold. */
  readonly ceremonies: readonly CeremonyFile[];
  /** When its TLS certificate expires, in ms since 1970; null where it cannot be read. */
  readonly certificateExpiresAt: number | null;
}

/** Proves a backup in memory. `file`: where its configuration is, or would be; `home`: what `~` in it stands for. */
export function proveBackup(backup: KeyShareBackup, file: string, home: string): ProvenBackup {
  const { manifest, keyFile } = backup;
  const problems: string[] = [];
  const config = configOf(backup, file, home, problems);
  const cards = cardsOf(backup, problems);
  const ceremonies = ceremoniesOf(backup, problems);
  const keyIds = keyFile.keys.map(idOf);
  const identityKey = toHex(signerFromSeed(keyFile.identitySeed).publicKey);
  if (identityKey !== manifest.identity_key) problems.push('the identity key is not the one that the manifest names');
  if (keyFile.network !== manifest.network || keyFile.index !== manifest.index) {
    problems.push(`the key file belongs to operator ${keyFile.index} on ${keyFile.network}`);
  }
  if (keyIds.join() !== manifest.key_ids.join()) problems.push('the keys are not those that the manifest names');
  for (const keys of keyFile.keys) problems.push(...shareProblems(keys, keyFile.index));
  const own = { identityKey, hostKey: toHex(hostpubkeyGen(keyFile.hostSecret)), index: keyFile.index };
  for (const keys of keyFile.keys) problems.push(...ceremonyProblems(keys, ceremonies, own));
  const ownCard = cards.find(({ index }) => index === keyFile.index);
  if (ownCard !== undefined && (ownCard.identity_key !== own.identityKey || ownCard.host_public_key !== own.hostKey)) {
    problems.push("the node's own card has other keys than the key file");
  }
  const missing = Array.from({ length: config?.parties ?? 0 }, (_, index) => index).filter(
    (index) => !cards.some((card) => card.index === index),
  );
  // Before the federation has a key, its cards may still be on their way.
  if (keyIds.length > 0 && missing.length > 0) problems.push(`the card of operator ${missing.join(', ')} is missing`);
  problems.push(...rootProblems(backup, ceremonies));
  const certificateExpiresAt = certificateEnd(backup, problems);
  return { problems, keyIds, config, cards, ceremonies, certificateExpiresAt };
}

/** The name of the keys of a ceremony. */
export function idOf({ bitcoin, attestation }: CeremonyKeys): string {
  return keyIdOf(bitcoin.groupKey.publicKey, attestation.groupKey.publicKey);
}

function configOf({ config, manifest }: KeyShareBackup, file: string, home: string, problems: string[]) {
  const verdict = checkConfig(jsonOf(config), file, home);
  if (!verdict.ok) {
    problems.push(...verdict.problems.map((problem) => describeProblem('the configuration', problem)));
    return null;
  }
  const { network, myIndex } = verdict.config;
  if (network !== manifest.network || myIndex !== manifest.index) {
    problems.push(`the configuration is that of operator ${myIndex} on ${network}`);
  }
  return verdict.config;
}

function cardsOf({ cards, manifest }: KeyShareBackup, problems: string[]): readonly OperatorCard[] {
  return cards.flatMap((bytes) => {
    const parsed = parseCard(bytes);
    if (parsed.ok && parsed.card.network === manifest.network) return [parsed.card];
    problems.push(`an operator card is damaged: ${parsed.ok ? `it is for ${parsed.card.network}` : parsed.detail}`);
    return [];
  });
}

function ceremoniesOf({ ceremonies }: KeyShareBackup, problems: string[]): readonly CeremonyFile[] {
  return ceremonies.flatMap((json) => {
    const verdict = verifyCeremonyFile(json);
    if (verdict.ok) return [ceremonyFileSchema.parse(json)];
    problems.push(`an exported ceremony does not hold: ${verdict.problems[0]}`);
    return [];
  });
}

function shareProblems(keys: CeremonyKeys, index: number): readonly string[] {
  return [['bitcoin', keys.bitcoin] as const, ['attestation', keys.attestation] as const].flatMap(([name, share]) =>
    isProven(share, index) ? [] : [`the share of the ${name} key ${idOf(keys)} does not fit its public share`],
  );
}

function isProven({ groupKey, signingShare }: KeyShare, index: number): boolean {
  const verifying = groupKey.verifyingShares[index];
  try {
    return verifying !== undefined && equal(verifyingShareOf(groupKey.scheme, signingShare), verifying);
  } catch {
    // No scalar at all.
    return false;
  }
}

// Public shares that lie beside a share prove nothing alone: they must be those that all operators signed.
function ceremonyProblems(
  keys: CeremonyKeys,
  ceremonies: readonly CeremonyFile[],
  own: { readonly identityKey: string; readonly hostKey: string; readonly index: number },
): readonly string[] {
  const keyId = idOf(keys);
  const made = ceremonies.find(({ transcript }) => transcriptKeyId({ transcript }) === keyId);
  if (made === undefined) return [`the exported ceremony that made key ${keyId} is missing`];
  const { outputs, participants } = made.transcript;
  const isSame = (['bitcoin', 'attestation'] as const).every((name) =>
    equal(canonicalBytes(outputs[name]), canonicalBytes(outputOf(keys[name].groupKey))),
  );
  if (!isSame) return [`the public shares of key ${keyId} are not those of its ceremony`];
  const me = participants[own.index];
  return me?.identity_key === own.identityKey && me.host_public_key === own.hostKey
    ? []
    : [`this node's identity key or host key took no part in the ceremony that made key ${keyId}`];
}

function transcriptKeyId({ transcript }: Pick<CeremonyFile, 'transcript'>): string {
  const { bitcoin, attestation } = transcript.outputs;
  return keyIdOf(fromHex(bitcoin.public_key), fromHex(attestation.public_key));
}

function rootProblems({ treasury }: KeyShareBackup, ceremonies: readonly CeremonyFile[]): readonly string[] {
  if (treasury === null) return [];
  const file = parseTreasuryFile(treasury);
  if (file === null) return ['the file of the treasury is damaged'];
  if (file.certificate === null) return [];
  const made = ceremonies.find((ceremony) => transcriptKeyId(ceremony) === file.key_id);
  if (made === undefined) return [];
  const keys = made.transcript.participants.map(({ identity_key }) => fromHex(identity_key));
  if (!verifyRootCertificate(file.certificate, keys).ok) return ['the root certificate is not signed by all operators'];
  const exported = made.treasury_root;
  return exported === undefined || sameRoot(exported.statement, file.certificate.statement)
    ? []
    : ['two root certificates in it name different roots'];
}

function certificateEnd({ tlsCertificate, tlsKey }: KeyShareBackup, problems: string[]): number | null {
  const pem = new TextDecoder().decode(tlsCertificate);
  const facts = readCertificate(pem);
  try {
    if (facts === null) problems.push('the TLS certificate cannot be read');
    else if (!holdsKeyOf(pem, createPrivateKey(Buffer.from(tlsKey)))) {
      problems.push('the TLS key is not that of the certificate');
    }
  } catch {
    problems.push('the TLS key is not an unencrypted PEM private key');
  }
  return facts?.notAfter ?? null;
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return null;
  }
}
