// A whole federation on one machine: a Bitcoin node in regtest, a small Wire ledger and n operators, each a process of
// the program. The devnet and the integration tests run on it; what they do with it is in steps.ts.
import { rmSync } from 'node:fs';
import { access, constants, mkdir, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConfigFile } from '../operator/config/config-keys.ts';
import { type Progress, type Regtest, type RegtestWallet, startRegtest } from './bitcoind.ts';
import { type Ledger, startLedger } from './ledger.ts';
import { DevnetOperator } from './operator.ts';
import { freePorts } from './ports.ts';
import { makeScratch } from './scratch.ts';

/** Confirmations that make a Bitcoin transaction count for the operators. */
export const CONFIRMATIONS = 3;
/** How deep what the treasury sweeps must be. */
export const DEEP_CONFIRMATIONS = 2 * CONFIRMATIONS;
const WALLET = 'devnet';
const MEMORY_FOLDER = '/dev/shm';
/** What the folder's file system must have free: what an operator's preflight asks for, and room for the Bitcoin node. */
const FREE_BYTES_MIN = 1024 * 1024 * 1024;

/** How to start a federation. */
export interface FederationOptions {
  readonly parties: number;
  readonly threshold: number;
  /** The compiled executable to run; null or absent: the sources. */
  readonly binary?: string | null;
  /** Where to keep everything: an empty folder or one to be made, which stays. By default one that goes with the federation. */
  readonly folder?: string;
  readonly bitcoind?: string;
  /** A module that operators run from the sources load before the program. */
  readonly preload?: string;
  /** Configuration keys for every operator, over those of the devnet. */
  readonly more?: Partial<ConfigFile>;
  readonly progress?: Progress;
  /** Ends whatever is under way; `stop` must be called all the same once there is a federation. */
  readonly signal?: AbortSignal;
}

/** A running federation. */
export interface Federation {
  readonly folder: string;
  readonly parties: number;
  readonly threshold: number;
  readonly bitcoin: Regtest;
  readonly wallet: RegtestWallet;
  readonly ledger: Ledger;
  /** In index order. */
  readonly operators: readonly DevnetOperator[];
  readonly signal: AbortSignal;
  /** The operator of an index; throws where there is none. */
  operator(index: number): DevnetOperator;
  /** Ends all processes, then removes the folder unless it was given. May be called twice. */
  stop(): Promise<void>;
}

/** Starts everything: operators run, know nothing of each other yet, and the wallet holds coins. */
export async function startFederation(options: FederationOptions): Promise<Federation> {
  const signal = options.signal ?? new AbortController().signal;
  signal.throwIfAborted();
  const folder = options.folder ?? makeScratch(await scratchFolder(), 'mpc-devnet');
  const endings: (() => Promise<void>)[] = [];
  const removeNow = () => rmSync(folder, { recursive: true, force: true });
  if (options.folder === undefined) process.once('exit', removeNow);
  const stop = async () => {
    await Promise.all(endings.splice(0).map((end) => end()));
    if (options.folder !== undefined) return;
    process.off('exit', removeNow);
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  };
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const parts = await startParts({ ...options, signal, folder }, endings);
    const operator = (index: number): DevnetOperator => {
      const found = parts.operators[index];
      if (found === undefined) throw new Error(`there is no operator ${index}`);
      return found;
    };
    const { parties, threshold } = options;
    return { folder, parties, threshold, ...parts, operator, signal, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

type StartOptions = FederationOptions & { readonly signal: AbortSignal; readonly folder: string };
type Parts = Pick<Federation, 'bitcoin' | 'wallet' | 'ledger' | 'operators'>;

async function startParts(options: StartOptions, endings: (() => Promise<void>)[]): Promise<Parts> {
  const { folder, signal, parties } = options;
  const progress = options.progress ?? (() => {});
  const dir = join(folder, 'bitcoin');
  await mkdir(dir, { mode: 0o700 });
  progress('Starting a Bitcoin node in regtest');
  const bitcoin = await startRegtest({
    dir,
    progress,
    ...(options.bitcoind !== undefined && { bitcoind: options.bitcoind }),
  });
  endings.push(() => bitcoin.stop());
  signal.throwIfAborted();
  const ledger = startLedger({ network: 'regtest' });
  endings.push(() => ledger.stop());

  progress(`Making keys, certificates and configurations of ${parties} operators`);
  // Everything is waited for, also after a failure: what is under way then must be there to be ended.
  const [wallet, ...made] = await Promise.allSettled([fundedWallet(bitcoin), ...createAll(options, bitcoin, ledger)]);
  const operators = made.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  for (const operator of operators) endings.push(() => operator.stop());
  throwFirst([wallet, ...made]);
  if (wallet.status !== 'fulfilled') throw wallet.reason;

  progress(`Starting ${parties} operators`);
  throwFirst(await Promise.allSettled(operators.map((operator) => operator.start())));
  return { bitcoin, wallet: wallet.value, ledger, operators };
}

async function fundedWallet(bitcoin: Regtest): Promise<RegtestWallet> {
  const wallet = await bitcoin.createWallet(WALLET);
  await wallet.fund();
  return wallet;
}

function createAll(options: StartOptions, bitcoin: Regtest, ledger: Ledger): readonly Promise<DevnetOperator>[] {
  const { folder, signal, parties, threshold } = options;
  const ports = freePorts(3 * parties);
  const addresses = ports.slice(0, parties).map((port) => `127.0.0.1:${port}`);
  return addresses.map((address, index) =>
    DevnetOperator.create({
      index,
      folder: join(folder, `operator-${index}`),
      binary: options.binary ?? null,
      ...(options.preload !== undefined && { preload: options.preload }),
      parties,
      threshold,
      addresses,
      bitcoinUrl: bitcoin.rpcUrl,
      ledgerUrl: ledger.url,
      more: {
        listen_address: address,
        metrics_address: `127.0.0.1:${ports[parties + index]}`,
        admin_address: `127.0.0.1:${ports[2 * parties + index]}`,
        bitcoin_rpc_cookie_file: bitcoin.cookiePath,
        normal_confirmations: CONFIRMATIONS,
        // The story takes each step by hand, so that it can show it.
        automatic: false,
        fork_confirmations: DEEP_CONFIRMATIONS,
        ...options.more,
      },
      signal,
    }),
  );
}

function throwFirst(results: readonly PromiseSettledResult<unknown>[]): void {
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

// Databases that wait for the disk at every commit are fastest in memory, where the machine has enough of it. A
// TMPDIR is its user's own choice.
async function scratchFolder(): Promise<string> {
  if ((process.env['TMPDIR'] ?? '') !== '') return tmpdir();
  try {
    await access(MEMORY_FOLDER, constants.W_OK);
    const { bavail, bsize } = await statfs(MEMORY_FOLDER);
    return bavail * bsize >= FREE_BYTES_MIN ? MEMORY_FOLDER : tmpdir();
  } catch {
    return tmpdir();
  }
}
