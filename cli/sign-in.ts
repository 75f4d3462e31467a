// Who acts: the flags `--as` and `--second`, the questions to these people, and the same from file descriptors for scripts.
// Passwords are read as bytes and zeroed; they become a text for the moment in which they travel to the node.
import { zeroize } from '../crypto/bytes.ts';
import { readDescriptor } from '../operator/config/secrets-input.ts';
import type { Credentials } from '../operator/runtime/account-command-types.ts';
import type { CliContext } from './context.ts';
import { CliError, UsageError } from './errors.ts';
import { secretPrompt, textPrompt } from './prompt.ts';

/** What the people named by the flags show: asked at the terminal, or read from the descriptors. */
export async function shownByFlags(context: CliContext): Promise<readonly Credentials[]> {
  const { as, asFd, second, secondFd } = context.signIn;
  if (as === undefined) {
    if (asFd !== undefined) throw new UsageError('--as-fd needs --as USER, whose password and code it has.');
    if (second !== undefined || secondFd !== undefined) throw new UsageError('--second needs --as USER, who acts.');
    return [];
  }
  if (second === undefined) {
    if (secondFd !== undefined) throw new UsageError('--second-fd needs --second USER.');
    return [await credentialsOf(context, as, asFd, '--as-fd')];
  }
  if (second === as) throw new UsageError(`--second ${second} is the same as --as: it has to be another person.`);
  const first = await credentialsOf(context, as, asFd, '--as-fd');
  return [first, await credentialsOf(context, second, secondFd, '--second-fd')];
}

/**
 * What one more person shows, where the node has refused for want of them and there is a terminal to ask at; null otherwise.
 * So the commands of the launch instructions work as they are written there.
 */
export async function shownOnDemand(
  context: CliContext,
  refusal: unknown,
  shown: readonly Credentials[],
): Promise<Credentials | null> {
  const code = refusal instanceof CliError ? refusal.code : null;
  const isFirst = code === 'sign_in_needed' && shown.length === 0;
  const isSecond = code === 'second_person_needed' && shown.length === 1;
  const ask = asksText(context);
  if ((!isFirst && !isSecond) || ask === null) return null;
  const user = await ask(isFirst ? 'User' : 'User of the second person, of another role');
  return user === null || user === '' ? null : credentialsOf(context, user, undefined, '--as-fd');
}

async function credentialsOf(
  context: CliContext,
  user: string,
  descriptor: number | undefined,
  flag: string,
): Promise<Credentials> {
  if (descriptor !== undefined) {
    const [password = '', code = ''] = linesOf(descriptor, flag, ['the password', 'the code']);
    return { user, password, code };
  }
  const password = await askPassword(context, `Password of ${user}`, `${flag} with the password and the code`);
  try {
    const code = await askText(context, `Code of ${user} (or a backup code)`);
    return { user, password: textOf(password), code };
  } finally {
    zeroize(password);
  }
}

/** Asks for a password without showing it; the caller zeroes it. `instead`: the flag for scripts, with what it has. */
export async function askPassword(context: CliContext, question: string, instead: string): Promise<Uint8Array> {
  const { stdin, stderr } = context.surroundings;
  const prompt = secretPrompt(stdin, stderr, context.signal);
  if (prompt === null) throw new CliError(`${question}: nobody can be asked, as this is no terminal: give ${instead}.`);
  return (await prompt(question)) ?? givenUp();
}

/** Asks for something that may be seen. */
export async function askText(context: CliContext, question: string): Promise<string> {
  const ask = asksText(context);
  return (await ask?.(question)) ?? givenUp();
}

function asksText(context: CliContext): ((question: string) => Promise<string | null>) | null {
  const { stdin, stderr } = context.surroundings;
  return textPrompt(stdin, stderr, context.signal);
}

/** Lines from a file descriptor, one for each thing that is expected there. */
export function linesOf(descriptor: number, flag: string, expected: readonly string[]): readonly string[] {
  const read = readDescriptor(descriptor);
  if (typeof read === 'string') throw new CliError(`${flag} ${descriptor}: ${read}.`);
  try {
    const lines = textOf(read).split(/\r?\n/);
    if (lines.length === expected.length && lines.every((line) => line !== '')) return lines;
    throw new UsageError(`${flag} ${descriptor} has to hold ${expected.join(', then ')}, each on a line of its own.`);
  } finally {
    zeroize(read);
  }
}

/** A secret as the text in which it travels to the node. */
export function textOf(secret: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(secret);
  } catch {
    throw new CliError('What was given is not text (UTF-8).');
  }
}

function givenUp(): never {
  throw new CliError('Stopped: nothing was changed.');
}
