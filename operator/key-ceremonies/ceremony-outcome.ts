// What the store keeps of a key ceremony that has ended: all of it public, enough to export, verify and answer latecomers.

import { z } from 'zod';
import { answerAbandoned, answerCompleted } from '../../ceremony/dkg/hear-over.ts';
import type { DkgResult } from '../../ceremony/dkg/setup.ts';
import { ceremonyProofMessages } from '../../ceremony/intent-messages.ts';
import type { DkgMessage, Outgoing } from '../../ceremony/messages.ts';
import { ceremonyFileSchema } from '../../ceremony/transcript.ts';
import { bip340Scheme } from '../../crypto/bip340-scheme.ts';
import { fromHex } from '../../crypto/bytes.ts';
import type { Json } from '../../crypto/canonical-json.ts';
import { ed25519Scheme } from '../../crypto/ed25519-frost.ts';
import type { Ceremony } from '../../store/ceremonies.ts';
import type { ServiceMessage } from '../peers/messages.ts';
import type { OutMessage } from '../peers/peer-reply.ts';
import type { CommandParams, CommandResults } from '../runtime/command-types.ts';

const outcomeSchema = z.strictObject({
  key_id: z.string(),
  coordinator: z.int().nullable(),
  // What comes to be known later stands elsewhere in the store, and is added where the file is exported.
  file: ceremonyFileSchema.omit({ height: true, treasury_root: true }),
  /** Signers that were tried together; null until the proof is in. */
  subsets: z.array(z.array(z.int())).nullable(),
});

/** A ceremony's outcome. */
export type CeremonyOutcome = z.infer<typeof outcomeSchema>;

/** The outcome of a ceremony that has just been completed, without proof yet. */
export function outcomeOf(keyId: string, result: DkgResult, coordinator: number | null): Json {
  const { transcript, certificate } = result;
  return { key_id: keyId, coordinator, file: { v: 1, transcript, certificate: { ...certificate } }, subsets: null };
}

/** The outcome of a stored ceremony; null where it made no keys: it is running, or was abandoned. */
export function storedOutcome(stored: Ceremony): CeremonyOutcome | null {
  return stored.status === 'running' || stored.status === 'failed' ? null : outcomeSchema.parse(stored.outcome);
}

/** The outcome with the coordinator's proof, or null where it does not verify or one is there already. */
export function proofsIn(
  outcome: CeremonyOutcome,
  body: Extract<ServiceMessage, { type: 'announce_proofs' }>['body'],
): Json | null {
  if (outcome.subsets !== null) return null;
  const { transcript, certificate } = outcome.file;
  const { ceremony_id } = transcript;
  const intent = { kind: 'ceremony_proof', ceremony_id, transcript_hash: certificate.transcript_hash } as const;
  const verified = (['bip340', 'ed25519'] as const).every((name) => {
    const scheme = name === 'bip340' ? bip340Scheme : ed25519Scheme;
    const output = name === 'bip340' ? transcript.outputs.bitcoin : transcript.outputs.attestation;
    const [derived] = ceremonyProofMessages(name, intent);
    if (derived === undefined) return false;
    const publicKey = fromHex(output.public_key);
    const outputKey = name === 'bip340' ? publicKey.slice(1) : publicKey;
    return scheme.verify(outputKey, derived.message, fromHex(name === 'bip340' ? body.bitcoin : body.attestation));
  });
  if (!verified) return null;
  const { bitcoin, attestation, subsets } = body;
  return { ...outcome, file: { ...outcome.file, proofs: { bitcoin, attestation } }, subsets };
}

/** What a node whose ceremony is over says to one whose is not: the certificate, or that it is done. */
export function finishedReply(outcome: CeremonyOutcome, from: number, message: DkgMessage): readonly OutMessage[] {
  const { transcript, certificate } = outcome.file;
  const { attempt } = transcript;
  return reply(answerCompleted({ attempt, signatures: certificate.signatures }, from, message));
}

/** What a node says that has given the ceremony up for good. */
export function abandonedReply(from: number, message: DkgMessage): readonly OutMessage[] {
  return reply(answerAbandoned(from, message));
}

function reply(message: Outgoing<DkgMessage> | null): readonly OutMessage[] {
  return message === null ? [] : [{ type: message.type, body: message.body }];
}

/** What `dkg` tells of a ceremony whose keys are proven by these subsets. */
export function dkgReport(
  { ceremony_id, rehearsal }: CommandParams<'dkg'>,
  { key_id, coordinator, file }: Omit<CeremonyOutcome, 'subsets'>,
  proven: readonly (readonly number[])[],
  duration_ms: number,
): CommandResults['dkg'] {
  const { transcript, certificate } = file;
  const { bitcoin, attestation } = transcript.outputs;
  return {
    ceremony_id,
    rehearsal,
    coordinator: coordinator ?? 0,
    key_id: rehearsal ? null : key_id,
    bitcoin_public_key: bitcoin.public_key,
    attestation_public_key: attestation.public_key,
    transcript_hash: certificate.transcript_hash,
    proven,
    duration_ms: Math.round(duration_ms),
  };
}
