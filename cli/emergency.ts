// `emergency pause`, `emergency resume` and `emergency status`: stopping all signing at once, and going on.
import type { Command } from 'commander';
import type { EmergencyReport } from '../operator/runtime/command-types.ts';
import { EMERGENCY_REASON_CHARACTERS_MAX } from '../operator/runtime/emergency-command-types.ts';
import { printable } from '../operator/runtime/shown-text.ts';
import { type Cli, runCommand } from './call.ts';
import { localTime } from './format.ts';
import { renderFields } from './output.ts';
import { addExamples } from './program.ts';
import { textValue } from './values.ts';

const PAUSE_ABOUT = [
  'Stop all signing at this node at once: it gives no share of either key until `emergency resume`, also after a restart.',
  'Deposits and burns are still followed, so nothing is lost. With --federation every other node is asked to do the same,',
  'and honours it until its own operator resumes. A node ignores such a request for 24 h after it ended one of yours.',
].join(' ');

export function registerEmergency(program: Command, cli: Cli): void {
  const emergency = program.command('emergency').description('Stop all signing in an emergency, and go on after it.');
  addExamples(
    emergency,
    'mpc_operator emergency status',
    'mpc_operator emergency pause --reason "key file was copied"',
  );
  const pause = emergency
    .command('pause')
    .summary('Stop all signing at this node, or with --federation at all nodes.')
    .description(PAUSE_ABOUT)
    .requiredOption(
      '--reason <text>',
      'why, shown to all operators',
      textValue('--reason', EMERGENCY_REASON_CHARACTERS_MAX, 'a reason'),
    )
    .option('--federation', 'ask all other nodes to stop as well')
    .action(({ reason, federation }: { readonly reason: string; readonly federation?: boolean }) =>
      runCommand(cli, 'emergency-pause', { reason, federation: federation === true }, { text: emergencyText }),
    );
  addExamples(
    pause,
    'mpc_operator emergency pause --reason "a payout that nobody can explain"',
    'mpc_operator emergency pause --federation --reason "the Wire ledger shows burns that never were"',
  );
  const resume = emergency
    .command('resume')
    .description(
      'Sign again at this node, whoever asked for the pause. The other nodes are resumed by their own operators.',
    )
    .action(() => runCommand(cli, 'emergency-resume', {}, { text: emergencyText }));
  addExamples(resume, 'mpc_operator emergency resume');
  const status = emergency
    .command('status')
    .description('Show whether this node and its peers are paused, since when and why.')
    .action(() => runCommand(cli, 'emergency-status', {}, { text: emergencyText }));
  addExamples(status, 'mpc_operator emergency status', 'mpc_operator emergency status --json');
}

function emergencyText({ pauses, ignored, peers }: EmergencyReport): string {
  const own =
    pauses.length === 0
      ? [['this node', 'signs: it is not paused'] as const]
      : pauses.map((pause, at) => [at === 0 ? 'this node' : '', `PAUSED ${pauseText(pause)}`] as const);
  return renderFields([
    ...own,
    ...ignored.map((one) => {
      const why = `since it ended one of theirs; until ${localTime(one.until)}`;
      return ['ignored', `a pause by operator ${one.asked_by} (${printable(one.reason)}), ${why}`] as const;
    }),
    ...peers.map((peer) => [`operator ${peer.index}`, `${peer.name}: ${peerText(peer)}`] as const),
    ...(pauses.length === 0 ? [] : [['to end it', 'mpc_operator emergency resume'] as const]),
  ]);
}

function pauseText({ scope, asked_by, reason, since }: EmergencyReport['pauses'][number]): string {
  const who = scope === 'node' ? 'this node alone' : `the federation, by operator ${asked_by}`;
  return `since ${localTime(since)}, ${who}: ${printable(reason)}`;
}

function peerText({ paused_since, heard_at }: EmergencyReport['peers'][number]): string {
  if (heard_at === null) return 'not heard yet';
  return paused_since === null ? 'not paused' : `PAUSED since ${localTime(paused_since)}`;
}
