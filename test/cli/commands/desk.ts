// An operator's desk for tests of commands: a home folder with a configuration, a control server on a real Unix socket
// that answers as told, and the command line run in memory.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { plainJson } from '../../../cli/call.ts';
import { commandModules } from '../../../cli/commands.ts';
import { CliContext } from '../../../cli/context.ts';
import { runCli } from '../../../cli/program.ts';
import type { NodeServices } from '../../../cli/services.ts';
import { draftConfig } from '../../../operator/config/config-write.ts';
import { type CommandName, type CommandResults, commandParams } from '../../../operator/runtime/command-types.ts';
import {
  type ControlCommand,
  ControlError,
  type ControlListener,
  controlCommand,
  createControlApp,
  listenControl,
} from '../../../routes/control.ts';

export const ADDRESSES = ['one.example.com:50051', 'two.example.com:50051', 'three.example.com:50051'] as const;

/** What a command of the control server does: a result, a refusal (`[code, message]`), or steps first. */
export type Answers = {
  readonly [C in CommandName]?:
    | CommandResults[C]
    | { readonly refusal: readonly [code: string, message: string] }
    | { readonly steps: readonly string[]; readonly result: CommandResults[C] };
};

export interface Call {
  readonly command: string;
  readonly params: unknown;
}

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Services of a node that must not be touched. */
export const untouchedServices: NodeServices = {
  runLocally: async () => {
    throw new Error('ran in this process');
  },
  initialise: async () => {
    throw new Error('initialised');
  },
  serve: async () => {
    throw new Error('served');
  },
  verifyCeremony: async () => {
    throw new Error('verified');
  },
};

/** One operator's home folder, and what was asked of the control server there. */
export class Desk {
  readonly home: string = mkdtempSync(join(tmpdir(), 'desk-'));
  readonly calls: Call[] = [];
  #listener: ControlListener | null = null;

  constructor() {
    const more = { network: 'regtest' as const, name: 'Alpha', control_socket: 'run/c.sock' };
    const config = draftConfig({ parties: 3, threshold: 2, index: 0, addresses: ADDRESSES, more });
    this.write('config.json', JSON.stringify(config));
  }

  path(name: string): string {
    return join(this.home, name);
  }

  write(name: string, content: string, mode = 0o600): string {
    writeFileSync(this.path(name), content, { mode });
    return this.path(name);
  }

  /** Starts the control server. */
  async serve(answers: Answers): Promise<void> {
    const names = Object.keys(commandParams).filter((name): name is CommandName => name in commandParams);
    const commands = Object.fromEntries(names.map((name) => [name, this.#command(name, answers)]));
    const app = createControlApp(commands, { version: 'test', onFault: () => {} });
    const verdict = await listenControl(this.path('run/c.sock'), app);
    if (!verdict.ok) throw new Error(verdict.detail);
    this.#listener = verdict.listener;
  }

  /** Runs `mpc_operator ARGS` with this configuration. */
  async run(
    args: readonly string[],
    {
      services = untouchedServices,
      stdin = '',
      terminal = false,
      typed,
    }: { services?: NodeServices; stdin?: string; terminal?: boolean; typed?: string } = {},
  ): Promise<Ran> {
    let [out, err] = ['', ''];
    const context = new CliContext({
      paths: {
        home: this.home,
        workingDirectory: this.home,
        env: { MPC_OPERATOR_CONFIG: this.path('config.json') },
      },
      // What is typed comes from a terminal, which stderr is then too.
      stdin: Object.assign(Readable.from([Buffer.from(typed ?? stdin)].filter(({ length }) => length > 0)), {
        ...(typed !== undefined && { isTTY: true, setRawMode: () => {} }),
      }),
      stdout: { write: (text: string) => (out += text), isTTY: terminal },
      stderr: { write: (text: string) => (err += text), isTTY: typed !== undefined },
      signal: new AbortController().signal,
    });
    const code = await runCli(args, context, commandModules(services));
    return { code, stdout: out, stderr: err };
  }

  async close(): Promise<void> {
    await this.#listener?.stop();
    rmSync(this.home, { recursive: true, force: true });
  }

  #command(name: CommandName, answers: Answers): ControlCommand {
    return controlCommand({
      params: commandParams[name],
      run: async (params: unknown, progress) => {
        this.calls.push({ command: name, params });
        const answer = answers[name];
        if (answer === undefined) throw new ControlError('unexpected', `nobody expected ${name}`);
        if ('refusal' in answer) throw new ControlError(...answer.refusal);
        if (!('steps' in answer)) return plainJson(answer);
        for (const text of answer.steps) progress({ step: 'test', text });
        return plainJson(answer.result);
      },
    });
  }
}
