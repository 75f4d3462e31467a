// Fuzz: what passes between operators and their nodes beside the messages' own form: TLS certificates, signed heads, hints
// in refusals, the boxes of a ceremony that is recovered. Verdicts only; nothing is taken that its maker did not make.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { recoverShares } from '../../ceremony/dkg/recovery.ts';
import { transcriptSchema } from '../../ceremony/transcript.ts';
import type { Json } from '../../crypto/canonical-json.ts';
import { readSignedHead, signHead } from '../../crypto/head-statement.ts';
import { createSession, identityFromSeed } from '../../crypto/identity.ts';
import { NOTHING_LEARNT } from '../../operator/payouts/line-inputs.ts';
import { learnFrom } from '../../operator/payouts/line-learning.ts';
import { checkCertificate, makeCertificate, readCertificate } from '../../operator/peers/certificate.ts';
import { loadTlsIdentity } from '../../operator/peers/tls.ts';
import { FileError } from '../../operator/runtime/file-fault.ts';
import { Federation } from '../ceremony/federation.ts';
import { anyJson, fuzz, fuzzLater, noise, spoiled, spoiledBytes } from './hostile.ts';

const NOW = 1_700_000_000_000;
const folder = mkdtempSync(join(tmpdir(), 'fuzz-tls-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('fuzz: TLS certificates', () => {
  let pem = '';
  let key = '';
  beforeAll(async () => {
    const made = await makeCertificate({ name: 'a', address: '127.0.0.1:1', now: NOW });
    pem = made.certificate;
    key = made.key;
  });
  const armored = (der: Uint8Array) =>
    `-----BEGIN CERTIFICATE-----\n${Buffer.from(der).toString('base64')}\n-----END CERTIFICATE-----\n`;
  const texts = () => {
    const der = Buffer.from(pem.split('\n').slice(1, -2).join(''), 'base64');
    return fc.oneof(
      spoiledBytes(fc.constant(new Uint8Array(der))).map(armored),
      spoiledBytes(fc.constant(new TextEncoder().encode(pem))).map((bytes) => Buffer.from(bytes).toString('latin1')),
      noise(300).map(armored),
      fc.string().map((text) => `-----BEGIN CERTIFICATE-----\n${text}`),
      fc.constant(armored(new Uint8Array(100_000))),
    );
  };

  test('of any bytes are read or are none; what is valid says until when, and has a key that is strong enough', () => {
    const facts = readCertificate(pem);
    expect(checkCertificate(pem, NOW)).toMatchObject({ ok: true, facts: { fingerprint: facts?.fingerprint } });
    let read = 0;
    fuzz(600, texts(), (text) => {
      const verdict = checkCertificate(text, NOW);
      if (readCertificate(text) === null) return expect(verdict).toMatchObject({ ok: false, reason: 'malformed' });
      read += 1;
      if (!verdict.ok) return expect(['expired', 'not_yet_valid', 'weak_key']).toContain(verdict.reason);
      expect(verdict.facts.notBefore <= NOW && NOW <= verdict.facts.notAfter).toBe(true);
      expect(verdict.facts.fingerprint).toMatch(/^[0-9a-f]{64}$/);
      expect(verdict.facts.key).toMatch(/^(RSA [0-9]+|EC [a-z0-9]+|Ed25519)$/);
    });
    expect(read).toBeGreaterThan(0);
  });

  test('and keys in files give the very pair that was made, or a sentence without the key', async () => {
    const [certificatePath, keyPath] = [join(folder, 'tls.pem'), join(folder, 'tls.key')];
    const files = fc.tuple(
      fc.oneof(texts(), fc.constant(pem)),
      fc.oneof(spoiledBytes(fc.constant(Buffer.from(key))), noise(200), fc.constant(Buffer.from(key))),
    );
    let taken = 0;
    await fuzzLater(200, files, async ([certificate, keyBytes]) => {
      writeFileSync(certificatePath, certificate);
      writeFileSync(keyPath, keyBytes, { mode: 0o600 });
      const verdict = await loadTlsIdentity(certificatePath, keyPath, NOW).catch((error: unknown) => {
        if (error instanceof FileError) return { ok: false as const, detail: error.message };
        throw error;
      });
      if (verdict.ok) taken += 1;
      else expect(verdict.detail).not.toContain(key.split('\n')[1] ?? '');
    });
    writeFileSync(certificatePath, pem);
    writeFileSync(keyPath, key, { mode: 0o600 });
    expect(await loadTlsIdentity(certificatePath, keyPath, NOW)).toMatchObject({ ok: true });
    expect(taken).toBeLessThan(200);
  });
});

