// Fuzz: files that people hand to a node: operator cards, the configuration, key files and backups, exported
// ceremonies, attestations.
import { beforeAll, describe, expect, test } from 'bun:test';
import { armor } from 'age-encryption';
import fc from 'fast-check';
import { verifyCeremonyFile } from '../../ceremony/ceremony-file.ts';
import { createBitcoinRpc } from '../../chain/rpc.ts';
import { wireNodes } from '../../chain/wire.ts';
import { attestationId, encodeAttestation, mintNonce, parseAttestation } from '../../crypto/attestation.ts';
import { toHex } from '../../crypto/bytes.ts';
import { canonicalBytes, type Json } from '../../crypto/canonical-json.ts';
import { identityFromSeed } from '../../crypto/identity.ts';
import { cardFingerprint, encodeCard, type OperatorCard, parseCard, signCard } from '../../crypto/operator-card.ts';
import { decodeKeyFile, encodeKeyFile, openSecrets, sealSecrets } from '../../crypto/seal.ts';
import { checkConfig, describeProblem } from '../../operator/config/config.ts';
import { bitcoinUrlProblem, nodeUrlProblem } from '../../operator/config/config-address.ts';
import { makeCertificate } from '../../operator/peers/certificate.ts';
import { Federation } from '../ceremony/federation.ts';
import { anyJson, bytesOf, fuzz, fuzzLater, noise, spoiled, spoiledBytes } from './hostile.ts';

const encoded = (value: Json) => new TextEncoder().encode(JSON.stringify(value));

describe('fuzz: operator cards', () => {
  const identity = identityFromSeed(new Uint8Array(32).fill(5));
  let card: OperatorCard;
  beforeAll(async () => {
    const made = await makeCertificate({ name: 'a', address: '127.0.0.1:1', now: 1_700_000_000_000 });
    card = signCard(
      {
        network: 'regtest',
        index: 2,
        name: 'operator 2',
        address: '127.0.0.1:50051',
        tls_certificate: made.certificate,
        host_public_key: '0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798',
        contacts: { email: 'a@example.com' },
        issued_at: 1_700_000_000_000,
      },
      identity,
    );
  });

  test('spoiled in bytes or in meaning are refused by name; only the signed card is taken', () => {
    const reasons = new Set<string>();
    const valid = encodeCard(card);
    const json: Json = JSON.parse(new TextDecoder().decode(valid));
    const inputs = fc.oneof(
      noise(400),
      anyJson.map(encoded),
      spoiledBytes(fc.constant(valid)),
      spoiled(fc.constant(json)).map(encoded),
    );
    fuzz(800, inputs, (bytes) => {
      const verdict = parseCard(bytes);
      if (verdict.ok) expect(cardFingerprint(verdict.card)).toEqual(cardFingerprint(card));
      else reasons.add(verdict.reason);
    });
    reasons.delete('too_large');
    expect([...reasons].sort()).toEqual(['bad_signature', 'malformed']);
    expect(parseCard(valid)).toEqual({ ok: true, card });
  });
});

describe('fuzz: the configuration', () => {
  const valid: Json = {
    parties: 3,
    threshold: 2,
    party_addresses: ['operator1.example.com:50051', '[::1]:50052', '10.0.0.3:50053'],
    my_index: 0,
    key_share_path: '~/.0btc-wire/mpc/key_share.enc',
    tls_cert_path: '~/.0btc-wire/mpc/tls_cert.pem',
    tls_key_path: '~/.0btc-wire/mpc/tls_key.pem',
    user_db_path: '~/.0btc-wire/mpc/users.json',
    security_db_path: '~/.0btc-wire/mpc/security.json',
    bitcoin_nodes: ['http://localhost:8332'],
    normal_confirmations: 6,
    fork_confirmations: 12,
    wire_nodes: ['https://wire.example.com'],
    burn_proof_verifier: ['/usr/bin/verify', '--strict'],
    listen_address: '0.0.0.0:50051',
  };

  const credentials = { kind: 'file', path: '/nowhere' } as const;

  test('of any kind is taken whole or refused with sentences; what is taken keeps the federation rules', () => {
    let [taken, refused] = [0, 0];
    fuzz(1500, fc.oneof({ weight: 5, arbitrary: spoiled(fc.constant(valid)) }, anyJson), (raw) => {
      const verdict = checkConfig(raw, '/home/op/config.json', '/home/op');
      if (verdict.ok) {
        taken += 1;
        const {
          parties: n,
          threshold: t,
          myIndex,
          partyAddresses,
          forkConfirmations,
          normalConfirmations,
        } = verdict.config;
        expect(t >= 2 && t <= n && 2 * t > n && n <= 64 && myIndex < n).toBe(true);
        expect(partyAddresses).toHaveLength(n);
        expect(forkConfirmations).toBeGreaterThanOrEqual(normalConfirmations);
        // What is taken here is not refused when the node starts.
        for (const url of verdict.config.bitcoinNodes) createBitcoinRpc({ url, credentials });
        if (verdict.config.wireNodes.length > 0) wireNodes({ urls: verdict.config.wireNodes });
        return;
      }
      refused += 1;
      expect(verdict.problems.length).toBeGreaterThan(0);
      for (const problem of verdict.problems) {
        expect(describeProblem('config.json', problem)).not.toMatch(/\p{Cc}/u);
        expect(problem.value?.length ?? 0).toBeLessThanOrEqual(80);
      }
    });
    expect(taken).toBeGreaterThan(0);
    expect(refused).toBeGreaterThan(0);
  });
});

