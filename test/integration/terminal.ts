// People at terminals: a shell whose questions are answered as its person would, with passphrases, passwords, codes of an
// authenticator app, and backup codes that work once.
import { base32nopad } from '@scure/base';
import { generateSync } from 'otplib';

const STEP_S = 30;

/** What a person at an operator's terminal knows. */
export interface Person {
  readonly user: string;
  readonly password: string;
  secret: string;
  /** The step of the last code that was used up. */
  lastStep: number;
  readonly backupCodes: string[];
}

/** What a shell said, and how it ended. `unanswered`: the question at which nobody knew what to say. */
export interface Ran {
  readonly code: number;
  readonly screen: string;
  readonly unanswered: string | null;
}

/** A place to run commands at. */
export interface Desk {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly passphrase: string;
  readonly people: Map<string, Person>;
}

export function newPerson(user: string): Person {
  return { user, password: `gravel tulip canoe of ${user}`, secret: '', lastStep: 0, backupCodes: [] };
}

/** A code that nobody has used: of the app while one is left that counts now, then a backup code, then the app's next one. */
export async function nextCode(person: Person): Promise<string> {
  const now = Math.floor(Date.now() / 1000 / STEP_S);
  // Not an earlier one that counts yet: on a busy machine it may be over before it is read.
  const step = Math.max(now, person.lastStep + 1);
  if (step > now + 1) {
    const code = person.backupCodes.shift();
    if (code !== undefined) return code;
  }
  person.lastStep = step;
  // A code counts one step before its time.
  await Bun.sleep(Math.max(0, (step - 1) * STEP_S * 1000 - Date.now()));
  return generateSync({ secret: base32nopad.decode(person.secret), epoch: step * STEP_S });
}

/** Runs a script of bash at a terminal. `who`: the user who acts where a command asks, then the second person. */
export async function atTerminal(
  desk: Desk,
  script: string,
  who: readonly [string, string],
  timeoutMs: number,
): Promise<Ran> {
  const decoder = new TextDecoder();
  let [screen, answered] = ['', 0];
  let unanswered: string | null = null;
  const child = Bun.spawn(['bash', '-euo', 'pipefail', '-c', script], {
    cwd: desk.cwd,
    env: { ...desk.env, TERM: 'dumb' },
    terminal: {
      cols: 200,
      rows: 60,
      data(terminal, data) {
        screen += decoder.decode(data, { stream: true });
        const question = /([^\r\n]+): $/.exec(screen.slice(answered))?.[1]?.trim();
        if (question === undefined) return;
        const reply = answerOf(desk, question, screen, who);
        answered = screen.length;
        unanswered = reply === null ? question : null;
        if (reply === null) child.kill('SIGKILL');
        else void Promise.resolve(reply).then((text) => terminal.write(`${text}\r`));
      },
    },
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
  const code = await child.exited;
  clearTimeout(timer);
  child.terminal?.close();
  for (const person of desk.people.values()) keepBackupCodes(person, screen);
  return { code, screen, unanswered };
}

function answerOf(
  desk: Desk,
  question: string,
  screen: string,
  who: readonly [string, string],
): string | Promise<string> | null {
  if (/passphrase/i.test(question)) return desk.passphrase;
  if (question.endsWith('Type yes to go on')) return 'yes';
  if (question === 'User') return who[0];
  if (question === 'User of the second person, of another role') return who[1];
  const named = /(?:assword|Code) of ([a-z]+)/.exec(question)?.[1];
  const last = [...screen.matchAll(/New password of ([a-z]+)/g)].at(-1)?.[1];
  const user = named ?? last;
  if (user === undefined) return null;
  if (question.startsWith('New password of') && !desk.people.has(user)) desk.people.set(user, newPerson(user));
  const person = desk.people.get(user);
  if (person === undefined) return null;
  if (/password/i.test(question)) return person.password;
  if (question === 'The code that the app shows now') {
    const secrets = [...screen.matchAll(/into the app \(time-based, 6 digits\): ([A-Z2-7 ]+)/g)];
    person.secret = secrets.at(-1)?.[1]?.replaceAll(' ', '').trim() ?? '';
    return nextCode(person);
  }
  return question.startsWith('Code of') ? nextCode(person) : null;
}

function keepBackupCodes(person: Person, screen: string): void {
  const created = screen.split(`User ${person.user} is created`)[1]?.split('is created')[0] ?? '';
  person.backupCodes.push(...[...created.matchAll(/([0-9a-z]{4}-){3}[0-9a-z]{4}/g)].map(([code]) => code));
}
