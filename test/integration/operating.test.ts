// The runbook, docs/OPERATING.md, carried out: three organisations on regtest run its blocks in their order, at terminals,
// with the executable as it ships, real servers and a real bitcoind. What is not the program's part happens around them: mail
// brings cards, users pay and burn, miners mine, and systemd's part is played by starting and stopping processes.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { plainJson } from '../../cli/call.ts';
import { ControlClient } from '../../cli/control-client.ts';
import { type Regtest, type RegtestWallet, startRegtest } from '../../devnet/bitcoind.ts';
import { type Child, runChild, startChild } from '../../devnet/child.ts';
import { type Ledger, startLedger } from '../../devnet/ledger.ts';
import { answersAt } from '../../devnet/operator.ts';
import { freePorts } from '../../devnet/ports.ts';
import { CONFIG_KEYS, configFileSchema } from '../../operator/config/config-keys.ts';
import type { CommandName, CommandParams, CommandResults } from '../../operator/runtime/command-types.ts';
import { BINARY, eventually, START_TIMEOUT_MS, TEST_TIMEOUT_MS } from './federation.ts';
import { type Block, commandsIn, iniFaults, jsonOf, runbookBlocks } from './runbook.ts';
import { atTerminal, type Desk, newPerson, nextCode, type Person } from './terminal.ts';

const OPERATORS = [0, 1, 2] as const;
const RECIPIENT = '1f'.repeat(32);
const BLOCK_TIMEOUT_MS = 120_000;
const PAGE = { limit: 100, offset: 0 } as const;
/** Every command of the launch instructions, in their order. */
const INSTRUCTED = [
  ...['init', 'user create', 'dkg', 'key-info', 'backup key-share', 'server', 'test-communication', 'test-signing'],
  ...['test-attestation', 'test-burn', 'test-consolidate-fees', 'restore key-share', 'status', 'security-check'],
  ...['enable-service', 'service-status', 'key-rotation initiate', 'generate-report'],
];
const blocks = runbookBlocks();
const stopped = new AbortController();
const servers = new Map<number, Child>();
let folder = '';
let bitcoin: Regtest;
let wallet: RegtestWallet;
let ledger: Ledger;
let alertmanager: ReturnType<typeof Bun.serve>;
const alerts: unknown[] = [];
let desks: readonly Desk[] = [];
/** What operators set in their shells, besides what each has of its own. */
const values: Record<string, string> = { RECIPIENT };

const home = (index: number) => join(folder, `home-${index}`);
const mpc = (index: number, name: string) => join(home(index), '.0btc-wire/mpc', name);
const others = (index: number) => OPERATORS.filter((other) => other !== index);
const runnersOf = ({ runners }: Block): readonly number[] =>
  runners === 'all' ? OPERATORS : runners === 'first' ? [0] : others(0);

function deskOf(index: number): Desk {
  const desk = desks[index];
  if (desk === undefined) throw new Error(`there is no operator ${index}`);
  return desk;
}

function person(index: number, user: string): Person {
  return deskOf(index).people.get(user) ?? newPerson(user);
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mpc-runbook-'));
  bitcoin = await startRegtest();
  wallet = await bitcoin.createWallet('users');
  await wallet.fund();
  ledger = startLedger({ network: 'regtest' });
  const fetch = async (request: Request) => {
    alerts.push(await request.json());
    return new Response('{}');
  };
  alertmanager = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch });
  const ports = freePorts(2 * OPERATORS.length);
  const addresses = OPERATORS.map((index) => `127.0.0.1:${ports[index]}`);
  mkdirSync(join(folder, 'bin'));
  symlinkSync(BINARY, join(folder, 'bin/mpc_operator'));
  desks = OPERATORS.map((index) => {
    for (const path of ['.0btc-wire/mpc', '.bitcoin/regtest']) {
      mkdirSync(join(home(index), path), { recursive: true, mode: 0o700 });
    }
    symlinkSync(bitcoin.cookiePath, join(home(index), '.bitcoin/regtest/.cookie'));
    const config = { ...draft(), ...here(index, addresses, ports[OPERATORS.length + index] ?? 0) };
    writeFileSync(mpc(index, 'config.json'), JSON.stringify(config), { mode: 0o600 });
    const env = {
      ...{ HOME: home(index), PATH: `${join(folder, 'bin')}:${process.env['PATH'] ?? ''}`, USER: 'olga' },
      ...{ MPC_OPERATOR_SCRYPT_WORK_FACTOR: '4', MPC_OPERATOR_ARGON2_KIB: '8' },
      ...{ INDEX: `${index}`, ADDRESSES: addresses.join(',') },
      OTHER_CARDS: others(index)
        .map((other) => join(home(index), `card-${other}.json`))
        .join(' '),
    };
    return { cwd: home(index), env, passphrase: `three words and number ${index}`, people: new Map() };
  });
}, START_TIMEOUT_MS);

