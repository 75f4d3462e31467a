// Deposits, burns and lying requests for the tests of the bridge.
import type { AttestationIntent, Intent } from '../../ceremony/intent.ts';
import { lineIntentSchema } from '../../ceremony/intent.ts';
import { attestationMessages } from '../../ceremony/intent-messages.ts';
import { type Message, type MessageBody, parseMessage } from '../../ceremony/messages.ts';
import type { DerivedMessage } from '../../ceremony/signing/participant.ts';
import { openSession } from '../../ceremony/signing/session.ts';
import { type BuiltLine, buildLine, surplusAfter } from '../../chain/line.ts';
import { type LineIntent, lineJson } from '../../chain/line-intent.ts';
import { planStep } from '../../chain/line-plan.ts';
import { scriptAddress } from '../../chain/network.ts';
import type { WireBurn } from '../../chain/wire-ledger.ts';
import { custodyScript } from '../../crypto/taproot.ts';
import { Turns } from '../../operator/bridge/turns.ts';
import { lineRoot, lineTerms } from '../../operator/chain-state/line-terms.ts';
import { lineNow } from '../../operator/chain-state/line-view.ts';
import { attest } from '../../operator/deposits/attest.ts';
import { LineInputs, NOTHING_LEARNT } from '../../operator/payouts/line-inputs.ts';
import { readBurns } from '../../operator/payouts/read-burns.ts';
import { withdraw } from '../../operator/payouts/withdraw.ts';
import type { SendResult } from '../../operator/peers/deliver.ts';
import type { CommandParams, CommandResults } from '../../operator/runtime/command-types.ts';
import { lineHistory } from '../../store/line-history.ts';
import type { FederationInMemory } from './federation-in-memory.ts';

export type Claim = CommandParams<'attest'>;

const quiet = (): void => {};
let counter = 0;

/** 64 hexadecimal characters that differ at each call. */
export function freshHash(): string {
  counter += 1;
  return new Bun.CryptoHasher('sha256').update(`${counter}`).digest('hex');
}

/** A P2WPKH address of regtest that nobody holds. */
export function someAddress(): string {
  const script = Uint8Array.from([0x00, 0x14, ...Buffer.from(freshHash().slice(0, 40), 'hex')]);
  const address = scriptAddress(script, 'regtest');
  if (address === null) throw new Error('a witness program has an address');
  return address;
}

/** A deposit that all nodes see, and the claim that describes it rightly. */
export function deposit(federation: FederationInMemory, amount = 100_000n, confirmations = 6): Claim {
  const recipient = freshHash();
  const leaf = { kind: 'deposit', recipient: Uint8Array.from(Buffer.from(recipient, 'hex')) } as const;
  const { scriptPubKey: script } = custodyScript(federation.key(anyRunning(federation)).bitcoin.publicKey, leaf);
  const outpoint = { txid: freshHash(), vout: 1 };
  federation.chain.fund(outpoint, { amount, script, confirmations });
  return { ...outpoint, recipient, amount: `${amount}`, test: false };
}

/** Has `by` attest. */
export function attestBy(federation: FederationInMemory, by: number, claim: Claim): Promise<CommandResults['attest']> {
  return attest(federation.at(by).services.bridge, claim, quiet);
}

/** A deposit that is attested, minted, and known to all nodes as a custody UTXO. */
export async function minted(federation: FederationInMemory, amount = 1_000_000n): Promise<Claim> {
  const claim = deposit(federation, amount);
  await attestBy(federation, anyRunning(federation), claim);
  await federation.settle();
  return claim;
}

/** A burn that all ledgers list, unless told otherwise. */
export function burn(federation: FederationInMemory, changes: Partial<WireBurn> = {}): WireBurn {
  const made = {
    seq: federation.chain.ledgers[0]?.known.length ?? 0,
    burnTxid: freshHash(),
    nullifier: freshHash(),
    address: someAddress(),
    amount: 50_000n,
    fee: 1_000n,
    height: 5,
    confirmations: 6,
    proof: null,
    ...changes,
  };
  federation.chain.burn({ ...made, seq: made.seq + 1 });
  return { ...made, seq: made.seq + 1 };
}

/** Has `by` pay burns; none named: all that wait. */
export function withdrawBy(
  federation: FederationInMemory,
  by: number,
  burns: readonly WireBurn[],
): Promise<CommandResults['withdraw']> {
  const params = { burn_txids: burns.map(({ burnTxid }) => burnTxid) };
  const { bridge, autopilot } = federation.at(by).services;
  return withdraw(bridge, autopilot.steps, params, quiet, new AbortController().signal);
}

/** The step that `by` would propose for these burns. */
export async function planned(
  federation: FederationInMemory,
  by: number,
  burns: readonly WireBurn[],
): Promise<LineIntent> {
  const { bridge } = federation.at(by).services;
  if (bridge.wire === null) throw new Error('every member has a ledger');
  await readBurns(bridge, bridge.wire, new AbortController().signal);
  const standing = await lineNow(bridge, federation.key(by));
  if (!standing.ok) throw new Error(standing.detail);
  const order = { wish: { kind: 'auto' }, named: new Set(burns.map(({ burnTxid }) => burnTxid)), now: true } as const;
  const inputs = new LineInputs(bridge, new Turns(bridge));
  const { input } = await inputs.gather(federation.key(by), standing.line, order, NOTHING_LEARNT);
  const plan = planStep(input);
  if (plan.kind === 'wait') throw new Error(plan.left.map(({ reason }) => reason).join(', '));
  return plan.intent;
}

