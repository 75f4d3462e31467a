// What an operator should know although nothing is wrong: steps of the set-up that are still to be done, and settings that
// are easily overlooked. `status` shows them without failing.

import { isEveryInterface } from '../config/config-address.ts';
import type { FederationKey } from '../keys/keys.ts';
import type { Node } from '../node.ts';
import type { TreasuryReport } from '../runtime/command-types.ts';
import type { Notice } from '../runtime/problems.ts';
import { treasuryReport, treasuryStatus } from '../treasury-report.ts';
import { ceremonyDateNotices } from './incident-problems.ts';
import { isProven, treasuryAction, WAITS_MAX } from './lasting-waits.ts';

/** All of them. What has become a problem is no notice any more. */
export function notices(node: Node): readonly Notice[] {
  const { config, keys, online, startedAt } = node;
  const found: Notice[] = [];
  const key = keys.live();
  if (key !== null) found.push(...keyNotices(node, key));
  const changedAt = node.selfWatch?.configChangedAt() ?? null;
  if (changedAt !== null) {
    const cause = `${config.file} was changed or removed after the server read it`;
    found.push(
      notice('config_changed', 'configuration', changedAt, cause, 'restart the server to use what it says now'),
    );
  }
  if (!config.automatic) {
    const cause = 'automatic is off: it attests no deposit and pays no burn without your command';
    const action = 'put "automatic": true into the configuration and restart the server, if that is not what you want';
    found.push(notice('not_automatic', 'this node', startedAt, cause, action));
  }
  const { host, text } = config.listenAddress;
  if (online !== null && isEveryInterface(host)) {
    const cause = `its peer port is open on all interfaces of this machine (${text})`;
    const action =
      'let only the peers through the firewall, or set "listen_address" to the one address that they reach, and restart';
    found.push(notice('open_to_all', 'this node', startedAt, cause, action));
  }
  found.push(...ceremonyDateNotices(node));
  return found;
}

function keyNotices(node: Node, key: FederationKey): readonly Notice[] {
  const age = node.input.effects.now() - key.createdAt;
  const found: Notice[] = [];
  const { state } = treasuryReport(node);
  if (state !== 'open' && age <= WAITS_MAX.treasury) found.push(treasuryNotice(node, key, state));
  if (!isProven(node, key) && age <= WAITS_MAX.proof) {
    const cause = 'not every share of its key has signed yet; the nodes try each by themselves';
    const action = 'keep the servers of all operators running until this is gone';
    found.push(notice('keys_not_proven', `key ceremony ${key.ceremonyId}`, key.createdAt, cause, action));
  }
  return found;
}

function treasuryNotice(node: Node, key: FederationKey, state: TreasuryReport['state']): Notice {
  const detail = treasuryStatus(node)?.detail ?? state;
  const cause = `it is not open yet, so no deposit is attested and no burn is paid: ${detail}`;
  return notice('treasury_not_open', 'treasury', key.createdAt, cause, treasuryAction(state));
}

function notice(code: Notice['code'], subject: string, since: number, cause: string, action: string): Notice {
  return { code, subject, since: new Date(since).toISOString(), cause, action };
}
