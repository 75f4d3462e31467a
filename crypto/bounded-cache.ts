// What was computed from public data, kept while it is likely to be asked for again. A name must commit to everything
// that its value depends on, so that a hit is always right.

/** A map that forgets its oldest entry when full, so that no peer can fill the memory. */
export class BoundedCache<Value extends object> {
  readonly #entries = new Map<string, Value>();
  readonly #sizeMax: number;

  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax;
  }

  /** What is kept under a name. */
  find(name: string): Value | undefined {
    return this.#entries.get(name);
  }

  /** What is kept under a name, and is then forgotten: it was of use once. */
  take(name: string): Value | undefined {
    const value = this.#entries.get(name);
    this.#entries.delete(name);
    return value;
  }

  /** Keeps a value; the oldest makes room. */
  keep(name: string, value: Value): void {
    if (this.#entries.size >= this.#sizeMax && !this.#entries.has(name)) {
      const oldest = this.#entries.keys().next();
      if (!oldest.done) this.#entries.delete(oldest.value);
    }
    this.#entries.set(name, value);
  }

  /** What is kept under a name, else what `compute` gives, which is then kept. A throw keeps nothing. */
  get(name: string, compute: () => Value): Value {
    const known = this.#entries.get(name);
    if (known !== undefined) return known;
    const value = compute();
    this.keep(name, value);
    return value;
  }
}

/** A set that forgets its oldest member when full. */
export class BoundedSet {
  readonly #members = new Set<string>();
  readonly #sizeMax: number;

  constructor(sizeMax: number) {
    this.#sizeMax = sizeMax;
  }

  has(name: string): boolean {
    return this.#members.has(name);
  }

  /** Keeps a member; the oldest makes room. */
  add(name: string): void {
    if (this.#members.size >= this.#sizeMax && !this.#members.has(name)) {
      const oldest = this.#members.values().next();
      if (!oldest.done) this.#members.delete(oldest.value);
    }
    this.#members.add(name);
  }
}
