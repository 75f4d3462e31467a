// Opening the treasury: all operators' nodes sign the root. One operator's word is enough, for each node signs only what its
// own scan shows; from then on the nodes ask each other until every one of them has the certificate.

import {
  type RootCertificate,
  type RootStatement,
  rootCertificateSchema,
  rootStatement,
} from '../../crypto/root-certificate.ts';
import { ceremonyHeight, noteCeremonyHeight } from '../../store/ceremony-height.ts';
import { keepRootSignature, rootSignatures } from '../../store/root-signatures.ts';
import { loadFunding, saveFunding } from '../../store/treasury-funding.ts';
import { currentRoot, markRootDead } from '../../store/treasury-roots.ts';
import { getUtxo } from '../../store/utxos.ts';
import { requireLiveKey } from '../bridge/bridge.ts';
import { lineRoot } from '../chain-state/line-terms.ts';
import { isFundingLost, seenFunding } from '../chain-state/treasury-root.ts';
import type { FederationKey } from '../keys/keys.ts';
import { isSignedBy, keepCertificate } from '../keys/root-keeping.ts';
import { readTreasuryFile, type TreasuryFile, writeTreasuryFile } from '../keys/treasury-file.ts';
import type { PeerClient } from '../peers/deliver.ts';
import { parseServiceMessage } from '../peers/messages.ts';
import { ROOT_REFUSALS, type RootAnswer, type RootRequest } from '../peers/messages-root.ts';
import type { OutMessage } from '../peers/peer-reply.ts';
import { CommandError } from '../runtime/command-error.ts';
import { errorText } from '../runtime/log.ts';
import { type RootSigningInput, signOwnRoot } from './root-signing.ts';

const ASK_TIMEOUT_MS = 5_000;
/** Time between two questions to a peer while signatures are missing, and while this node only looks for a certificate. */
const PAUSE_MS = {
  opening: { regtest: 1_000, other: 10_000 },
  looking: { regtest: 2_000, other: 60_000 },
} as const;

/** What opening takes. */
export interface TreasuryOpeningInput extends RootSigningInput {
  readonly client: PeerClient;
  readonly peers: () => Iterable<number>;
}

/** The opening of one node's treasury. */
export class TreasuryOpening {
  readonly #input: TreasuryOpeningInput;
  readonly #askedAt = new Map<number, number>();
  readonly #said = new Map<number, string>();
  /** For which key and root the file beside the key file is as it should be. */
  #filed = '';
  #trouble = '';

  constructor(input: TreasuryOpeningInput) {
    this.#input = input;
  }

  /** Why a peer has not signed, as it last said itself; follows its name in a sentence. */
  said(index: number): string {
    return this.#said.get(index) ?? 'was not asked yet';
  }