describe('fuzz: URLs of nodes', () => {
  const parts = {
    scheme: fc.constantFrom('http://', 'https://', 'HTTP://', 'ftp://', '//', ''),
    user: fc.constantFrom('', '', 'u@', 'u:p@', ':p@', '@'),
    host: fc.oneof(
      fc.constantFrom('localhost', '[::1]', '127.1', 'a_b', '[::g]', 'ü.example'),
      fc.string({ maxLength: 8 }),
    ),
    port: fc.constantFrom('', '', ':8332', ':0', ':65536', ':x', ':'),
    end: fc.constantFrom('', '', '/', '/wallet/x', '?', '?a=b', '#', '#a', '/./', '/%2e', '\\x'),
  };

  test('of any kind are refused by the configuration, or serve their clients', () => {
    let [taken, refused] = [0, 0];
    fuzz(1500, fc.record(parts), ({ scheme, user, host, port, end }) => {
      const url = `${scheme}${user}${host}${port}${end}`;
      if (bitcoinUrlProblem(url) === null) {
        taken += 1;
        expect(createBitcoinRpc({ url, credentials: { kind: 'file', path: '/nowhere' } }).label).not.toContain('@');
      } else refused += 1;
      if (nodeUrlProblem(url) === null) wireNodes({ urls: [url] });
    });
    expect(Math.min(taken, refused)).toBeGreaterThan(20);
  });
});

describe('fuzz: key files', () => {
  const point = (length: number) => bytesOf(length);
  const share = (scheme: 'bip340' | 'ed25519', length: number) =>
    fc.integer({ min: 2, max: 4 }).chain((participants) =>
      fc.record({
        groupKey: fc.record({
          scheme: fc.constant(scheme),
          threshold: fc.integer({ min: 2, max: participants }),
          participants: fc.constant(participants),
          publicKey: point(length),
          verifyingShares: fc.array(point(length), { minLength: participants, maxLength: participants }),
        }),
        signingShare: bytesOf(32),
      }),
    );
  const keyFile = fc.record({
    network: fc.constantFrom('regtest', 'mainnet'),
    index: fc.nat(63),
    identitySeed: bytesOf(32),
    hostSecret: bytesOf(32),
    keys: fc.array(
      fc.record({
        ceremonyId: fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/),
        createdAt: fc.nat(),
        bitcoin: share('bip340', 33),
        attestation: share('ed25519', 32),
      }),
      { maxLength: 3 },
    ),
  });

  test('come back as they were written', () => {
    fuzz(150, keyFile, (file) => expect(decodeKeyFile(encodeKeyFile(file))).toEqual({ ok: true, keyFile: file }));
  });

  test('spoiled plaintexts are malformed or of another version, never a throw and never half read', () => {
    const reasons = new Set<string>();
    const valid = keyFile.map((file): Json => JSON.parse(new TextDecoder().decode(encodeKeyFile(file))));
    const inputs = fc.oneof(noise(300), spoiledBytes(keyFile.map(encodeKeyFile)), spoiled(valid).map(encoded));
    fuzz(800, inputs, (bytes) => {
      const verdict = decodeKeyFile(bytes);
      if (verdict.ok) expect(encodeKeyFile(verdict.keyFile)).toEqual(bytes);
      else reasons.add(verdict.reason);
    });
    expect([...reasons].sort()).toEqual(['malformed', 'unsupported_version']);
  });

  test('sealed files, spoiled, do not open; noise is malformed', async () => {
    const plaintext = new Uint8Array(300).fill(7);
    const armored = await sealSecrets(plaintext, 'correct horse battery', { workFactor: 1 });
    const sealed = armor.decode(new TextDecoder().decode(armored));
    const header = sealed.findIndex((_, i) => Buffer.from(sealed.subarray(i, i + 4)).toString() === '--- ');
    expect(header).toBeGreaterThan(0);
    // A spoiled header may ask for more work than a test has time for; every other place is fair.
    const body = spoiledBytes(fc.constant(sealed.subarray(header))).map(
      (rest) => new Uint8Array(Buffer.concat([sealed.subarray(0, header), rest])),
    );
    await fuzzLater(120, fc.oneof(noise(200), body, spoiledBytes(fc.constant(armored))), async (file) => {
      const verdict = await openSecrets(file, 'correct horse battery');
      if (verdict.ok) expect(toHex(verdict.plaintext)).toBe(toHex(plaintext));
      else expect(['malformed', 'wrong_passphrase', 'too_large']).toContain(verdict.reason);
    });
    expect(await openSecrets(sealed, 'correct horse battery')).toEqual({ ok: true, plaintext });
    expect(await openSecrets(armored, 'wrong horse battery')).toEqual({ ok: false, reason: 'wrong_passphrase' });
  });
});

