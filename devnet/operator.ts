// One operator of the devnet: a real process of the program with its own folder, configuration and passphrase, reached
// by its command line and its control socket like any other.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { plainJson } from '../cli/call.ts';
import { ControlClient } from '../cli/control-client.ts';
import { loadConfig, type OperatorConfig } from '../operator/config/config.ts';
import { type ConfigFile, configFileSchema } from '../operator/config/config-keys.ts';
import { writeConfig } from '../operator/config/config-write.ts';
import type { CommandName, CommandParams, CommandResults } from '../operator/runtime/command-types.ts';
import { noProgress, type Progress } from '../operator/runtime/progress.ts';
import { type Child, type Finished, runChild, startChild } from './child.ts';
import { until } from './until.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const START_TIMEOUT_MS = 60_000;
const PASSPHRASE_BYTES = 24;
const LOG_TAIL_LINES = 12;
/** What a child inherits; everything else of the environment, proxies and credentials included, stays out. */
const INHERITED = [
  'PATH',
  'HOME',
  'LANG',
  'LC_ALL',
  'TZ',
  'TMPDIR',
  'MPC_OPERATOR_DEBUG',
  'MPC_OPERATOR_SCRYPT_WORK_FACTOR',
  'MPC_OPERATOR_ARGON2_KIB',
] as const;

/** What an operator is made of. */
export interface OperatorSettings {
  readonly index: number;
  /** Its own folder, which must not exist. */
  readonly folder: string;
  /** The compiled executable; null: the sources, run by this runtime. */
  readonly binary: string | null;
  /** A module that the sources load before the program. */
  readonly preload?: string;
  readonly parties: number;
  readonly threshold: number;
  /** host:port of all operators, in index order. */
  readonly addresses: readonly string[];
  readonly bitcoinUrl: string;
  readonly ledgerUrl: string;
  /** Keys of the configuration that no flag of `init` sets; added by hand as its user would. */
  readonly more: Partial<ConfigFile>;
  readonly signal: AbortSignal;
}

/** The node answered a command with a named no. */
export class OperatorRefusal extends Error {
  readonly index: number;
  readonly code: string;
  constructor(index: number, code: string, message: string) {
    super(`operator ${index}: ${message} (${code})`);
    this.name = 'OperatorRefusal';
    this.index = index;
    this.code = code;
  }
}

function programCommand({ binary, preload }: Pick<OperatorSettings, 'binary' | 'preload'>): readonly string[] {
  if (binary !== null) return [binary];
  return [process.execPath, ...(preload === undefined ? [] : ['--preload', preload]), join(ROOT, 'server.ts')];
}

/** One operator. */
export class DevnetOperator {
  readonly index: number;
  readonly folder: string;
  readonly configPath: string;
  readonly passphrasePath: string;
  readonly logPath: string;
  readonly address: string;
  #settings: OperatorSettings;
  #child: Child | null = null;

  private constructor(settings: OperatorSettings, address: string) {
    const { index, folder } = settings;
    this.index = index;
    this.folder = folder;
    this.configPath = join(folder, 'config.json');
    this.passphrasePath = join(folder, 'passphrase');
    this.logPath = join(folder, 'server.log');
    this.address = address;
    this.#settings = settings;
  }

  /** Makes the folder, the passphrase, and by `init` configuration, keys and certificate. The server does not run yet. */
  static async create(settings: OperatorSettings): Promise<DevnetOperator> {
    const address = settings.addresses[settings.index];
    if (address === undefined) throw new Error(`there is no address of operator ${settings.index}`);
    const operator = new DevnetOperator(settings, address);
    await mkdir(operator.folder, { mode: 0o700 });
    const passphrase = crypto.getRandomValues(new Uint8Array(PASSPHRASE_BYTES)).toBase64({ alphabet: 'base64url' });
    await writeFile(operator.passphrasePath, `${passphrase}\n`, { mode: 0o600, flag: 'wx' });
    await operator.#init();
    await operator.configure(settings.more);
    return operator;
  }

