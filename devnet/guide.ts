// What the devnet prints while it stays up: where everything is, and commands to try.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { renderTable } from '../cli/output.ts';
import type { Regtest } from './bitcoind.ts';
import type { Federation } from './federation.ts';
import { newRecipient } from './steps.ts';
import type { Story } from './story.ts';

/** What the guide is about: a running federation, what happened on it, and which Bitcoin node it runs. */
export interface Guide {
  readonly federation: Federation;
  readonly story: Story;
  readonly bitcoind: string;
}

/** Where everything is and what to try, as lines for the terminal. */
export async function guideText(guide: Guide): Promise<string> {
  const { bitcoin, ledger, operators, folder } = guide.federation;
  const links = await Promise.all(operators.map(wayIn));
  const table = renderTable(
    [
      { title: 'OPERATOR', align: 'right' },
      { title: 'ADDRESS' },
      { title: 'PID', align: 'right' },
      { title: 'CONFIG' },
    ],
    operators.map(({ index, address, pid, configPath }) => [
      String(index),
      address,
      pid === null ? '-' : String(pid),
      configPath,
    ]),
  );
  return `
The federation is up; Ctrl-C ends it. A Bitcoin block and a ledger block come every 10 seconds. The operators work by
themselves now: a deposit of your own is minted, and a burn of your own is paid, without a command.

Bitcoin node  ${bitcoin.rpcUrl}  cookie ${bitcoin.cookiePath}
Wire ledger   ${ledger.url}
Folder        ${folder}

${table}

The web admin of each operator. The link makes its first user, once; your browser asks about the certificate, which the node
made itself:
${links.map((link, index) => `  operator ${index}  ${link}`).join('\n')}

Try, in another terminal:
  mpc_operator() { ${shell(guide.federation.operator(0).program)} "$@"; }
${tries(guide)
  .map(([what, command]) => `  # ${what}\n  ${command}`)
  .join('\n')}
`;
}

// The server prints the link in its log at each start; the newest one counts.
async function wayIn({ logPath }: Federation['operators'][number]): Promise<string> {
  const log = await readFile(logPath, 'utf8');
  return [...log.matchAll(/"open":"(https:[^"]+)"/g)].at(-1)?.[1] ?? 'see its log';
}

function tries({ federation, story, bitcoind }: Guide): (readonly [string, string])[] {
  const { bitcoin, wallet, ledger, operators } = federation;
  const first = federation.operator(0);
  const last = federation.operator(operators.length - 1);
  const run = (at: typeof first, args: string) => `mpc_operator ${args} --config ${shell([at.configPath])}`;
  const burn = {
    recipient: story.recipient,
    btc_address: story.payout_address ?? '',
    amount: '100000',
    fee: '2000',
  };
  return [
    ['the state of operator 0', run(first, 'status')],
    ['who reaches whom, and how fast', run(last, 'test-communication')],
    ['a signature by both keys', run(first, 'test-signing --message hello')],
    ['the deposit address of a new recipient', run(first, `deposit-address --recipient ${newRecipient()}`)],
    ...walletCommands(bitcoind, bitcoin, wallet.name),
    [
      'burn some of what the recipient still has',
      `curl -s ${ledger.url}/v1/devnet/burn -d ${shell([JSON.stringify(burn)])}`,
    ],
    ['what waits to be paid, and why', run(last, 'withdrawals --waiting')],
    ['the treasury: root, tip, balance, surplus', run(last, 'treasury')],
    ['deposits and payouts', `${run(first, 'deposits')}; ${run(first, 'withdrawals')}`],
    ['end one operator; the others go on', `kill ${last.pid}`],
    ['start it again', run(last, `server --passphrase-file ${shell([last.passphrasePath])}`)],
  ];
}

// Only where the Bitcoin node brought its command line along.
function walletCommands(bitcoind: string, { dir, rpcUrl }: Regtest, wallet: string): (readonly [string, string])[] {
  const program = join(dirname(bitcoind), 'bitcoin-cli');
  if (!existsSync(program)) return [];
  const options = ['-regtest', `-datadir=${dir}`, `-rpcport=${new URL(rpcUrl).port}`, `-rpcwallet=${wallet}`];
  return [['pay that address', `${shell([program, ...options])} sendtoaddress ADDRESS 0.1`]];
}

/** Words for a POSIX shell. */
function shell(words: readonly string[]): string {
  const quoted = (word: string) => (/^[\w./:=@,+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
  return words.map(quoted).join(' ');
}
