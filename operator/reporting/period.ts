// The time that a report is about: whole calendar days of UTC, so that all operators' reports of one period are about the same
// time, whatever their machines' zones.

const DAY_MS = 86_400_000;
/** Days that one report may span. */
export const PERIOD_DAYS_MAX = 366;
/** 1970-01-05 was a Monday. */
const FIRST_MONDAY = 4;

/** Days since 1970, first and last, both included. */
export interface Period {
  readonly firstDay: number;
  readonly lastDay: number;
}

/** A period, or in a sentence why a text is none. */
export type PeriodVerdict =
  | { readonly ok: true; readonly period: Period }
  | { readonly ok: false; readonly detail: string };

/**
 * `daily`: yesterday; `weekly`: the last whole week, Monday to Sunday; `monthly`: the last whole month; or `FROM..TO`, two dates
 * (2026-03-01), both included, or one date for both. `now` in ms since 1970.
 */
export function readPeriod(text: string, now: number): PeriodVerdict {
  const today = Math.floor(now / DAY_MS);
  if (text === 'daily') return { ok: true, period: { firstDay: today - 1, lastDay: today - 1 } };
  if (text === 'weekly') {
    const monday = today - ((((today - FIRST_MONDAY) % 7) + 7) % 7);
    return { ok: true, period: { firstDay: monday - 7, lastDay: monday - 1 } };
  }
  if (text === 'monthly') {
    const date = new Date(now);
    const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
    const firstDay = Date.UTC(year, month - 1, 1) / DAY_MS;
    return { ok: true, period: { firstDay, lastDay: Date.UTC(year, month, 1) / DAY_MS - 1 } };
  }
  const [from = '', to = from, ...more] = text.split('..');
  const [firstDay, lastDay] = [dayNumber(from), dayNumber(to)];
  if (firstDay === null || lastDay === null || more.length > 0) {
    return refused('Give daily, weekly, monthly, or FROM..TO with dates such as 2026-03-01..2026-03-31.');
  }
  if (lastDay < firstDay) return refused('Its end is before its beginning.');
  if (lastDay > today) return refused(`${to} is in the future: today is ${dateOf(today)} (UTC).`);
  if (lastDay - firstDay >= PERIOD_DAYS_MAX) return refused(`A report spans at most ${PERIOD_DAYS_MAX} days.`);
  return { ok: true, period: { firstDay, lastDay } };
}

/** The date of a day, as 2026-03-01. */
export function dateOf(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10);
}

// Null where it is no date of the calendar.
function dayNumber(text: string): number | null {
  if (!/^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(text)) return null;
  const at = Date.parse(`${text}T00:00:00Z`);
  return Number.isNaN(at) || at < 0 || dateOf(at / DAY_MS) !== text ? null : at / DAY_MS;
}

function refused(detail: string): PeriodVerdict {
  return { ok: false, detail };
}
