// What commands need of the node besides the control socket. Tests put their own in its place (node-services.ts).
import type { CeremonySummary } from '../ceremony/ceremony-file.ts';
import type { Transcript } from '../ceremony/transcript.ts';
import type { OperatorConfig } from '../operator/config/config.ts';
import type { ConfigFile } from '../operator/config/config-keys.ts';
import type { PassphrasePurpose } from '../operator/config/secrets-input.ts';
import type { Credentials } from '../operator/runtime/account-command-types.ts';
import type { CommandName, CommandParams, CommandResults } from '../operator/runtime/command-types.ts';
import type { Progress } from '../operator/runtime/progress.ts';

/** How a command that runs in this process tells of itself, is stopped, and gets at the key file. */
export interface LocalRunOptions {
  readonly progress: Progress;
  /** Asked for only by commands that need secrets. The callee zeroes it. */
  readonly passphrase: () => Promise<Uint8Array>;
  /** The same for what can be done without: null where none was given and nobody can be asked. */
  readonly passphraseIfAny: () => Promise<Uint8Array | null>;
  readonly signal: AbortSignal;
  /** The credentials of the person who acts. */
  readonly credentials?: readonly Credentials[];
}

export interface InitialiseInput {
  /** Absolute path of the configuration to write. */
  readonly file: string;
  /** What `~` in the configuration stands for. */
  readonly home: string;
  /** Checked by `checkConfig`. */
  readonly content: ConfigFile;
  /** Of the key file, which is there already or is to be made. The callee zeroes it. */
  readonly passphrase: (purpose: PassphrasePurpose) => Promise<Uint8Array>;
  /** The RPC password, where it is to be written into the file that the configuration names. The callee zeroes it. */
  readonly rpcPassword?: () => Promise<Uint8Array>;
  /** Changes the configuration of a node that is set up. */
  readonly force: boolean;
}

export interface InitialiseResult {
  readonly configPath: string;
  readonly certificatePath: string;
  /** The files made. */
  readonly created: readonly string[];
  /** Files that made room, by their new names. */
  readonly kept: readonly string[];
  /** Words of the operator card. */
  readonly fingerprint: string;
}

export interface CeremonyVerdict {
  /** Null where the file is no exported ceremony at all. */
  readonly transcript: Transcript | null;
  /** What does not hold, a sentence each; empty where everything does. */
  readonly problems: readonly string[];
  /** The output with which the treasury line begins, which all participants signed; null where the file has none. */
  readonly treasuryRoot: CeremonySummary['treasuryRoot'];
}

export interface ServeOptions {
  /** Null: start sealed. Zeroed by the caller once the server has ended. */
  readonly passphrase: Uint8Array | null;
  readonly signal: AbortSignal;
}

export interface NodeServices {
  /** Runs a command in this process, opening the node's files for its duration. */
  runLocally<C extends CommandName>(
    config: OperatorConfig,
    command: C,
    params: CommandParams<C>,
    options: LocalRunOptions,
  ): Promise<CommandResults[C]>;
  initialise(input: InitialiseInput): Promise<InitialiseResult>;
  /** Runs until the signal aborts and everything is closed. */
  serve(config: OperatorConfig, options: ServeOptions): Promise<void>;
  /** Checks an exported ceremony offline. */
  verifyCeremony(file: unknown): Promise<CeremonyVerdict>;
}
