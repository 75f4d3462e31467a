// Deposits, burns and lying requests for the tests of the bridge.
import type { AttestationIntent, Intent } from '../../ceremony/intent.ts';
import { payoutIntentSchema } from '../../ceremony/intent.ts';
import { attestationMessages } from '../../ceremony/intent-messages.ts';
import { type Message, type MessageBody, parseMessage } from '../../ceremony/messages.ts';
import type { DerivedMessage } from '../../ceremony/signing-participant.ts';
import { openSession } from '../../ceremony/signing-session.ts';
import { scriptAddress } from '../../chain/network.ts';
import { type PayoutIntent, payoutIntentJson } from '../../chain/payout-intent.ts';
import { buildPayout } from '../../chain/transaction.ts';
import type { WireBurn } from '../../chain/wire-ledger.ts';
import { custodyScript } from '../../crypto/taproot.ts';
import { attest } from '../../operator/bridge/deposits.ts';
import { noHints, planFor } from '../../operator/bridge/payout-plan.ts';
import { withdraw } from '../../operator/bridge/payouts.ts';
import type { CommandParams, CommandResults } from '../../operator/command-types.ts';
import type { SendResult } from '../../operator/transport/deliver.ts';
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
  feeRate?: number,
): Promise<CommandResults['withdraw']> {
  const rate = feeRate === undefined ? {} : { fee_rate: feeRate };
  const params = { burn_txids: burns.map(({ burnTxid }) => burnTxid), ...rate };
  return withdraw(federation.at(by).services.bridge, params, quiet);
}

/** The payout that `by` would propose for these burns. */
export async function planned(
  federation: FederationInMemory,
  by: number,
  burns: readonly WireBurn[],
  test = false,
): Promise<PayoutIntent> {
  const order = { claims: burns.map((one) => claimOf(one)), test, feeRate: null, replaces: null, hints: noHints };
  const { intent } = await planFor(federation.at(by).services.bridge, federation.key(by), order);
  return intent;
}

function claimOf({ burnTxid, address, amount, fee }: WireBurn) {
  return { burnTxid, address, amount, fee };
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

/** What each of these nodes says to `by`, which asks it to sign a payout as it stands, however wrong. */
export function askPayout(
  federation: FederationInMemory,
  by: number,
  intent: PayoutIntent,
  participants: readonly number[],
): Promise<readonly string[]> {
  return askAll(federation, by, payoutAsked(federation, by, intent), participants);
}

/** What a coordinator asks for with a payout. */
export function payoutAsked(federation: FederationInMemory, by: number, intent: PayoutIntent): Asked {
  const { messages } = buildPayout(intent, federation.key(by).bitcoin.publicKey);
  return { name: 'bip340', intent: payoutIntentSchema.parse(payoutIntentJson(intent)), messages };
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
