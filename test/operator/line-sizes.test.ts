// The largest step of the line travels: 1,000 burns and 127 swept outputs fit the message that asks 64 signers for it, and a
// refusal that names every burn of it is read.
import { expect, test } from 'bun:test';
import { intentSchema } from '../../ceremony/intent.ts';
import { parseMessage } from '../../ceremony/messages.ts';
import { lineJson } from '../../chain/line-intent.ts';
import type { Json } from '../../crypto/canonical-json.ts';
import { type EnvelopeFields, PEER_MESSAGE_BYTES_MAX, parseEnvelope, sealEnvelope } from '../../crypto/envelope.ts';
import { identityFromSeed } from '../../crypto/identity.ts';
import { built, burn, deposit, stepOf } from '../chain/line-steps.ts';

const SIGNERS = 64;
const burns = Array.from({ length: 1_000 }, (_, i) => burn(i + 1, 2_000_000_000n, 1_000_000n));
const swept = Array.from({ length: 127 }, (_, i) => deposit(i + 1, 99_000_000_000n));
const largest = stepOf({ step: 'payout', swept, burns, fee: 1_000_000n });

/** The body of a message as its receiver gets it, and its size. */
function sent(type: string, body: Json): { readonly body: Json; readonly bytes: number } {
  const fields: EnvelopeFields = {
    network: 'regtest',
    from: 0,
    to: 1,
    boot: 'ab'.repeat(16),
    ceremony: '',
    type,
    seq: 1,
    sent_at: 1_800_000_000_000,
    body,
  };
  const { bytes } = sealEnvelope(fields, identityFromSeed(new Uint8Array(32).fill(1)));
  const parsed = parseEnvelope(bytes);
  if (!parsed.ok) throw new Error(parsed.reason);
  return { body: parsed.envelope.body, bytes: bytes.length };
}

test('a request to 64 signers to sign the largest step fits a peer message, and is read as it was written', () => {
  const { messages } = built(largest);
  expect(messages).toHaveLength(128);
  const byIndex = (value: string) => Object.fromEntries(Array.from({ length: SIGNERS }, (_, index) => [index, value]));
  const request = {
    session: 'cd'.repeat(16),
    key_id: 'ab'.repeat(32),
    scheme: 'bip340',
    intent: lineJson(largest),
    signers: Array.from({ length: SIGNERS }, (_, index) => index),
    boots: byIndex('ef'.repeat(16)),
    messages: messages.map(() => ({ nonce_ids: byIndex('12'.repeat(16)), nonce_commitment: '02'.repeat(66) })),
  };
  const { body, bytes } = sent('sign_request', JSON.parse(JSON.stringify(request)));
  expect(bytes).toBeLessThan(PEER_MESSAGE_BYTES_MAX * 0.75);
  const parsed = parseMessage('sign_request', body);
  if (!parsed.ok || parsed.message.type !== 'sign_request') throw new Error('the signer cannot read the request');
  expect<unknown>(parsed.message.body.intent).toEqual(JSON.parse(JSON.stringify(lineJson(largest))));
});

test('a refusal that names 1,000 burns is read, and 1,001 burns are not asked for at all', () => {
  const data = { txid: 'ab'.repeat(32), burns: burns.map(({ burnTxid }) => burnTxid), fee_rate_min: '123456' };
  const refusal = { session: 'cd'.repeat(16), reason: 'sibling_waits', detail: 'no', data };
  const parsed = parseMessage('sign_refusal', sent('sign_refusal', refusal).body);
  if (!parsed.ok || parsed.message.type !== 'sign_refusal') throw new Error('the coordinator cannot read the refusal');
  expect(parsed.message.body.data).toEqual(data);
  const json = lineJson(largest);
  expect(intentSchema.safeParse(json).success).toBe(true);
  expect(intentSchema.safeParse({ ...json, burns: [...json.burns, ...json.burns.slice(0, 1)] }).success).toBe(false);
  expect(intentSchema.safeParse({ ...json, swept: [...json.swept, ...json.swept.slice(0, 1)] }).success).toBe(false);
});
