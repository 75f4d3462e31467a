// A process that signs with secrets from a file, erases what it was given, and then waits to be looked at. Arguments: the
// file of public data (JSON) and that of secret bytes. With `keep` as a third one it erases nothing of its own.
import { openSync, readSync } from 'node:fs';
import { bip340Scheme } from '../../../crypto/bip340-scheme.ts';
import { fromHex } from '../../../crypto/bytes.ts';
import type { GroupKey } from '../../../crypto/scheme.ts';
import { readPublic, SCALAR_BYTES } from './signing-case.ts';

const [publicPath = '', secretPath = '', mode = ''] = process.argv.slice(2);
const { key: json, others, messages } = readPublic(publicPath);
const key: GroupKey = {
  scheme: 'bip340',
  threshold: json.threshold,
  participants: json.verifyingShares.length,
  publicKey: fromHex(json.publicKey),
  verifyingShares: json.verifyingShares.map((share) => fromHex(share)),
};
// Made on a buffer of its own: what is cut out of it are views, and no copies.
const secrets = new Uint8Array(new ArrayBuffer(SCALAR_BYTES * (1 + messages.length)));
readSync(openSync(secretPath, 'r'), secrets, 0, secrets.length, 0);
const share = secrets.subarray(0, SCALAR_BYTES);
const partials = messages.map((message, i) => {
  const random = secrets.subarray(SCALAR_BYTES * (i + 1), SCALAR_BYTES * (i + 2));
  const nonce = bip340Scheme.generateNonce(key, 0, share, random);
  const combined = bip340Scheme.combineNonces([0, 1], [nonce.public, fromHex(others[i] ?? '')]);
  if (!combined.ok) throw new Error('the nonces are right');
  const session = { signers: [0, 1], nonceCommitment: combined.nonceCommitment, message: fromHex(message), tweaks: [] };
  return Buffer.from(bip340Scheme.sign(key, 0, share, nonce.secret, session)).toString('hex');
});
if (mode !== 'keep') secrets.fill(0);
console.log(JSON.stringify(partials));
// Whoever looks closes the input; what is used after it stays in memory until then.
await Bun.stdin.text();
if (secrets.length === 0) throw new Error('there were secrets');
