// Where a text stops being JSON (RFC 8259), for people who wrote it by hand: the runtime's own message has no place.

/** Deeper than this no configuration is; a text that is has its fault there. */
const DEPTH_MAX = 64;

const SPACE = /[ \t\n\r]*/y;
// From the space on, without quote and backslash.
const STRING = /"(?:[ !#-[\]-\uffff]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const SCALAR = /(?:true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)(?![A-Za-z0-9_.])/y;

/** The fault of a text that is no JSON, as `line 7, column 3: …`; null where it is JSON. Lines and columns count from 1. */
export function jsonFault(text: string): string | null {
  const reader = new JsonReader(text);
  const expected = reader.document();
  if (expected === null) return null;
  const before = text.slice(0, reader.at).split('\n');
  return `line ${before.length}, column ${(before.at(-1) ?? '').length + 1}: ${expected} should stand there`;
}

/** Reads along; each method gives null, or what it did not find at `at`. */
class JsonReader {
  at = 0;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  document(): string | null {
    const fault = this.#value(0);
    if (fault !== null) return fault;
    return this.at === this.#text.length ? null : 'the end of the file';
  }

  #value(depth: number): string | null {
    this.#take(SPACE);
    const opening = depth < DEPTH_MAX ? this.#text[this.at] : undefined;
    const fault =
      opening === '{'
        ? this.#list('}', () => this.#member(depth + 1))
        : opening === '['
          ? this.#list(']', () => this.#value(depth + 1))
          : this.#take(STRING) || this.#take(SCALAR)
            ? null
            : 'a value (a number, a text in double quotes, true or false, a list or an object)';
    if (fault === null) this.#take(SPACE);
    return fault;
  }

  #member(depth: number): string | null {
    this.#take(SPACE);
    if (!this.#take(STRING)) return 'a key in double quotes';
    this.#take(SPACE);
    return this.#is(':') ? this.#value(depth) : 'a colon';
  }

  #list(end: '}' | ']', one: () => string | null): string | null {
    this.at += 1;
    this.#take(SPACE);
    if (this.#is(end)) return null;
    for (;;) {
      const fault = one();
      if (fault !== null) return fault;
      if (this.#is(end)) return null;
      if (!this.#is(',')) return `a comma or ${end}`;
    }
  }

  #take(pattern: RegExp): boolean {
    pattern.lastIndex = this.at;
    if (!pattern.test(this.#text)) return false;
    this.at = pattern.lastIndex;
    return true;
  }

  #is(character: string): boolean {
    if (this.#text[this.at] !== character) return false;
    this.at += 1;
    return true;
  }
}