describe('fuzz: exported ceremonies', () => {
  let valid: Json;
  beforeAll(() => {
    const federation = new Federation({ n: 3, t: 2 });
    federation.joinAll();
    federation.run((all) => all.allComplete());
    const [result] = federation.results();
    if (result === undefined) throw new Error('three nodes have three results');
    const { transcript, certificate } = result;
    valid = JSON.parse(JSON.stringify({ v: 1, transcript, certificate }));
  });

  test('of any kind are valid or have problems; what verifies is the very file that was exported', () => {
    expect(verifyCeremonyFile(valid).ok).toBe(true);
    let wellFormed = 0;
    fuzz(
      250,
      fc.oneof({ weight: 8, arbitrary: fc.constant(null).chain(() => spoiled(fc.constant(valid))) }, anyJson),
      (file) => {
        const verdict = verifyCeremonyFile(file);
        if (verdict.ok) return expect(file).toEqual(valid);
        expect(verdict.problems.length).toBeGreaterThan(0);
        if (verdict.problems.some((problem) => problem.startsWith('the certificate'))) wellFormed += 1;
      },
    );
    expect(wellFormed).toBeGreaterThan(0);
  });
});

describe('fuzz: attestations', () => {
  const u64 = fc.bigInt(0n, 2n ** 64n - 1n);
  const attestation = fc
    .record({
      depositTxid: bytesOf(32).map(toHex),
      depositVout: fc.nat(0xffff_ffff),
      recipient: bytesOf(32),
      amountSats: u64,
      expiry: u64,
      signature: bytesOf(64),
      createdAt: u64,
    })
    .map((fields) => {
      const { depositTxid, depositVout } = fields;
      return { ...fields, id: attestationId(depositTxid, depositVout), nonce: mintNonce(depositTxid, depositVout) };
    });

  test('come back as they were written', () => {
    fuzz(200, attestation, (one) =>
      expect(parseAttestation(encodeAttestation(one))).toEqual({ ok: true, attestation: one }),
    );
  });

  test('spoiled are refused by name; what is taken has the id and nonce of its outpoint', () => {
    const reasons = new Set<string>();
    const json = attestation.map((one): Json => ({ ...encodeAttestation(one) }));
    fuzz(1200, fc.oneof({ weight: 5, arbitrary: spoiled(json) }, anyJson), (value) => {
      const verdict = parseAttestation(value);
      if (!verdict.ok) return void reasons.add(verdict.reason);
      const { id, nonce, depositTxid, depositVout } = verdict.attestation;
      expect(id).toBe(attestationId(depositTxid, depositVout));
      expect(nonce).toBe(mintNonce(depositTxid, depositVout));
      expect(canonicalBytes({ ...encodeAttestation(verdict.attestation) })).toEqual(canonicalBytes(value));
    });
    expect([...reasons].sort()).toEqual(['malformed', 'wrong_id', 'wrong_nonce']);
  });
});
