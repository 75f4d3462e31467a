// The filter of the audit log as the address of its page has it.
import type { AuditFilter } from '../../store/audit-log.ts';

const KIND = /^[a-z0-9_]{1,64}$/;
const TEXT_CHARACTERS_MAX = 200;

/** The fields as they are written, what is wrong with them by field, and the filter; null where something is wrong. */
export interface AuditQueryVerdict {
  readonly query: {
    readonly kind: string;
    readonly text: string;
    readonly from: string;
    readonly to: string;
    readonly faults: Readonly<Record<string, string>>;
  };
  readonly filter: AuditFilter | null;
}

/** Reads the filter. Times without a zone are UTC. */
export function readAuditQuery(params: URLSearchParams): AuditQueryVerdict {
  const field = (name: string): string => (params.get(name) ?? '').trim();
  const [kind, text, from, to] = [field('kind'), field('text'), field('from'), field('to')];
  const faults: Record<string, string> = {};
  const kinds = kind === '' ? [] : kind.split(/[\s,]+/);
  if (kinds.some((one) => !KIND.test(one))) faults['kind'] = 'A kind has small letters, digits and underscores.';
  if (text.length > TEXT_CHARACTERS_MAX) faults['text'] = `Give at most ${TEXT_CHARACTERS_MAX} characters.`;
  const [since, until] = [timeOf(from), timeOf(to)];
  const notATime = 'Write a date and a time, such as 2027-03-01T14:00.';
  if (since === undefined) faults['from'] = notATime;
  if (until === undefined) faults['to'] = notATime;
  if (typeof since === 'number' && typeof until === 'number' && since >= until) {
    faults['to'] = 'This is not later than the beginning, so no entry could be of that time.';
  }
  const query = { kind, text, from, to, faults };
  if (Object.keys(faults).length > 0 || since === undefined || until === undefined) return { query, filter: null };
  return { query, filter: { kinds, since, until, text: text === '' ? null : text } };
}

// Null where none is given, undefined where it is no time.
function timeOf(text: string): number | null | undefined {
  if (text === '') return null;
  const zoned = /(Z|[+-]\d\d:\d\d)$/.test(text) ? text : text.length === 10 ? `${text}T00:00Z` : `${text}Z`;
  const at = Date.parse(zoned);
  return Number.isNaN(at) ? undefined : at;
}
