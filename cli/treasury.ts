// `treasury` and `treasury open`: where to pay what the federation spends from, and what it holds; and having all nodes
// sign with which payment it begins.
import type { Command } from 'commander';
import { renderUnicodeCompact } from 'uqr';
import type { TreasuryReport } from '../operator/runtime/command-types.ts';
import { type Cli, runCommand } from './call.ts';
import { count, sats } from './format.ts';
import { renderFields } from './output.ts';
import { addExamples } from './program.ts';
import { wholeValue } from './values.ts';

const WAIT_S_DEFAULT = 30;
const WAIT_S_MAX = 86_400;

const STATES: Readonly<Record<TreasuryReport['state'], string>> = {
  not_funded: 'not funded',
  funded: 'funded, not open',
  opening: 'opening',
  open: 'open',
};

export function registerTreasury(program: Command, cli: Cli): void {
  const { stdout } = cli.context.surroundings;
  const treasury = program
    .command('treasury')
    .description('Show the address of the treasury, what it holds, and who has not signed for it yet.')
    .action(() => runCommand(cli, 'treasury', {}, { text: (report) => treasuryText(report, stdout.isTTY === true) }));
  addExamples(treasury, 'mpc_operator treasury', 'mpc_operator treasury --json');
  registerOpen(treasury, cli);
}

function registerOpen(treasury: Command, cli: Cli): void {
  const wait = wholeValue('--wait', 1, WAIT_S_MAX, 'a whole number of seconds');
  const command = treasury
    .command('open')
    .description('Have all nodes sign the first payment to the treasury; one operator runs this, once.')
    .option('--wait <seconds>', 'how long to wait for the other nodes', wait, WAIT_S_DEFAULT)
    .action(({ wait: wait_s }: { wait: number }) =>
      runCommand(cli, 'treasury-open', { wait_s }, { text: (report) => treasuryText(report, false), failure: notOpen }),
    );
  addExamples(command, 'mpc_operator treasury open', 'mpc_operator treasury open --wait 600');
}

function treasuryText(report: TreasuryReport, isTerminal: boolean): string {
  const { address, amount_min, state, root, tip, balance, surplus } = report;
  const fields = renderFields([
    ['treasury', STATES[state]],
    ['address', address],
    ...(state === 'not_funded' ? [['least amount', sats(amount_min)] as const] : []),
    ...(state === 'not_funded' ? [] : [['confirmations', confirmationsText(report)] as const]),
    ...(root === null ? [] : [['root', `${root.txid}:${root.vout}, ${sats(root.amount)}`] as const]),
    ...(tip === null ? [] : [['tip', `${tip.txid}:${tip.vout}, ${count(tip.depth, 'step')} from the root`] as const]),
    ...(balance === null ? [] : [['balance', sats(balance)] as const]),
    ...(surplus === null ? [] : [['surplus', sats(surplus)] as const]),
    ...(surplus === null ? [] : [['fee reserve', sats(report.fee_reserve)] as const]),
    ...(surplus === null ? [] : report.consolidate_addresses.map((to) => ['consolidates to', to] as const)),
    ...(report.waiting ?? []).map((step) => ['waits', waitingText(step)] as const),
    ...(report.strays.count === 0 ? [] : [['to be swept', straysText(report.strays)] as const]),
    ...report.missing.map(({ name, detail }) => ['not signed', `${name}: ${detail}`] as const),
  ]);
  const qr = isTerminal && state === 'not_funded' ? `\n\n${renderUnicodeCompact(`bitcoin:${address}`)}` : '';
  return `${fields}${qr}\n\n${nextText(report)}`;
}

function waitingText(step: NonNullable<TreasuryReport['waiting']>[number]): string {
  const { txid, kind, burns, miner_fee, fee_rate, waiting_blocks } = step;
  const pays = burns === null || burns === 0 ? '' : ` of ${count(burns, 'burn')}`;
  const fee = `${sats(miner_fee)}, ${fee_rate.toFixed(2)} sat/vB`;
  return `${txid}, ${kind ?? 'step'}${pays}, ${fee}, for ${count(waiting_blocks, 'block')}`;
}

function straysText({ count: outputs, amount }: TreasuryReport['strays']): string {
  return `${count(outputs, 'top-up')}, ${sats(amount)}`;
}

function confirmationsText({ confirmations, confirmations_needed: needed }: TreasuryReport): string {
  return confirmations >= needed ? `${confirmations}` : `${confirmations} of ${needed}`;
}

function nextText(report: TreasuryReport): string {
  const { state, amount_min, too_small, confirmations, confirmations_needed: needed } = report;
  switch (state) {
    case 'not_funded': {
      const seen = too_small === null ? '' : ` The largest payment so far has ${too_small} sats, which is too little.`;
      return `Pay at least ${amount_min} sats to this address in one output.${seen}`;
    }
    case 'funded':
      return confirmations < needed
        ? `Once the payment has ${needed} confirmations, run: mpc_operator treasury open`
        : 'Run: mpc_operator treasury open';
    case 'opening':
      return 'The nodes go on by themselves until all have signed. Until then no deposit is attested and no burn is paid.';
    case 'open':
      return 'Further payments to this address add to the surplus. What this node does by itself: mpc_operator service-status';
  }
}

function notOpen({ state, missing }: TreasuryReport): string | null {
  if (state === 'open') return null;
  const names = missing.map(({ name }) => name).join(', ');
  return `The treasury is not open yet: ${names} has not signed. The nodes go on by themselves; see: mpc_operator treasury`;
}