afterAll(async () => {
  stopped.abort();
  await Promise.all([...servers.values()].map((server) => server.stop()));
  await alertmanager?.stop(true);
  await ledger?.stop();
  await bitcoin?.stop();
  if (folder !== '') rmSync(folder, { recursive: true, force: true });
}, START_TIMEOUT_MS);

/** The configuration of the runbook. */
function draft(): Record<string, unknown> {
  const whole = blocks.filter(({ language, text }) => language === 'json' && text.includes('"parties"'));
  expect(whole).toHaveLength(1);
  return jsonOf(whole[0]?.text ?? '');
}

/** What differs here: the network, the nodes, the places; and burns wait, so that commands come before the clock. */
function here(index: number, addresses: readonly string[], metrics: number) {
  return configFileSchema.partial().parse({
    ...{ network: 'regtest', my_index: index, party_addresses: addresses },
    ...{ bitcoin_nodes: [bitcoin.rpcUrl], wire_nodes: [ledger.url], metrics_address: `127.0.0.1:${metrics}` },
    ...{ alertmanager_url: `http://127.0.0.1:${alertmanager.port}`, takeover_s: 2 },
    ...{ payout_cheap_sat_vb: 0, payout_batch_age_s: 3600 },
  });
}

const isRunning = (index: number) => servers.get(index)?.isRunning() === true;

/** An answer of an operator's server. */
async function told<C extends CommandName>(
  index: number,
  command: C,
  params: CommandParams<C>,
): Promise<CommandResults[C]> {
  const outcome = await new ControlClient(mpc(index, 'run/control.sock')).call(command, plainJson(params));
  if (!outcome.ok) throw new Error(`operator ${index}, ${command}: ${outcome.message}`);
  const result: unknown = outcome.result;
  return result as CommandResults[C];
}

/** Waits until the answers of all running servers are as they should be. */
function untilAll<C extends CommandName>(
  what: string,
  command: C,
  params: CommandParams<C>,
  holds: (result: CommandResults[C]) => boolean,
): Promise<void> {
  const asked = () => OPERATORS.filter(isRunning).map((index) => told(index, command, params));
  return eventually(what, async () => (await Promise.all(asked())).every(holds), TEST_TIMEOUT_MS);
}

const allReach = () =>
  untilAll('every operator reaches every other', 'test-communication', { rounds: 1 }, ({ peers }) =>
    peers.every(({ reachable }) => reachable),
  );
const allWell = () => untilAll('status is well everywhere', 'status', {}, ({ problems }) => problems.length === 0);

async function startServer(index: number): Promise<void> {
  const child = startChild(
    { command: [BINARY, 'server'], cwd: home(index), env: deskOf(index).env },
    join(home(index), 'log'),
  );
  servers.set(index, child);
  await eventually(`the server of operator ${index} answers`, () => answersAt(mpc(index, 'run/control.sock')));
}

/** systemd's part of a block for the machine. */
async function systemd(block: Block): Promise<void> {
  for (const [, verb = ''] of block.text.matchAll(/systemctl (enable --now|start|stop|restart) mpc-operator/g)) {
    for (const index of runnersOf(block)) {
      if (verb === 'stop' || verb === 'restart') await servers.get(index)?.stop();
      if (verb !== 'stop') await startServer(index);
    }
  }
}

async function payDeposit(): Promise<void> {
  const { txid, vout } = await wallet.send(values['DEPOSIT_ADDRESS'] ?? '', 100_000_000n);
  Object.assign(values, { DEPOSIT_TXID: txid, DEPOSIT_VOUT: `${vout}`, DEPOSIT_SATS: '100000000' });
  await bitcoin.mine(12);
  const isRead = ({ deposits }: CommandResults['deposits']) => deposits.some((one) => one.txid === txid);
  await untilAll('every operator has read the deposit', 'deposits', PAGE, isRead);
}

async function fundTreasury(): Promise<void> {
  const { address, confirmations_needed: needed } = await told(0, 'treasury', {});
  await wallet.send(address, 100_000n);
  await bitcoin.mine(needed);
  const isDeep = ({ confirmations }: CommandResults['treasury']) => confirmations >= needed;
  await untilAll('every operator sees the treasury deep enough', 'treasury', {}, isDeep);
}

async function makeBurn(amount: bigint): Promise<void> {
  const btcAddress = await wallet.newAddress();
  const { burn_txid } = ledger.burn({ recipient: RECIPIENT, btcAddress, amount, fee: 1_000n });
  Object.assign(values, { BURN: burn_txid, BTC_ADDRESS: btcAddress });
}

