// Federations of compiled executables as integration tests use them: a real bitcoind in regtest, the small ledger, and
// the program's own command line, whose answers are read as a user or a script would.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { btcAmount } from '../../chain/amount.ts';
import type { Finished } from '../../devnet/child.ts';
import {
  DEEP_CONFIRMATIONS,
  type Federation,
  type FederationOptions,
  startFederation,
} from '../../devnet/federation.ts';
import type { DevnetOperator } from '../../devnet/operator.ts';
import { type Deposit, enableService, exchangeCards, newRecipient, openTreasury, runDkg } from '../../devnet/steps.ts';
import { until } from '../../devnet/until.ts';

/** How long a federation may take to start, also where bitcoind has to be installed first, in ms. */
export const START_TIMEOUT_MS = 180_000;
/** How long one test of whole processes may take, in ms. */
export const TEST_TIMEOUT_MS = 120_000;
const WAIT_TIMEOUT_MS = 30_000;
/** Makes key files quick to open; what they guard here is nothing. */
const SCRYPT_WORK_FACTOR = '4';

/** The executable that `npm run build` makes. */
export const BINARY = fileURLToPath(new URL('../../dist/mpc_operator', import.meta.url));

/** Starts a federation, 2 of 3 unless told otherwise, that has no keys yet. */
export async function startOperators(options: Partial<FederationOptions> = {}): Promise<Federation> {
  if (!existsSync(BINARY)) throw new Error(`${BINARY} is not there: run \`npm run build\``);
  process.env['MPC_OPERATOR_SCRYPT_WORK_FACTOR'] = SCRYPT_WORK_FACTOR;
  return startFederation({ parties: 3, threshold: 2, binary: BINARY, ...options });
}

/** Starts a federation that has made its keys, opened its treasury and enabled its service, with `treasurySats` where that is told. */
export async function startBridge(
  options: Partial<FederationOptions> = {},
  treasurySats?: bigint,
): Promise<Federation> {
  const federation = await startOperators(options);
  try {
    await exchangeCards(federation);
    await runDkg(federation, 'initial-dkg');
    await openTreasury(federation, undefined, treasurySats);
    await enableService(federation);
    return federation;
  } catch (error) {
    await federation.stop();
    throw error;
  }
}

/** Who signed, and who did not and why. */
export const signingSchema = z.object({
  signers: z.array(z.int()),
  excluded: z.array(z.object({ index: z.int(), reason: z.string() })),
});

export const attestedSchema = z.object({
  attestation: z.record(z.string(), z.union([z.string(), z.number()])),
  test: z.boolean(),
  submitted: z.boolean(),
  detail: z.string(),
  signing: signingSchema,
});

const paidBurnSchema = z.object({
  burn_txid: z.string(),
  address: z.string(),
  amount: z.string(),
  fee: z.string(),
});

/** A step of the line as commands tell it. */
export const stepSchema = z.object({
  txid: z.string(),
  kind: z.string(),
  burns: z.array(paidBurnSchema),
  swept: z.int(),
  miner_fee: z.string(),
  fee_rate: z.number(),
  vsize: z.int(),
  broadcast: z.boolean(),
  detail: z.string(),
  signing: signingSchema,
});

/** Why a burn, or the line, waits. */
export const waitSchema = z.object({
  burn_txid: z.string().nullable(),
  reason: z.string(),
  missing_sats: z.string(),
  remedy: z.string(),
  top_up_address: z.string().nullable(),
});

export const waitingSchema = z.object({ waiting: z.array(waitSchema) });

export const withdrawnSchema = z.object({
  status: z.enum(['new', 'under_way']),
  step: stepSchema,
  left: z.array(waitSchema),
});

const testSignatureSchema = signingSchema.extend({ signature: z.string(), public_key: z.string(), signed: z.string() });
export const testSigningSchema = z.object({ bitcoin: testSignatureSchema, attestation: testSignatureSchema });

export const testBurnSchema = z.object({
  txid: z.string(),
  transaction: z.string(),
  psbt: z.string(),
  inputs: z.int(),
  broadcast: z.boolean(),
  signing: signingSchema,
});

/** Runs a command with `--json` and reads its answer; throws where the command fails. */
export async function answer<T>(operator: DevnetOperator, args: readonly string[], schema: z.ZodType<T>): Promise<T> {
  return schema.parse(JSON.parse(await operator.mustRun([...args, '--json'])));
}

/** What a command that must fail said: its exit code and the last line on stderr. */
export interface Said {
  readonly code: number;
  readonly says: string;
}