  async #init(): Promise<void> {
    const { index, parties, threshold, addresses, bitcoinUrl, ledgerUrl } = this.#settings;
    const flags = {
      '--parties': parties,
      '--threshold': threshold,
      '--index': index,
      '--addresses': addresses.join(','),
      '--name': `operator-${index}`,
      '--network': 'regtest',
      '--bitcoin-node': bitcoinUrl,
      '--wire-node': ledgerUrl,
      '--passphrase-file': this.passphrasePath,
    };
    await this.mustRun(['init', ...Object.entries(flags).flatMap(([flag, value]) => [flag, String(value)])]);
  }

  /** Changes keys of the configuration file; a running server takes them when it is started again. */
  async configure(keys: Partial<ConfigFile>): Promise<void> {
    const content = configFileSchema.parse(JSON.parse(await readFile(this.configPath, 'utf8')));
    await writeConfig(this.configPath, { ...content, ...keys }, { force: true });
  }

  /** The configuration as the program reads it. */
  config(): OperatorConfig {
    const verdict = loadConfig(this.configPath, dirname(this.configPath));
    if (verdict.ok) return verdict.config;
    throw new Error(`the configuration of operator ${this.index} is wrong: ${verdict.problems[0]?.problem}`);
  }

  /** Runs another executable from the next start on, as after an update. */
  useBinary(binary: string): void {
    this.#settings = { ...this.#settings, binary };
  }

  get isRunning(): boolean {
    return this.#child?.isRunning() === true;
  }

  /** The command that runs the program, without arguments. */
  get program(): readonly string[] {
    return programCommand(this.#settings);
  }

  /** Process id of the server; null where it does not run. */
  get pid(): number | null {
    return this.isRunning ? (this.#child?.pid ?? null) : null;
  }

  /** Resolves when the server that runs now has ended. */
  async ended(): Promise<void> {
    await this.#child?.exited;
  }

  /** Starts the server and waits until it answers on its control socket. */
  async start(): Promise<void> {
    if (this.isRunning) throw new Error(`operator ${this.index} runs already`);
    this.#settings.signal.throwIfAborted();
    const args = ['server', '--config', this.configPath, '--passphrase-file', this.passphrasePath];
    const child = startChild(this.#program(args), this.logPath);
    this.#child = child;
    const socket = this.config().controlSocket;
    const answers = async () => {
      if (!child.isRunning()) throw new Error(`operator ${this.index} ended while it started\n${await this.logTail()}`);
      return answersAt(socket);
    };
    try {
      await until(() => `operator ${this.index} answers`, answers, {
        timeoutMs: START_TIMEOUT_MS,
        signal: this.#signal,
      });
    } catch (error) {
      await child.stop();
      throw error;
    }
  }

  /** Ends the server in order; nothing where it does not run. */
  async stop(): Promise<void> {
    await this.#child?.stop();
  }

  /** Ends the server as a crash does. */
  async kill(): Promise<void> {
    await this.#child?.kill();
  }

  /** Runs a command of the program with this operator's configuration. */
  cli(args: readonly string[]): Promise<Finished> {
    return runChild(this.#program([...args, '--config', this.configPath]), this.#signal);
  }

  /** As `cli`, giving stdout; throws with what the command said where it fails. */
  async mustRun(args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.cli(args);
    if (code === 0) return stdout;
    const said = stderr.trim() === '' ? `exit code ${code}` : stderr.trim();
    throw new Error(`operator ${this.index}, \`${args.slice(0, 2).join(' ')}\`: ${said}`);
  }

  /** A command over the control socket. Throws `OperatorRefusal` where the node says no. */
  async control<C extends CommandName>(
    command: C,
    params: CommandParams<C>,
    onProgress: Progress = noProgress,
  ): Promise<CommandResults[C]> {
    const client = new ControlClient(this.config().controlSocket);
    try {
      const outcome = await client.call(command, plainJson(params), { onProgress, signal: this.#signal });
      if (!outcome.ok) throw new OperatorRefusal(this.index, outcome.code, outcome.message);
      const result: unknown = outcome.result;
      // The server is this very program, and the client has seen to it that this is JSON.
      return result as CommandResults[C];
    } catch (error) {
      if (error instanceof OperatorRefusal || this.isRunning) throw error;
      throw new Error(`operator ${this.index} does not run\n${await this.logTail()}`, { cause: error });
    }
  }

  /** The last lines of what the server printed. */
  async logTail(): Promise<string> {
    const log = await readFile(this.logPath, 'utf8').catch(() => '');
    return log.trimEnd().split('\n').slice(-LOG_TAIL_LINES).join('\n');
  }

  get #signal(): AbortSignal {
    return this.#settings.signal;
  }

  #program(args: readonly string[]) {
    const inherited = INHERITED.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value] as const];
    });
    return { command: [...this.program, ...args], cwd: this.folder, env: Object.fromEntries(inherited) };
  }
}

/** Whether a server answers at a control socket. */
export async function answersAt(socket: string): Promise<boolean> {
  try {
    const response = await fetch('http://localhost/v1/ping', { unix: socket });
    await response.body?.cancel();
    return true;
  } catch {
    return false;
  }
}
