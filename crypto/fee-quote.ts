// What a burn should bear now, by one operator's own estimate: signed by the session key of the start that says it, with the
// identity key's certificate of that key. So a quote that is shown later proves who said it. Once per block.
import { z } from 'zod';
import { ED25519_SIGNATURE_BYTES } from './ed25519.ts';
import {
  BOOT_ID_BYTES,
  type Session,
  type SessionCertificate,
  sessionKeyOf,
  signJson,
  verifyJson,
  verifySessionCertificate,
} from './identity.ts';
import { hexOf } from './json-fields.ts';

/** Domain tag under which a session key signs a quote. */
export const FEE_QUOTE_DOMAIN = '0BTC_WIRE_FEE_QUOTE/v1';

const decimal = z.string().regex(/^(0|[1-9][0-9]{0,15})$/);

/** A quote as it travels. */
export const feeQuoteSchema = z.strictObject({
  v: z.literal(1),
  network: z.string().min(1).max(32),
  index: z.int().min(0).max(63),
  boot: hexOf(BOOT_ID_BYTES),
  height: z.int().min(0),
  block_hash: hexOf(32),
  fee_rate: decimal,
  burn_fee: decimal,
  at: z.int().min(0),
  sig: hexOf(ED25519_SIGNATURE_BYTES),
});

/**
 * The quote at a block. `fee_rate` in sats per 1000 vbytes; `burn_fee` in sats: a burn that bears it is paid at this rate also
 * where it is paid alone. `at` in ms since 1970.
 */
export type FeeQuote = Readonly<z.infer<typeof feeQuoteSchema>>;

/** A quote with the certificate of the session key that signed it. */
export interface SignedFeeQuote {
  readonly quote: FeeQuote;
  readonly session: SessionCertificate;
}

/** Signs a quote; rate and fee as in `FeeQuote`. */
export function signFeeQuote(
  session: Session,
  words: {
    readonly height: number;
    readonly blockHash: string;
    readonly feeRate: bigint;
    readonly burnFee: bigint;
    readonly at: number;
  },
): SignedFeeQuote {
  const { network, index, boot } = session.certificate;
  const { height, blockHash, feeRate, burnFee, at } = words;
  const unsigned = {
    ...{ v: 1 as const, network, index, boot, height, block_hash: blockHash, at },
    ...{ fee_rate: `${feeRate}`, burn_fee: `${burnFee}` },
  };
  const sig = signJson(session.signer, FEE_QUOTE_DOMAIN, unsigned);
  return { quote: feeQuoteSchema.parse({ ...unsigned, sig }), session: session.certificate };
}

/** The quote where a node of this identity made it (32-byte key, network, index), else null. Never throws. */
export function readFeeQuote(
  value: { readonly quote: unknown; readonly session: unknown },
  of: { readonly identityKey: Uint8Array; readonly network: string; readonly index: number },
): FeeQuote | null {
  const parsed = feeQuoteSchema.safeParse(value.quote);
  const certified = verifySessionCertificate(value.session, of);
  if (!parsed.success || !certified.ok) return null;
  const { certificate } = certified;
  const { sig, ...unsigned } = parsed.data;
  const isOf = unsigned.network === of.network && unsigned.index === of.index && unsigned.boot === certificate.boot;
  return isOf && verifyJson(sessionKeyOf(certificate), FEE_QUOTE_DOMAIN, unsigned, sig) ? parsed.data : null;
}