  /** Begins at an operator's word, or asks all peers once more. Throws `CommandError` where this node signs no root. */
  async open(signal: AbortSignal): Promise<void> {
    const { bridge, peers } = this.#input;
    const key = requireLiveKey(bridge.keys);
    if (lineRoot(bridge.db, key) !== null) return;
    const signed = await signOwnRoot(this.#input, key, null);
    if (!signed.ok) {
      const detail = `this node ${ROOT_REFUSALS[signed.refusal]}: see \`mpc_operator treasury\``;
      throw new CommandError(signed.refusal, detail);
    }
    await this.#askAll(key, [...peers()], signal);
    await this.#upkeep(key);
  }

  /** What this node tells a peer: the certificate, or the signatures that it has, its own among them. */
  async answer({ key_id, statement }: RootRequest): Promise<RootAnswer> {
    const { bridge } = this.#input;
    const nothing = { certificate: null, signatures: {}, refusal: null };
    const key = bridge.keys.live();
    if (key === null || key.keyId !== key_id) return { ...nothing, refusal: 'unknown_key' };
    const certificate = this.#certificate(key);
    if (certificate !== null) return { ...nothing, certificate };
    if (statement === null) return nothing;
    const signed = await signOwnRoot(this.#input, key, statement);
    if (!signed.ok) return { ...nothing, refusal: signed.refusal };
    return { ...nothing, signatures: Object.fromEntries(rootSignatures(bridge.db, statement)) };
  }

  /** A round: asks peers for what is missing, and keeps the file beside the key file as it should be. Never rejects. */
  async pull(key: FederationKey, signal: AbortSignal): Promise<void> {
    try {
      await this.#upkeep(key);
      if (lineRoot(this.#input.bridge.db, key) !== null) return;
      await this.#askAll(key, this.#due(key), signal);
      await this.#upkeep(key);
      this.#trouble = '';
    } catch (error) {
      // The same trouble comes back with every round.
      const detail = errorText(error);
      if (detail !== this.#trouble) this.#input.bridge.log('warn', 'treasury_round_failed', { detail });
      this.#trouble = detail;
    }
  }

  #due(key: FederationKey): readonly number[] {
    const { config, effects, db } = this.#input.bridge;
    const pauses = currentRoot(db, key.keyId) === null ? PAUSE_MS.looking : PAUSE_MS.opening;
    const pause = config.network === 'regtest' ? pauses.regtest : pauses.other;
    const isDue = (peer: number): boolean =>
      effects.monotonic() - (this.#askedAt.get(peer) ?? Number.NEGATIVE_INFINITY) >= pause;
    return [...this.#input.peers()].filter(isDue);
  }

  async #askAll(key: FederationKey, peers: readonly number[], signal: AbortSignal): Promise<void> {
    await Promise.all(peers.map((peer) => this.#ask(key, peer, signal)));
  }

  async #ask(key: FederationKey, peer: number, signal: AbortSignal): Promise<void> {
    const { bridge, client } = this.#input;
    this.#askedAt.set(peer, bridge.effects.monotonic());
    const root = currentRoot(bridge.db, key.keyId);
    const statement = root === null ? null : rootStatement(root);
    const request = { ceremony: '', type: 'treasury_root_request', body: { key_id: key.keyId, statement } };
    const result = await client.send(peer, request, { timeoutMs: ASK_TIMEOUT_MS, signal });
    const answer = result.ok ? answerOf(result.messages) : null;
    if (answer === null) this.#said.set(peer, 'does not answer');
    else this.#take(key, peer, statement, answer);
  }

  #take(key: FederationKey, peer: number, statement: RootStatement | null, answer: RootAnswer): void {
    const { bridge } = this.#input;
    const { certificate, signatures, refusal } = answer;
    if (certificate !== null) {
      // A root that this node's own chain does not hold may be one that all have given up since.
      if (isShown(bridge, certificate.statement)) keepCertificate(bridge, key.keyId, certificate);
      return;
    }
    if (refusal === null) this.#said.delete(peer);
    else this.#said.set(peer, ROOT_REFUSALS[refusal]);
    if (statement === null) return;
    for (const [index, signature] of Object.entries(signatures)) {
      if (!isSignedBy(bridge, Number(index), statement, signature)) continue;
      keepRootSignature(bridge.db, statement, Number(index), signature);
    }
  }

  async #upkeep(key: FederationKey): Promise<void> {
    await this.#restore(key);
    await this.#bury(key);
    await this.#watchFunding(key);
    this.#certify(key);
    await this.#file(key);
  }

  // All signatures are here: they are the certificate.
  #certify(key: FederationKey): void {
    const { bridge } = this.#input;
    const root = currentRoot(bridge.db, key.keyId);
    if (root === null || root.certificate !== null) return;
    const gathered = rootSignatures(bridge.db, root);
    const signatures = Array.from({ length: bridge.config.parties }, (_, index) => gathered.get(index) ?? '');
    if (signatures.includes('')) return;
    keepCertificate(bridge, key.keyId, { statement: rootStatement(root), signatures });
  }

  // Another root is signed only once this one can never be spent.
  async #bury(key: FederationKey): Promise<void> {
    const { bridge } = this.#input;
    const root = currentRoot(bridge.db, key.keyId);
    if (root === null || !(await isFundingLost(bridge, root.txid))) return;
    markRootDead(bridge.db, root, bridge.effects.now());
    bridge.log('error', 'treasury_root_lost', { key: key.keyId, txid: root.txid, vout: root.vout });
  }

  // A node that has the root from a certificate has not read yet what funds it.
  async #watchFunding(key: FederationKey): Promise<void> {
    const { bridge } = this.#input;
    const root = currentRoot(bridge.db, key.keyId);
    if (root === null || loadFunding(bridge.db)?.root.txid === root.txid) return;
    if ((getUtxo(bridge.db, root)?.height ?? null) === null) return;
    const funding = await seenFunding(bridge, key);
    if (funding === null || funding.txid !== root.txid) return;
    saveFunding(bridge.db, root, funding.inputs);
  }

  async #restore(key: FederationKey): Promise<void> {
    if (this.#filed !== '') return;
    const { bridge, keyRing } = this.#input;
    const file = await readTreasuryFile(keyRing, key.keyId);
    if (file === null) return;
    if (file.height !== null) noteCeremonyHeight(bridge.db, key.ceremonyId, file.height);
    if (file.certificate !== null) keepCertificate(bridge, key.keyId, file.certificate);
  }

  async #file(key: FederationKey): Promise<void> {
    const { bridge, keyRing } = this.#input;
    const certificate = this.#certificate(key);
    const { txid, vout } = certificate?.statement ?? { txid: '', vout: 0 };
    const state = `${key.keyId}/${txid}:${vout}`;
    if (this.#filed === state) return;
    const height = ceremonyHeight(bridge.db, key.ceremonyId);
    const wanted: TreasuryFile = { v: 1, key_id: key.keyId, height, certificate };
    if (!Bun.deepEquals(await readTreasuryFile(keyRing, key.keyId), wanted)) await writeTreasuryFile(keyRing, wanted);
    this.#filed = state;
  }

  #certificate(key: FederationKey): RootCertificate | null {
    const stored = currentRoot(this.#input.bridge.db, key.keyId)?.certificate ?? null;
    return stored === null ? null : rootCertificateSchema.parse(stored);
  }
}

function isShown({ db }: TreasuryOpeningInput['bridge'], { txid, vout }: RootStatement): boolean {
  return (getUtxo(db, { txid, vout })?.height ?? null) !== null;
}

function answerOf(messages: readonly OutMessage[]): RootAnswer | null {
  for (const { type, body } of messages) {
    const parsed = parseServiceMessage(type, body);
    if (parsed !== null && parsed !== false && parsed.type === 'treasury_root') return parsed.body;
  }
  return null;
}
