// Offline verification of an exported key ceremony: everything in the file that follows from something else in it is
// computed again. Only the participants could check their own shares at the time. Their n signatures confirm it, and the
// verifier compares the signing keys with the operator cards.
import { ed25519 } from '@noble/curves/ed25519.js';
import { bip340Scheme } from '../crypto/bip340-scheme.ts';
import { fromHex, toHex, utf8 } from '../crypto/bytes.ts';
import { coordinatorRecover, paramsHash } from '../crypto/chilldkg.ts';
import { isPrimeOrderPoint } from '../crypto/ed25519.ts';
import { checkPackage, dkgPackageBytes } from '../crypto/ed25519-dkg.ts';
import { ed25519Scheme } from '../crypto/ed25519-frost.ts';
import { keyIdOf } from '../crypto/key-id.ts';
import { type RootStatement, verifyRootCertificate } from '../crypto/root-certificate.ts';
import type { FrostScheme, GroupKey } from '../crypto/scheme.ts';
import { custodyScript, isBitcoinNetwork, taprootAddress } from '../crypto/taproot.ts';
import { ATTEMPT_DOMAIN } from './dkg/attempt.ts';
import { bitcoinKey } from './dkg/chill.ts';
import { PARTICIPANTS_MAX } from './fields.ts';
import { ceremonyProofMessages } from './intent-messages.ts';
import {
  type CeremonyFile,
  ceremonyFileSchema,
  isConfirmation,
  outputOf,
  type Transcript,
  transcriptHash,
} from './transcript.ts';

/** What a verified file says. Keys in hexadecimal. */
export interface CeremonySummary {
  readonly ceremonyId: string;
  readonly network: string;
  readonly rehearsal: boolean;
  readonly threshold: number;
  readonly participants: readonly { readonly index: number; readonly name: string; readonly identityKey: string }[];
  readonly transcriptHash: string;
  /** 33 bytes, before any address tweak. */
  readonly bitcoinKey: string;
  /** 32 bytes. */
  readonly attestationKey: string;
  /** Which of the new keys have signed their ceremony; the file is valid without. */
  readonly proofs: readonly ('bitcoin' | 'attestation')[];
  /** With which output the treasury line begins, and the address that it pays; null where the file does not say. */
  readonly treasuryRoot: (RootStatement & { readonly address: string }) | null;
}

/** Verdict on a file: what it says, or everything that is wrong with it. */
export type CeremonyFileVerdict =
  | { readonly ok: true; readonly summary: CeremonySummary }
  | { readonly ok: false; readonly problems: readonly string[] };

/** Verifies an exported ceremony, given as parsed JSON of any origin. Never throws. */
export function verifyCeremonyFile(json: unknown): CeremonyFileVerdict {
  const parsed = ceremonyFileSchema.safeParse(json);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'file'}: ${message}`);
    return { ok: false, problems };
  }
  const file = parsed.data;
  const shape = shapeProblems(file);
  // With the wrong number of anything, the rest would only produce nonsense.
  if (shape.length > 0) return { ok: false, problems: shape };
  const problems = [
    ...certificateProblems(file),
    ...chilldkgProblems(file.transcript),
    ...attestationProblems(file.transcript),
    ...proofProblems(file),
    ...rootProblems(file),
  ];
  return problems.length > 0 ? { ok: false, problems } : { ok: true, summary: summaryOf(file) };
}

function shapeProblems({ transcript, certificate }: CeremonyFile): string[] {
  const { n, t, participants, ed25519: packages, outputs } = transcript;
  const problems: string[] = [];
  const count = (what: string, length: number) => {
    if (length !== n) problems.push(`${length} ${what} for ${n} participants`);
  };
  if (t > n || 2 * t <= n) problems.push(`a threshold of ${t} out of ${n} is not allowed`);
  count('participants', participants.length);
  if (participants.some(({ index }, i) => index !== i)) problems.push('participants are not in index order');
  count('Ed25519 packages', packages.packages.length);
  if ('boxes' in packages) {
    count('rows of share boxes', packages.boxes.length);
    for (const { length } of packages.boxes) count('share boxes in a row', length);
  }
  count('verifying shares of the bitcoin key', outputs.bitcoin.verifying_shares.length);
  count('verifying shares of the attestation key', outputs.attestation.verifying_shares.length);
  count('signatures', certificate.signatures.length);
  for (const field of ['identity_key', 'host_public_key', 'name'] as const) {
    const distinct = new Set(participants.map((participant) => participant[field])).size;
    if (distinct !== participants.length) problems.push(`two participants share one ${field}`);
  }
  return problems;
}

function certificateProblems({ transcript, certificate }: CeremonyFile): string[] {
  const hash = transcriptHash(transcript);
  if (certificate.transcript_hash !== hash) return ['the certificate belongs to another transcript'];
  return transcript.participants
    .filter(
      ({ index, identity_key }) => !isConfirmation(fromHex(identity_key), hash, certificate.signatures[index] ?? ''),
    )
    .map(({ name }) => `${name}'s signature over the transcript is wrong`);
}

