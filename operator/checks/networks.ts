// IP addresses: which are of this machine, and which network a peer is in.
import { isIPv6 } from 'node:net';

/** Whether a host is this machine. */
export function isLoopback(host: string): boolean {
  return /^(127\.\d+\.\d+\.\d+|::1|\[::1\]|localhost)$/i.test(host);
}

/** Whether an address is of a private network or of this machine (RFC 1918, 4193, 6598): it does not say where a node is. */
export function isPrivate(ip: string): boolean {
  const mapped = unmapped(ip);
  if (isIPv6(mapped)) return /^(::1?$|f[cd]|fe[89ab])/i.test(mapped);
  const [a = 0, b = 0] = mapped.split('.').map(Number);
  if (a === 172) return b >= 16 && b < 32;
  if (a === 100) return b >= 64 && b < 128;
  return a === 10 || a === 127 || (a === 192 && b === 168) || (a === 169 && b === 254);
}

/** The /24 of an IPv4 address (also of one written as IPv6), or the /48 of an IPv6 address. */
export function networkOf(ip: string): string {
  const mapped = unmapped(ip);
  if (!isIPv6(mapped)) return `${mapped.split('.').slice(0, 3).join('.')}.0/24`;
  const [head = '', tail] = mapped.toLowerCase().split('%')[0]?.split('::') ?? [];
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const missing = tail === undefined ? 0 : 8 - left.length - right.length;
  const groups = [...left, ...Array.from({ length: missing }, () => '0'), ...right];
  return `${groups
    .slice(0, 3)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/48`;
}

// An IPv4 address may be written as IPv6 (RFC 4291, section 2.5.5.2).
function unmapped(ip: string): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(ip)?.[1] ?? ip;
}
