// The forms of the public API, and the OpenAPI document that is made from them. Amounts are decimal strings of sats.
import { z } from 'zod';
import { feeQuoteSchema } from '../crypto/fee-quote.ts';

const hash32 = z.string().regex(/^[0-9a-f]{64}$/);
const sats = z.string().regex(/^(0|[1-9][0-9]{0,15})$/);
const height = z.int().min(0).nullable();

export const recipientSchema = z.strictObject({ recipient: hash32 });
export const outpointSchema = z.strictObject({
  txid: hash32,
  vout: z
    .string()
    .regex(/^(0|[1-9][0-9]{0,9})$/)
    .refine((text) => Number(text) <= 0xffff_ffff),
});
export const burnSchema = z.strictObject({ burn_txid: hash32 });

/** What is answered, by name. */
export const ANSWERS = {
  Error: z.strictObject({ error: z.string(), detail: z.string() }),
  DepositAddress: z.strictObject({ recipient: hash32, address: z.string() }),
  Deposit: z.strictObject({
    txid: hash32,
    vout: z.int().min(0).max(0xffff_ffff),
    recipient: hash32,
    amount: sats,
    status: z.enum(['seen', 'confirmed', 'attested', 'minted', 'gone']),
    confirmations: z.int().min(0),
    confirmations_needed: z.int().min(1),
    attestation: z.record(z.string(), z.union([z.string(), z.number()])).nullable(),
  }),
  Withdrawal: z.strictObject({
    burn_txid: hash32,
    address: z.string(),
    amount: sats,
    fee: sats,
    status: z.enum(['waiting', 'signed', 'mined', 'settled']),
    txid: hash32.nullable(),
    height,
  }),
  FeeQuote: z.strictObject({ quote: feeQuoteSchema, session: z.record(z.string(), z.union([z.string(), z.number()])) }),
  Federation: z.strictObject({
    network: z.string(),
    index: z.int().min(0).max(63),
    name: z.string(),
    threshold: z.int().min(2),
    participants: z.int().min(2),
    open: z.boolean(),
    key_id: z.string(),
    bitcoin_public_key: z.string(),
    attestation_public_key: z.string(),
    deposit_min: sats,
    confirmations: z.int().min(1),
    wire_confirmations: z.int().min(1),
    height,
    operators: z.array(
      z.strictObject({
        index: z.int().min(0).max(63),
        name: z.string(),
        service: z.enum(['off', 'enabled', 'disabled']).nullable(),
      }),
    ),
  }),
} as const;
type AnswerName = keyof typeof ANSWERS;

interface Operation {
  readonly method: 'get' | 'post';
  readonly path: string;
  readonly id: string;
  readonly summary: string;
  readonly parameters?: Readonly<Record<string, z.ZodType>>;
  readonly body?: z.ZodType;
  readonly answer: AnswerName | 'svg';
}

const aRecipient = { recipient: hash32 };
const OPERATIONS: readonly Operation[] = [
  {
    ...{ method: 'post', path: '/v1/deposit-addresses', id: 'registerRecipient', answer: 'DepositAddress' },
    summary: 'Register a recipient; every operator then looks for what is paid to its address.',
    body: recipientSchema,
  },
  {
    ...{ method: 'get', path: '/v1/deposit-addresses/{recipient}', id: 'depositAddress', answer: 'DepositAddress' },
    summary: 'The deposit address of a registered recipient.',
    parameters: aRecipient,
  },
  {
    ...{ method: 'get', path: '/v1/deposit-addresses/{recipient}/qr.svg', id: 'depositAddressQr', answer: 'svg' },
    summary: 'The same as a QR code.',
    parameters: aRecipient,
  },
  {
    ...{ method: 'get', path: '/v1/deposits/{txid}/{vout}', id: 'deposit', answer: 'Deposit' },
    summary: 'Where a deposit stands, with its attestation once there is one.',
    parameters: { txid: hash32, vout: z.int().min(0).max(0xffff_ffff) },
  },
  {
    ...{ method: 'get', path: '/v1/withdrawals/{burn_txid}', id: 'withdrawal', answer: 'Withdrawal' },
    summary: 'Where the payout of a burn stands.',
    parameters: { burn_txid: hash32 },
  },
  {
    ...{ method: 'get', path: '/v1/fee-quote', id: 'feeQuote', answer: 'FeeQuote' },
    summary: 'What a burn should bear now, signed by this operator once per block.',
  },
  {
    ...{ method: 'get', path: '/v1/federation', id: 'federation', answer: 'Federation' },
    summary: 'The federation, its keys and its terms, as this operator knows them.',
  },
];

/** The document at `/v1/openapi.json`. */
export function openApiDocument(version: string) {
  const paths: Record<string, Record<string, object>> = {};
  for (const { method, path, id, summary, parameters = {}, body, answer } of OPERATIONS) {
    const operation = {
      operationId: id,
      summary,
      parameters: Object.entries(parameters).map(([name, schema]) => ({
        ...{ name, in: 'path', required: true },
        schema: jsonSchema(schema),
      })),
      ...(body === undefined
        ? {}
        : { requestBody: { required: true, content: { 'application/json': { schema: jsonSchema(body) } } } }),
      responses: {
        '200': answered(answer),
        ...Object.fromEntries(
          Object.entries(FAILURES).map(([status, description]) => [status, { ...answered('Error'), description }]),
        ),
      },
    };
    paths[path] = { ...paths[path], [method]: operation };
  }
  return {
    openapi: '3.1.0',
    info: { title: '0BTC Wire operator', version, description: 'Amounts are decimal strings of sats.' },
    paths,
    components: {
      schemas: Object.fromEntries(Object.entries(ANSWERS).map(([name, schema]) => [name, jsonSchema(schema)])),
    },
  };
}

const FAILURES = {
  '400': 'The request has another form.',
  '404': 'This operator knows no such thing.',
  '429': 'Too many requests from this address.',
  '503': 'This operator does not serve the public now.',
} as const;

function answered(answer: AnswerName | 'svg') {
  if (answer === 'svg') {
    return { description: 'A picture.', content: { 'image/svg+xml': { schema: { type: 'string' } } } };
  }
  const schema = { $ref: `#/components/schemas/${answer}` };
  return { description: `A ${answer}.`, content: { 'application/json': { schema } } };
}

function jsonSchema(schema: z.ZodType): object {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input' });
  return rest;
}
