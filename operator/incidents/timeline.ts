// The timeline over the network: each operator tells every other what it says itself, again and again until each has answered.
// Which peer has what is kept in memory alone, and forgotten after an hour, at a restart of either side, and with a lost database:
// then the newest entries are told again, and whoever has them answers at once.
import { toHex } from '../../crypto/bytes.ts';
import type { Queries } from '../../store/database.ts';
import { newestEntriesOf, recordEntry, type StoredEntry, type TimelineEntry } from '../../store/timeline.ts';
import type { OperatorConfig } from '../config/config.ts';
import type { PeerClient } from '../peers/deliver.ts';
import {
  TIMELINE_ENTRIES_MAX,
  type TimelineAnnouncement,
  type TimelineAnswer,
  type ToldEntry,
  timelineSchemas,
} from '../peers/messages-timeline.ts';
import { CommandError } from '../runtime/command-error.ts';
import type { Effects } from '../runtime/effects.ts';
import { errorText, type Log } from '../runtime/log.ts';

/** How many of the own newest entries every peer is to have. */
const TOLD_ENTRIES_MAX = 100;
const TELL_TIMEOUT_MS = 5_000;
/** How long a peer that did not answer, or that refused, is left alone, in ms. */
const AGAIN_MS = { regtest: 1_000, other: 15_000 } as const;
const REFUSED_AGAIN_MS = 600_000;
const FORGOTTEN_MS = 3_600_000;
const SAME_MOMENT_MS = 1_000;

/** What it works with. */
export interface TimelineInput {
  readonly config: Pick<OperatorConfig, 'myIndex' | 'network'>;
  readonly db: Queries;
  readonly client: PeerClient;
  readonly peers: () => Iterable<number>;
  readonly effects: Pick<Effects, 'now' | 'monotonic'>;
  readonly log: Log;
}

/** What a peer has, as far as this process knows. Times by the monotonic clock. */
interface Told {
  boot: string | null;
  since: number;
  readonly has: Set<string>;
  notBefore: number;
  detail: string;
  running: Promise<void> | null;
}

/** A peer that lacks something this operator said, and why. */
export interface Untold {
  readonly index: number;
  readonly detail: string;
}

/** Tells what this operator says, and takes what others say. */
export class TimelineExchange {
  readonly #input: TimelineInput;
  readonly #told = new Map<number, Told>();
  #closed = false;

  constructor(input: TimelineInput) {
    this.#input = input;
  }

  /** Tells every peer now what it lacks, and resolves when each has answered or failed to. Never rejects. */
  async tell(): Promise<void> {
    await Promise.all([...this.#input.peers()].map((index) => this.#tell(index)));
  }

  /** Tells those whose time has come. Never rejects. */
  async round(): Promise<void> {
    const now = this.#input.effects.monotonic();
    const due = [...this.#input.peers()].filter((index) => {
      const told = this.#told.get(index);
      return told === undefined || (told.running === null && now >= told.notBefore);
    });
    await Promise.all(due.map((index) => this.#tell(index)));
  }

  /** The peers that do not have an entry, or one of the newest entries. */
  untold(id: string | null = null): readonly Untold[] {
    const ids = id === null ? this.#own().map((entry) => entry.id) : [id];
    return [...this.#input.peers()].flatMap((index) => {
      const told = this.#told.get(index);
      if (ids.every((one) => told?.has.has(one) === true)) return [];
      return [{ index, detail: told?.detail || 'not asked yet' }];
    });
  }

  /** Takes what a peer says. */
  take(from: number, { entries }: TimelineAnnouncement): TimelineAnswer {
    const { db, effects, log } = this.#input;
    const refused: { id: string; reason: TimelineAnswer['refused'][number]['reason'] }[] = [];
    for (const told of entries) {
      const { id, thread, kind } = told;
      const verdict = recordEntry(db, asEntry(from, told), effects.now());
      if (verdict === 'timeline_limit') log('warn', 'timeline_of_peer_full', { peer: from });
      if (verdict !== 'kept' && verdict !== 'known') refused.push({ id, reason: verdict });
      if (verdict !== 'kept') continue;
      if (told.kind === 'opened') log('warn', 'incident_opened', { from, incident: thread, level: told.level });
      else log('info', 'timeline_entry', { from, thread, kind });
    }
    return { refused };
  }

  /** Ends it: the store may be closed after this. */
  close(): void {
    this.#closed = true;
  }

  #own(): readonly StoredEntry[] {
    const { db, config } = this.#input;
    return newestEntriesOf(db, config.myIndex, TOLD_ENTRIES_MAX);
  }

  #tell(index: number): Promise<void> {
    const told = this.#toldTo(index);
    // One that is under way may have begun before the newest entry.
    const before = told.running ?? Promise.resolve();
    const running = before
      .then(() => this.#tellAll(index, told))
      .catch((error: unknown) =>
        this.#input.log('error', 'announcement_failed', { to: index, detail: errorText(error) }),
      )
      .finally(() => {
        if (told.running === running) told.running = null;
      });
    told.running = running;
    return running;
  }

  async #tellAll(index: number, told: Told): Promise<void> {
    if (this.#closed) return;
    const { client, effects, config } = this.#input;
    const again = config.network === 'regtest' ? AGAIN_MS.regtest : AGAIN_MS.other;
    let untold = this.#own().filter(({ id }) => !told.has.has(id));
    told.notBefore = effects.monotonic() + again;
    while (untold.length > 0) {
      const entries = untold.slice(0, TIMELINE_ENTRIES_MAX);
      untold = untold.slice(entries.length);
      const message = { ceremony: '', type: 'announce_timeline', body: { entries: entries.map(toldForm) } };
      const result = await client.send(index, message, { timeoutMs: TELL_TIMEOUT_MS });
      const answer = result.ok ? timelineSchemas.timeline_answer.safeParse(result.messages[0]?.body).data : undefined;
      if (!result.ok || answer === undefined) {
        told.detail = result.ok ? 'gave no answer to it' : result.detail;
        return;
      }
      // Another start of the peer may have another database.
      if (told.boot !== null && told.boot !== result.boot) told.has.clear();
      told.boot = result.boot;
      const refused = new Map(answer.refused.map(({ id, reason }) => [id, reason]));
      for (const { id } of entries) if (!refused.has(id)) told.has.add(id);
      const [reason] = refused.values();
      if (reason === undefined) continue;
      told.detail = `it refused an entry: ${reason}`;
      told.notBefore = effects.monotonic() + REFUSED_AGAIN_MS;
    }
  }

  #toldTo(index: number): Told {
    const now = this.#input.effects.monotonic();
    const known = this.#told.get(index);
    if (known !== undefined) {
      if (now - known.since >= FORGOTTEN_MS) {
        known.has.clear();
        known.since = now;
      }
      return known;
    }
    const told: Told = { boot: null, since: now, has: new Set(), notBefore: 0, detail: '', running: null };
    this.#told.set(index, told);
    return told;
  }
}

