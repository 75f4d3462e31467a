// `checklist` and `checklist confirm` at a node: what the boxes are judged by, and what a person has seen.
import { sha256, toHex } from '../../crypto/bytes.ts';
import { encodeCard } from '../../crypto/operator-card.ts';
import { confirmBox, newestConfirmation } from '../../store/checklist.ts';
import type { Queries } from '../../store/database.ts';
import type { Person } from '../accounts/accounts.ts';
import { ceremonyDateReport } from '../incident-commands.ts';
import { runPreflight } from '../key-ceremonies/preflight.ts';
import type { Node } from '../node.ts';
import { listCards, missingCards } from '../peers/federation.ts';
import { proveTlsIdentity } from '../peers/tls-self-test.ts';
import { CommandError } from '../runtime/command-error.ts';
import type { CommandParams, CommandResults } from '../runtime/command-types.ts';
import { metricsReadAt } from '../status/metrics.ts';
import { judgeChecklist, type MonitoringFacts } from './checklist.ts';
import { gatherFacts } from './collect-facts.ts';
import { CHECKS } from './security-check.ts';
import { judged } from './verdicts.ts';

const ALERTMANAGER_MS_MAX = 2_000;

/** The nine boxes as they stand now. */
export async function checklist(node: Node): Promise<CommandResults['checklist']> {
  const { config, bitcoin, input, store } = node;
  const [facts, preflight, monitoring] = await Promise.all([
    gatherFacts(node),
    runPreflight({ config, bitcoin, proveTls: proveTlsIdentity }, input.effects.now()),
    monitoringFacts(node),
  ]);
  const boxes = judgeChecklist({
    ...{ facts, preflight, monitoring, problems: facts.problems, checks: judged(CHECKS, facts) },
    confirmations: {
      channel: newestConfirmation(store.db, 'channel'),
      emergency: newestConfirmation(store.db, 'emergency'),
    },
    cards: cardsHash(store.db),
    date: ceremonyDateReport(node),
  });
  return { boxes, ticked: boxes.filter(({ ticked }) => ticked).length, total: boxes.length };
}

/** Ticks a box that no machine can see. Throws `CommandError` where cards are missing: with whom was it agreed then? */
export function confirmChecklist(
  { config, store, input }: Node,
  { box, note }: CommandParams<'checklist-confirm'>,
  { actor = null }: { readonly actor?: Person | null },
): CommandResults['checklist-confirm'] {
  const missing = missingCards(config, listCards(store.db));
  if (missing.length > 0) {
    const whose = `the card of operator ${missing.join(', ')} is missing`;
    throw new CommandError(
      'card_missing',
      `${whose}, and a confirmation is for all: run \`mpc_operator peer add CARD\``,
    );
  }
  const at = input.effects.now();
  const by = actor?.user ?? null;
  confirmBox(store.db, { box, note, by, at, cards: cardsHash(store.db) });
  return { box, note, by, at: new Date(at).toISOString() };
}

// A card that changes is another operator than the one that was spoken with.
function cardsHash(db: Queries): string {
  return toHex(sha256(...listCards(db).map((card) => sha256(encodeCard(card)))));
}

async function monitoringFacts(node: Node): Promise<MonitoringFacts> {
  const { config, input } = node;
  const readAt = metricsReadAt(node);
  return {
    readAgoMs: readAt === null ? null : input.effects.now() - readAt,
    alertmanager: await alertmanagerFault(config.alertmanagerUrl),
  };
}

async function alertmanagerFault(url: string): Promise<string | null> {
  const remedy = 'start it, or set "alertmanager_url"';
  try {
    const signal = AbortSignal.timeout(ALERTMANAGER_MS_MAX);
    const answer = await fetch(`${url}/-/ready`, { redirect: 'manual', proxy: false, signal });
    await answer.body?.cancel();
    return answer.ok ? null : `Alertmanager at ${url} is not ready (HTTP ${answer.status})`;
  } catch {
    return `Alertmanager at ${url} does not answer: ${remedy}`;
  }
}
