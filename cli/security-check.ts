// `security-check`: what is safe here and what is not, the fails first.
import type { Command } from 'commander';
import type { CheckReport, CheckVerdict, CommandResults } from '../operator/runtime/command-types.ts';
import { type Cli, runCommand } from './call.ts';
import { count } from './format.ts';
import type { Output, Style } from './output.ts';
import { addExamples } from './program.ts';

type Report = CommandResults['security-check'];

const STYLES: Readonly<Record<CheckVerdict, readonly Style[]>> = {
  fail: ['bold', 'red'],
  warn: ['yellow'],
  pass: ['green'],
};

export function registerSecurityCheck(program: Command, cli: Cli): void {
  const command = program
    .command('security-check')
    .description('Check files, keys, machine, Bitcoin nodes and peers, with what to do; exit code 1 on a fail.')
    .action(() => runCommand(cli, 'security-check', {}, { text: reportText, failure }));
  addExamples(command, 'mpc_operator security-check', 'mpc_operator security-check --json');
}

function reportText(report: Report, output: Output): string {
  const { checks, counts, server } = report;
  const width = Math.max(...checks.map(({ title }) => title.length));
  const lines = checks.flatMap((check) => checkLines(check, width, output));
  const part = server ? '' : ' No server runs: what only it can see is a warning.';
  const summary = `${checks.length} checks: ${counts.fail} fail, ${counts.warn} warn, ${counts.pass} pass.${part}`;
  return [...lines, '', summary].join('\n');
}

// One line for what is well; what to do stands below what is not.
function checkLines({ title, verdict, seen, action }: CheckReport, width: number, output: Output): readonly string[] {
  const label = output.style(verdict.toUpperCase(), ...STYLES[verdict]);
  const first = `${label}  ${title.padEnd(width)}  ${seen}`;
  return action === null ? [first] : [first, `      ${''.padEnd(width)}  → ${action}`];
}

function failure({ counts }: Report): string | null {
  return counts.fail === 0 ? null : `${count(counts.fail, 'check')} failed.`;
}
