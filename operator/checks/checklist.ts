// `checklist`: the ceremony's checklist of the launch instructions (Appendix B). Each box is ticked by what the node can see, and
// two boxes by a person as well, as long as the operator cards are those of then.
import type { PreflightCheck } from '../../ceremony/messages-dkg.ts';
import type { Confirmation } from '../../store/checklist.ts';
import type { ConfirmedBox } from '../../store/schema-checklist.ts';
import type { ChecklistBox, CheckReport, CheckVerdict } from '../runtime/check-command-types.ts';
import type { CeremonyDateReport } from '../runtime/command-types.ts';
import type { Problem } from '../runtime/problems.ts';
import type { Facts, PeerFact } from './facts.ts';

/** What the boxes are judged by. `cards`: the hash of all cards now; `preflight`: this node's own. */
export interface ChecklistInput {
  readonly facts: Facts;
  readonly checks: readonly CheckReport[];
  readonly preflight: readonly PreflightCheck[];
  readonly problems: readonly Problem[];
  readonly monitoring: MonitoringFacts;
  readonly confirmations: Readonly<Record<ConfirmedBox, Confirmation | null>>;
  readonly cards: string;
  /** The date of the key ceremony that counts; null where none was proposed. */
  readonly date: CeremonyDateReport | null;
}

/** `readAgoMs`: since the metrics were read last, null: never; `alertmanager`: why it is not ready, null where it is. */
export interface MonitoringFacts {
  readonly readAgoMs: number | null;
  readonly alertmanager: string | null;
}

/** Prometheus reads every 15 s as the launch instructions set it; a few may be missed. */
export const METRICS_READ_MS_MAX = 2 * 60_000;
/** Nodes hear of a block at different times. */
const BLOCKS_APART_MAX = 3;
const SENTENCE_MAX = 160;

type Item = ChecklistBox['items'][number];
interface Box {
  readonly box: ChecklistBox['box'];
  readonly title: string;
  readonly items: readonly Item[];
}

/** The nine boxes, in the order of the launch instructions. */
export function judgeChecklist(input: ChecklistInput): readonly ChecklistBox[] {
  const boxes: readonly Box[] = [
    { box: 'operators', title: 'All operators are available and ready', items: operatorItems(input) },
    { box: 'systems', title: 'All systems are up-to-date and functioning', items: systemItems(input) },
    {
      box: 'channel',
      title: 'Secure communication channel is established',
      items: checkItems(input, ['peer_cards', 'peers_answer', 'certificate_pin']),
    },
    { box: 'backups', title: 'Backup procedures are in place', items: checkItems(input, ['key_backup', 'drill']) },
    { box: 'emergency', title: 'Emergency procedures are documented', items: [] },
    { box: 'bitcoin', title: 'Bitcoin nodes are fully synced', items: bitcoinItems(input) },
    { box: 'network', title: 'Network connectivity is verified', items: networkItems(input) },
    { box: 'monitoring', title: 'Monitoring is active', items: monitoringItems(input) },
    { box: 'security', title: 'Security measures are in place', items: securityItems(input) },
  ];
  return boxes.map((box) => judged(box, input));
}

function judged({ box, title, items }: Box, { confirmations, cards }: ChecklistInput): ChecklistBox {
  const isConfirmed = box === 'channel' || box === 'emergency';
  const found = isConfirmed ? confirmations[box] : null;
  const confirmation =
    found === null
      ? null
      : { at: new Date(found.at).toISOString(), by: found.by, note: found.note, is_current: found.cards === cards };
  const isComplete = items.every(({ ok }) => ok) && (!isConfirmed || confirmation?.is_current === true);
  const action = !isConfirmed || confirmation?.is_current === true ? null : CONFIRM[box];
  return { box, title, ticked: isComplete, items, needs_confirmation: isConfirmed, confirmation, action };
}

const CONFIRM: Readonly<Record<ConfirmedBox, string>> = {
  channel:
    'read the fingerprints of `peer list` aloud with every operator, then run: mpc_operator checklist confirm channel --note TEXT',
  emergency:
    'agree with all operators who does what in an emergency, then run: mpc_operator checklist confirm emergency --note TEXT',
};

function operatorItems({ facts, date }: ChecklistInput): readonly Item[] {
  const { peers, process } = facts;
  const own = process !== null && facts.ownPhase === 'live';
  return [
    item(own, own ? 'this node is live' : 'this node is not live: run `mpc_operator server`, and unseal it'),
    ...peers.map((peer) =>
      item(
        peer.reachable === true && peer.phase === 'live',
        `operator ${peer.index} (${peer.name}): ${readiness(peer)}`,
      ),
    ),
    ...(facts.key === null && date !== null ? [dateItem(date)] : []),
  ];
}

