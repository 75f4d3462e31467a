// Every command of the operator, by name: what the control socket and the command line call.

import type { TestMessageIntent } from '../ceremony/intent.ts';
import { testMessages } from '../ceremony/intent-messages.ts';
import { toHex } from '../crypto/bytes.ts';
import { canonicalBytes, type Json } from '../crypto/canonical-json.ts';
import { cardFingerprint } from '../crypto/operator-card.ts';
import type { SchemeName } from '../crypto/scheme.ts';
import { accountCommands, authorised } from './account-commands.ts';
import type { Person } from './accounts/accounts.ts';
import { backupKeyShare, backupReports, noteBackup } from './backup-commands.ts';
import { notSigned, requireLiveKey, signingReport } from './bridge/bridge.ts';
import type { CertificateRotations } from './certificate-rotation.ts';
import { checklist, confirmChecklist } from './checks/checklist-command.ts';
import { securityCheck } from './checks/security-check.ts';
import { testCommunication } from './communication.ts';
import { depositAddress } from './deposit-address.ts';
import { depositReports } from './deposit-reports.ts';
import { attest } from './deposits/attest.ts';
import { emergencyReport, pauseNode, resumeNode } from './emergency-commands.ts';
import { feesReport } from './fees-report.ts';
import { incidentCommands } from './incident-commands.ts';
import type { FederationKey } from './keys/keys.ts';
import { type Node, requireOnline, sealNode, unsealNode } from './node.ts';
import { exportCard, ownCard } from './own-card.ts';
import { consolidateFees, testConsolidateFees } from './payouts/consolidate.ts';
import { testBurn } from './payouts/test-burn.ts';
import { requestId, requestReports, requestShown } from './payouts/void-requests.ts';
import { bump, hold, unhold, withdraw } from './payouts/withdraw.ts';
import { checkCard, keepCard } from './peers/federation.ts';
import { policyReport, setPolicy } from './policy-commands.ts';
import { ceremonyReports, ceremonyShown, keyReports, peerReports } from './reports.ts';
import type { Credentials } from './runtime/account-command-types.ts';
import { CommandError } from './runtime/command-error.ts';
import type { AddedCard, CommandName, CommandParams, CommandResults } from './runtime/command-types.ts';
import type { Progress } from './runtime/progress.ts';
import { disableServiceHere, enableServiceHere, serviceReport } from './service-report.ts';
import { statusReport } from './status/status-report.ts';
import { openTreasury } from './treasury-command.ts';
import { treasuryShown } from './treasury-report.ts';
import { waitingReports, withdrawalReports } from './withdrawal-reports.ts';

/** What a running command is given besides its parameters. `signal` aborts when the caller gives up; `actor`: who signed in. */
export interface CommandIo {
  readonly progress: Progress;
  readonly signal: AbortSignal;
  readonly actor?: Person | null;
}

type Handler<C extends CommandName> = (
  node: Node,
  params: CommandParams<C>,
  io: CommandIo,
) => CommandResults[C] | Promise<CommandResults[C]>;

/**
 * Runs a command for somebody outside: whoever asks signs in first, where the command acts and there are users. `shown`: what
 * one person, or two, showed. Throws as `commands` does, and where they may not.
 */
export async function runFor<C extends CommandName>(
  node: Node,
  command: C,
  params: CommandParams<C>,
  io: CommandIo,
  shown: readonly Credentials[],
): Promise<CommandResults[C]> {
  const actor = await authorised(node, command, params, shown);
  return commands[command](node, params, { ...io, actor });
}

