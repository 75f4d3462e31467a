// How a command fails: one sentence for the user and an exit code.

/** Exit codes: 0 done, 1 failed, 2 wrong usage. */
export const EXIT_OK = 0;
export const EXIT_FAILURE = 1;
export const EXIT_USAGE = 2;

/** A failure that is told to the user as one sentence. Anything else thrown is a bug and told as such. */
export class CliError extends Error {
  readonly exitCode: number;
  /** The node's own name for its refusal, where it refused. */
  readonly code: string | null;
  constructor(message: string, exitCode: number = EXIT_FAILURE, code: string | null = null) {
    super(message);
    this.name = 'CliError';
    this.exitCode = exitCode;
    this.code = code;
  }
}

/** The command line itself is wrong: a flag's value, flags that exclude each other. */
export class UsageError extends CliError {
  constructor(message: string) {
    super(message, EXIT_USAGE);
    this.name = 'UsageError';
  }
}