// Operators may agree on a date by other means; one that was proposed here has to be accepted by all.
function dateItem({ at, accepted, participants, agreed }: CeremonyDateReport): Item {
  const remedy = agreed ? '' : ': see `mpc_operator ceremony schedule show`';
  return item(agreed, `the key ceremony is on ${at}, accepted by ${accepted} of ${participants}${remedy}`);
}

function readiness({ hasCard, reachable, phase, detail }: PeerFact): string {
  if (!hasCard) return 'its card is missing';
  if (reachable === null) return 'not asked';
  if (!reachable) return `does not answer (${detail})`;
  return phase ?? 'answers, but has not said whether it is live';
}

// Before a ceremony there is no key, which is what the ceremony is for.
function systemItems({ facts, preflight, problems }: ChecklistInput): readonly Item[] {
  const { peers, version } = facts;
  const others = peers.filter((peer) => peer.version !== version);
  const grave = problems.filter(({ severity, code }) => severity !== 'warning' && code !== 'no_key');
  const [first] = grave;
  return [
    ...preflight.map(({ name, ok, detail }) => item(ok, `${name}: ${detail}`)),
    item(
      others.length === 0,
      others.length === 0
        ? `version ${version} everywhere`
        : `version ${version} here; ${others.map((peer) => `operator ${peer.index}: ${peer.version ?? 'not known'}`).join(', ')}`,
    ),
    item(
      first === undefined,
      first === undefined
        ? '`status` shows no error'
        : `\`status\` shows ${grave.length === 1 ? 'a problem' : `${grave.length} problems`}: ${first.subject}, ${first.cause}`,
    ),
  ];
}

function bitcoinItems(input: ChecklistInput): readonly Item[] {
  const { peers, bitcoinHeight } = input.facts;
  return [
    ...checkItems(input, ['bitcoin_version', 'bitcoin_sync', 'bitcoin_index']),
    ...peers.map(({ index, bitcoinHeight: height }) => {
      const isNear = height !== null && bitcoinHeight !== null && Math.abs(height - bitcoinHeight) <= BLOCKS_APART_MAX;
      const own = bitcoinHeight === null ? 'not known' : `${bitcoinHeight}`;
      return item(isNear, `operator ${index}: block ${height ?? 'not known'}, here ${own}`);
    }),
  ];
}

// A slow line is a warning of security-check; here it counts that every line was tried.
function networkItems(input: ChecklistInput): readonly Item[] {
  const { peers } = input.facts;
  return [
    ...checkItems(input, ['listen_peers', 'peers_answer']),
    ...checkItems(input, ['clock'], ['pass', 'warn']),
    ...peers.map(({ index, latencyMs }) =>
      item(
        latencyMs !== null,
        `operator ${index}: ${latencyMs === null ? 'no round trip' : `${Math.ceil(latencyMs)} ms`}`,
      ),
    ),
  ];
}

function monitoringItems({ monitoring: { readAgoMs, alertmanager } }: ChecklistInput): readonly Item[] {
  const isRead = readAgoMs !== null && readAgoMs <= METRICS_READ_MS_MAX;
  const ago = readAgoMs === null ? 'never since the start' : `${Math.round(readAgoMs / 1000)} s ago`;
  return [
    item(isRead, `the metrics were read ${ago}${isRead ? '' : ': start Prometheus, with this node among its targets'}`),
    item(alertmanager === null, alertmanager ?? 'Alertmanager is ready'),
  ];
}

function securityItems({ checks }: ChecklistInput): readonly Item[] {
  const failed = checks.filter(({ verdict }) => verdict === 'fail');
  if (failed.length === 0) return [item(true, `none of ${checks.length} checks of \`security-check\` fails`)];
  return failed.map(({ title, seen }) => item(false, `${title}: ${seen}`));
}

function checkItems(
  { checks }: ChecklistInput,
  ids: readonly string[],
  allowed: readonly CheckVerdict[] = ['pass'],
): readonly Item[] {
  return ids.map((id) => {
    const found = checks.find((check) => check.id === id);
    if (found === undefined) throw new Error(`there is no check ${id}`);
    return item(allowed.includes(found.verdict), `${found.title}: ${found.seen}`);
  });
}

function item(ok: boolean, text: string): Item {
  return { ok, text: text.length <= SENTENCE_MAX ? text : `${text.slice(0, SENTENCE_MAX - 1)}…` };
}
