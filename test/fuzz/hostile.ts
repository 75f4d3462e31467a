// Hostile input for the fuzz tests: seeded runs, arbitrary bytes and JSON, and valid documents with something wrong in
// one to three places, which get further into a parser than noise does.
import fc from 'fast-check';
import { canonicalBytes, type Json } from '../../crypto/canonical-json.ts';

/** Fixed, so that a failure is the same everywhere; `FUZZ_SEED` looks elsewhere. */
export const FUZZ_SEED = Number(process.env['FUZZ_SEED'] ?? 20_240_229);

/** Runs a property over `runs` inputs. */
export function fuzz<T>(runs: number, input: fc.Arbitrary<T>, check: (value: T) => void): void {
  fc.assert(fc.property(input, check), { seed: FUZZ_SEED, numRuns: runs });
}

/** As `fuzz`, for parsers that answer later. */
export function fuzzLater<T>(runs: number, input: fc.Arbitrary<T>, check: (value: T) => Promise<void>): Promise<void> {
  return fc.assert(fc.asyncProperty(input, check), { seed: FUZZ_SEED, numRuns: runs });
}

export const noise = (maxLength: number) => fc.uint8Array({ maxLength });
export const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

const text = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.constantFrom(
    ...['', ' ', '\u0000', '\ufeff', '\u202e', '\ud800', 'null', '__proto__', 'constructor', 'toString', '-1', '-0'],
    ...['1e400', '0x10', '00', '01', '18446744073709551616', '2100000000000001', '9'.repeat(5000), 'ff'.repeat(5000)],
    ...['../../etc/passwd', 'AA', 'zz', 'NaN', 'Infinity', '1_000', '１２', '\n', 'abc\n'],
  ),
);
const number = fc.oneof(
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(0, -0, -1, 0.5, 63, 64, 65, 255, 256, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1, 2 ** 53, 1e308),
);
const deep = fc.integer({ min: 1, max: 200 }).map((levels) => {
  let value: Json = [];
  for (let i = 0; i < levels; i++) value = i % 2 === 0 ? [value] : { a: value };
  return value;
});

/** Any JSON value; texts and numbers that have broken parsers before are likely. */
export const anyJson: fc.Arbitrary<Json> = fc.letrec<{ value: Json; list: Json[]; record: { [key: string]: Json } }>(
  (tie) => ({
    value: fc.oneof({ maxDepth: 3 }, fc.constantFrom(null, true, false), text, number, tie('list'), tie('record'), {
      arbitrary: deep,
      weight: 1,
    }),
    list: fc.array(tie('value'), { maxLength: 5 }),
    record: fc.dictionary(text, tie('value'), { maxKeys: 4 }),
  }),
).value;

/** Whether an envelope could carry a value: lone surrogates and integers beyond 2^53 − 1 have no canonical form. */
export function isCanonical(value: Json): boolean {
  try {
    return canonicalBytes(value).length > 0;
  } catch {
    return false;
  }
}

type Path = readonly (string | number)[];
type Change = (value: Json) => Json;

function pathsOf(value: Json, at: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [at];
  const members = Object.entries(value);
  return [at, ...members.flatMap(([key, member]) => pathsOf(member, [...at, Array.isArray(value) ? +key : key]))];
}

function changedAt(value: Json, path: Path, change: Change): Json {
  const [key, ...rest] = path;
  if (key === undefined) return change(value);
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((member, i) => (i === key ? changedAt(member, rest, change) : member));
  const members = Object.entries(value).map(([k, v]) => [k, k === key ? changedAt(v, rest, change) : v] as const);
  return Object.fromEntries(members);
}

// A change that keeps the kind of a value: one character, one place, one member more or less.
function bent(value: Json, roll: number): Json {
  if (typeof value === 'number') return [value + 1, value - 1, -value, value * 2 ** 40, value + 0.5][roll % 5] ?? 0;
  if (typeof value === 'boolean') return !value;
  if (typeof value === 'string') return bentText(value, roll);
  if (value === null) return {};
  if (Array.isArray(value)) {
    const at = roll % (value.length + 1);
    const [first = null] = value;
    return (
      [value.toSpliced(at, 1), [...value, first], value.toReversed(), Array(roll % 700).fill(first)][roll % 4] ?? []
    );
  }
  const entries = Object.entries(value);
  const at = roll % (entries.length + 1);
  if (roll % 3 === 0) return Object.fromEntries(entries.toSpliced(at, 1));
  const added = [...entries, [['extra', '__proto__', '65', '-1', '00'][roll % 5] ?? 'extra', entries[at]?.[1] ?? 1]];
  return Object.fromEntries(added);
}

function bentText(value: string, roll: number): Json {
  const at = roll % (value.length + 1);
  const digit = (roll % 16).toString(16);
  const options = [
    value.slice(0, at) + digit + value.slice(at + 1),
    value.slice(0, at) + value.slice(at + 1),
    value.slice(0, at - (at % 2)),
    value + value,
    value.toUpperCase(),
    `${value} `,
    '0'.repeat(value.length),
    'f'.repeat(value.length),
  ];
  return options[Math.floor(roll / 16) % options.length] ?? '';
}

const change: fc.Arbitrary<Change> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.nat().map(
      (roll): Change =>
        (value) =>
          bent(value, roll),
    ),
  },
  {
    weight: 2,
    arbitrary: anyJson.map(
      (other): Change =>
        () =>
          other,
    ),
  },
);

/** A valid document with one to three things wrong, or by luck none. */
export function spoiled(valid: fc.Arbitrary<Json>): fc.Arbitrary<Json> {
  const changes = fc.array(fc.tuple(fc.nat(), change), { minLength: 1, maxLength: 3 });
  return fc.tuple(valid, changes).map(([document, all]) =>
    all.reduce<Json>((value, [roll, apply]) => {
      const paths = pathsOf(value);
      return changedAt(value, paths[roll % paths.length] ?? [], apply);
    }, document),
  );
}

/** A JSON text of a spoiled document, its own text spoiled now and then as well. */
export function spoiledText(valid: fc.Arbitrary<Json>): fc.Arbitrary<string> {
  const scar = fc.option(fc.tuple(fc.nat(), fc.string({ maxLength: 3 })), { freq: 3 });
  return fc.tuple(spoiled(valid), scar).map(([value, cut]) => {
    const whole = JSON.stringify(value);
    if (cut === null) return whole;
    const at = cut[0] % (whole.length + 1);
    return whole.slice(0, at) + cut[1] + whole.slice(at + (cut[0] % 3));
  });
}

/** Valid bytes with some changed, cut out or put in. */
export function spoiledBytes(valid: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const cuts = fc.array(fc.tuple(fc.nat(), fc.nat(4), noise(4)), { minLength: 1, maxLength: 3 });
  return fc.tuple(valid, cuts).map(([bytes, all]) =>
    all.reduce((left, [roll, length, put]) => {
      const at = roll % (left.length + 1);
      return new Uint8Array(Buffer.concat([left.subarray(0, at), put, left.subarray(at + length)]));
    }, bytes),
  );
}
