// Gathers what the set-up's steps are judged by. Files are looked at in the background, so that no page waits for them.
import { type ConfigFinding, checkNodeFiles } from '../config-check.ts';
import type { Node } from '../node.ts';
import type { CommandResults } from '../runtime/command-types.ts';
import type { AdminDesk } from './desk.ts';
import { Lookout, type Seen } from './lookout.ts';
import { preflightBoard } from './preflight-board.ts';
import type { SetUpFacts } from './set-up-steps.ts';

/** How old the findings on files may be, in ms: among others, the audit log is read and a TLS handshake made. */
const FILES_FRESH_MS = 30_000;
const BACKUPS_LOOKED_AT = 100;

const lookouts = new WeakMap<Node, Lookout<readonly ConfigFinding[]>>();

/** What `config check` finds here, as it was seen last. */
export function fileFindings(node: Node): Promise<Seen<readonly ConfigFinding[]>> {
  const { config, input } = node;
  const look = (): Promise<readonly ConfigFinding[]> =>
    checkNodeFiles({
      ...{ file: config.file, home: input.home, workingDirectory: process.cwd(), env: input.env },
      ...{ now: input.effects.now(), online: false },
      // This very process is the server: its addresses are in use by itself.
      serverRuns: () => Promise.resolve(true),
    });
  const lookout = lookouts.get(node) ?? new Lookout(look, input.effects, FILES_FRESH_MS);
  lookouts.set(node, lookout);
  return lookout.seen();
}

/** Everything that the steps are judged by, as it stands now. */
export async function setUpFacts(desk: AdminDesk, status: CommandResults['status']): Promise<SetUpFacts> {
  const { node } = desk;
  return {
    status,
    findings: await fileFindings(node),
    peers: await desk.read('peer-list', {}),
    board: await preflightBoard(node, status),
    ceremonies: (await desk.read('ceremony-list', {})).ceremonies,
    date: (await desk.read('ceremony-schedule-show', {})).current,
    backups: await desk.read('backup-list', { limit: BACKUPS_LOOKED_AT, offset: 0 }),
    users: await desk.read('user-list', {}),
  };
}
