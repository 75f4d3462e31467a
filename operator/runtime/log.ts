// The node's log: one JSON object a line on stderr, for journald and the like. Fields are text, numbers and booleans
// only, so that no object holding a secret can be handed over by mistake.
import { escapedJson } from './shown-text.ts';

export type LogLevel = 'info' | 'warn' | 'error';
export type LogFields = Readonly<Record<string, string | number | boolean | null>>;

/** Writes one line. `event` is a short fixed name (`peer_unreachable`); what varies goes into the fields. */
export type Log = (level: LogLevel, event: string, fields?: LogFields) => void;

/** A log that writes JSON lines through `write`. */
export function createLog(write: (line: string) => void, now: () => number): Log {
  return (level, event, fields = {}) => write(logLine(now(), level, event, fields));
}

/** One line of the log, its line break included; what a terminal would obey is escaped. `at` in ms since 1970. */
export function logLine(at: number, level: LogLevel, event: string, fields: LogFields): string {
  return `${escapedJson(JSON.stringify({ at: new Date(at).toISOString(), level, event, ...fields }))}\n`;
}

/** A log that keeps nothing; for one-shot commands, whose output is their own. */
export const silentLog: Log = () => {};

/** The sentence of an unknown thrown value, without its stack. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