/** The unsigned step of an intent. */
export function builtBy(federation: FederationInMemory, by: number, intent: LineIntent): BuiltLine {
  const { config, store } = federation.at(by).node;
  const key = federation.key(by);
  const root = lineRoot(store.db, key);
  if (root === null) throw new Error('the treasury is open');
  const verdict = buildLine({ ...lineTerms(config, key), root }, intent);
  if (!verdict.ok) throw new Error(`${verdict.reason}: ${verdict.detail}`);
  return verdict.built;
}

/** A step with some parts changed, and with the surplus that follows. */
export function changed(
  federation: FederationInMemory,
  by: number,
  intent: LineIntent,
  changes: Partial<LineIntent>,
): LineIntent {
  const { store } = federation.at(by).node;
  const root = lineRoot(store.db, federation.key(by));
  const place = root === null ? null : lineHistory(store.db, root).place(changes.treasury ?? intent.treasury);
  if (place === null) throw new Error('what a step spends is held');
  const next = { ...intent, ...changes };
  return { ...next, surplus: surplusAfter(place.surplus, next) };
}

/** What each of these nodes says to `by`, which asks it to sign an attestation as it stands, however wrong. */
export function askAttestation(
  federation: FederationInMemory,
  by: number,
  intent: AttestationIntent,
  participants: readonly number[],
): Promise<readonly string[]> {
  return askAll(federation, by, { name: 'ed25519', intent, messages: attestationMessages(intent) }, participants);
}

/** What each of these nodes says to `by`, which asks it to sign a step as it stands, however wrong. */
export function askStep(
  federation: FederationInMemory,
  by: number,
  intent: LineIntent,
  participants: readonly number[],
): Promise<readonly string[]> {
  return askAll(federation, by, stepAsked(federation, by, intent), participants);
}

/** What a coordinator asks for with a step. */
export function stepAsked(federation: FederationInMemory, by: number, intent: LineIntent): Asked {
  const { messages } = builtBy(federation, by, intent);
  return { name: 'bip340', intent: lineIntentSchema.parse(lineJson(intent)), messages };
}

/** What a lying coordinator asks for. `messages` need not be those of the intent. */
export interface Asked {
  readonly name: 'bip340' | 'ed25519';
  readonly intent: Intent;
  readonly messages: readonly DerivedMessage[];
}

/** Says `index: signed` or `index: reason` for each participant, asked alone. */
export async function askAll(
  federation: FederationInMemory,
  by: number,
  asked: Asked,
  participants: readonly number[],
): Promise<readonly string[]> {
  const said: string[] = [];
  for (const participant of participants) {
    const other = federation.members.find(({ index }) => index !== participant && index !== by)?.index ?? by;
    const request = await requestFor(federation, by, asked, [participant, other].sort());
    const [answer] = await repliesOf(federation.send(by, participant, { type: 'sign_request', body: { ...request } }));
    if (answer?.type === 'sign_response') said.push(`${participant}: signed`);
    else said.push(`${participant}: ${answer?.type === 'sign_refusal' ? answer.body.reason : 'nothing'}`);
  }
  return said;
}

/** A sign request as the coordinator `by` makes it, with fresh nonces of these signers. */
export async function requestFor(
  federation: FederationInMemory,
  by: number,
  { name, intent, messages }: Asked,
  signers: readonly number[],
): Promise<MessageBody<'sign_request'>> {
  const { keyId, bitcoin, attestation } = federation.key(by);
  const contributions = [];
  for (const index of signers) {
    const body = { scheme: name, key_id: keyId, count: messages.length };
    const [answer] = await repliesOf(federation.send(by, index, { type: 'nonce_request', body }));
    if (answer?.type !== 'nonces') throw new Error(`node ${index} gives no nonces`);
    contributions.push({ index, boot: answer.body.boot, nonces: answer.body.nonces });
  }
  const scheme = federation.at(by).node.keys.scheme(name);
  const key = name === 'bip340' ? bitcoin : attestation;
  const opened = openSession({ scheme, keyId, key, intent, messages }, freshHash().slice(0, 32), contributions);
  if (!opened.ok) throw new Error(`node ${opened.culprit} gave a bad nonce`);
  return opened.session.request;
}

/** The messages of a reply, read; throws where there is none. */
export async function repliesOf(sent: Promise<SendResult>): Promise<readonly Message[]> {
  const result = await sent;
  if (!result.ok) throw new Error(`${result.error}: ${result.detail}`);
  return result.messages.map(({ type, body }) => {
    const parsed = parseMessage(type, body);
    if (!parsed.ok) throw new Error(parsed.detail);
    return parsed.message;
  });
}

/** The name of the error that a command fails with. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'no error';
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
}

function anyRunning(federation: FederationInMemory): number {
  const member = federation.members.find(({ running }) => running !== null);
  if (member === undefined) throw new Error('no member runs');
  return member.index;
}
