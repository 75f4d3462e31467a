// How figures read in a report.

const SATS_PER_BITCOIN = 100_000_000n;
const MINUTE_MS = 60_000;

/** `1,250,000` from a number or a decimal string; minus signs stay. */
export function grouped(value: number | string): string {
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ',');
}

/** `0.50000000 BTC` from a decimal string of sats. */
export function bitcoin(sats: string): string {
  const value = BigInt(sats);
  const [sign, size] = value < 0n ? ['-', -value] : ['', value];
  const fraction = (size % SATS_PER_BITCOIN).toString().padStart(8, '0');
  return `${sign}${grouped(String(size / SATS_PER_BITCOIN))}.${fraction} BTC`;
}

/** `2026-03-01 09:30 UTC` from ISO 8601. */
export function atMinute(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`;
}

/** `3 d 4 h 5 min`, the two largest parts. */
export function duration(ms: number): string {
  const minutes = Math.floor(ms / MINUTE_MS);
  const parts = [
    [Math.floor(minutes / 1_440), 'd'],
    [Math.floor(minutes / 60) % 24, 'h'],
    [minutes % 60, 'min'],
  ] as const;
  const first = parts.findIndex(([value]) => value > 0);
  if (first < 0) return `${Math.floor(ms / 1_000)} s`;
  return parts
    .slice(first, first + 2)
    .filter(([value]) => value > 0)
    .map(([value, unit]) => `${value} ${unit}`)
    .join(' ');
}

/** `99.9 %`, cut and not rounded: 100 only where nothing is missing. */
export function percent(part: number, whole: number): string {
  return whole === 0 ? '–' : `${(Math.floor((part / whole) * 1_000) / 10).toFixed(1)} %`;
}

/** `1 day`, `2 days`. */
export function plural(count: number, singular: string): string {
  return `${grouped(count)} ${singular}${count === 1 ? '' : 's'}`;
}
