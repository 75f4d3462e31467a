// One node in a folder of its own, with the executable as it ships and no peers: for tests of what only a process has.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePorts } from '../../devnet/ports.ts';

const EXECUTABLE = fileURLToPath(new URL('../../dist/mpc_operator', import.meta.url));

/** What a command said, and its exit code. */
export interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export class LoneNode {
  static readonly PASSPHRASE = 'planted-passphrase-of-a-lone-node';
  readonly folder = mkdtempSync(join(tmpdir(), 'lone-node-'));
  readonly config = join(this.folder, 'config.json');
  readonly passphraseFile = join(this.folder, 'passphrase');
  readonly env: Readonly<Record<string, string>> = {
    HOME: this.folder,
    PATH: '/usr/bin:/bin',
    MPC_OPERATOR_CONFIG: this.config,
    MPC_OPERATOR_SCRYPT_WORK_FACTOR: '2',
  };
  readonly #started: Bun.Subprocess[] = [];

  static async make(): Promise<LoneNode> {
    if (!existsSync(EXECUTABLE)) throw new Error('dist/mpc_operator is missing: npm run build makes it');
    const node = new LoneNode();
    writeFileSync(node.passphraseFile, `${LoneNode.PASSPHRASE}\n`, { mode: 0o600 });
    const addresses = freePorts(3).map((port) => `127.0.0.1:${port}`);
    const flags = ['--parties', '3', '--threshold', '2', '--index', '0', '--network', 'regtest', '--name', 'lone'];
    const { code, stderr } = await node.run('init', ...flags, '--addresses', addresses.join(','), ...node.unlocking);
    if (code !== 0) throw new Error(`init failed: ${stderr}`);
    return node;
  }

  /** The flags that give the passphrase. */
  get unlocking(): readonly string[] {
    return ['--passphrase-file', this.passphraseFile];
  }

  async run(...args: readonly string[]): Promise<Said> {
    return this.runWith({}, ...args);
  }

  /** Runs a command with more in its environment. */
  async runWith(env: Readonly<Record<string, string>>, ...args: readonly string[]): Promise<Said> {
    const options = {
      cwd: this.folder,
      env: { ...this.env, ...env },
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
    } as const;
    const child = Bun.spawn([EXECUTABLE, ...args], options);
    const [code, stdout, stderr] = await Promise.all([child.exited, child.stdout.text(), child.stderr.text()]);
    return { code, stdout, stderr };
  }

  /** Starts the server from a line of bash in which `"$@"` is its command line, and that takes its place by `exec`. */
  serve(line: string, ...flags: readonly string[]) {
    const options = { cwd: this.folder, env: this.env, stdin: 'ignore', stdout: 'ignore', stderr: 'pipe' } as const;
    const server = Bun.spawn(['bash', '-c', line, 'bash', EXECUTABLE, 'server', ...flags], options);
    this.#started.push(server);
    return server;
  }

  /** Waits until the server answers commands. */
  async answers(): Promise<void> {
    while ((await this.run('test-communication')).stderr.includes('No server runs')) await Bun.sleep(50);
  }

  close(): void {
    for (const child of this.#started) child.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Reads lines of a log until one tells of the event; the text so far. Throws where the log ends before. */
export async function readUntil(
  reader: { read(): Promise<{ value?: Uint8Array | undefined; done: boolean }> },
  event: string,
): Promise<string> {
  let text = '';
  while (!text.includes(`"event":"${event}"`)) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`the log ended without ${event}: ${text}`);
    text += new TextDecoder().decode(value);
  }
  return text;
}
