// A process that opens a key file, shows what is public of its secrets, closes it again, and waits to be looked at.
// Arguments: the path, the passphrase and the key's id. With `keep` as a fourth one it stays open.
import { toHex } from '../../../crypto/bytes.ts';
import { verifyingShareOf } from '../../../crypto/verifying-share.ts';
import { KeyRing } from '../../../operator/keys/key-ring.ts';

const [path = '', passphrase = '', keyId = '', mode = ''] = process.argv.slice(2);
const ring = new KeyRing({ path, network: 'regtest', index: 0 });
await ring.unseal(passphrase);
const keys = ring.keysOf(keyId);
if (keys === null) throw new Error('the key is in the file');
const shown = [ring.hostPublicKey(), verifyingShareOf('bip340', keys.bitcoin.signingShare)].map(toHex);
if (mode !== 'keep') ring.close();
console.log(JSON.stringify(shown));
await Bun.stdin.text();
if (ring.sealed !== (mode !== 'keep')) throw new Error('it is as it was left');
