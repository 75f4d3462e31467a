// Numbers of things in the sentences that operators read.

/** `1 burn`, `2 burns`: for nouns whose plural takes an s. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
