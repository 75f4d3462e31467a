// CPU of all signers and the coordinator of one 11-of-15 signature: nonces, shares, aggregation and the check of the
// result, against the same with noble's FROST. Every signer has a key object of its own, as every node has, so nothing
// that one computed serves another.
import type { GroupKey, SchemeName } from '../crypto/scheme.ts';
import { type Dealt, deal, nobleSerial, randomBytes, schemeOf } from './deal.ts';
import { type BenchOptions, cpuMs, figure, interleaved, type Report } from './measure.ts';

const [THRESHOLD, PARTICIPANTS] = [11, 15];
const TARGETS = { bip340: 0.25, ed25519: 0.5 } as const;

/** Both schemes' figures. */
export async function signersCpu({ quick }: BenchOptions): Promise<Report> {
  const figures = [];
  const notes = [];
  for (const scheme of ['bip340', 'ed25519'] as const) {
    const message = randomBytes(32);
    const ours = federationSigner(scheme, deal(scheme, THRESHOLD, PARTICIPANTS));
    const noble = nobleSerial(scheme, THRESHOLD, PARTICIPANTS);
    const subjects = { ours: () => ours(message), noble: () => noble(message) };
    const times = await interleaved(subjects, quick ? 7 : 31, cpuMs, 5);
    const name = `${scheme} ${THRESHOLD}-of-${PARTICIPANTS} CPU / noble`;
    figures.push(figure(name, times.ours / times.noble, TARGETS[scheme], 'lower'));
    notes.push(`${scheme}: ${times.ours.toFixed(1)} ms CPU here, ${times.noble.toFixed(1)} ms with noble`);
  }
  return { figures, notes };
}

/** Signs a message with the first t signers, each as a node of its own would, and verifies the result. */
function federationSigner(scheme: SchemeName, { key, shares }: Dealt): (message: Uint8Array) => void {
  const frost = schemeOf(scheme);
  const signers = Array.from({ length: key.threshold }, (_, index) => index);
  const ownKey = new Map<number, GroupKey>(signers.map((index) => [index, { ...key }]));
  const keyAt = (index: number): GroupKey => ownKey.get(index) ?? key;
  const shareOf = (index: number): Uint8Array => shares[index] ?? new Uint8Array(0);
  const coordinator = { ...key };
  return (message) => {
    const nonces = signers.map((index) => frost.generateNonce(keyAt(index), index, shareOf(index), randomBytes(32)));
    const combined = frost.combineNonces(
      signers,
      nonces.map((nonce) => nonce.public),
    );
    if (!combined.ok) throw new Error('a nonce was refused');
    const session = { signers, nonceCommitment: combined.nonceCommitment, message, tweaks: [] };
    const partials = signers.map((index, position) => {
      const secret = nonces[position]?.secret ?? new Uint8Array(0);
      // Each has the session from the wire: bytes of its own, and nothing that was read of them elsewhere.
      const heard = { ...session, nonceCommitment: session.nonceCommitment.slice() };
      return frost.sign(keyAt(index), index, shareOf(index), secret, heard);
    });
    const made = frost.aggregate(coordinator, session, partials);
    const signed = made.ok && frost.verify(frost.outputKey(coordinator, []), message, made.signature);
    if (!signed) throw new Error('the signature is wrong');
  };
}
