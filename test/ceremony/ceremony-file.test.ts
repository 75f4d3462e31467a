// The exported ceremony: what verifies offline, and every alteration that does not.
import { describe, expect, test } from 'bun:test';
import { verifyCeremonyFile } from '../../ceremony/ceremony-file.ts';
import { ceremonyProofMessages } from '../../ceremony/intent-messages.ts';
import { type CeremonyFile, confirmTranscript, transcriptHash } from '../../ceremony/transcript.ts';
import { concat, fromHex, toHex } from '../../crypto/bytes.ts';
import { keyIdOf } from '../../crypto/key-id.ts';
import { type RootCertificate, type RootStatement, signRoot } from '../../crypto/root-certificate.ts';
import { contextsOf, Federation } from './federation.ts';
import { desksOf, SigningRoom } from './signing-desk.ts';

function madeFile(): CeremonyFile {
  const federation = new Federation({ n: 3, t: 2 });
  federation.joinAll();
  federation.run((all) => all.allComplete());
  const [result] = federation.results();
  if (result === undefined) throw new Error('the ceremony is complete');
  return { v: 1, transcript: result.transcript, certificate: result.certificate };
}

const FILE = madeFile();

/** The file with another transcript, signed by all: as if all nodes had conspired, so only the mathematics speaks. */
function conspired(change: (transcript: CeremonyFile['transcript']) => CeremonyFile['transcript']): CeremonyFile {
  const transcript = change(FILE.transcript);
  const hash = transcriptHash(transcript);
  const signatures = contextsOf({ n: 3, t: 2 }).map(({ secrets }) => confirmTranscript(secrets.identity, hash));
  return { v: 1, transcript, certificate: { transcript_hash: hash, signatures } };
}

function flipped(hex: string, at = 0): string {
  const bytes = fromHex(hex);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return toHex(bytes);
}

function problemsOf(file: unknown): readonly string[] {
  const verdict = verifyCeremonyFile(file);
  return verdict.ok ? [] : verdict.problems;
}

/** Signatures of both keys over their ceremony. */
function proofs(): { bitcoin: string; attestation: string } {
  const intent = {
    kind: 'ceremony_proof' as const,
    ceremony_id: FILE.transcript.ceremony_id,
    transcript_hash: FILE.certificate.transcript_hash,
  };
  const [bitcoin = '', attestation = ''] = (['bip340', 'ed25519'] as const).map((scheme) => {
    const room = new SigningRoom({
      desks: desksOf(2, 3, scheme),
      messages: ceremonyProofMessages(scheme, intent),
      intent,
    });
    const result = room.run();
    if (result?.kind !== 'signed') throw new Error('not signed');
    return toHex(concat(...result.signatures));
  });
  return { bitcoin, attestation };
}

const { outputs } = FILE.transcript;
const STATEMENT: RootStatement = {
  ...{ v: 1, network: FILE.transcript.network, txid: 'ab'.repeat(32), vout: 3, amount: '20000' },
  key_id: keyIdOf(fromHex(outputs.bitcoin.public_key), fromHex(outputs.attestation.public_key)),
};

/** The root of the treasury, changed or not, signed by all. */
function rootBy(change: Partial<RootStatement> = {}): RootCertificate {
  const statement = { ...STATEMENT, ...change };
  const signatures = contextsOf({ n: 3, t: 2 }).map(({ secrets }) => signRoot(secrets.identity, statement));
  return { statement, signatures };
}

