// The expected "no" of a command, as its caller sees it: a short code for programs and one clear sentence for people.

/** Thrown by the operator layer where a command cannot do what was asked; nothing of it happened unless it says so. */
export class CommandError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.name = 'CommandError';
    this.code = code;
  }
}