function chilldkgProblems({ chilldkg, outputs, participants, t }: Transcript): string[] {
  const params = { hostpubkeys: participants.map(({ host_public_key }) => fromHex(host_public_key)), threshold: t };
  const problems: string[] = [];
  try {
    const hash = toHex(paramsHash(params));
    if (hash !== chilldkg.params_hash) problems.push('the ChillDKG parameters hash does not fit the host keys');
    const recovered = coordinatorRecover(fromHex(chilldkg.recovery_data));
    if (toHex(paramsHash(recovered.params)) !== hash) problems.push('the recovery data belongs to other participants');
    const { publicKey, verifyingShares } = recovered.output;
    const key = bitcoinKey(t, publicKey, verifyingShares);
    if (!sameOutput(key, outputs.bitcoin)) problems.push('the bitcoin key is not the one of the recovery data');
  } catch (error) {
    problems.push(`ChillDKG: ${error instanceof Error ? error.message : 'malformed'}`);
  }
  if (!chilldkg.recovery_data.endsWith(chilldkg.cmsg2)) {
    problems.push('the ChillDKG certificate is not the one of the recovery data');
  }
  // Public nonces and encrypted shares stand at the end of cmsg1, and before the certificate in the recovery data.
  const tail = chilldkg.cmsg1.slice(-2 * (33 + 32) * participants.length);
  if (!chilldkg.recovery_data.slice(0, -chilldkg.cmsg2.length).endsWith(tail)) {
    problems.push("the coordinator's first ChillDKG message is not the one of the recovery data");
  }
  return problems;
}

function attestationProblems(transcript: Transcript): string[] {
  const { packages } = transcript.ed25519;
  const { outputs, participants, t } = transcript;
  const malformed = participants.filter(({ index }) => pointsOf(fromHex(packages[index] ?? ''), t) === null);
  if (malformed.length > 0) return malformed.map(({ name }) => `${name}'s Ed25519 package is malformed`);
  // The proofs are bound to this context; ceremony/dkg/ed25519.ts makes the same.
  const context = utf8(`${ATTEMPT_DOMAIN}/${transcript.ceremony_id}/${transcript.attempt}`);
  const unproven = participants.filter(({ index: dealer }) => {
    const dealerPackage = fromHex(packages[dealer] ?? '');
    return checkPackage({ context, threshold: t, dealer, dealerPackage }) !== null;
  });
  if (unproven.length > 0) {
    return unproven.map(({ name }) => `${name}'s Ed25519 proof of possession is not of this ceremony`);
  }
  const key = attestationKeyOf(
    packages.map((bytes) => fromHex(bytes)),
    t,
  );
  return key !== null && sameOutput(key, outputs.attestation)
    ? []
    : ['the attestation key is not the one that the Ed25519 packages give'];
}

/**
 * The attestation key that round-1 packages give: the sum of all dealers' commitments is a polynomial in the exponent. Its
 * value at 0 is the public key, and at index + 1 the verifying share. Null where a package is malformed.
 */
export function attestationKeyOf(packages: readonly Uint8Array[], threshold: number): GroupKey | null {
  if (packages.length > PARTICIPANTS_MAX) return null;
  const sums = Array.from({ length: threshold }, () => ed25519.Point.ZERO);
  for (const bytes of packages) {
    const points = pointsOf(bytes, threshold);
    if (points === null) return null;
    for (const [k, point] of points.entries()) sums[k] = (sums[k] ?? ed25519.Point.ZERO).add(point);
  }
  const valueAt = (x: bigint) =>
    sums.reduceRight((value, coefficient) => value.multiplyUnsafe(x).add(coefficient), ed25519.Point.ZERO).toBytes();
  return {
    scheme: 'ed25519',
    threshold,
    participants: packages.length,
    publicKey: (sums[0] ?? ed25519.Point.ZERO).toBytes(),
    verifyingShares: packages.map((_, index) => valueAt(BigInt(index + 1))),
  };
}

