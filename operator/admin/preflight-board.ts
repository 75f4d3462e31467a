// Before a key ceremony: everything that must hold at every operator, as this node can tell it without asking anybody while a page
// waits. The ceremony itself checks all of it again, at every node; this shows beforehand what it would find.
import { DKG_TIMING } from '../../ceremony/dkg/setup.ts';
import type { PreflightCheck } from '../../ceremony/messages-dkg.ts';
import { sha256, toHex } from '../../crypto/bytes.ts';
import { canonicalBytes } from '../../crypto/canonical-json.ts';
import { CERTIFICATE_DAYS_MIN, runPreflight } from '../key-ceremonies/preflight.ts';
import type { Node } from '../node.ts';
import { addressConflicts, listCards, missingCards, sharedParameters } from '../peers/federation.ts';
import { proveTlsIdentity } from '../peers/tls-self-test.ts';
import { peerReports } from '../reports.ts';
import type { CommandResults, PeerReport, PeerStatusReport } from '../runtime/command-types.ts';
import { hashWords } from './ceremony-detail.ts';
import { Lookout, type Seen } from './lookout.ts';

type Status = CommandResults['status'];
const DAY_MS = 86_400_000;
/** How old this node's own checks may be, in ms: they ask the own Bitcoin nodes. */
const OWN_FRESH_MS = 15_000;

/** One check at one operator; `ok` null: not known yet. */
export interface BoardCheck {
  readonly name: string;
  readonly ok: boolean | null;
  readonly detail: string;
}

/** One operator's checks. */
export interface BoardRow {
  readonly index: number;
  readonly name: string;
  readonly own: boolean;
  readonly ok: boolean | null;
  readonly checks: readonly BoardCheck[];
}

/** Everybody's checks. */
export interface PreflightBoard {
  readonly rows: readonly BoardRow[];
  /** Every check of everybody passes. */
  readonly isGreen: boolean;
  /** All settings and cards that must be equal, in words that operators read to each other; null while cards are missing. */
  readonly words: readonly string[] | null;
}

const lookouts = new WeakMap<Node, Lookout<readonly PreflightCheck[]>>();

/** This node's own checks, as they were seen last. */
export function ownChecks(node: Node): Promise<Seen<readonly PreflightCheck[]>> {
  const { config, bitcoin, input } = node;
  const look = (): Promise<readonly PreflightCheck[]> =>
    runPreflight({ config, bitcoin, proveTls: proveTlsIdentity }, input.effects.now());
  const lookout = lookouts.get(node) ?? new Lookout(look, input.effects, OWN_FRESH_MS);
  lookouts.set(node, lookout);
  return lookout.seen();
}

/** What is known of everybody. */
export async function preflightBoard(node: Node, status: Status): Promise<PreflightBoard> {
  const seen = await ownChecks(node);
  const cards = listCards(node.store.db);
  const { config } = node;
  const missing = missingCards(config, cards);
  const conflicts = addressConflicts(config, cards).map(({ operator, cause }) => `${operator}: ${cause}`);
  const words = missing.length > 0 ? null : parameterWords(node);
  return boardOf({
    status,
    seen,
    peers: peerReports(node).peers,
    missing,
    conflicts,
    words,
    now: node.input.effects.now(),
  });
}

/** What the board is made of. `now` in ms since 1970. */
export interface BoardFacts {
  readonly status: Status;
  readonly seen: Seen<readonly PreflightCheck[]>;
  readonly peers: readonly PeerReport[];
  readonly missing: readonly number[];
  /** Cards that disagree with the configuration, a sentence each. */
  readonly conflicts: readonly string[];
  readonly words: readonly string[] | null;
  readonly now: number;
}

/** The board of these facts. */
export function boardOf(facts: BoardFacts): PreflightBoard {
  const { status, peers, missing, words } = facts;
  const own = rowOf(status.my_index, status.name, true, ownRowChecks(facts));
  const others = Array.from({ length: status.participants }, (_, index) => index)
    .filter((index) => index !== status.my_index)
    .map((index) => {
      const card = peers.find((one) => one.index === index);
      const heard = status.peers.find((one) => one.index === index);
      return rowOf(index, card?.name ?? `operator ${index}`, false, peerChecks(facts, card, heard));
    });
  const rows = [own, ...others].sort((a, b) => a.index - b.index);
  return { rows, words, isGreen: missing.length === 0 && rows.every(({ ok }) => ok === true) };
}

function rowOf(index: number, name: string, own: boolean, checks: readonly BoardCheck[]): BoardRow {
  const states = checks.map(({ ok }) => ok);
  return { index, name, own, checks, ok: states.includes(false) ? false : states.includes(null) ? null : true };
}

function ownRowChecks({ status, seen, missing, conflicts }: BoardFacts): readonly BoardCheck[] {
  const looked: readonly BoardCheck[] = seen.value ?? [
    { name: 'own files and Bitcoin node', ok: null, detail: seen.fault ?? 'being looked at' },
  ];
  const cards =
    missing.length > 0
      ? `no card of operator ${missing.join(', ')}`
      : (conflicts[0] ?? `all ${status.participants} are here`);
  return [
    { name: 'key file open', ok: !status.sealed, detail: status.sealed ? 'this node is sealed' : 'unsealed' },
    { name: 'cards', ok: missing.length === 0 && conflicts.length === 0, detail: cards },
    ...looked,
  ];
}

function peerChecks(
  { status, now }: BoardFacts,
  card: PeerReport | undefined,
  heard: PeerStatusReport | undefined,
): readonly BoardCheck[] {
  if (card === undefined) return [{ name: 'card', ok: false, detail: 'its card is not here: add it' }];
  const days = Math.floor((Date.parse(card.certificate_expires_at) - now) / DAY_MS);
  const checks: BoardCheck[] = [
    { name: 'card', ok: true, detail: 'it is here' },
    { name: 'tls certificate', ok: days >= CERTIFICATE_DAYS_MIN, detail: `${days} days left` },
    reachable(heard),
  ];
  if (heard?.heard_at == null) return checks;
  const { version, clock_offset_ms: offset, key_id, paused_since } = heard;
  checks.push({
    name: 'version',
    ok: version === null ? null : version === status.version,
    detail: version ?? 'not told',
  });
  const clock =
    offset === null ? 'not compared yet' : `${Math.abs(offset)} ms ${offset < 0 ? 'behind' : 'ahead of'} this node`;
  checks.push({
    name: 'clock',
    ok: offset === null ? null : Math.abs(offset) <= DKG_TIMING.clockSkewMaxMs,
    detail: clock,
  });
  if (key_id !== status.key_id) {
    const detail = key_id === null ? 'it has no live key, this node has' : `it holds another live key, ${key_id}`;
    checks.push({ name: 'key', ok: false, detail });
  }
  if (paused_since !== null) checks.push({ name: 'not paused', ok: false, detail: 'it is paused' });
  return checks;
}

function reachable(heard: PeerStatusReport | undefined): BoardCheck {
  const ok = heard?.reachable ?? null;
  const detail = ok === true ? 'it answers' : ok === false ? (heard?.detail ?? 'it does not answer') : 'not asked yet';
  return { name: 'reachable', ok, detail };
}

// What a join carries: the settings that all must have alike, and every card.
function parameterWords({ config, store }: Node): readonly string[] {
  const { cards, ...settings } = sharedParameters(config, listCards(store.db));
  const text = { network: config.network, ...settings, cards: [...cards] };
  return hashWords(toHex(sha256(canonicalBytes(text))));
}
