// A private Bitcoin node in regtest for the devnet and the tests: finds or installs bitcoind, starts one on loopback
// with its data on tmpfs, mines, holds a wallet, and ends the process it started and no other.
import { accessSync, constants, mkdirSync } from 'node:fs';
import { access, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { z } from 'zod';
import { btcFromSats } from '../chain/amount.ts';
import { COINBASE_MATURITY_BLOCKS } from '../chain/bitcoin-view.ts';
import type { Outpoint } from '../chain/outpoint.ts';
import { type BitcoinRpc, BitcoinRpcError, createBitcoinRpc } from '../chain/rpc.ts';
import { makeScratch } from './scratch.ts';

/** Gets one line about what is going on. */
export type Progress = (line: string) => void;

const START_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 20_000;
const START_ATTEMPTS_MAX = 3;
/** Options that make Bitcoin Knots behave like Core, and wallets fast; other builds may not know them. */
const OPTIONAL_FLAGS = { corepolicy: '-corepolicy=1', unsafesqlitesync: '-unsafesqlitesync=1' } as const;

/** The path of a bitcoind: `BITCOIND`, one on the PATH, or what the project's own install script gets. */
export async function findBitcoind(progress: Progress = () => {}): Promise<string> {
  const named = process.env['BITCOIND'];
  if (named !== undefined && named !== '') {
    await access(named, constants.X_OK).catch(() => {
      throw new Error(`BITCOIND names ${named}, which cannot be executed`);
    });
    return named;
  }
  const onPath = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'bitcoind'));
  for (const path of onPath) {
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return path;
  }
  return install(progress);
}

async function install(progress: Progress): Promise<string> {
  const child = Bun.spawn([join(import.meta.dir, 'install-bitcoind.sh')], { stdout: 'pipe', stderr: 'pipe' });
  const log: string[] = [];
  const follow = async () => {
    const decoder = new TextDecoder();
    let rest = '';
    for await (const chunk of child.stderr) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) progress(line);
      log.push(...lines);
    }
  };
  // An install that nobody waits for any more must not go on by itself.
  const end = (): void => child.kill();
  process.once('exit', end);
  const [path, status] = await Promise.all([child.stdout.text(), child.exited, follow()]);
  process.off('exit', end);
  if (status !== 0) throw new Error(`bitcoind cannot be installed: ${log.at(-1) ?? `exit status ${status}`}`);
  return path.trim();
}

/** How to start a node; everything has a default. */
export interface RegtestOptions {
  /** The data directory, made if missing, which then stays; by default a new one on tmpfs that goes with the node. */
  readonly dir?: string;
  readonly bitcoind?: string;
  /** Bitcoin Core's relay policy where the build has another of its own (default true). */
  readonly corePolicy?: boolean;
  /** An index of all transactions (default true, as operators are told). */
  readonly txIndex?: boolean;
  /** Further options of the command line, which win over those that it is started with anyway. */
  readonly flags?: readonly string[];
  readonly progress?: Progress;
}

/** A wallet of the node. Amounts in sats. */
export interface RegtestWallet {
  readonly name: string;
  newAddress(): Promise<string>;
  /** Pays an address from confirmed coins; the output is in the mempool. */
  send(address: string, sats: bigint): Promise<Outpoint>;
  /** Mines until at least one coinbase can be spent. */
  fund(): Promise<void>;
}

/** A running node. */
export interface Regtest {
  readonly rpcUrl: string;
  readonly cookiePath: string;
  readonly dir: string;
  readonly pid: number;
  readonly rpc: BitcoinRpc;
  /** Mines blocks to an address (default: one that nobody can spend from) and gives their hashes. */
  mine(blocks: number, address?: string): Promise<readonly string[]>;
  /** Creates a wallet. */
  createWallet(name: string): Promise<RegtestWallet>;
  /** Ends the process and removes its directory, unless that was given. May be called twice. */
  stop(): Promise<void>;
}

/** Starts a node with an empty chain and waits until it answers. */
export async function startRegtest(options: RegtestOptions = {}): Promise<Regtest> {
  const bitcoind = options.bitcoind ?? (await findBitcoind(options.progress));
  const flags = await optionalFlags(bitcoind, options.corePolicy ?? true);
  const dir = options.dir ?? makeScratch(scratchFolder(), 'mpc-regtest');
  mkdirSync(dir, { recursive: true });
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(bitcoind, dir, flags, options);
    } catch (error) {
      // Another process may have taken the port in between; the next attempt has another.
      if (attempt < START_ATTEMPTS_MAX) continue;
      if (options.dir === undefined) await rm(dir, { recursive: true, force: true });
      throw error;
    }
  }
}

