// The simulated network between nodes: delay, loss of requests and of answers, duplication, reordering by unequal delays,
// partitions, and the one rule of the transport that matters here: a message whose sender's clock is too far off is
// refused. Senders are who they say they are, as the real envelope makes sure.
import { canonicalBytes, type Json } from '../crypto/canonical-json.ts';
import type { NotDelivered, PeerClient, SendResult } from '../operator/peers/deliver.ts';
import type { OutMessage } from '../operator/peers/peer-reply.ts';
import { checkBody, requestTypes } from '../operator/services.ts';
import type { Member, Process } from './member.ts';
import type { Stage } from './stage.ts';

/** The transport's own bound (crypto/envelope.ts), in ms. */
const CLOCK_SKEW_MS_MAX = 30_000;
const DELAY_MS_MIN = 1;

/** A message on its way. */
export interface Passage {
  readonly from: number;
  readonly to: number;
  readonly ceremony: string;
  readonly message: OutMessage;
}

/** What the network needs of the run: who answers where, and who lies. */
interface Connected extends Stage {
  readonly sabotage: { readonly startsUnheard?: boolean };
  readonly liars: {
    has(index: number): boolean;
    sends(passage: Passage): readonly Passage[];
    replies(passage: Passage, messages: readonly OutMessage[]): readonly OutMessage[] | null;
  };
  answering(index: number, asker: number): Process | null;
  isApart(member: Member, peer: number): boolean;
}

export class Network {
  readonly #world: Connected;
  /** Pairs `a/b` that cannot talk. */
  readonly cut = new Set<string>();

  constructor(world: Connected) {
    this.#world = world;
  }

  /** Cuts these nodes off from the others, but for one, until the function it returns is called. */
  partition(some: readonly number[], participants: number, except: number | null = null): () => void {
    const pairs: string[] = [];
    for (const a of some) {
      for (let b = 0; b < participants; b++) {
        if (!some.includes(b) && b !== except) pairs.push(`${a}/${b}`, `${b}/${a}`);
      }
    }
    for (const pair of pairs) this.cut.add(pair);
    return () => {
      for (const pair of pairs) this.cut.delete(pair);
    };
  }

  /** How one start of a node reaches the others. */
  clientOf(process: Process): PeerClient {
    return {
      send: (to, { ceremony, type, body }, { timeoutMs, signal }) =>
        new Promise((resolve) => {
          const from = process.index;
          const done = (result: SendResult): void => {
            if (process.isAlive) resolve(result);
          };
          if (!process.enter(`send ${type} to ${to}`)) return;
          const cancel = this.#world.time.after(timeoutMs, () => done(failed('timeout', 'no answer in time')));
          const answer = (result: SendResult): void => {
            cancel();
            done(result);
          };
          signal?.addEventListener('abort', () => answer(failed('unreachable', 'given up')));
          const passage = { from, to, ceremony, message: overTheWire({ type, body }) };
          this.#world.secrets.checkMessages(`a message of node ${from}`, [passage.message]);
          for (const told of this.#world.liars.sends(passage)) this.dispatch(told, process, answer);
          process.left(`send ${type} to ${to}`);
        }),
    };
  }

  /** Puts a message on its way; `answer` gets what comes back, perhaps twice, perhaps never. */
  dispatch(passage: Passage, process: Process, answer: (result: SendResult) => void): void {
    const { prng, plan } = this.#world;
    const copies = prng.chance(this.#world.faulty ? plan.faults.duplication : 0) ? 2 : 1;
    this.#world.tally.add('messages', copies);
    if (copies > 1) this.#world.tally.add('messages duplicated');
    for (let copy = 0; copy < copies; copy++) {
      if (this.#isLost()) {
        this.#world.trace.add(`lost ${describe(passage)}`);
        this.#world.tally.add('messages lost');
        continue;
      }
      const sentAt = process.now();
      this.#world.time.after(this.#delay(), () => {
        void this.#arrive(passage, process, sentAt, answer);
      });
    }
  }

