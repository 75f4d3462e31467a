// `security-check`: every check of the node, its machine and its peers, over facts that are gathered once.
import type { Node } from '../node.ts';
import type { CommandResults } from '../runtime/command-types.ts';
import { CHAIN_CHECKS } from './chain-checks.ts';
import { gatherFacts } from './collect-facts.ts';
import { FILE_CHECKS } from './file-checks.ts';
import { KEY_CHECKS } from './key-checks.ts';
import { MACHINE_CHECKS } from './machine-checks.ts';
import { PEER_CHECKS } from './peer-checks.ts';
import { type Check, countVerdicts, judged } from './verdicts.ts';

/** All checks, in the order in which those of one verdict are shown. */
export const CHECKS: readonly Check[] = [
  ...KEY_CHECKS,
  ...FILE_CHECKS,
  ...MACHINE_CHECKS,
  ...CHAIN_CHECKS,
  ...PEER_CHECKS,
];

/** Runs them all. */
export async function securityCheck(node: Node): Promise<CommandResults['security-check']> {
  const facts = await gatherFacts(node);
  const checks = judged(CHECKS, facts);
  return { server: facts.process !== null, checks, counts: countVerdicts(checks) };
}
