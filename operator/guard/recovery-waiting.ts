// What a node that catches up waits for, as its operator reads it.

import { type Told, toldCharactersMax } from './decisions-exchange.ts';

/**
 * Who must be reached, by index: fewer than these could all have missed a signature that this node gave (ceremony/guard.ts).
 * `answers` in the order of `peers`.
 */
export function awaited(
  { peers, needed }: { readonly peers: readonly number[]; readonly needed: number },
  answers: readonly (Pick<Told, 'peer' | 'whole'> | 'too_much' | null)[],
): string {
  const left = peers.filter((_, at) => answers[at] === null);
  const loud = peers.filter((_, at) => answers[at] === 'too_much');
  const told = answers.filter((answer) => answer !== null && answer !== 'too_much');
  const behind = told.filter(({ whole }) => !whole);
  const missing = Math.min(left.length, needed - (told.length - behind.length));
  const sentences: string[] = [];
  if (left.length > 0) {
    const who = named(left);
    sentences.push(
      missing === left.length ? `${who} must be reached` : `${missing} of ${who} must be reached, whichever they are`,
    );
  }
  if (loud.length > 0) {
    const most = Math.floor(toldCharactersMax(peers.length) / 2 ** 20);
    sentences.push(`${named(loud)} told of more than ${most} MiB of decisions, which is not taken in`);
  }
  if (told.length > 0) sentences.push(`${told.map(({ peer }) => peer).join(', ')} told what was decided`);
  if (behind.length > 0) {
    const unsure = behind.map(({ peer }) => peer).join(', ');
    sentences.push(`the word of ${unsure}, signing nothing as well, counts after five minutes`);
  }
  return sentences.join('; ');
}

function named(peers: readonly number[]): string {
  return `operator${peers.length === 1 ? '' : 's'} ${peers.join(', ')}`;
}