/** The key file of before the ceremony: the node has its identity, and no share. */
async function loseShares(): Promise<void> {
  await servers.get(0)?.stop();
  copyFileSync(mpc(0, 'before.enc'), mpc(0, 'key_share.enc'));
  await startServer(0);
  await run(0, 'mpc_operator unseal');
}

/** What happens around the commands. Each of them happens before, or after, the blocks that its pattern finds. */
interface Happening {
  readonly when: 'before' | 'after';
  readonly block: RegExp;
  readonly happens: (block: Block, said: readonly string[]) => void | Promise<void>;
}
const HAPPENINGS: readonly Happening[] = [
  {
    when: 'before',
    block: /peer add \$OTHER_CARDS/,
    happens: () => {
      for (const index of OPERATORS) {
        for (const other of others(index))
          copyFileSync(join(home(other), `card-${other}.json`), join(home(index), `card-${other}.json`));
      }
    },
  },
  { when: 'before', block: /--rehearsal/, happens: () => copyFileSync(mpc(0, 'key_share.enc'), mpc(0, 'before.enc')) },
  {
    when: 'after',
    block: /dkg --ceremony-id initial-dkg/,
    happens: (_, said) => {
      const keys = said.map((screen) => /^attestation key +([0-9a-f]{64})/m.exec(screen)?.[1] ?? '');
      expect([new Set(keys).size, keys[0]?.length]).toEqual([1, 64]);
      ledger.setAttestationKey(Uint8Array.fromHex(keys[0] ?? ''));
    },
  },
  { when: 'after', block: /systemctl .*mpc-operator/, happens: (block) => systemd(block) },
  { when: 'before', block: /test-communication|test-signing|treasury open/, happens: allReach },
  { when: 'before', block: /treasury open/, happens: fundTreasury },
  {
    when: 'after',
    block: /treasury open/,
    happens: () => untilAll('the treasury is open everywhere', 'treasury', {}, ({ state }) => state === 'open'),
  },
  {
    when: 'after',
    block: /deposit-address --recipient/,
    happens: (_, [screen = '']) => {
      values['DEPOSIT_ADDRESS'] = /bcrt1p[a-z0-9]+/.exec(screen)?.[0] ?? '';
    },
  },
  { when: 'before', block: /test-attestation/, happens: payDeposit },
  {
    when: 'before',
    block: /test-burn/,
    happens: async () => {
      ledger.grant(RECIPIENT, 20_000n);
      await makeBurn(20_000n);
    },
  },
  { when: 'after', block: /test-alert/, happens: () => expect(alerts).toHaveLength(1) },
  { when: 'before', block: /mpc_operator status\n|mpc_operator status$/, happens: allWell },
  {
    when: 'before',
    block: /withdrawals\nmpc_operator withdrawals --waiting/,
    happens: () =>
      eventually('the deposit is minted', async () => ledger.balance(RECIPIENT) === 100_000_000n, TEST_TIMEOUT_MS),
  },
  { when: 'before', block: /withdraw --burn/, happens: () => makeBurn(10_000_000n) },
  { when: 'before', block: /mpc_operator hold/, happens: () => makeBurn(1_000_000n) },
  {
    when: 'after',
    block: /tls rotate/,
    happens: () =>
      eventually('operator 0 shows its new certificate', async () =>
        readFileSync(join(home(0), 'log'), 'utf8').includes('"certificate_rotated"'),
      ),
  },
  {
    when: 'after',
    block: /peer export --output ~\/new-card/,
    happens: () => {
      values['NEW_CARD'] = join(home(0), 'new-card.json');
    },
  },
  {
    when: 'before',
    block: /--as-fd/,
    happens: async () => {
      const olga = person(0, 'olga');
      Object.assign(values, { PASSWORD: olga.password, CODE: await nextCode(olga) });
    },
  },
  {
    when: 'after',
    block: /mpc_operator void/,
    happens: (_, [screen = '']) => {
      values['REQUEST'] = /^request +([0-9a-f]{32})/m.exec(screen)?.[1]?.slice(0, 8) ?? '';
    },
  },
  {
    when: 'after',
    block: /restore key-share/,
    happens: (_, [screen = '']) => expect(screen).toContain('User of the second person, of another role: sam'),
  },
  { when: 'before', block: /ceremony recover/, happens: loseShares },
];
const happened = new Set<Happening>();

async function around(when: Happening['when'], block: Block, said: readonly string[] = []): Promise<void> {
  for (const one of HAPPENINGS) {
    if (one.when !== when || !one.block.test(block.text)) continue;
    happened.add(one);
    await one.happens(block, said);
  }
}