/** The failure of a command; throws where it succeeds or prints a result. */
export async function failure(operator: DevnetOperator, args: readonly string[]): Promise<Said> {
  return saidBy(await operator.cli(args));
}

/** As `failure`, of a command that has run. */
export function saidBy({ code, stdout, stderr }: Finished): Said {
  if (code === 0 || stdout !== '') throw new Error(`this should have failed: ${stdout}${stderr}`);
  return { code, says: stderr.trimEnd().split('\n').at(-1) ?? '' };
}

/** The flags by which `attest` and `test-attestation` are told of a deposit. */
export function depositFlags({ txid, vout, recipient, amount }: Omit<Deposit, 'address'>): readonly string[] {
  return ['--txid', txid, '--vout', `${vout}`, '--recipient', recipient, '--amount', `${amount}`];
}

/** The flags by which `test-burn` is told of a burn. */
export function burnFlags(burn: {
  readonly burn_txid: string;
  readonly btc_address: string;
  readonly amount: string;
  readonly fee: string;
}): readonly string[] {
  const { burn_txid, btc_address, amount, fee } = burn;
  return ['--txid', burn_txid, '--address', btc_address, '--amount', amount, '--fee', fee];
}

const transactionSchema = z.object({
  txid: z.string(),
  vin: z.array(z.object({ txid: z.string().optional(), vout: z.int().optional() })),
  vout: z.array(z.object({ n: z.int(), value: btcAmount, scriptPubKey: z.object({ address: z.string().optional() }) })),
});

/** A transaction as the Bitcoin node tells it. Amounts in sats. */
export type ChainTransaction = z.infer<typeof transactionSchema>;

/** A transaction of the chain or the mempool. */
export function transaction({ bitcoin }: Federation, txid: string): Promise<ChainTransaction> {
  return bitcoin.rpc.call('getrawtransaction', [txid, true], transactionSchema);
}

/** Every transaction of the chain and of the mempool that pays an address, by looking at all of them. */
export async function paymentsTo(federation: Federation, address: string): Promise<readonly ChainTransaction[]> {
  const { rpc } = federation.bitcoin;
  const height = await rpc.call('getblockcount', [], z.int());
  const found: ChainTransaction[] = [];
  for (let at = 1; at <= height; at++) {
    const hash = await rpc.call('getblockhash', [at], z.string());
    found.push(...(await rpc.call('getblock', [hash, 2], z.object({ tx: z.array(transactionSchema) }))).tx);
  }
  for (const txid of await rpc.call('getrawmempool', [], z.array(z.string()))) {
    found.push(await transaction(federation, txid));
  }
  return found.filter(({ vout }) => vout.some(({ scriptPubKey }) => scriptPubKey.address === address));
}

/** Deposits to a new recipient that operator 0 is told of; automatic operators mint them. `amounts` in sats. */
export async function mintedAt(federation: Federation, amounts: readonly bigint[]): Promise<string> {
  const recipient = newRecipient();
  const { address } = await federation.operator(0).control('deposit-address', { recipient });
  for (const [index, amount] of amounts.entries()) {
    // A wallet makes no long chains of unconfirmed change.
    if (index % 20 === 19) await federation.bitcoin.mine(1);
    await federation.wallet.send(address, amount);
  }
  await federation.bitcoin.mine(DEEP_CONFIRMATIONS);
  const total = amounts.reduce((sum, amount) => sum + amount, 0n);
  await eventually(`${total} sats are minted`, async () => federation.ledger.balance(recipient) === total);
  return recipient;
}

/** What is in the mempool of the federation's Bitcoin node. */
export function mempool({ bitcoin }: Federation): Promise<readonly string[]> {
  return bitcoin.rpc.call('getrawmempool', [], z.array(z.string()));
}

/** Mines a block that holds nothing: the miner leaves out what waits. */
export async function emptyBlock({ bitcoin, wallet }: Federation): Promise<void> {
  await bitcoin.rpc.call('generateblock', [await wallet.newAddress(), []], z.object({ hash: z.string() }));
}

/** The highest entry of an operator's audit log, which every decision extends. */
export async function auditHead(operator: DevnetOperator): Promise<string> {
  return (await operator.control('status', {})).audit_head.hash;
}

/** Waits for something that processes do by themselves. */
export function eventually(what: string, isTrue: () => Promise<boolean>, timeoutMs = WAIT_TIMEOUT_MS): Promise<void> {
  return until(() => what, isTrue, { timeoutMs, signal: new AbortController().signal });
}
