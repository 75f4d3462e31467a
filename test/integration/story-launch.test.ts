// The launch instructions, carried out by three operators as they stand there: in a shell, in the default place below the
// home folder, the executable at ./target/release/mpc_operator. What is added to their words is the network and the nodes.
// The first operator makes its certificate with openssl; the passphrase comes as a systemd credential.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { type Regtest, type RegtestWallet, startRegtest } from '../../devnet/bitcoind.ts';
import { type Child, type Finished, runChild, startChild } from '../../devnet/child.ts';
import { type Ledger, startLedger } from '../../devnet/ledger.ts';
import { freePorts } from '../../devnet/ports.ts';
import { BINARY, eventually, START_TIMEOUT_MS, TEST_TIMEOUT_MS } from './federation.ts';

const OPERATOR = './target/release/mpc_operator';
const OPERATORS = [0, 1, 2] as const;
const RECIPIENT = '1f'.repeat(32);
const PASSPHRASE = 'three words and a number 7';
const stopped = new AbortController();
const servers: Child[] = [];
let folder = '';
let bitcoin: Regtest;
let wallet: RegtestWallet;
let ledger: Ledger;
let addresses: readonly string[] = [];
/** How deep a deposit has to be before it is swept, as `init` writes it. */
const FORK_CONFIRMATIONS = 12;
let deposit = { txid: '', vout: -1 };

const home = (index: number) => join(folder, `home-${index}`);

function environment(index: number) {
  return {
    HOME: home(index),
    PATH: process.env['PATH'] ?? '',
    CREDENTIALS_DIRECTORY: join(home(index), 'credentials'),
    MPC_OPERATOR_SCRYPT_WORK_FACTOR: '4',
  };
}

/** Runs a line of the instructions in an operator's shell. */
function shell(index: number, line: string): Promise<Finished> {
  const options = { command: ['/bin/sh', '-c', line], cwd: join(home(index), 'Wire'), env: environment(index) };
  return runChild(options, stopped.signal);
}

/** As `shell`, of a line that must succeed; gives what it printed. */
async function done(index: number, line: string): Promise<string> {
  const { code, stdout, stderr } = await shell(index, line);
  if (code !== 0) throw new Error(`operator ${index}: ${line}\n${stdout}${stderr}`);
  return stdout;
}

const everybody = (line: string) => Promise.all(OPERATORS.map((index) => done(index, line)));

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mpc-launch-'));
  bitcoin = await startRegtest();
  wallet = await bitcoin.createWallet('users');
  await wallet.fund();
  ledger = startLedger({ network: 'regtest' });
  addresses = freePorts(OPERATORS.length).map((port) => `127.0.0.1:${port}`);
  for (const index of OPERATORS) {
    for (const path of ['Wire/target/release', '.0btc-wire/mpc', '.bitcoin/regtest', 'credentials']) {
      mkdirSync(join(home(index), path), { recursive: true, mode: 0o700 });
    }
    symlinkSync(BINARY, join(home(index), 'Wire', OPERATOR));
    symlinkSync(bitcoin.cookiePath, join(home(index), '.bitcoin/regtest/.cookie'));
    writeFileSync(join(home(index), 'credentials/mpc-operator-passphrase'), PASSPHRASE, { mode: 0o600 });
  }
}, START_TIMEOUT_MS);

afterAll(async () => {
  stopped.abort();
  await Promise.all(servers.map((server) => server.stop()));
  await ledger?.stop();
  await bitcoin?.stop();
  if (folder !== '') rmSync(folder, { recursive: true, force: true });
}, START_TIMEOUT_MS);

test(
  'init takes the flags of the instructions and a certificate made by their openssl command',
  async () => {
    expect(await done(0, `${OPERATOR} --version`)).toMatch(/^\d+\.\d+\.\d+\n$/);
    await done(
      0,
      `openssl req -x509 -newkey rsa:4096 -keyout ~/.0btc-wire/mpc/tls_key.pem \\
         -out ~/.0btc-wire/mpc/tls_cert.pem -days 365 -nodes -subj "/CN=operator1"`,
    );
    const certificate = readFileSync(join(home(0), '.0btc-wire/mpc/tls_cert.pem'), 'utf8');
    for (const index of OPERATORS) {
      const said = await done(
        index,
        `${OPERATOR} init \\
           --parties 3 \\
           --threshold 2 \\
           --index ${index} \\
           --addresses "${addresses.join(',')}" \\
           --output ~/.0btc-wire/mpc/config.json \\
           --network regtest --bitcoin-node ${bitcoin.rpcUrl} --wire-node ${ledger.url}`,
      );
      expect(said).toMatch(/^fingerprint +[a-z]+ [a-z]+ /m);
      // The commands are told to do the work; servers that do it by themselves would come before them, or not.
      const configPath = join(home(index), '.0btc-wire/mpc/config.json');
      const config: unknown = JSON.parse(readFileSync(configPath, 'utf8'));
      writeFileSync(
        configPath,
        JSON.stringify({ ...z.record(z.string(), z.unknown()).parse(config), automatic: false }),
      );
    }
    expect(readFileSync(join(home(0), '.0btc-wire/mpc/tls_cert.pem'), 'utf8')).toBe(certificate);
    const made = `${OPERATOR} peer export --output ~/card.json`;
    await everybody(made);
    const others = (me: number) => OPERATORS.filter((index) => index !== me).map((index) => `${home(index)}/card.json`);
    for (const index of OPERATORS) await done(index, `${OPERATOR} peer add ${others(index).join(' ')}`);
    expect((await done(2, `${OPERATOR} peer list`)).match(/127\.0\.0\.1:/g)).toHaveLength(3);
  },
  TEST_TIMEOUT_MS,
);