async function start(
  bitcoind: string,
  dir: string,
  flags: readonly string[],
  options: RegtestOptions,
): Promise<Regtest> {
  const port = freePort();
  const child = Bun.spawn(
    [
      bitcoind,
      '-regtest',
      `-datadir=${dir}`,
      '-conf=/dev/null',
      '-server=1',
      '-listen=0',
      '-dnsseed=0',
      '-fixedseeds=0',
      '-rpcbind=127.0.0.1',
      '-rpcallowip=127.0.0.1',
      `-rpcport=${port}`,
      `-txindex=${options.txIndex === false ? 0 : 1}`,
      '-fastprune',
      '-addresstype=bech32m',
      '-changetype=bech32m',
      '-fallbackfee=0.0001',
      '-printtoconsole=0',
      ...flags,
      ...(options.flags ?? []),
    ],
    { stdin: 'ignore', stdout: 'ignore', stderr: 'pipe' },
  );
  const endWithParent = () => child.kill('SIGKILL');
  process.once('exit', endWithParent);
  const rpcUrl = `http://127.0.0.1:${port}`;
  const cookiePath = join(dir, 'regtest', '.cookie');
  const rpc = createBitcoinRpc({ url: rpcUrl, credentials: { kind: 'file', path: cookiePath } });

  const end = async () => {
    process.off('exit', endWithParent);
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await child.exited;
    clearTimeout(timer);
  };
  try {
    await untilReady(rpc, () => child.exitCode !== null);
  } catch (error) {
    await end();
    const lastWords = (await child.stderr.text()).trim();
    throw lastWords === '' ? error : new Error(`bitcoind: ${lastWords}`);
  }
  const mine = miner(rpc);
  return {
    rpcUrl,
    cookiePath,
    dir,
    pid: child.pid,
    rpc,
    mine,
    createWallet: (name) => createWallet(rpc, name, mine),
    async stop() {
      await end();
      if (options.dir === undefined) await rm(dir, { recursive: true, force: true });
    },
  };
}

async function untilReady(rpc: BitcoinRpc, hasEnded: () => boolean): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    try {
      await rpc.call('getblockcount', [], z.int());
      return;
    } catch (error) {
      if (!(error instanceof BitcoinRpcError)) throw error;
      if (hasEnded()) throw new Error('bitcoind ended while it started');
      if (Date.now() > deadline) throw new Error('bitcoind does not answer', { cause: error });
      await Bun.sleep(25);
    }
  }
}

type Mine = Regtest['mine'];

function miner(rpc: BitcoinRpc): Mine {
  return async (blocks, address) => {
    const hashes = z.array(z.string());
    const params = address === undefined ? [blocks, 'raw(6a)'] : [blocks, address];
    if (address !== undefined) return rpc.call('generatetoaddress', params, hashes);
    return rpc.call('generatetodescriptor', params, hashes);
  };
}

async function createWallet(rpc: BitcoinRpc, name: string, mine: Mine): Promise<RegtestWallet> {
  await rpc.call('createwallet', [name], z.object({ name: z.string() }));
  const options = { wallet: name };
  const sentSchema = z.object({
    decoded: z.object({
      vout: z.array(z.object({ n: z.int(), scriptPubKey: z.object({ address: z.string().optional() }) })),
    }),
  });
  const newAddress = () => rpc.call('getnewaddress', [], z.string(), options);
  return {
    name,
    newAddress,
    async send(address, sats) {
      const txid = await rpc.call('sendtoaddress', [address, btcFromSats(sats)], z.string(), options);
      const sent = await rpc.call('gettransaction', [txid, true, true], sentSchema, options);
      const output = sent.decoded.vout.find((one) => one.scriptPubKey.address === address);
      if (output === undefined) throw new Error('the wallet did not pay the address');
      return { txid, vout: output.n };
    },
    async fund() {
      await mine(1, await newAddress());
      await mine(COINBASE_MATURITY_BLOCKS);
    },
  };
}

// Builds other than Knots refuse to start with an option that they do not know.
async function optionalFlags(bitcoind: string, corePolicy: boolean): Promise<readonly string[]> {
  const help = await Bun.spawn([bitcoind, '-help-debug'], { stdout: 'pipe', stderr: 'ignore' }).stdout.text();
  return Object.entries(OPTIONAL_FLAGS)
    .filter(([name]) => help.includes(`-${name}`) && (name !== 'corepolicy' || corePolicy))
    .map(([, flag]) => flag);
}

function scratchFolder(): string {
  try {
    accessSync('/dev/shm', constants.W_OK);
    return '/dev/shm';
  } catch {
    return tmpdir();
  }
}

function freePort(): number {
  const listener = Bun.listen({ hostname: '127.0.0.1', port: 0, socket: { data() {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}
