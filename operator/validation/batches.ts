// Many questions to the own nodes, a bounded number at a time.

/** How many questions are under way at once. */
export const QUESTIONS_AT_ONCE = 32;

/**
 * Asks about every item, 32 at a time, and gives the answers in order. Asks no more once a batch has an answer that
 * `settles` the matter.
 */
export async function askAll<Item, Answer>(
  items: readonly Item[],
  ask: (item: Item) => Promise<Answer>,
  settles: (answer: Answer) => boolean = () => false,
): Promise<readonly Answer[]> {
  const answers: Answer[] = [];
  for (let at = 0; at < items.length; at += QUESTIONS_AT_ONCE) {
    const batch = await Promise.all(items.slice(at, at + QUESTIONS_AT_ONCE).map(ask));
    answers.push(...batch);
    if (batch.some(settles)) return answers;
  }
  return answers;
}
