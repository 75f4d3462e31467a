// A key ceremony for the page from which it is run: every participant in every step with times, who is awaited first, what keeps
// each out of the lobby, and the transcript in words that people read to each other.
import { fromHex } from '../../crypto/bytes.ts';
import { toWords } from '../../crypto/words.ts';
import type { StepOfHistory } from '../key-ceremonies/ceremony-history.ts';
import { stepText } from '../key-ceremonies/ceremony-text.ts';
import type { Node } from '../node.ts';
import { listCards } from '../peers/federation.ts';
import { ceremonyShown } from '../reports.ts';
import type { CeremonyParticipantReport, CeremonyReport } from '../runtime/command-types.ts';

/** Most steps that stand beside each other: an attempt has about ten. */
const STEPS_SHOWN_MAX = 12;
/** As many words as a card's fingerprint has: 96 bits. */
const WORD_COUNT = 12;

/** One participant in one step. `asked`: this node waited for it. Times ISO 8601. */
export interface CeremonyCell {
  readonly state: 'not_asked' | 'awaited' | 'answered' | 'silent';
  readonly since: string | null;
  readonly until: string | null;
}

/** A participant in its row. `hindrance`: what keeps it from the lobby, as this node can tell; null where nothing does. */
export interface CeremonyRow extends CeremonyParticipantReport {
  readonly own: boolean;
  readonly hindrance: string | null;
  /** What it says of its own checks; empty outside the lobby, and until it has joined. */
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly detail: string }[];
  /** One for each of the steps. */
  readonly cells: readonly CeremonyCell[];
}

/** A ceremony with its matrix. */
export interface CeremonyDetail {
  readonly ceremony: CeremonyReport;
  readonly isUnderWay: boolean;
  readonly hasFile: boolean;
  /** The first 96 bits of the transcript's hash in words; null while there is none. */
  readonly words: readonly string[] | null;
  readonly steps: readonly { readonly step: string; readonly text: string; readonly at: string }[];
  readonly rows: readonly CeremonyRow[];
  /** Whoever is awaited longest stands first. */
  readonly awaited: readonly CeremonyRow[];
}

/** The words of a hash (hex) that two people read to each other. */
export function hashWords(hash: string): readonly string[] {
  return toWords(fromHex(hash).subarray(0, WORD_COUNT));
}

/** A ceremony that this node knows. Throws `CommandError` where it knows none of this name. */
export function ceremonyDetail(node: Node, ceremonyId: string): CeremonyDetail {
  const { ceremony, file } = ceremonyShown(node, ceremonyId);
  const ceremonies = node.online?.ceremonies ?? null;
  const waits = (ceremonies?.history(ceremonyId)?.waits() ?? [])
    .filter(({ step }) => step !== 'not_joined')
    .slice(-STEPS_SHOWN_MAX);
  const isUnderWay = ceremonies !== null && ceremonies.running(ceremonyId) !== null;
  const hindrances = ceremonies?.lobbyLines(ceremonyId) ?? new Map<number, string>();
  const checks = ceremonies?.running(ceremonyId)?.lobbyChecks() ?? new Map();
  const rows = participantsOf(node, ceremony, file).map(
    (one): CeremonyRow => ({
      ...one,
      own: one.index === node.config.myIndex,
      hindrance: hindrances.get(one.index)?.replace(`operator ${one.index} (${one.name}): `, '') ?? null,
      checks: checks.get(one.index) ?? [],
      cells: waits.map((step, at) => cellOf(step, one.index, isUnderWay && at === waits.length - 1)),
    }),
  );
  const awaited = rows
    .filter(({ state, since }) => state === 'awaited' && since !== null)
    .sort((a, b) => (a.since ?? '').localeCompare(b.since ?? ''));
  return {
    ceremony: { ...ceremony, detail: stepText(ceremony.detail, ceremony.rehearsal) },
    ...{ isUnderWay, hasFile: file !== null, rows, awaited },
    words: ceremony.transcript_hash === null ? null : hashWords(ceremony.transcript_hash),
    steps: waits.map(({ step, at }) => ({ step, text: stepText(step, ceremony.rehearsal), at: iso(at) })),
  };
}

// A ceremony that is over is asked for nothing any more: whoever took part is in its transcript.
function participantsOf(
  node: Node,
  ceremony: CeremonyReport,
  file: Readonly<Record<string, unknown>> | null,
): readonly CeremonyParticipantReport[] {
  if (ceremony.participants.length > 0) return ceremony.participants;
  if (file === null) return [];
  return listCards(node.store.db).map(({ index, name }) => ({ index, name, state: 'done', detail: '', since: null }));
}

function cellOf({ waits }: StepOfHistory, index: number, isNow: boolean): CeremonyCell {
  const wait = waits.get(index);
  if (wait === undefined) return { state: 'not_asked', since: null, until: null };
  const since = iso(wait.since);
  if (wait.until !== null) return { state: 'answered', since, until: iso(wait.until) };
  return { state: isNow ? 'awaited' : 'silent', since, until: null };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}

/** A ceremony in which peers wait, and which this node has not joined. */
export interface CeremonyElsewhere {
  readonly ceremony_id: string;
  readonly rehearsal: boolean;
  readonly operators: readonly string[];
}

/** Ceremonies in which peers wait for this node. */
export function ceremoniesElsewhere(node: Node): readonly CeremonyElsewhere[] {
  const names = new Map(listCards(node.store.db).map(({ index, name }) => [index, name]));
  const found = new Map<string, CeremonyElsewhere>();
  for (const { index, ceremonyId, rehearsal } of node.online?.ceremonies.waitingElsewhere() ?? []) {
    const operator = `operator ${index} (${names.get(index) ?? 'unknown'})`;
    const before = found.get(ceremonyId)?.operators ?? [];
    found.set(ceremonyId, { ceremony_id: ceremonyId, rehearsal, operators: [...before, operator] });
  }
  return [...found.values()];
}

const OVER: ReadonlySet<string> = new Set(['done', 'destroyed', 'abandoned']);

/** The name to suggest for the next ceremony: one that is not used up. All operators give the same, and know the same ones. */
export function nextCeremonyId(ceremonies: readonly CeremonyReport[], rehearsal: boolean): string {
  const isUsedUp = (id: string): boolean =>
    ceremonies.some((one) => one.ceremony_id === id && (one.rehearsal !== rehearsal || OVER.has(one.phase)));
  for (let number = 1; ; number++) {
    const id = rehearsal ? `practice-${number}` : number === 1 ? 'initial-dkg' : `initial-dkg-${number}`;
    if (!isUsedUp(id)) return id;
  }
}
