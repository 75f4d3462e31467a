// How single values read in text output: amounts in sats with bitcoin beside them, local times, durations.

type SignerFault = 'slow' | 'silent' | 'refused' | 'lying';

const SATS_PER_BITCOIN = 100_000_000n;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** `50000000 sats (0.50000000 BTC)` from a decimal string of sats. */
export function sats(amount: string): string {
  return `${amount} sats (${bitcoins(amount)})`;
}

/** ISO 8601 in this machine's time zone, to the second: `2026-03-01T09:30:00+01:00`. Text that is no time stays. */
export function localTime(iso: string): string {
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return iso;
  // getTimezoneOffset is UTC minus local; ISO writes local minus UTC.
  const offset = -time.getTimezoneOffset();
  const local = new Date(time.getTime() + offset * MINUTE_MS).toISOString().slice(0, 19);
  const hours = pad(Math.floor(Math.abs(offset) / 60));
  return `${local}${offset < 0 ? '-' : '+'}${hours}:${pad(Math.abs(offset) % 60)}`;
}

/** `local time`, or a dash where there is none. */
export function optionalTime(iso: string | null): string {
  return iso === null ? '-' : localTime(iso);
}

/** A duration in milliseconds for people: `840 ms`, `12.3 s`, `5 min 2 s`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < MINUTE_MS) return `${(ms / 1000).toFixed(1)} s`;
  return `${Math.floor(ms / MINUTE_MS)} min ${Math.floor((ms % MINUTE_MS) / 1000)} s`;
}

/** How long ago something was, coarsely: `8 s`, `12 min`, `5 h`, `40 days`; `never` where it was not. Both ISO 8601. */
export function age(at: string | null, now: string): string {
  if (at === null) return 'never';
  const ms = Math.max(0, Date.parse(now) - Date.parse(at));
  if (ms < MINUTE_MS) return `${Math.floor(ms / 1000)} s`;
  if (ms < 2 * HOUR_MS) return `${Math.floor(ms / MINUTE_MS)} min`;
  if (ms < 2 * DAY_MS) return `${Math.floor(ms / HOUR_MS)} h`;
  return `${Math.floor(ms / DAY_MS)} days`;
}

/** Whole days until a time, negative once it has passed. Both ISO 8601. */
export function daysUntil(at: string, now: string): number {
  return Math.floor((Date.parse(at) - Date.parse(now)) / DAY_MS);
}

/** `0.50000000 BTC` from a decimal string of sats, which may be negative. */
export function bitcoins(amount: string): string {
  const value = BigInt(amount);
  const [sign, size] = value < 0n ? ['-', -value] : ['', value];
  return `${sign}${size / SATS_PER_BITCOIN}.${(size % SATS_PER_BITCOIN).toString().padStart(8, '0')} BTC`;
}

/** `1 input`, `2 inputs`. */
export function count(number: number, singular: string): string {
  return `${number} ${singular}${number === 1 ? '' : 's'}`;
}

/** `pending 2, confirmed 5` from counts by name; `none` when there are none. */
export function tally(counts: Readonly<Record<string, number>>): string {
  const entries = Object.entries(counts).filter(([, number]) => number > 0);
  return entries.length === 0 ? 'none' : entries.map(([name, number]) => `${name} ${number}`).join(', ');
}

/** `slow 2, lying 1`: what a signer did that cost a session; `none` where it did nothing of the kind. */
export function signerFaults({ slow, silent, refused, lying }: Readonly<Record<SignerFault, number>>): string {
  return tally({ slow, silent, refused, lying });
}

/** Hexadecimal cut for a table: first and last eight characters. `--json` has all of it. */
export function shortHex(hex: string): string {
  return hex.length <= 20 ? hex : `${hex.slice(0, 8)}…${hex.slice(-8)}`;
}

function pad(number: number): string {
  return number.toString().padStart(2, '0');
}
