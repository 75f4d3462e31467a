// How often one address may ask: a bucket of tokens for each, in a table that never grows beyond its bound.

/** `burst`: most tokens of an address; `perSecond`: how fast they come back; `addressesMax`: most that are remembered. */
export interface RateLimits {
  readonly burst: number;
  readonly perSecond: number;
  readonly addressesMax: number;
}

interface Bucket {
  tokens: number;
  /** In ms by the monotonic clock. */
  at: number;
}

/** Buckets by address. */
export class RateLimit {
  readonly #limits: RateLimits;
  readonly #monotonic: () => number;
  /** The one that asked longest ago comes first. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(limits: RateLimits, monotonic: () => number) {
    this.#limits = limits;
    this.#monotonic = monotonic;
  }

  /** How many addresses are remembered. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Takes tokens; 0 where they were there, else in how many seconds they will be. */
  take(address: string, tokens = 1): number {
    const { burst, perSecond, addressesMax } = this.#limits;
    const now = this.#monotonic();
    const known = this.#buckets.get(address);
    const bucket = known ?? { tokens: burst, at: now };
    bucket.tokens = Math.min(burst, bucket.tokens + ((now - bucket.at) / 1000) * perSecond);
    bucket.at = now;
    this.#buckets.delete(address);
    this.#buckets.set(address, bucket);
    if (this.#buckets.size > addressesMax) {
      const [oldest] = this.#buckets.keys();
      if (oldest !== undefined) this.#buckets.delete(oldest);
    }
    if (bucket.tokens < tokens) return Math.max(1, Math.ceil((tokens - bucket.tokens) / perSecond));
    bucket.tokens -= tokens;
    return 0;
  }
}

/**
 * Whom a request counts for. Behind a proxy on this machine it is the address that the proxy itself has added last. One
 * holder of an IPv6 network has 2^64 addresses, which count as one.
 */
export function clientOf(remote: string, forwardedFor: string | null): string {
  const isProxy = remote === '127.0.0.1' || remote === '::1' || remote === '::ffff:127.0.0.1';
  const told = isProxy ? (forwardedFor?.split(',').at(-1)?.trim() ?? '') : '';
  const address = told === '' || told.length > 64 ? remote : told;
  return address.includes(':') && !address.includes('.') ? networkOf(address) : address;
}

// The first four groups of an IPv6 address.
function networkOf(address: string): string {
  const [head = '', tail] = address.toLowerCase().split('::');
  const before = head === '' ? [] : head.split(':');
  const after = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - before.length - after.length);
  return [...before, ...Array.from({ length: zeros }, () => '0'), ...after].slice(0, 4).join(':');
}
