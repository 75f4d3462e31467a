// `peer add CARD…`: takes the cards of other operators. All of them are read and validated before the first is added, so a
// bad one among several leaves nothing half done.
import type { Command } from 'commander';
import { cardFingerprint, OPERATOR_CARD_BYTES_MAX, type OperatorCard, parseCard } from '../crypto/operator-card.ts';
import type { OperatorConfig } from '../operator/config/config.ts';
import type { AddedCard } from '../operator/runtime/command-types.ts';
import { type Cli, callNode, plainJson } from './call.ts';
import { CliError, UsageError } from './errors.ts';
import { readInput } from './files.ts';
import { renderTable } from './output.ts';
import { addExamples } from './program.ts';

interface AddFlags {
  readonly replace?: boolean;
}

interface FoundCard {
  readonly source: string;
  readonly card: OperatorCard;
}

// Generous: white space around a card is allowed.
const INPUT_BYTES_MAX = 2 * OPERATOR_CARD_BYTES_MAX;

export function registerPeerAdd(peer: Command, cli: Cli): void {
  const command = peer
    .command('add')
    .description('Add the cards of other operators; then compare their fingerprints by voice.')
    .argument('<card...>', "files that `peer export` wrote; '-' is standard input")
    .option('--replace', "replace a card that this node has already, such as after an operator's new certificate")
    .action((sources: string[], flags: AddFlags) => addCards(cli, sources, flags.replace === true));
  addExamples(
    command,
    'mpc_operator peer add card-1.json card-2.json',
    'cat card-1.json | mpc_operator peer add -',
    'mpc_operator peer add --replace card-1.json',
  );
}

async function addCards(cli: Cli, sources: readonly string[], replace: boolean): Promise<void> {
  const { context } = cli;
  if (sources.filter((source) => source === '-').length > 1) {
    throw new UsageError("'-' stands for standard input and can be given once only.");
  }
  const cards: FoundCard[] = [];
  for (const source of sources) cards.push(await readCard(cli, source));
  const problems = setProblems(cards, context.config());
  if (problems.length === 0) problems.push(...(await placesTaken(cli, cards, replace)));
  failWith(cli, problems);

  const [card = {}, ...more] = cards.map((found) => ({ ...found.card }));
  // In one call, so that whoever adds them signs in once.
  const { more: others = [], ...first } = await callNode(cli, 'peer-add', {
    ...{ card, replace },
    ...(more.length > 0 && { more }),
  });
  const added: readonly AddedCard[] = [first, ...others];
  context.output.result(plainJson(added), () => addedText(added));
  context.output.note('Read the words aloud with each operator, on a line where you know the voice.');
  context.output.note(
    'They must be the words that `mpc_operator peer export` shows there; if not, stop and find out why.',
  );
  context.output.note(await nextStep(cli, added));
}

async function nextStep(cli: Cli, added: readonly AddedCard[]): Promise<string> {
  const { missing } = await callNode(cli, 'peer-list', {});
  if (missing.length > 0) return `Next: add the cards that are missing, of index ${missing.join(', ')}.`;
  // A new card of a known operator is that of a new certificate, long after the keys were made.
  if (added.some(({ replaced }) => replaced)) return 'Next: mpc_operator test-communication';
  return 'All cards are here. Next, with all operators at the agreed time: mpc_operator dkg --ceremony-id initial-dkg';
}

async function readCard({ context }: Cli, source: string): Promise<FoundCard> {
  const verdict = parseCard(await readInput(context, source, INPUT_BYTES_MAX));
  const name = source === '-' ? 'Standard input' : source;
  if (!verdict.ok)
    throw new CliError(
      `${name} is not a valid operator card: ${verdict.detail}. Nothing was added. Ask its operator for the file that \`peer export\` wrote, sent as an attachment.`,
    );
  return { source: name, card: verdict.card };
}

/** What is wrong with the cards as a set and against the configuration, a sentence each. */
function setProblems(cards: readonly FoundCard[], config: OperatorConfig): string[] {
  const seen = new Map<number, string>();
  return cards.flatMap(({ source, card }) => {
    const earlier = seen.get(card.index);
    seen.set(card.index, source);
    if (earlier !== undefined) return [`${source} and ${earlier} are both cards of index ${card.index}.`];
    if (card.network !== config.network) {
      return [`${source} is a card for ${card.network}, but this node is on ${config.network}.`];
    }
    const address = config.partyAddresses[card.index];
    if (address === undefined) {
      return [`${source} is a card of index ${card.index}, but there are only ${config.parties} operators.`];
    }
    if (address.text === card.address.toLowerCase()) return [];
    return [
      `${source} gives the address ${card.address} for index ${card.index}, but party_addresses of this node says ${address.text}.`,
    ];
  });
}

/** Cards whose place is this node's own, or taken by another card unless it is to be replaced, a sentence each. */
async function placesTaken(cli: Cli, cards: readonly FoundCard[], replace: boolean): Promise<string[]> {
  const { peers } = await callNode(cli, 'peer-list', {});
  const { myIndex } = cli.context.config();
  return cards.flatMap(({ source, card }) => {
    const known = peers.find(({ index }) => index === card.index);
    const isKnown = known !== undefined && sameWords(known.fingerprint, cardFingerprint(card));
    if (card.index === myIndex && (isKnown || known === undefined)) {
      return [`${source} is your own card: give it to the other operators, and add theirs here.`];
    }
    if (card.index === myIndex) {
      const remedy = 'compare them; if it is an old one of yours, leave it out, else one of you has a wrong --index.';
      return [`${source} is another card of this node's own index ${card.index}: ${remedy}`];
    }
    if (replace || known === undefined || isKnown) return [];
    return [`${source}: another card of index ${card.index} is here already; compare them, then give --replace.`];
  });
}

// However the words are set apart, by spaces or dashes.
function sameWords(text: string, words: readonly string[]): boolean {
  return text.split(/[^a-z]+/i).join(' ') === words.join(' ');
}

function failWith({ context }: Cli, problems: readonly string[]): void {
  const [first, ...others] = problems;
  if (first === undefined) return;
  for (const other of others) context.output.fault(other);
  throw new CliError(`${first} Nothing was added.`);
}

function addedText(added: readonly AddedCard[]): string {
  return renderTable(
    [{ title: 'INDEX', align: 'right' }, { title: 'NAME' }, { title: 'CARD' }, { title: 'FINGERPRINT' }],
    added.map(({ index, name, replaced, fingerprint }) => [
      String(index),
      name,
      replaced ? 'replaced' : 'added',
      fingerprint,
    ]),
  );
}