// Who acts where a command asks: limits and most of the rest are an admin's, the treasury and payouts an operator's. What each
// of them may do falls to the security officer, so that nobody runs out of codes.
const LIMITS = /policy set|emergency resume/;
const ANYBODY = /unseal|disable-service|escalate|incident|emergency pause/;
const MONEY = /treasury open|test-signing|test-attestation|test-burn|withdraw|bump|hold|void|deposit-address/;

async function run(index: number, script: string): Promise<string> {
  const desk = deskOf(index);
  const who = [actorOf(script), 'sam'] as const;
  const { code, screen, unanswered } = await atTerminal(
    { ...desk, env: { ...desk.env, ...values } },
    script,
    who,
    BLOCK_TIMEOUT_MS,
  );
  if (code === 0) return screen;
  const asked = unanswered === null ? '' : `, which asks "${unanswered}"`;
  throw new Error(`operator ${index}: exit code ${code}${asked}\n${script}\n${screen}`);
}

function actorOf(script: string): string {
  if (LIMITS.test(script)) return 'admin';
  if (ANYBODY.test(script)) return 'sam';
  return MONEY.test(script) ? 'olga' : 'admin';
}

async function carryOut(block: Block): Promise<void> {
  await around('before', block);
  const said =
    block.language === 'bash' ? await Promise.all(runnersOf(block).map((index) => run(index, block.text))) : [];
  await around('after', block, said);
}

/** Whether bash can read a block. */
async function syntaxFault({ text, line }: Block): Promise<string | null> {
  const child = Bun.spawn(['bash', '-n', '-c', text], { stdin: 'ignore', stdout: 'ignore', stderr: 'pipe' });
  const [code, said] = await Promise.all([child.exited, child.stderr.text()]);
  return code === 0 && said === '' ? null : `line ${line}: ${said}`;
}

describe('the blocks of the runbook', () => {
  test('are commands, or files that the program or the machine reads', () => {
    expect([...new Set(blocks.map(({ language }) => language))].sort()).toEqual(['bash', 'host', 'ini', 'json']);
  });

  test('that are shell are such, and only those of the program run here', async () => {
    const shell = blocks.filter(({ language }) => language === 'bash' || language === 'host');
    expect((await Promise.all(shell.map(syntaxFault))).filter((fault) => fault !== null)).toEqual([]);
    const lines = blocks
      .filter(({ language }) => language === 'bash')
      .flatMap(({ text }) => text.replaceAll('\\\n', '').split('\n'));
    expect(lines.filter((line) => !line.startsWith('mpc_operator '))).toEqual([]);
  });

  test('that are JSON are the configuration or a part of it', () => {
    for (const { text } of blocks.filter(({ language }) => language === 'json')) {
      const content = jsonOf(text);
      expect(Object.keys(content).filter((key) => !CONFIG_KEYS.includes(key))).toEqual([]);
      expect(configFileSchema.partial().safeParse(content).error).toBeUndefined();
    }
  });

  test('that are ini files have sections and settings alone', () => {
    const faults = blocks.filter(({ language }) => language === 'ini').flatMap(({ text }) => iniFaults(text));
    expect(faults).toEqual([]);
  });

  test('have every command of the launch instructions that this version has', async () => {
    const had = commandsIn(blocks.map(({ text }) => text).join('\n'));
    const missing = INSTRUCTED.filter((command) => !had.has(command) && command !== 'server');
    const known = await Promise.all(missing.map(isKnown));
    expect(missing.filter((_, at) => known[at] === true)).toEqual([]);
  });
});

/** Whether the program has a command: its help names itself. */
async function isKnown(command: string): Promise<boolean> {
  const options = { command: [BINARY, ...command.split(' '), '--help'], cwd: folder, env: { HOME: folder } };
  return (await runChild(options, stopped.signal)).stdout.startsWith(`Usage: mpc_operator ${command}`);
}

describe('three organisations follow the runbook through', () => {
  let broken = false;
  for (const chapter of new Set(blocks.map((block) => block.chapter))) {
    test(
      chapter,
      async () => {
        if (broken) throw new Error('an earlier chapter failed');
        broken = true;
        for (const block of blocks.filter((one) => one.chapter === chapter)) {
          const began = Date.now();
          await carryOut(block).catch((error: unknown) => {
            throw new Error(`docs/OPERATING.md, line ${block.line}: ${error instanceof Error ? error.message : error}`);
          });
          if (process.env['TIMES']) console.log(`${block.line}\t${Date.now() - began}\t${block.text.split('\n')[0]}`);
        }
        broken = false;
      },
      2 * TEST_TIMEOUT_MS,
    );
  }

  test('and everything that happens around it did happen', () => {
    expect(HAPPENINGS.filter((one) => !happened.has(one)).map(({ block }) => block.source)).toEqual([]);
  });
});