describe('fuzz: signed heads', () => {
  const identity = identityFromSeed(new Uint8Array(32).fill(1));
  const of = { identityKey: identity.publicKey, network: 'regtest', index: 1 };
  const session = createSession({
    ...{ identity, network: 'regtest', index: 1, now: NOW },
    ...{ boot: new Uint8Array(16).fill(2), seed: new Uint8Array(32).fill(3) },
  });
  const head = { epoch: 1, seq: 7, hash: '0b'.repeat(32) };

  test('are the one that its node signed, or none', () => {
    const signed = signHead(session, { head, follows: { ...head, seq: 6 }, at: NOW });
    const json: Json = JSON.parse(JSON.stringify(signed));
    expect(readSignedHead(json, of)).toEqual(signed);
    let refused = 0;
    fuzz(1500, fc.oneof({ weight: 6, arbitrary: spoiled(fc.constant(json)) }, anyJson), (value) => {
      const read = readSignedHead(JSON.parse(JSON.stringify(value)), of);
      if (read === null) refused += 1;
      else expect(read).toEqual(signed);
    });
    expect(refused).toBeGreaterThan(1000);
    expect(readSignedHead(json, { ...of, index: 2 })).toBeNull();
    expect(readSignedHead(json, { ...of, network: 'mainnet' })).toBeNull();
  });
});

describe('fuzz: hints in refusals', () => {
  const burn = 'a'.repeat(64);
  const outpoint = { txid: '1'.repeat(64), vout: 0 };
  const hints: readonly (readonly [string, Json])[] = [
    ['burn_already_paid', { burn_txid: burn, txid: burn }],
    ['input_unknown', outpoint],
    ['deposit_not_minted', outpoint],
    ['fee_rate_too_low', { fee_rate_min: '4500', fee_rate_max: '9000', missing: '0' }],
  ];

  test('of any form leave out burns and outputs of the right form and ask for a rate that is one, or teach nothing', () => {
    let learnt = 0;
    const refusals = fc
      .constantFrom(...hints)
      .chain(([reason, data]) =>
        fc
          .oneof({ weight: 5, arbitrary: spoiled(fc.constant(data)) }, anyJson)
          .map((value) => ({ reason, data: value })),
      );
    fuzz(1500, fc.array(refusals, { minLength: 1, maxLength: 3 }), (all) => {
      const more = learnFrom(NOTHING_LEARNT, all, { participants: 3, threshold: 2, alone: false, isChild: false });
      expect(NOTHING_LEARNT.refusedBurns.size + NOTHING_LEARNT.refusedOutputs.size).toBe(0);
      if (more === null) return;
      learnt += 1;
      for (const txid of more.refusedBurns) expect(txid).toMatch(/^[0-9a-f]{64}$/);
      for (const name of more.refusedOutputs) expect(name).toMatch(/^[0-9a-f]{64}:[0-9]{1,10}$/);
      expect(more.rateNeeded >= 0n && more.rateNeeded < 10n ** 12n).toBe(true);
    });
    expect(learnt).toBeGreaterThan(50);
  });
});

describe('fuzz: ceremonies to recover from', () => {
  test('give back the very shares that were made, or a sentence', () => {
    const federation = new Federation({ n: 3, t: 2 });
    federation.joinAll();
    federation.run((all) => all.allComplete());
    const [made] = federation.results();
    if (made === undefined) throw new Error('three nodes have three results');
    const { hostSecret } = federation.node(0).context.secrets;
    const shares = { ok: true, bitcoin: made.bitcoin, attestation: made.attestation } as const;
    expect(recoverShares(made.transcript, hostSecret)).toEqual(shares);
    const json: Json = JSON.parse(JSON.stringify(made.transcript));
    let [read, refused] = [0, 0];
    fuzz(400, spoiled(fc.constant(json)), (value) => {
      const parsed = transcriptSchema.safeParse(JSON.parse(JSON.stringify(value)));
      if (!parsed.success) return;
      read += 1;
      const verdict = recoverShares(parsed.data, hostSecret);
      if (verdict.ok) return expect(verdict.bitcoin.signingShare).toEqual(made.bitcoin.signingShare);
      refused += 1;
      expect(verdict.detail.length).toBeGreaterThan(0);
    });
    expect(Math.min(read, refused)).toBeGreaterThan(0);
  });
});
