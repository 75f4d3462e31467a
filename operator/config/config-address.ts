// Network addresses and node URLs as the configuration writes them: `host:port`, IPv6 in brackets (RFC 3986 section
// 3.2.2), http(s) URLs without credentials.
import { isIPv4, isIPv6 } from 'node:net';

/** Host and TCP port of a listener. `text` is the canonical spelling: lowercase, IPv6 in brackets. */
export interface HostPort {
  /** A DNS name, an IPv4 address, or an IPv6 address without brackets. */
  readonly host: string;
  /** 1 … 65535. */
  readonly port: number;
  readonly text: string;
}

export type HostPortVerdict =
  | { readonly ok: true; readonly address: HostPort }
  | { readonly ok: false; readonly problem: string; readonly remedy: string };

const PORT_MAX = 65_535;
// RFC 1123 section 2.1 labels; the underscore appears in names that container networks give.
const DNS_NAME = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/;

/** Whether a host to listen on means every interface of the machine. */
export function isEveryInterface(host: string): boolean {
  return host === '0.0.0.0' || (isIPv6(host) && /^[0:]+$/.test(host));
}

/** Reads `host:port`. Surrounding white space is dropped, as `--addresses` lists are often written with it. */
export function parseHostPort(input: string): HostPortVerdict {
  const text = input.trim().toLowerCase();
  if (text.includes('://')) {
    return no('has a scheme before the host', 'Write only host:port, such as operator1.example.com:50051.');
  }
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):([0-9]{1,5})$/.exec(text);
  if (match === null) return no(...shapeProblem(text));
  const port = Number(match[3]);
  if (port < 1 || port > PORT_MAX) return no('has a port outside 1 to 65535', 'The default port is 50051.');
  const bracketed = match[1];
  if (bracketed !== undefined) {
    if (!isIPv6(bracketed))
      return no('has brackets around what is not an IPv6 address', 'Write for example [2001:db8::1]:50051.');
    return { ok: true, address: { host: bracketed, port, text: `[${bracketed}]:${port}` } };
  }
  const host = match[2] ?? '';
  // Four groups of digits that are no IPv4 address would pass as a DNS name and then never resolve.
  const looksNumeric = /^[0-9.]+$/.test(host);
  if (looksNumeric ? !isIPv4(host) : !DNS_NAME.test(host)) {
    return no(
      'has a host that is neither a DNS name nor an IP address',
      'Write for example operator1.example.com:50051.',
    );
  }
  return { ok: true, address: { host, port, text: `${host}:${port}` } };
}

/** What is wrong with a node URL (problem, remedy), or null. Credentials are refused: URLs end up in logs. */
export function nodeUrlProblem(text: string): { readonly problem: string; readonly remedy: string } | null {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:') || url.hostname === '') {
    return { problem: 'is not an http or https URL', remedy: 'Write for example http://localhost:8332.' };
  }
  if (url.username !== '' || url.password !== '') {
    return {
      problem: 'carries a user name or password in a URL',
      remedy: 'Take it out and set "bitcoin_rpc_cookie_file", or "bitcoin_rpc_user" and "bitcoin_rpc_password_file".',
    };
  }
  if (url.hash !== '') return { problem: 'carries a #fragment', remedy: 'Take it out.' };
  if (url.search !== '') return { problem: 'carries a ?query', remedy: 'Take it out.' };
  return null;
}

/** As `nodeUrlProblem`, for a Bitcoin node, whose JSON-RPC has no path. */
export function bitcoinUrlProblem(text: string): { readonly problem: string; readonly remedy: string } | null {
  const found = nodeUrlProblem(text);
  if (found !== null || new URL(text).pathname === '/') return found;
  return { problem: 'carries a path after the port', remedy: 'Write for example http://localhost:8332.' };
}

function shapeProblem(text: string): [string, string] {
  if (isIPv6(text) || /^[0-9a-f:]*:[0-9a-f:]*:[0-9a-f:]*$/.test(text)) {
    return ['is an IPv6 address without brackets', 'Write it in brackets with a port, such as [2001:db8::1]:50051.'];
  }
  return ['is not host:port', 'Write for example operator1.example.com:50051.'];
}

function no(problem: string, remedy: string): HostPortVerdict {
  return { ok: false, problem, remedy };
}
