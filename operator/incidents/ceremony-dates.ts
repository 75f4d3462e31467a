// When the key ceremony is to be held: proposals with a second date, and each operator's answer to them. Pure but for reading.
import type { Queries } from '../../store/database.ts';
import { entriesOfThread, proposedDates, type StoredEntry } from '../../store/timeline.ts';

/** Most proposals that are looked at; the newest count. */
const PROPOSALS_MAX = 20;

/** What an operator answered, the last time it did; its own proposal is one that it accepts. */
export interface DateAnswer {
  readonly index: number;
  readonly answer: 'accepted' | 'refused' | null;
  readonly reason: string | null;
  readonly at: number | null;
}

/** A proposed date. `agreed`: every operator accepts it. Times in ms since 1970. */
export interface CeremonyDate {
  readonly id: string;
  readonly ceremonyId: string | null;
  readonly firstAt: number;
  readonly backupAt: number;
  readonly proposedBy: number;
  readonly proposedAt: number;
  readonly answers: readonly DateAnswer[];
  readonly accepted: number;
  readonly agreed: boolean;
}

/** The proposals whose second date is not over, the newest first. */
export function ceremonyDates(db: Queries, participants: number, now: number): readonly CeremonyDate[] {
  return proposedDates(db, now, PROPOSALS_MAX).map((proposal) => dateFrom(db, proposal, participants));
}

/** The date that counts: the newest that all accept, else the newest proposal; null where there is none. */
export function currentDate(dates: readonly CeremonyDate[]): CeremonyDate | null {
  return dates.find(({ agreed }) => agreed) ?? dates[0] ?? null;
}

function dateFrom(db: Queries, proposal: StoredEntry, participants: number): CeremonyDate {
  const { thread: id, author: proposedBy, at: proposedAt, ceremonyId, firstAt, backupAt } = proposal;
  const entries = entriesOfThread(db, id);
  const answers = Array.from({ length: participants }, (_, index): DateAnswer => {
    const last = entries.findLast(
      ({ author, kind }) => author === index && (kind === 'accepted' || kind === 'refused'),
    );
    if (last !== undefined) {
      return { index, answer: last.kind === 'refused' ? 'refused' : 'accepted', reason: last.text, at: last.at };
    }
    const isProposer = index === proposedBy;
    return { index, answer: isProposer ? 'accepted' : null, reason: null, at: isProposer ? proposedAt : null };
  });
  const accepted = answers.filter(({ answer }) => answer === 'accepted').length;
  const dates = { firstAt: firstAt ?? 0, backupAt: backupAt ?? 0 };
  return { id, ceremonyId, ...dates, proposedBy, proposedAt, answers, accepted, agreed: accepted === participants };
}
