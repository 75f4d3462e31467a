// Nodes that lie. A liar runs the real program, but its validation approves everything and decides nothing. What it says and
// answers is changed on the way out.
import type { Json } from '../crypto/canonical-json.ts';
import type { OutMessage } from '../operator/peers/peer-reply.ts';
import type { Passage } from './network.ts';
import type { Lie } from './plan.ts';
import type { Prng } from './prng.ts';

const POISONED_REASONS = ['burn_already_paid', 'sibling_waits', 'input_unknown', 'attested_otherwise', 'nonce_unknown'];
const KEPT_MAX = 20;
/** The messages of a key ceremony that carry something to lie about. */
const CEREMONY_TYPES = [
  ...['dkg_round1', 'dkg_packages', 'dkg_share', 'dkg_round2', 'dkg_investigation'],
  ...['dkg_certificate', 'dkg_confirm', 'dkg_complete'],
];

export class Liars {
  readonly #lies: ReadonlyMap<number, Lie>;
  readonly #prng: Prng;
  readonly #kept: Passage[] = [];
  readonly #ceremonyType: string;
  /** Those who lied in a key ceremony have stopped. */
  hasCeased = false;

  constructor(lies: ReadonlyMap<number, Lie>, prng: Prng) {
    this.#lies = lies;
    this.#prng = prng;
    this.#ceremonyType = prng.fork('ceremony').pick(CEREMONY_TYPES);
  }

  /** The message type that is lied about in key ceremonies. */
  get ceremonyType(): string {
    return this.#ceremonyType;
  }

  has(index: number): boolean {
    return this.#lies.has(index);
  }

  get count(): number {
    return this.#lies.size;
  }

  /** What is sent in place of a message. */
  sends(passage: Passage): readonly Passage[] {
    const lie = this.#lies.get(passage.from);
    if (lie === undefined) return [passage];
    const { type } = passage.message;
    const altered = { ...passage, message: this.#altered(passage.message) };
    switch (lie) {
      case 'alters_intents':
        return type === 'sign_request' && this.#prng.chance(0.7) ? [altered] : [passage];
      case 'reuses_nonces':
        return type === 'sign_request' ? this.#prng.shuffled([passage, altered, passage]) : [passage];
      case 'announces_lies':
        return type.startsWith('announce') ? [altered, passage] : [passage];
      case 'equivocates':
        return passage.to % 2 === 1 && this.#prng.chance(0.5) ? [altered] : [passage];
      case 'replays':
        return [passage, ...this.#replayed(passage)];
      case 'alters_keys':
        return this.#isOfCeremony(type) ? [altered] : [passage];
      case 'alters_keys_for_some':
        return this.#isOfCeremony(type) && passage.to % 2 === 1 ? [altered] : [passage];
      case 'withholds_keys':
        return this.#isOfCeremony(type) ? [] : [passage];
      case 'wrong_partials':
      case 'refuses':
      case 'silent':
        return [passage];
    }
  }

  /** What is answered in place of the answer; null: nothing at all. */
  replies({ to }: Passage, replies: readonly OutMessage[]): readonly OutMessage[] | null {
    switch (this.#lies.get(to)) {
      case 'silent':
        return null;
      case 'refuses':
        return replies.map((reply) => this.#refused(reply));
      case 'wrong_partials':
        return replies.map((reply) => (reply.type === 'sign_response' ? this.#altered(reply) : reply));
      case 'equivocates':
        return replies.map((reply) => (this.#prng.chance(0.4) ? this.#altered(reply) : reply));
      case 'alters_keys':
        return replies.map((reply) => (this.#isOfCeremony(reply.type) ? this.#altered(reply) : reply));
      case 'withholds_keys':
        return replies.filter(({ type }) => !this.#isOfCeremony(type));
      default:
        return replies;
    }
  }

  #isOfCeremony(type: string): boolean {
    return !this.hasCeased && type === this.#ceremonyType;
  }

  #replayed(passage: Passage): readonly Passage[] {
    if (this.#kept.length < KEPT_MAX) this.#kept.push(passage);
    const again = this.#prng.pick(this.#kept);
    return again.from === passage.from && this.#prng.chance(0.4) ? [again] : [];
  }

  #refused(reply: OutMessage): OutMessage {
    const { body } = reply;
    if (reply.type !== 'sign_response' || !isRecord(body)) return reply;
    const txid = this.#prng.hash();
    const input = { txid, vout: this.#prng.int(0, 2) };
    const data: Json = { burn_txid: this.#prng.hash(), input, burns: [this.#prng.hash()], ...input };
    const reason = this.#prng.pick(POISONED_REASONS);
    return { type: 'sign_refusal', body: { session: body['session'] ?? '', reason, detail: 'a lie', data } };
  }

  #altered({ type, body }: OutMessage): OutMessage {
    const leaves: (readonly (string | number)[])[] = [];
    collect(body, [], leaves);
    if (leaves.length === 0) return { type, body };
    return { type, body: replaced(body, this.#prng.pick(leaves), (leaf) => this.#other(leaf)) };
  }

  #other(leaf: Json): Json {
    if (typeof leaf === 'number') return leaf + this.#prng.pick([-1, 1]);
    if (typeof leaf === 'boolean') return !leaf;
    if (typeof leaf !== 'string' || leaf === '') return leaf;
    if (/^[0-9]+$/.test(leaf)) return `${BigInt(leaf) + 1n}`;
    const at = this.#prng.int(0, leaf.length - 1);
    const digit = this.#prng.pick([...'0123456789abcdef'].filter((one) => one !== leaf[at]));
    return leaf.slice(0, at) + digit + leaf.slice(at + 1);
  }
}

function isRecord(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function collect(value: Json, path: readonly (string | number)[], into: (readonly (string | number)[])[]): void {
  if (typeof value !== 'object' || value === null) into.push(path);
  else if (Array.isArray(value)) for (const [index, item] of value.entries()) collect(item, [...path, index], into);
  else for (const [name, item] of Object.entries(value)) collect(item, [...path, name], into);
}

function replaced(value: Json, path: readonly (string | number)[], change: (leaf: Json) => Json): Json {
  const [first, ...rest] = path;
  if (first === undefined) return change(value);
  if (Array.isArray(value)) {
    return value.map((item: Json, index) => (index === first ? replaced(item, rest, change) : item));
  }
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, name === first ? replaced(item, rest, change) : item]),
  );
}