describe('an exported ceremony', () => {
  test('verifies after a journey as text, and says what it is', () => {
    const verdict = verifyCeremonyFile(JSON.parse(JSON.stringify(FILE)));
    expect(verdict).toMatchObject({
      ok: true,
      summary: { ceremonyId: 'ceremony-1', network: 'regtest', threshold: 2, rehearsal: false, proofs: [] },
    });
  });

  test('verifies with the signatures of the new keys, and says which there are', () => {
    const both = proofs();
    expect(verifyCeremonyFile({ ...FILE, proofs: both })).toMatchObject({
      ok: true,
      summary: { proofs: ['bitcoin', 'attestation'] },
    });
    expect(verifyCeremonyFile({ ...FILE, proofs: { attestation: both.attestation } })).toMatchObject({
      ok: true,
      summary: { proofs: ['attestation'] },
    });
    for (const name of ['bitcoin', 'attestation'] as const) {
      const wrong = { ...FILE, proofs: { ...both, [name]: flipped(both[name], 40) } };
      expect(problemsOf(wrong)).toEqual([`the ${name} key's signature over its ceremony is wrong`]);
    }
  });

  test('fails where the transcript was changed after it was signed', () => {
    const transcript = { ...FILE.transcript, rehearsal: true };
    expect(problemsOf({ ...FILE, transcript })).toEqual(['the certificate belongs to another transcript']);
  });

  test('fails naming whose signature is wrong', () => {
    const signatures = FILE.certificate.signatures.map((signature, i) => (i === 1 ? flipped(signature) : signature));
    expect(problemsOf({ ...FILE, certificate: { ...FILE.certificate, signatures } })).toEqual([
      "operator-1's signature over the transcript is wrong",
    ]);
  });

  test('fails where a signature is missing', () => {
    const signatures = FILE.certificate.signatures.slice(1);
    expect(problemsOf({ ...FILE, certificate: { ...FILE.certificate, signatures } })).toContain(
      '2 signatures for 3 participants',
    );
  });

  test('fails on what is no ceremony file, naming the field', () => {
    expect(problemsOf(null)).toHaveLength(1);
    expect(problemsOf({ ...FILE, v: 2 })[0]).toStartWith('v: ');
    expect(problemsOf({ ...FILE, more: true })).toHaveLength(1);
  });

  test('fails where all nodes conspire to state something that does not follow', () => {
    const { outputs, chilldkg, ed25519 } = FILE.transcript;
    const swapped = { ...outputs.bitcoin, verifying_shares: outputs.bitcoin.verifying_shares.toReversed() };
    const otherKey = { ...outputs.attestation, public_key: outputs.attestation.verifying_shares[0] ?? '' };
    const cases: [CeremonyFile, string][] = [
      [
        conspired((made) => ({ ...made, outputs: { ...outputs, bitcoin: swapped } })),
        'the bitcoin key is not the one of the recovery data',
      ],
      [
        conspired((made) => ({ ...made, outputs: { ...outputs, attestation: otherKey } })),
        'the attestation key is not the one that the Ed25519 packages give',
      ],
      [
        conspired((made) => ({ ...made, chilldkg: { ...chilldkg, params_hash: flipped(chilldkg.params_hash) } })),
        'the ChillDKG parameters hash does not fit the host keys',
      ],
      [
        conspired((made) => ({ ...made, chilldkg: { ...chilldkg, cmsg2: flipped(chilldkg.cmsg2) } })),
        'the ChillDKG certificate is not the one of the recovery data',
      ],
      [
        conspired((made) => ({
          ...made,
          chilldkg: { ...chilldkg, cmsg1: flipped(chilldkg.cmsg1, chilldkg.cmsg1.length / 2 - 1) },
        })),
        "the coordinator's first ChillDKG message is not the one of the recovery data",
      ],
      [
        conspired((made) => ({
          ...made,
          chilldkg: { ...chilldkg, recovery_data: flipped(chilldkg.recovery_data, 40) },
        })),
        'ChillDKG: ',
      ],
      [
        conspired((made) => ({
          ...made,
          ed25519: { packages: ed25519.packages.map((bytes) => `03${bytes.slice(2)}`) },
        })),
        "operator-0's Ed25519 package is malformed",
      ],
      [
        conspired((made) => ({
          ...made,
          ed25519: {
            packages: ed25519.packages.map((bytes, index) => (index === 1 ? flipped(bytes, 1 + 64 + 40) : bytes)),
          },
        })),
        "operator-1's Ed25519 proof of possession is not of this ceremony",
      ],
      [
        // The packages are sound, but were made for another attempt.
        conspired((made) => ({ ...made, attempt: flipped(made.attempt) })),
        "operator-0's Ed25519 proof of possession is not of this ceremony",
      ],
      [conspired((made) => ({ ...made, t: 3 })), 'the ChillDKG parameters hash does not fit the host keys'],
    ];
    for (const [file, problem] of cases) {
      expect(problemsOf(file).some((found) => found.startsWith(problem))).toBe(true);
    }
  });

  test('verifies with the root of the treasury, and says which output and address it is', () => {
    const verdict = verifyCeremonyFile(JSON.parse(JSON.stringify({ ...FILE, height: 812, treasury_root: rootBy() })));
    expect(verdict.ok && verdict.summary.treasuryRoot).toMatchObject({
      ...STATEMENT,
      address: expect.stringMatching(/^bcrt1p/),
    });
    const bare = verifyCeremonyFile(FILE);
    expect(bare.ok && bare.summary.treasuryRoot).toBeNull();
  });

  test('fails where the root of the treasury is of another key or network, or one participant did not sign it', () => {
    const problems = (change: Partial<RootStatement>) => problemsOf({ ...FILE, treasury_root: rootBy(change) });
    const other = 'f'.repeat(16);
    expect(problems({ key_id: other })).toEqual([`the treasury root is for key ${other}, not ${STATEMENT.key_id}`]);
    expect(problems({ network: 'signet' })).toEqual(['the treasury root is for signet, not regtest']);
    const root = rootBy();
    const [first = '', second = '', third = ''] = root.signatures;
    const name = FILE.transcript.participants[1]?.name;
    const swapped = { ...root, signatures: [first, third, second] };
    expect(problemsOf({ ...FILE, treasury_root: swapped })).toEqual([`${name} did not sign this treasury root`]);
    const short = { ...root, signatures: [first, second] };
    const unsigned = 'the treasury root is not signed by every participant';
    expect(problemsOf({ ...FILE, treasury_root: short })).toEqual([unsigned]);
    expect(problemsOf({ ...FILE, treasury_root: { ...root, extra: 1 } }).join()).toContain('treasury_root');
  });
});
