import { expect, spyOn, test } from 'bun:test';
import { IssuedNonces } from '../../ceremony/signing/nonce-pool.ts';
import { toHex } from '../../crypto/bytes.ts';
import { decodeKeyFile, openSecrets } from '../../crypto/seal.ts';
import { attestBy, burn, codeOf, deposit, minted, withdrawBy } from './custody.ts';
import { FederationInMemory, PASSPHRASE } from './federation-in-memory.ts';
import { openLine } from './treasury.ts';

test('no secret of any node is in any log line, error or message of a key ceremony and of signing, faults included', async () => {
  const federation = await FederationInMemory.make();
  const errors: string[] = [];
  const secrets: string[] = [];
  const { take } = IssuedNonces.prototype;
  const taking = spyOn(IssuedNonces.prototype, 'take').mockImplementation(function (this: IssuedNonces, claim) {
    const taken = take.call(this, claim);
    secrets.push(...(taken ?? []).flatMap(({ secret }) => [toHex(secret.slice(0, 32)), toHex(secret.slice(32, 64))]));
    return taken;
  });
  await federation.dkgByAll({}, 'closed');
  openLine(
    federation.members.map(({ index }) => federation.at(index).node),
    federation.chain,
    400_000n,
  );
  await minted(federation);
  burn(federation);
  await withdrawBy(federation, 0, []);
  // What goes wrong is logged most: refusals, dead peers, lies and faults.
  federation.down.add(1);
  await attestBy(federation, 0, deposit(federation));
  federation.down.clear();
  errors.push(await codeOf(attestBy(federation, 0, { ...deposit(federation), amount: '1' })));
  federation.meddleReply = ({ replies }) =>
    replies.map(({ type, body }) =>
      type === 'sign_response' ? { type, body: { ...Object(body), partials: ['ff'.repeat(32)] } } : { type, body },
    );
  errors.push(await codeOf(attestBy(federation, 0, deposit(federation))));
  federation.meddleReply = ({ replies }) => replies;
  const { random } = federation.member(2);
  federation.member(2).random = () => {
    throw new Error('no randomness');
  };
  await attestBy(federation, 0, deposit(federation));
  federation.member(2).random = random;

  taking.mockRestore();
  expect(secrets.length).toBeGreaterThan(10);
  for (const { randomTaken } of federation.members) secrets.push(...randomTaken.filter((taken) => taken.length >= 64));
  for (const { config } of federation.members) {
    const opened = await openSecrets(await Bun.file(config.keySharePath).bytes(), PASSPHRASE);
    const decoded = opened.ok ? decodeKeyFile(opened.plaintext) : null;
    if (decoded === null || !decoded.ok) throw new Error('the key file opens');
    const { identitySeed, hostSecret, keys } = decoded.keyFile;
    secrets.push(toHex(identitySeed), toHex(hostSecret));
    for (const key of keys) secrets.push(toHex(key.bitcoin.signingShare), toHex(key.attestation.signingShare));
  }
  const lines = [...federation.logLines(), ...errors];
  expect(lines.length).toBeGreaterThan(4);
  const messages = federation.sent.map(({ message }) => JSON.stringify(message));
  for (const text of [...lines, ...messages]) {
    const lower = text.toLowerCase();
    expect(lower.includes(PASSPHRASE)).toBe(false);
    for (const secret of secrets) {
      const base64 = Buffer.from(secret, 'hex').toString('base64').replace(/=+$/, '');
      if (lower.includes(secret) || text.includes(base64)) throw new Error('a secret got out');
    }
  }
  await federation.close();
});
