// Pre-shared nonces. A participant issues batches of public nonces to each peer and keeps the secrets in memory only; a
// coordinator keeps the public nonces that peers gave it. Both sides hand a nonce out once and forget it, which is what
// makes two shares from one nonce impossible. Neither is ever stored: they die with the process.
import { sha256, toHex, u64le, zeroize } from '../../crypto/bytes.ts';
import type { FrostScheme, GroupKey, SchemeName } from '../../crypto/scheme.ts';
import type { PublicNonceJson } from '../messages-signing.ts';
import { atOnce, type Steps } from '../steps.ts';

/** Most unused nonces kept for one peer under one key; the oldest make room. */
export const NONCES_ISSUED_PER_PEER_MAX = 4096;
/** Most public nonces of one peer kept under one key. */
export const NONCES_HELD_PER_PEER_MAX = 4096;
/** Most nonces of one key that are made ahead, before it is known for which peer. */
export const NONCES_STOCKED_MAX = 1024;

const NONCE_ID_BYTES = 16;
const NONCE_RANDOM_BYTES = 32;

/** Source of fresh secret random bytes. */
export type RandomSource = (bytes: number) => Uint8Array;

/** The key and share under which nonces are issued. */
export interface NonceOwner {
  readonly scheme: FrostScheme;
  readonly keyId: string;
  readonly key: GroupKey;
  readonly index: number;
  /** 32 secret bytes. */
  readonly signingShare: Uint8Array;
}

/** What secret nonces are taken for. */
export interface WantedNonces {
  readonly peer: number;
  readonly scheme: SchemeName;
  readonly keyId: string;
  readonly ids: readonly string[];
}

/** A secret nonce with its public part, taken out of the pool for one signature. */
export interface TakenNonce {
  readonly secret: Uint8Array;
  readonly public: Uint8Array;
}

/** The secret nonces this process has issued and not used. One for each start of the process. */
export class IssuedNonces {
  private readonly pools = new Map<string, Map<string, TakenNonce>>();
  /** Made ahead, and not issued to anybody. */
  private readonly stocks = new Map<string, TakenNonce[]>();
  /** How many nonces were made. */
  private made = 0n;

  /**
   * `count` nonces for a peer, from the stock as far as it goes; what is returned may be sent. The oldest unused beyond
   * the cap are erased. Where they are dropped meanwhile, those too, and nothing is given out.
   */
  issue(owner: NonceOwner, peer: number, count: number, random: RandomSource): PublicNonceJson[] {
    return atOnce(this.issueInSteps(owner, peer, count, random));
  }

  /** `issue`, one newly made nonce after the other. */
  *issueInSteps(owner: NonceOwner, peer: number, count: number, random: RandomSource): Steps<PublicNonceJson[]> {
    const stock = this.stockOf(owner);
    const name = poolName(peer, owner.scheme.name, owner.keyId);
    const pool = this.pools.get(name) ?? new Map<string, TakenNonce>();
    this.pools.set(name, pool);
    const issued: PublicNonceJson[] = [];
    for (let i = 0; i < count; i++) {
      const id = toHex(random(NONCE_ID_BYTES));
      if (pool.has(id)) throw new Error('the random source repeats itself');
      const ready = stock.shift();
      const nonce = ready ?? this.makeNonce(owner, random);
      pool.set(id, nonce);
      issued.push({ id, nonce: toHex(nonce.public) });
      if (ready === undefined) yield;
      // The pool is no longer among those that are erased: nothing may be written to it.
      if (this.pools.get(name) !== pool) return [];
    }
    dropOldest(pool, NONCES_ISSUED_PER_PEER_MAX);
    return issued;
  }

  /** Makes nonces ahead, one after the other, until so many (NONCES_STOCKED_MAX at most) are in stock for a key. */
  *stockInSteps(owner: NonceOwner, target: number, random: RandomSource): Steps<void> {
    const stock = this.stockOf(owner);
    while (stock.length < Math.min(target, NONCES_STOCKED_MAX) && this.stockOf(owner) === stock) {
      stock.push(this.makeNonce(owner, random));
      yield;
    }
  }

  /** How many nonces are in stock for a key. */
  stocked({ scheme, keyId }: NonceOwner): number {
    return this.stocks.get(stockName(scheme.name, keyId))?.length ?? 0;
  }

  /**
   * Takes the nonces of these ids out of the pool, all or none: null where an id was not issued to this peer for this
   * key, has been taken, or is named twice. What is taken is gone, whatever becomes of the signature.
   */
  take(wanted: WantedNonces): TakenNonce[] | null {
    const pool = this.pools.get(poolName(wanted.peer, wanted.scheme, wanted.keyId));
    if (pool === undefined || new Set(wanted.ids).size !== wanted.ids.length) return null;
    const taken: TakenNonce[] = [];
    for (const id of wanted.ids) {
      const nonce = pool.get(id);
      if (nonce === undefined) return null;
      taken.push(nonce);
    }
    for (const id of wanted.ids) pool.delete(id);
    return taken;
  }

  /** Whether `take` would give these nonces. */
  holds(wanted: WantedNonces): boolean {
    const pool = this.pools.get(poolName(wanted.peer, wanted.scheme, wanted.keyId));
    return (
      pool !== undefined && new Set(wanted.ids).size === wanted.ids.length && wanted.ids.every((id) => pool.has(id))
    );
  }

