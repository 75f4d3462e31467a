// Why a connection to a peer failed, in a sentence that says whose matter it is. The runtime's own texts speak of urls and
// fetch; its codes (errno names, OpenSSL's X509_V_ERR names) stay in brackets, for whoever looks further.
import { errorText } from '../runtime/log.ts';

const SENTENCES: ReadonlyMap<string, (address: string) => string> = new Map([
  // A node listens for its peers only while it is unsealed.
  ['ECONNREFUSED', (address: string) => `nothing answers at ${address}: that node does not run, or it is sealed`],
  ['ETIMEDOUT', (address: string) => `nothing answered at ${address} in time`],
  ['EHOSTUNREACH', (address: string) => `there is no network route to ${address}`],
  ['ENETUNREACH', (address: string) => `there is no network route to ${address}`],
  ['ENOTFOUND', (address: string) => `the name in ${address} is not found`],
  ['EAI_AGAIN', (address: string) => `the name in ${address} cannot be looked up now`],
  [
    'ECONNRESET',
    (address: string) => `${address} closed the connection; it probably lacks this node's card: send it yours`,
  ],
  ['EPROTO', (address: string) => `${address} does not speak TLS 1.3, or refuses this node's certificate`],
  [
    'CERT_HAS_EXPIRED',
    (address: string) => `the certificate of ${address} has expired: its operator makes a new one and sends the card`,
  ],
  ['CERT_NOT_YET_VALID', (address: string) => `the certificate of ${address} is not valid yet`],
]);
// Whatever else is wrong with a certificate: the only one that is trusted is the one on the peer's card.
const CERTIFICATE_CODE = /^(CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_CERT_)/;
// What no code tells, malformed answers say: a name, the url, and advice for programmers.
const RUNTIME_TEXT = /^(\w+) fetching "/;

/** The sentence for what `fetch` threw when it was to reach a peer's `address`; an unknown error keeps its own text. */
export function connectionFault(error: unknown, address: string): string {
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
  const sentence = SENTENCES.get(code);
  if (sentence !== undefined) return `${sentence(address)} (${code})`;
  if (!CERTIFICATE_CODE.test(code)) {
    const text = errorText(error);
    const name = RUNTIME_TEXT.exec(text)?.[1];
    return name === undefined ? text : `${address} does not answer as a node does (${name})`;
  }
  return `${address} shows another certificate than the one on its operator card: add its new card (${code})`;
}