  async #arrive(
    passage: Passage,
    process: Process,
    sentAt: number,
    answer: (result: SendResult) => void,
  ): Promise<void> {
    const { from, to, ceremony, message } = passage;
    const world = this.#world;
    const receiver = world.answering(to, from);
    const isCut = this.cut.has(`${from}/${to}`) || world.isApart(process.member, to);
    if (isCut || receiver === null) return answer(failed('unreachable', 'nobody answers'));
    if (Math.abs(receiver.now() - sentAt) > CLOCK_SKEW_MS_MAX) {
      return answer({ ...failed('rejected', 'clock_skew'), peerTime: receiver.now() });
    }
    const isHeard = world.sabotage.startsUnheard !== true;
    const unheard = isHeard ? receiver.heard.admit(process.session, sentAt, receiver.now()) : null;
    if (unheard !== null) {
      world.trace.add(`not heard ${describe(passage)}: ${unheard.reason}`);
      const { reason: rejection, session } = unheard;
      return answer({ ...failed('rejected', rejection), rejection, ...(session === null ? {} : { session }) });
    }
    const flaw = requestTypes.has(message.type) ? checkBody(message.type, message.body) : 'unknown type';
    if (flaw !== null) return answer(failed('rejected', flaw));
    world.trace.add(`recv ${describe(passage)}`);
    const incoming = { from, ceremony, ...message, boot: process.boot, receivedAt: receiver.now() };
    let replies: readonly OutMessage[];
    try {
      replies = await receiver.services.handle(incoming);
    } catch (error) {
      if (!receiver.isAlive) return;
      // Another node's words must never make an honest one fail.
      if (!world.liars.has(to))
        world.trace.violated('fault', `node ${to} threw on ${message.type} of node ${from}: ${String(error)}`);
      return answer(failed('rejected', 'the receiver could not handle this message'));
    }
    if (!receiver.isAlive) return;
    const back = world.liars.replies(passage, replies.map(overTheWire));
    if (back === null) return;
    world.secrets.checkMessages(`the answer of node ${to}`, back);
    world.trace.add(`back ${to}>${from} ${back.map(({ type }) => type).join(' ') || '-'}`);
    if (this.#isLost()) return;
    const repliedAt = receiver.now();
    world.time.after(this.#delay(), () => {
      if (this.cut.has(`${to}/${from}`) || world.isApart(receiver.member, from)) return;
      if (Math.abs(process.now() - receiver.now()) > CLOCK_SKEW_MS_MAX) return answer(failed('rejected', 'clock_skew'));
      const unheard = process.heard.admit(receiver.session, repliedAt, process.now());
      if (unheard !== null) return answer(failed('bad_reply', unheard.reason));
      const bad = back.map(({ type, body }) => checkBody(type, body)).find((one) => one !== null);
      if (bad !== undefined) return answer(failed('bad_reply', String(bad)));
      answer({ ok: true, messages: back, boot: receiver.boot, peerTime: receiver.now(), roundTripMs: 1 });
    });
  }

  #isLost(): boolean {
    return this.#world.faulty && this.#world.prng.chance(this.#world.plan.faults.loss);
  }

  #delay(): number {
    const most = this.#world.faulty ? this.#world.plan.faults.delayMax : 40;
    return this.#world.prng.int(DELAY_MS_MIN, most);
  }
}

// What goes over the network is canonical JSON; a value that is no such JSON must fail here too.
function overTheWire({ type, body }: OutMessage): OutMessage {
  const json: Json = JSON.parse(new TextDecoder().decode(canonicalBytes(body)));
  return { type, body: json };
}

function failed(error: NotDelivered['error'], detail: string): NotDelivered {
  return { ok: false, error, rejection: null, detail };
}

function describe({ from, to, message }: Passage): string {
  return `${from}>${to} ${message.type}`;
}