  /** How many unused nonces a peer has under a key. */
  count(peer: number, scheme: SchemeName, keyId: string): number {
    return this.pools.get(poolName(peer, scheme, keyId))?.size ?? 0;
  }

  /** Erases everything, as when the node is sealed or stops being live. */
  dropAll(): void {
    for (const pool of this.pools.values()) dropOldest(pool, 0);
    this.pools.clear();
    // A stock that is being filled is emptied in place, so that its rest is not kept apart.
    for (const stock of this.stocks.values()) zeroize(...stock.splice(0).map((nonce) => nonce.secret));
  }

  /** Erases what was made under a key that is of no use any more, whoever it was made for. */
  dropKey(keyId: string): void {
    for (const [name, pool] of this.pools) {
      if (!isOfKey(name, keyId)) continue;
      dropOldest(pool, 0);
      this.pools.delete(name);
    }
    for (const [name, stock] of this.stocks) {
      if (!isOfKey(name, keyId)) continue;
      zeroize(...stock.splice(0).map((nonce) => nonce.secret));
      this.stocks.delete(name);
    }
  }

  // The counter goes into the hedge: a random source that repeats itself must not make a nonce twice.
  private makeNonce({ scheme, key, index, signingShare }: NonceOwner, random: RandomSource): TakenNonce {
    const drawn = random(NONCE_RANDOM_BYTES);
    if (drawn.every((byte) => byte === 0)) throw new Error('the random source gives zeroes');
    const entropy = sha256(drawn, u64le(this.made));
    this.made += 1n;
    const { secret, public: publicNonce } = scheme.generateNonce(key, index, signingShare, entropy);
    zeroize(drawn, entropy);
    return { secret, public: publicNonce };
  }

  private stockOf({ scheme, keyId }: NonceOwner): TakenNonce[] {
    const name = stockName(scheme.name, keyId);
    const stock = this.stocks.get(name) ?? [];
    this.stocks.set(name, stock);
    return stock;
  }
}

/** Which public nonces: whose, from which scheme and key. */
export interface PublicNonceKey {
  readonly peer: number;
  readonly scheme: SchemeName;
  readonly keyId: string;
}

/** The public nonces that peers gave this process and that it has not used. Shared by all signing ceremonies. */
export class HeldNonces {
  private readonly pools = new Map<string, { boot: string; nonces: PublicNonceJson[] }>();

  /** Adds nonces of a peer's start `boot`; nonces of another start are dropped, since their secrets died with it. */
  add(key: PublicNonceKey, boot: string, nonces: readonly PublicNonceJson[]): void {
    const name = poolName(key.peer, key.scheme, key.keyId);
    const known = this.pools.get(name);
    const kept = known?.boot === boot ? known.nonces : [];
    const ids = new Set(kept.map((nonce) => nonce.id));
    const fresh = nonces.filter((nonce) => !ids.has(nonce.id) && ids.add(nonce.id) !== undefined);
    this.pools.set(name, { boot, nonces: [...kept, ...fresh].slice(-NONCES_HELD_PER_PEER_MAX) });
  }

  /** How many nonces are at hand. */
  count(key: PublicNonceKey): number {
    return this.pools.get(poolName(key.peer, key.scheme, key.keyId))?.nonces.length ?? 0;
  }

  /** The nonce that `take` would give next; null where there is none. It stays. */
  next(key: PublicNonceKey): PublicNonceJson | null {
    return this.pools.get(poolName(key.peer, key.scheme, key.keyId))?.nonces[0] ?? null;
  }

  /** Takes `count` nonces out, newest last; null where there are fewer. */
  take(
    key: PublicNonceKey,
    count: number,
  ): { readonly boot: string; readonly nonces: readonly PublicNonceJson[] } | null {
    const pool = this.pools.get(poolName(key.peer, key.scheme, key.keyId));
    if (pool === undefined || pool.nonces.length < count) return null;
    return { boot: pool.boot, nonces: pool.nonces.splice(0, count) };
  }

  /** Forgets a peer's nonces under a key, as after `nonce_unknown`. */
  drop(key: PublicNonceKey): void {
    this.pools.delete(poolName(key.peer, key.scheme, key.keyId));
  }

  /** Forgets the nonces of all peers under a key that is of no use any more. */
  dropKey(keyId: string): void {
    for (const name of this.pools.keys()) if (isOfKey(name, keyId)) this.pools.delete(name);
  }

  /** Forgets a peer's nonces of every start but `boot`, as when a new session certificate arrives. */
  dropOtherBoots(peer: number, boot: string): void {
    for (const [name, pool] of this.pools) {
      if (name.startsWith(`${peer}/`) && pool.boot !== boot) this.pools.delete(name);
    }
  }
}

function poolName(peer: number, scheme: SchemeName, keyId: string): string {
  return `${peer}/${scheme}/${keyId}`;
}

function stockName(scheme: SchemeName, keyId: string): string {
  return `${scheme}/${keyId}`;
}

/** Whether a pool or stock of this name is of a key; scheme and peer hold no slash. */
function isOfKey(name: string, keyId: string): boolean {
  return name.endsWith(`/${keyId}`);
}

function dropOldest(pool: Map<string, TakenNonce>, keep: number): void {
  for (const [id, nonce] of pool) {
    if (pool.size <= keep) return;
    zeroize(nonce.secret);
    pool.delete(id);
  }
}
