// Requests of all kinds have ids of their own: void steps, payouts and vetoes. People give as much of an id as tells it apart.
import { like } from 'drizzle-orm';
import type { Queries } from './database.ts';
import { payoutRequests, requests, vetoes } from './schema.ts';

/** The first digit of every id of a kind: peers choose those of void steps, and must not choose one of another kind. */
export const REQUEST_ID_DIGITS = { void: 'a', payout: 'b', veto: 'c' } as const;

/** The id of a request of this kind, 32 lowercase hex characters. `hex`: as many at least. */
export function requestIdOf(kind: keyof typeof REQUEST_ID_DIGITS, hex: string): string {
  return `${REQUEST_ID_DIGITS[kind]}${hex.slice(1, 32)}`;
}

/** The one id that begins so; null where none does. `beginning`: lowercase hex characters. */
export function requestIdBeginning(db: Queries, beginning: string): string | 'ambiguous' | null {
  const found = [requests, payoutRequests, vetoes].flatMap((table) =>
    db
      .select({ id: table.id })
      .from(table)
      .where(like(table.id, `${beginning}%`))
      .limit(2)
      .all(),
  );
  const [first, second] = found;
  if (second !== undefined) return 'ambiguous';
  return first?.id ?? null;
}
