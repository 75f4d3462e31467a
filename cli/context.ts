// What every command is given: the process's surroundings, the configuration, the way to print, and the connection to a
// running server. Commands touch no global state, so tests run them in memory.
import { zeroize } from '../crypto/bytes.ts';
import { describeProblem, loadConfig, type OperatorConfig } from '../operator/config/config.ts';
import { locateConfig, type PathContext } from '../operator/config/paths.ts';
import { type PassphrasePurpose, readPassphrase } from '../operator/config/secrets-input.ts';
import { type ControlClient, connectControl, isServerRunning } from './control-client.ts';
import { CliError, UsageError } from './errors.ts';
import { createOutput, type Output, type TextStream } from './output.ts';
import { secretPrompt, type TerminalInput } from './prompt.ts';

/** The outside world of one run. */
export interface CliSurroundings {
  readonly paths: PathContext;
  readonly stdin: TerminalInput;
  readonly stdout: TextStream;
  readonly stderr: TextStream;
  /** Aborts when the person at the terminal presses Ctrl-C or the process is told to end. */
  readonly signal: AbortSignal;
}

export { CliError, UsageError };

/** Flags of whoever acts; program.ts adds them to every command. */
export interface SignInOptions {
  readonly as?: string | undefined;
  readonly asFd?: number | undefined;
  readonly second?: string | undefined;
  readonly secondFd?: number | undefined;
}

/** Options that stand before or after any command. */
export interface GlobalOptions extends SignInOptions {
  readonly config?: string | undefined;
  readonly json?: boolean | undefined;
}

/** Options of commands that open or make the key file; program.ts adds them. */
export interface PassphraseOptions {
  readonly passphraseFile?: string | undefined;
  readonly passphraseFd?: number | undefined;
}

/** One run of the program. Made before the command line is read; `options` is filled in by then. */
export class CliContext {
  readonly surroundings: CliSurroundings;
  #options: GlobalOptions = {};
  #output: Output;

  constructor(surroundings: CliSurroundings) {
    this.surroundings = surroundings;
    this.#output = this.#makeOutput();
  }

  setOptions(options: GlobalOptions): void {
    this.#options = options;
    this.#output = this.#makeOutput();
  }

  get output(): Output {
    return this.#output;
  }

  /** The person who acts, from the flags. */
  get signIn(): SignInOptions {
    return this.#options;
  }

  get signal(): AbortSignal {
    return this.surroundings.signal;
  }

  /** Absolute path of the configuration file, whether or not it exists. */
  get configFile(): string {
    return locateConfig(this.#options.config, this.surroundings.paths);
  }

  /** The checked configuration; a CliError tells every problem of the file. */
  config(): OperatorConfig {
    const verdict = loadConfig(this.configFile, this.surroundings.paths.home);
    if (verdict.ok) return verdict.config;
    const [first, ...others] = verdict.problems.map((problem) => describeProblem(verdict.file, problem));
    for (const other of others) this.output.fault(other);
    throw new CliError(first ?? `${verdict.file} cannot be used`);
  }

  /** The passphrase, or null where none was given and nobody can be asked. The caller zeroes it. */
  async passphrase(options: PassphraseOptions, purpose: PassphrasePurpose): Promise<Uint8Array | null> {
    const { paths, stdin, stderr } = this.surroundings;
    const { passphraseFile: file, passphraseFd: descriptor } = options;
    const prompt = secretPrompt(stdin, stderr, this.signal);
    const verdict = await readPassphrase({ file, descriptor, paths, prompt }, purpose);
    if (this.signal.aborted) {
      if (verdict.ok && verdict.passphrase !== null) zeroize(verdict.passphrase);
      throw new CliError('Stopped.');
    }
    if (!verdict.ok) throw new CliError(verdict.detail.endsWith('.') ? verdict.detail : `${verdict.detail}.`);
    return verdict.passphrase;
  }

  /** A secret that a person types, or null where nobody can be asked. The caller zeroes it. */
  async typedSecret(question: string): Promise<Uint8Array | null> {
    const { stdin, stderr } = this.surroundings;
    const prompt = secretPrompt(stdin, stderr, this.signal);
    if (prompt === null) return null;
    const typed = await prompt(question);
    if (this.signal.aborted) throw new CliError('Stopped.');
    if (typed === null || typed.length === 0) throw new CliError('Nothing was typed.');
    return typed;
  }

  /** The running server's control client, or null where no server runs with this configuration. */
  async server(config: OperatorConfig = this.config()): Promise<ControlClient | null> {
    return (await isServerRunning(config)) ? connectControl(config) : null;
  }

  /** As `server`, where a command is of no use without one. */
  async requireServer(): Promise<ControlClient> {
    const config = this.config();
    const client = await this.server(config);
    if (client !== null) return client;
    // Loaded only here, for most commands need no database.
    const { isBeingWritten } = await import('../store/open.ts');
    if (isBeingWritten(config.securityDbPath)) {
      const who = `A server with ${config.file} is starting or ending, or another command is changing its database`;
      throw new CliError(`${who}: nobody answers at ${config.controlSocket} yet. Try again in a moment.`);
    }
    throw new CliError(
      `No server runs with ${config.file} (nobody answers at ${config.controlSocket}). Start it with: mpc_operator server`,
    );
  }

  #makeOutput(): Output {
    const { stdout, stderr, paths } = this.surroundings;
    return createOutput({ stdout, stderr, env: paths.env, json: this.#options.json === true });
  }
}