/** What an operator says, without what the store adds. */
export type Said = Pick<TimelineEntry, 'kind' | 'text'> &
  Partial<Pick<TimelineEntry, 'thread' | 'level' | 'ceremonyId' | 'firstAt' | 'backupAt'>>;

/** Writes down what this node's own operator says. Throws `CommandError` where peers would not take it. */
export function say(
  {
    db,
    config,
    effects,
  }: { db: Queries; config: Pick<OperatorConfig, 'myIndex'>; effects: Pick<Effects, 'now' | 'random'> },
  said: Said,
): TimelineEntry {
  const { thread = `${config.myIndex}-${toHex(effects.random(4))}`, kind, text } = said;
  const { level = null, ceremonyId = null, firstAt = null, backupAt = null } = said;
  const now = effects.now();
  // What one operator says within a millisecond keeps its order.
  const before = newestEntriesOf(db, config.myIndex, 1)[0]?.at ?? 0;
  const at = before >= now && before - now < SAME_MOMENT_MS ? before + 1 : now;
  const id = toHex(effects.random(16));
  const entry = { author: config.myIndex, id, thread, kind, text, level, ceremonyId, firstAt, backupAt, at };
  const verdict = recordEntry(db, entry, now);
  if (verdict === 'kept') return entry;
  if (verdict === 'timeline_limit') {
    const flaw = 'this operator has said so much, within a day or of this one thing, that peers take no more';
    const remedy =
      'call the others (`mpc_operator contacts`), and go on with an incident that has room, or close this one';
    throw new CommandError(verdict, `${flaw}: ${remedy}`);
  }
  throw new CommandError(verdict, 'it cannot be written down now: try again');
}

function asEntry(author: number, told: ToldEntry): TimelineEntry {
  const { id, thread, kind, at } = told;
  const nothing = { level: null, ceremonyId: null, firstAt: null, backupAt: null };
  const common = { ...nothing, author, id, thread, kind, at };
  if (told.kind === 'scheduled') {
    const { ceremony_id: ceremonyId, first_at: firstAt, backup_at: backupAt } = told;
    return { ...common, text: '', ceremonyId, firstAt, backupAt };
  }
  return { ...common, text: told.text, level: told.kind === 'opened' ? told.level : null };
}

function toldForm({ id, thread, kind, text, level, ceremonyId, firstAt, backupAt, at }: StoredEntry) {
  const common = { id, thread, kind, at };
  if (kind === 'scheduled') return { ...common, ceremony_id: ceremonyId, first_at: firstAt, backup_at: backupAt };
  return kind === 'opened' ? { ...common, level, text } : { ...common, text };
}