test(
  'without servers a rehearsal goes through and leaves no key, then the ceremony makes one, the same for all',
  async () => {
    const rehearsed = await everybody(`${OPERATOR} dkg --ceremony-id rehearsal-1 --rehearsal`);
    for (const said of rehearsed) expect(said).toContain('The rehearsal succeeded; its keys are destroyed.');
    for (const said of await everybody(`${OPERATOR} key-info`)) expect(said).not.toContain('(live)');

    const made = await everybody(`${OPERATOR} dkg --ceremony-id initial-dkg`);
    const lines = (name: string) => made.map((said) => new RegExp(`^${name} +(.+)$`, 'm').exec(said)?.[1] ?? '');
    for (const name of ['transcript hash', 'bitcoin key', 'attestation key', 'coordinator', 'signed in test']) {
      const told = new Set(lines(name));
      expect([name, told.size, told.has('')]).toEqual([name, 1, false]);
    }
    const [bitcoinKey = ''] = lines('bitcoin key');
    for (const said of await everybody(`${OPERATOR} key-info`)) {
      expect(said).toMatch(new RegExp(`^bitcoin key +${bitcoinKey}$`, 'm'));
      expect(said).toContain('(live)');
      expect(said).toContain('fit the public keys');
    }
    ledger.setAttestationKey(Uint8Array.fromHex(lines('attestation key')[0] ?? ''));

    const again = await shell(1, `${OPERATOR} dkg --ceremony-id another-dkg --wait 5`);
    expect(again).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining(' (key_exists).') });
  },
  TEST_TIMEOUT_MS,
);