/** Runs one command, for whoever may. Throws `CommandError` and other named errors with one sentence for the operator. */
export const commands: { readonly [C in CommandName]: Handler<C> } = {
  status: statusReport,
  unseal: async (node, { passphrase }) => {
    await unsealNode(node, passphrase);
    return { sealed: false };
  },
  seal: async (node) => {
    await sealNode(node);
    return { sealed: true };
  },
  'backup-key-share': backupKeyShare,
  'backup-record': noteBackup,
  'backup-list': backupReports,
  'key-info': keyReports,
  'peer-export': exportCard,
  'peer-add': addCards,
  'peer-list': peerReports,
  'tls-rotate': (node) => requireRotations(node).begin(),
  dkg: (node, params, { progress, signal }) => requireOnline(node).ceremonies.join(params, progress, signal),
  'ceremony-list': ceremonyReports,
  'ceremony-show': (node, { ceremony_id }) => ceremonyShown(node, ceremony_id),
  'ceremony-abandon': (node, { ceremony_id }) => requireOnline(node).ceremonies.abandon(ceremony_id),
  'ceremony-recover': (node, { file }) => requireOnline(node).ceremonies.recover(file),
  'service-status': serviceReport,
  'enable-service': enableServiceHere,
  'disable-service': disableServiceHere,
  'emergency-pause': pauseNode,
  'emergency-resume': resumeNode,
  'emergency-status': emergencyReport,
  'policy-show': policyReport,
  'policy-set': setPolicy,
  treasury: treasuryShown,
  'treasury-open': openTreasury,
  'test-communication': (node, { rounds }, { progress }) => testCommunication(node, rounds, progress),
  'test-signing': testSigning,
  'deposit-address': depositAddress,
  attest: (node, params, { progress }) => attest(requireOnline(node).bridge, params, progress),
  withdraw: (node, params, { progress, signal }) => {
    const { bridge, autopilot } = requireOnline(node);
    return withdraw(bridge, autopilot.steps, params, progress, signal);
  },
  bump: (node, params, { progress }) => {
    const { bridge, autopilot } = requireOnline(node);
    return bump(bridge, autopilot.steps, params, progress);
  },
  hold: (node, params) => hold(requireOnline(node).bridge, params),
  unhold: (node, params) => unhold(requireOnline(node).bridge, params),
  void: (node, params, { progress }) => requireOnline(node).autopilot.requests.void(params, progress),
  'requests-list': requestReports,
  'requests-show': requestShown,
  veto: (node, params) => requireOnline(node).vetoes.veto(params),
  'requests-approve': (node, { id: beginning }) => {
    const { vetoes, autopilot } = requireOnline(node);
    const id = requestId(node.store.db, beginning);
    return vetoes.allow(id) ?? autopilot.requests.decide(id, 'approved', null);
  },
  'requests-refuse': (node, { id: beginning, reason }) => {
    const { vetoes, autopilot } = requireOnline(node);
    const id = requestId(node.store.db, beginning);
    vetoes.assertNoVeto(id);
    return autopilot.requests.decide(id, 'refused', reason);
  },
  'test-burn': (node, params, { progress, signal }) => {
    const { bridge, autopilot } = requireOnline(node);
    return testBurn(bridge, autopilot.steps, params, progress, signal);
  },
  fees: feesReport,
  'consolidate-fees': (node, params, { progress }) => {
    const { bridge, autopilot } = requireOnline(node);
    return consolidateFees(bridge, autopilot.steps, params, progress);
  },
  'test-consolidate-fees': (node, params, { progress }) => {
    const { bridge, autopilot } = requireOnline(node);
    return testConsolidateFees(bridge, autopilot.steps, params, progress);
  },
  deposits: depositReports,
  withdrawals: withdrawalReports,
  'withdrawals-waiting': waitingReports,
  ...accountCommands,
  'security-check': securityCheck,
  checklist,
  'checklist-confirm': confirmChecklist,
  ...incidentCommands,
};

function requireRotations(node: Node): CertificateRotations {
  const { certificates } = requireOnline(node);
  if (certificates !== null) return certificates;
  throw new CommandError('no_tls', 'this node does not carry its messages by TLS');
}

async function addCards(
  node: Node,
  { card, more, replace }: CommandParams<'peer-add'>,
): Promise<CommandResults['peer-add']> {
  const first = await addCard(node, card, replace);
  if (more === undefined) return first;
  const others: AddedCard[] = [];
  for (const other of more) others.push(await addCard(node, other, replace));
  return { ...first, more: others };
}

async function addCard(node: Node, told: CommandParams<'peer-add'>['card'], replace: boolean): Promise<AddedCard> {
  const json: Json = JSON.parse(JSON.stringify(told));
  const checked = checkCard(node.config, canonicalBytes(json));
  if (!checked.ok) throw new CommandError('card', checked.detail);
  const { card } = checked;
  if (card.index === node.config.myIndex) {
    const isOwn = cardFingerprint(ownCard(node)).join(' ') === cardFingerprint(card).join(' ');
    const remedy = 'give it to the other operators, and add theirs here';
    throw isOwn
      ? new CommandError('own_card', `this is your own card: ${remedy}`)
      : new CommandError('card', `the card of ${card.name} has the index of this node itself`);
  }
  const kept = keepCard(node.store.db, card, replace, node.input.effects.now());
  if (!kept.ok) throw new CommandError('card', kept.detail);
  if (kept.change !== 'same') await node.online?.reloadPeers();
  const fingerprint = cardFingerprint(card).join(' ');
  return { index: card.index, name: card.name, fingerprint, replaced: kept.change === 'updated' };
}

async function testSigning(
  node: Node,
  { message }: CommandParams<'test-signing'>,
  { progress }: CommandIo,
): Promise<CommandResults['test-signing']> {
  const key = requireLiveKey(node.keys);
  const intent: TestMessageIntent = { kind: 'test_message', message };
  progress({ step: 'bitcoin', text: 'signing with the bitcoin key' });
  const bitcoin = await signTest(node, key, intent, 'bip340');
  progress({ step: 'attestation', text: 'signing with the attestation key' });
  const attestation = await signTest(node, key, intent, 'ed25519');
  return { message, bitcoin, attestation };
}

async function signTest(
  node: Node,
  key: FederationKey,
  intent: TestMessageIntent,
  name: SchemeName,
): Promise<CommandResults['test-signing']['bitcoin']> {
  const { signing } = requireOnline(node);
  const begun = node.input.effects.monotonic();
  const scheme = node.keys.scheme(name);
  const groupKey = name === 'bip340' ? key.bitcoin : key.attestation;
  const messages = testMessages(name, intent);
  const result = await signing.coordinate(
    { scheme, keyId: key.keyId, key: groupKey, intent, messages },
    signing.candidates(),
  );
  if (result.kind === 'failed') throw notSigned(result);
  const [signature] = result.signatures;
  const [derived] = messages;
  if (signature === undefined || derived === undefined) throw new Error('one test message has one signature');
  return {
    ...signingReport(result, begun, node.input.effects.monotonic()),
    signature: toHex(signature),
    public_key: toHex(scheme.outputKey(groupKey, [])),
    signed: toHex(derived.message),
  };
}
