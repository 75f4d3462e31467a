import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { identityFromSeed } from '../../crypto/identity.ts';
import {
  type RootCertificate,
  rootCertificateJson,
  rootOf,
  rootStatement,
  sameRoot,
  signRoot,
  verifyRootCertificate,
} from '../../crypto/root-certificate.ts';

const identities = [1, 2, 3].map((fill) => identityFromSeed(new Uint8Array(32).fill(fill)));
const keys = identities.map(({ publicKey }) => publicKey);
const root = { network: 'regtest', keyId: '0123456789abcdef', txid: 'ab'.repeat(32), vout: 1, amount: 20_000n };
const statement = rootStatement(root);
const certificate: RootCertificate = {
  statement,
  signatures: identities.map((identity) => signRoot(identity, statement)),
};
const verdictOn = (value: unknown, of = keys): string => {
  const verdict = verifyRootCertificate(value, of);
  if (verdict.ok) return 'holds';
  return verdict.signer === null ? verdict.reason : `${verdict.reason} of ${verdict.signer}`;
};

describe('the root certificate', () => {
  test('holds where every operator signed the statement, also after JSON', () => {
    expect(verifyRootCertificate(certificate, keys)).toEqual({ ok: true, certificate });
    expect(verdictOn(JSON.parse(JSON.stringify(rootCertificateJson(certificate))))).toBe('holds');
  });

  test('gives back the root that it is about', () => {
    expect(rootOf(statement)).toEqual(root);
    expect(sameRoot(statement, rootStatement({ ...root }))).toBe(true);
    expect(sameRoot(statement, rootStatement({ ...root, vout: 0 }))).toBe(false);
  });

  test('needs every signature: one missing, one too many or one of a stranger and it does not hold', () => {
    const { signatures } = certificate;
    const stranger = signRoot(identityFromSeed(new Uint8Array(32).fill(9)), statement);
    expect(verdictOn({ statement, signatures: signatures.slice(1) })).toBe('wrong_count');
    expect(verdictOn({ statement, signatures: [...signatures, stranger] })).toBe('wrong_count');
    expect(verdictOn({ statement, signatures: [signatures[0], stranger, signatures[2]] })).toBe('bad_signature of 1');
  });

  test('names the operator whose signature stands in another place', () => {
    const [first, second, third] = certificate.signatures;
    expect(verdictOn({ statement, signatures: [first, third, second] })).toBe('bad_signature of 1');
  });

  test('does not hold for another root, amount, key or network', () => {
    const changes = [{ txid: 'cd'.repeat(32) }, { vout: 2 }, { amount: 20_001n }, { keyId: 'f'.repeat(16) }];
    for (const change of [...changes, { network: 'signet' }]) {
      const other = rootStatement({ ...root, ...change });
      expect(verdictOn({ ...certificate, statement: other })).toBe('bad_signature of 0');
    }
  });

  test('is refused as malformed where a field is missing, unknown or of another form', () => {
    const broken = [
      { v: 2 },
      { network: '' },
      { key_id: 'not hexadecimal' },
      { txid: 'AB'.repeat(32) },
      { vout: -1 },
      { vout: 1.5 },
      { amount: 20_000 },
      { amount: '020000' },
      { amount: '2100000000000001' },
      { extra: 1 },
    ];
    for (const change of broken) {
      expect(verdictOn({ ...certificate, statement: { ...statement, ...change } })).toBe('malformed');
    }
    expect(verdictOn({ ...certificate, signatures: [] })).toBe('malformed');
    expect(verdictOn({ ...certificate, signatures: Array(65).fill(certificate.signatures[0]) })).toBe('malformed');
    expect(verdictOn({ ...certificate, note: 'seen' })).toBe('malformed');
  });

  test('anything at all is validated without a throw', () => {
    fc.assert(fc.property(fc.anything(), (value) => verdictOn(value) !== 'holds'));
    fc.assert(
      fc.property(fc.anything(), fc.array(fc.anything()), (one, many) => {
        const isRefused = verdictOn({ statement: one, signatures: many }) !== 'holds';
        return isRefused && verdictOn({ statement, signatures: many }) !== 'holds';
      }),
    );
  });

  test('a federation without operators has no certificate', () => {
    expect(verdictOn(certificate, [])).toBe('wrong_count');
    expect(verdictOn({ statement, signatures: [] }, [])).toBe('malformed');
  });
});