function pointsOf(bytes: Uint8Array, threshold: number) {
  if (bytes.length !== dkgPackageBytes(threshold) || bytes[0] !== threshold) return null;
  const encoded = Array.from({ length: threshold }, (_, k) => bytes.slice(1 + 32 * k, 33 + 32 * k));
  return encoded.every(isPrimeOrderPoint) ? encoded.map((point) => ed25519.Point.fromBytes(point)) : null;
}

function proofProblems({ transcript, certificate, proofs }: CeremonyFile): string[] {
  const { outputs, n, t } = transcript;
  const keys: [string, FrostScheme, Transcript['outputs']['bitcoin'], string | undefined][] = [
    ['bitcoin', bip340Scheme, outputs.bitcoin, proofs?.bitcoin],
    ['attestation', ed25519Scheme, outputs.attestation, proofs?.attestation],
  ];
  const { ceremony_id } = transcript;
  const intent = { kind: 'ceremony_proof' as const, ceremony_id, transcript_hash: certificate.transcript_hash };
  return keys.flatMap(([name, scheme, output, signature]) => {
    if (signature === undefined) return [];
    const key: GroupKey = {
      scheme: scheme.name,
      threshold: t,
      participants: n,
      publicKey: fromHex(output.public_key),
      verifyingShares: output.verifying_shares.map((share) => fromHex(share)),
    };
    const [proof] = ceremonyProofMessages(scheme.name, intent);
    const right = proof !== undefined && verifies(scheme, key, proof.message, fromHex(signature));
    return right ? [] : [`the ${name} key's signature over its ceremony is wrong`];
  });
}

function rootProblems({ transcript, treasury_root: root }: CeremonyFile): string[] {
  if (root === undefined) return [];
  const { network, rehearsal, participants, outputs } = transcript;
  const problems: string[] = [];
  if (rehearsal) problems.push('a rehearsal has no treasury');
  const { statement } = root;
  if (statement.network !== network) problems.push(`the treasury root is for ${statement.network}, not ${network}`);
  const keyId = keyIdOf(fromHex(outputs.bitcoin.public_key), fromHex(outputs.attestation.public_key));
  if (statement.key_id !== keyId) problems.push(`the treasury root is for key ${statement.key_id}, not ${keyId}`);
  const identityKeys = participants.map(({ identity_key }) => fromHex(identity_key));
  const verdict = verifyRootCertificate(root, identityKeys);
  if (verdict.ok) return problems;
  if (verdict.signer === null) return [...problems, 'the treasury root is not signed by every participant'];
  return [...problems, `${participants[verdict.signer]?.name} did not sign this treasury root`];
}

function verifies(scheme: FrostScheme, key: GroupKey, message: Uint8Array, signature: Uint8Array): boolean {
  try {
    return scheme.verify(scheme.outputKey(key, []), message, signature);
  } catch {
    return false;
  }
}

function sameOutput(key: GroupKey, output: Transcript['outputs']['bitcoin']): boolean {
  const own = outputOf(key);
  return (
    own.public_key === output.public_key &&
    own.verifying_shares.length === output.verifying_shares.length &&
    own.verifying_shares.every((share, index) => share === output.verifying_shares[index])
  );
}

function summaryOf({ transcript, certificate, proofs, treasury_root: root }: CeremonyFile): CeremonySummary {
  const { ceremony_id, network, rehearsal, t, participants, outputs } = transcript;
  return {
    ceremonyId: ceremony_id,
    network,
    rehearsal,
    threshold: t,
    participants: participants.map(({ index, name, identity_key }) => ({ index, name, identityKey: identity_key })),
    transcriptHash: certificate.transcript_hash,
    bitcoinKey: outputs.bitcoin.public_key,
    attestationKey: outputs.attestation.public_key,
    proofs: (['bitcoin', 'attestation'] as const).filter((name) => proofs?.[name] !== undefined),
    treasuryRoot: root === undefined ? null : { ...root.statement, address: treasuryAddressOf(transcript) },
  };
}

function treasuryAddressOf({ network, outputs }: Transcript): string {
  const { scriptPubKey } = custodyScript(fromHex(outputs.bitcoin.public_key), { kind: 'treasury' });
  return isBitcoinNetwork(network) ? taprootAddress(scriptPubKey, network) : toHex(scriptPubKey);
}
