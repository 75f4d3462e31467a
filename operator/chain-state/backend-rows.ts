// What the operator's own Bitcoin or Wire nodes answered last, one row for each: for `status`, which must not wait for a node
// that hangs and says how old its knowledge is instead.
import type { Effects } from '../runtime/effects.ts';
import type { BackendReport } from '../runtime/peer-reports.ts';

/** A node that is asked and says nothing for so long counts as not answering, in ms; one that never answered, earlier. */
export const SILENT_MS = 5_000;
const SILENT_AT_FIRST_MS = 1_000;

/** What a node answered, or why it did not. */
export type BackendAnswer = Pick<BackendReport, 'ok' | 'height' | 'detail'>;

interface Row {
  readonly url: string;
  answer: BackendAnswer | null;
  /** In ms since 1970: its last answer that was well, and since when there is none. */
  answeredAt: number | null;
  badSince: number | null;
  /** When it was asked what it has not answered yet; `measuredAt` by the monotonic clock. */
  awaited: { readonly at: number; readonly measuredAt: number } | null;
}

/** The rows of several nodes, in the order of the configuration. */
export class BackendRows {
  readonly #clocks: Pick<Effects, 'now' | 'monotonic'>;
  readonly #rows: readonly Row[];

  constructor(urls: readonly string[], clocks: Pick<Effects, 'now' | 'monotonic'>) {
    this.#clocks = clocks;
    this.#rows = urls.map((url) => ({ url, answer: null, answeredAt: null, badSince: null, awaited: null }));
  }

  /** All are being asked. */
  asked(): void {
    const awaited = { at: this.#clocks.now(), measuredAt: this.#clocks.monotonic() };
    for (const row of this.#rows) row.awaited = awaited;
  }

  /** The node at a place has answered, or failed to. */
  heard(place: number, answer: BackendAnswer): void {
    const row = this.#rows[place];
    if (row === undefined) return;
    if (answer.ok) row.answeredAt = this.#clocks.now();
    row.badSince = answer.ok ? null : (row.badSince ?? row.awaited?.at ?? this.#clocks.now());
    row.answer = answer;
    row.awaited = null;
  }

  /** One report for each. */
  reports(): readonly BackendReport[] {
    return this.#rows.map((row) => {
      const { url, answer, awaited } = row;
      const answered_at = row.answeredAt === null ? null : new Date(row.answeredAt).toISOString();
      const since = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());
      const waited = awaited === null ? 0 : this.#clocks.monotonic() - awaited.measuredAt;
      const height = answer?.height ?? null;
      if (waited > (answer === null ? SILENT_AT_FIRST_MS : SILENT_MS)) {
        const detail = `no answer for ${(waited / 1000).toFixed(1)} s`;
        return { url, ok: false, height, detail, answered_at, since: since(row.badSince ?? awaited?.at ?? null) };
      }
      if (answer === null) return { url, ok: false, height, detail: 'not asked yet', answered_at, since: null };
      return { url, ...answer, answered_at, since: since(row.badSince) };
    });
  }
}
