// A process that takes part in a ChillDKG session as participant 0, erases its secrets, and waits to be looked at.
// Arguments: the file of public data (JSON) and that of secret bytes. With `keep` as a third one it erases none of them.
import { openSync, readFileSync, readSync } from 'node:fs';
import { z } from 'zod';
import { fromHex, toHex } from '../../../crypto/bytes.ts';
import { participantFinalize, participantStep1, participantStep2 } from '../../../crypto/chilldkg.ts';

const SCALAR_BYTES = 32;
const publicSchema = z.strictObject({
  hostpubkeys: z.array(z.string()),
  threshold: z.int(),
  first: z.string(),
  second: z.string(),
});

const [publicPath = '', secretPath = '', mode = ''] = process.argv.slice(2);
const { hostpubkeys, threshold, first, second } = publicSchema.parse(JSON.parse(readFileSync(publicPath, 'utf8')));
// Made on a buffer of its own: what is cut out of it are views, and no copies.
const secrets = new Uint8Array(new ArrayBuffer(3 * SCALAR_BYTES));
readSync(openSync(secretPath, 'r'), secrets, 0, secrets.length, 0);
const [host, random, aux] = [0, 1, 2].map((i) => secrets.subarray(SCALAR_BYTES * i, SCALAR_BYTES * (i + 1)));
if (host === undefined || random === undefined || aux === undefined) throw new Error('three secrets');
const params = { hostpubkeys: hostpubkeys.map((key) => fromHex(key)), threshold };
const step1 = participantStep1(host, params, random);
const step2 = participantStep2(host, step1.state, fromHex(first), aux);
const { output } = participantFinalize(step2.state, fromHex(second));
if (mode !== 'keep') {
  secrets.fill(0);
  output.signingShare?.fill(0);
}
console.log(toHex(output.publicKey));
await Bun.stdin.text();
if (output.signingShare?.length !== SCALAR_BYTES || secrets.length === 0) throw new Error('there were secrets');