test(
  'an exported ceremony verifies offline on any machine, and a changed one does not',
  async () => {
    await everybody(`${OPERATOR} ceremony show initial-dkg --output ~/initial-dkg.json`);
    const [first = '', ...others] = OPERATORS.map((index) =>
      readFileSync(join(home(index), 'initial-dkg.json'), 'utf8'),
    );
    const schema = z.object({ transcript: z.record(z.string(), z.unknown()), certificate: z.unknown() });
    const read = (text: string) => schema.parse(JSON.parse(text));
    for (const other of others) expect(read(other)).toEqual(read(first));

    // Elsewhere: no configuration, no home folder of an operator.
    const elsewhere = join(folder, 'elsewhere');
    mkdirSync(elsewhere);
    copyFileSync(join(home(2), 'initial-dkg.json'), join(elsewhere, 'copy.json'));
    const verify = (file: string) =>
      runChild(
        { command: [BINARY, 'ceremony', 'verify', file], cwd: elsewhere, env: { HOME: elsewhere } },
        stopped.signal,
      );
    const good = await verify('copy.json');
    expect(good).toMatchObject({ code: 0, stdout: expect.stringContaining('This file is valid.') });

    const key = /"bitcoin":\{"public_key":"(0[23])([0-9a-f])/.exec(first);
    const tampering: readonly (readonly [string, string])[] = [
      [key?.[0] ?? '?', `"bitcoin":{"public_key":"${key?.[1] === '02' ? '03' : '02'}${key?.[2] ?? ''}`],
      ['"ceremony_id":"initial-dkg"', '"ceremony_id":"initial-dkf"'],
      ['"t":2', '"t":3'],
      ['"index":2', '"index":1'],
    ];
    for (const [from, to] of tampering) {
      const changed = first.replace(from, to);
      expect(changed).not.toBe(first);
      writeFileSync(join(elsewhere, 'tampered.json'), changed);
      const bad = await verify('tampered.json');
      expect([from, bad.code]).toEqual([from, 1]);
      expect(bad.stderr).toMatch(/tampered\.json fails: \d+ problems?\./);
    }
  },
  TEST_TIMEOUT_MS,
);

function startServer(index: number): void {
  const command = ['/bin/sh', '-c', `exec ${OPERATOR} server`];
  const options = { command, cwd: join(home(index), 'Wire'), env: environment(index) };
  servers.push(startChild(options, join(home(index), 'server.log')));
}

async function allReach(): Promise<boolean> {
  const ran = await Promise.all(OPERATORS.map((index) => shell(index, `${OPERATOR} test-communication --rounds 1`)));
  return ran.every(({ code }) => code === 0);
}

/** A node that has blocks still to read says so in its status: it is well a moment later. */
async function allWell(): Promise<boolean> {
  const said = await Promise.all(OPERATORS.map((index) => shell(index, `${OPERATOR} status`)));
  return said.every(({ code, stdout }) => code === 0 && stdout.includes('All is well.'));
}

test(
  'the servers start as the service file starts them, and reach each other',
  async () => {
    for (const index of OPERATORS) startServer(index);
    await eventually('every operator reaches every other', allReach);
    const table = await done(1, `${OPERATOR} test-communication`);
    expect(table.match(/ yes /g)).toHaveLength(2);
    for (const said of await everybody(`${OPERATOR} key-info`)) expect(said).toContain('fit the public keys');
  },
  TEST_TIMEOUT_MS,
);

test(
  'the treasury is paid and opened by one command, after which every operator has it open',
  async () => {
    const first = z.object({ address: z.string(), confirmations_needed: z.int() });
    const { address, confirmations_needed: needed } = first.parse(
      JSON.parse(await done(0, `${OPERATOR} treasury --json`)),
    );
    await wallet.send(address, 100_000n);
    await bitcoin.mine(needed);
    await eventually('every operator sees it deep enough', async () => {
      const seen = await everybody(`${OPERATOR} treasury --json`);
      const schema = z.object({ confirmations: z.int(), confirmations_needed: z.int() });
      return seen
        .map((said) => schema.parse(JSON.parse(said)))
        .every((one) => one.confirmations >= one.confirmations_needed);
    });
    await done(1, `${OPERATOR} treasury open`);
    await eventually('it is open everywhere', async () => {
      const seen = await everybody(`${OPERATOR} treasury --json`);
      return seen.every((said) => /"state":\s*"open"/.test(said));
    });
  },
  TEST_TIMEOUT_MS,
);

test(
  'the commands of the testing phase succeed as they are written',
  async () => {
    const signing = await everybody(`${OPERATOR} test-signing --message "test message"`);
    for (const said of signing) expect(said.match(/signed by +operators/g)).toHaveLength(2);

    const address = (await done(0, `${OPERATOR} deposit-address --recipient ${RECIPIENT} --json`)).trim();
    deposit = await wallet.send(/bcrt1p[a-z0-9]+/.exec(address)?.[0] ?? '', 100_000_000n);
    await bitcoin.mine(FORK_CONFIRMATIONS);
    const claim = `\\
         --txid ${deposit.txid} \\
         --vout ${deposit.vout} \\
         --recipient ${RECIPIENT} \\
         --amount 100000000`;
    expect(await done(1, `${OPERATOR} test-attestation ${claim}`)).toContain('test only');
    expect(ledger.mints()).toEqual([]);
    const early = await shell(0, `${OPERATOR} attest ${claim}`);
    expect(early).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining(' (service_off).') });
    for (const said of await everybody(`${OPERATOR} enable-service --yes`)) expect(said).toContain('enabled since');
    const isOpen = async () => /^federation +open: 3 of 3/m.test(await done(0, `${OPERATOR} service-status`));
    await eventually('every operator is known to be enabled', isOpen);
    expect(await done(0, `${OPERATOR} attest ${claim}`)).toContain('handed to Wire: minted');
    expect(ledger.balance(RECIPIENT)).toBe(100_000_000n);

    const btcAddress = await wallet.newAddress();
    const burn = ledger.burn({ recipient: RECIPIENT, btcAddress, amount: 50_000_000n, fee: 1_000n });
    const tested = await done(
      0,
      `${OPERATOR} test-burn \\
         --txid ${burn.burn_txid} \\
         --address ${btcAddress} \\
         --amount 50000000 \\
         --fee 1000`,
    );
    expect(tested).toContain('signed, not broadcast');
    expect(await done(0, `${OPERATOR} withdraw`)).toContain('outcome      broadcast');
  },
  TEST_TIMEOUT_MS,
);

test(
  'status is well everywhere, one that is stopped is told by name and not needed, and rejoins',
  async () => {
    await eventually('status is well everywhere', allWell);
    await servers[2]?.stop();
    const lost = await shell(0, `${OPERATOR} test-communication --rounds 1`);
    expect(lost).toMatchObject({ code: 1, stderr: expect.stringMatching(/No answer from operator 2 \(.+\)\./) });
    expect(await done(0, `${OPERATOR} test-signing --message "test message"`)).toContain('operators 0, 1');
    startServer(2);
    await eventually('every operator reaches every other again', allReach);
    await eventually('status is well everywhere again', allWell);
  },
  TEST_TIMEOUT_MS,
);
