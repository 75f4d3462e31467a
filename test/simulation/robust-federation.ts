// A federation in virtual time for the latency of signatures: the real signing service of every node, over a network with
// a round trip of about 100 ms, and signers that are silent, slow or lying. Computing takes no time here; the same over
// real sockets and processes is measured by bench/robust.ts.
import { testMessages } from '../../ceremony/intent-messages.ts';
import { parseMessage } from '../../ceremony/messages.ts';
import type { SigningResult } from '../../ceremony/signing/candidates.ts';
import type { SchemeName } from '../../crypto/scheme.ts';
import { KeyRing } from '../../operator/keys/key-ring.ts';
import { Keys } from '../../operator/keys/keys.ts';
import type { PeerClient, SendResult } from '../../operator/peers/deliver.ts';
import type { OutMessage } from '../../operator/peers/peer-reply.ts';
import type { Effects } from '../../operator/runtime/effects.ts';
import { silentLog } from '../../operator/runtime/log.ts';
import { Signing } from '../../operator/signing/signing.ts';
import { Validation } from '../../operator/validation/validation.ts';
import { nothingToDecide, type Verdict } from '../../operator/validation/verdict.ts';
import { ceremonyKeysOf, dealtKeys } from '../../simulation/dealer.ts';
import { emptyStore, openMemoryStore } from '../../simulation/memory-store.ts';
import { Prng } from '../../simulation/prng.ts';
import { VirtualTime } from '../../simulation/virtual-time.ts';

/** How a signer behaves. `dead`: the connection is refused; `slow`: it answers after a second. */
export type Manner = 'well' | 'silent' | 'dead' | 'slow' | 'lying';

/** One way, in ms: with its like back, a round trip of 100 ms, a fifth more or less. */
const ONE_WAY_MS = [40, 60] as const;
/** What its own Bitcoin and Wire nodes take, in ms. */
const JUDGING_MS = [5, 25] as const;
const SLOW_MS = 1_000;
/** Longer than any signer that did not help is remembered. */
export const FORGETTING_MS = 61 * 60_000;
const EPOCH_MS = 1_800_000_000_000;

/** A signature and how long it took, in ms of virtual time. */
export interface Timed {
  readonly result: SigningResult;
  readonly tookMs: number;
}

export interface AuditRow {
  readonly kind: string;
  readonly body: unknown;
}

export class RobustFederation {
  readonly time = new VirtualTime();
  readonly prng: Prng;
  readonly manners = new Map<number, Manner>();
  readonly audited: AuditRow[] = [];
  readonly #keys: ReturnType<typeof dealtKeys>;
  readonly #nodes: { readonly signing: Signing; readonly keys: Keys }[] = [];
  #signatures = 0;

  constructor(threshold: number, participants: number, seed: number) {
    this.prng = new Prng(`robust/${threshold}-of-${participants}/${seed}`);
    this.#keys = dealtKeys(participants, threshold);
    for (let index = 0; index < participants; index++) this.#nodes.push(this.#makeNode(index, participants, threshold));
  }

  at(index: number): Signing {
    const node = this.#nodes[index];
    if (node === undefined) throw new Error(`there is no node ${index}`);
    return node.signing;
  }

  /** One signature by a coordinator, which is asked as an operator asks it. Throws on a wrong one. */
  async sign(by: number, scheme: SchemeName = 'bip340'): Promise<Timed> {
    const intent = { kind: 'test_message' as const, message: `message ${this.#signatures++}` };
    const messages = testMessages(scheme, intent);
    const key = scheme === 'bip340' ? this.#keys.bitcoin : this.#keys.attestation;
    const keys = this.#nodes[by]?.keys;
    if (keys === undefined) throw new Error(`there is no node ${by}`);
    const task = { scheme: keys.scheme(scheme), keyId: this.#keys.keyId, key, intent, messages };
    const begun = this.time.now;
    let ended: Timed | null = null;
    let failure: unknown = null;
    const signing = this.at(by);
    signing.coordinate(task, signing.candidates()).then(
      (result) => {
        ended = { result, tookMs: this.time.now - begun };
      },
      (error: unknown) => {
        failure = error;
      },
    );
    // What the coordinator does before it first waits for something.
    await Bun.sleep(0);
    while (ended === null && failure === null && (await this.time.step(Number.POSITIVE_INFINITY))) {}
    if (ended === null) throw failure;
    const { result }: Timed = ended;
    if (result.kind === 'signed') {
      const [{ message } = { message: new Uint8Array(0) }] = messages;
      const [signature = new Uint8Array(64)] = result.signatures;
      if (!task.scheme.verify(task.scheme.outputKey(key, []), message, signature)) throw new Error('a wrong signature');
    }
    return ended;
  }

  /** Lets time pass. */
  async pass(ms: number): Promise<void> {
    const until = this.time.now + ms;
    while (await this.time.step(until)) {}
    this.time.reach(until);
  }

  #makeNode(
    index: number,
    participants: number,
    threshold: number,
  ): { readonly signing: Signing; readonly keys: Keys } {
    const { db } = openMemoryStore(emptyStore(), () => {});
    const keys = new Keys(db, new KeyRing({ path: '', network: 'regtest', index }), index);
    keys.beginRehearsal(this.#keys.keyId, ceremonyKeysOf(this.#keys, index), '');
    const prng = this.prng.fork(`node/${index}`);
    const boot = prng.hash().slice(0, 32);
    const signing = new Signing({
      myIndex: index,
      participants,
      threshold,
      boot,
      keys,
      validation: this.#validation(),
      client: this.#clientOf(index),
      effects: this.#effects(prng),
      log: silentLog,
      audit: (kind, body) => this.audited.push({ kind, body }),
    });
    this.#boots.set(index, boot);
    return { signing, keys };
  }

  readonly #boots = new Map<number, string>();

  // Approves after the time that asking its own nodes takes.
  #validation(): Validation {
    const validate = async (...[intent, , scheme]: Parameters<Validation['validate']>): Promise<Verdict> => {
      await new Promise<void>((resolve) => this.time.after(this.prng.int(...JUDGING_MS), resolve));
      if (intent.kind !== 'test_message') throw new Error('only test messages are signed here');
      return { ok: true, messages: testMessages(scheme, intent), decide: nothingToDecide };
    };
    return Object.create(Validation.prototype, { validate: { value: validate } });
  }

  #clientOf(from: number): PeerClient {
    return {
      send: (to, { type, body }, { timeoutMs }) =>
        new Promise((resolve) => {
          this.time.after(timeoutMs, () => resolve(failed('timeout')));
          const back = (answer: SendResult, ms = 0): void => {
            this.time.after(this.prng.int(...ONE_WAY_MS) + ms, () => resolve(answer));
          };
          this.time.after(this.prng.int(...ONE_WAY_MS), () => {
            const manner = this.manners.get(to) ?? 'well';
            if (manner === 'silent') return;
            if (manner === 'dead') return back(failed('unreachable'));
            const parsed = parseMessage(type, JSON.parse(JSON.stringify(body)));
            if (!parsed.ok || (parsed.message.type !== 'nonce_request' && parsed.message.type !== 'sign_request')) {
              throw new Error('a coordinator asks for nonces and shares');
            }
            void this.at(to)
              .answer(from, parsed.message)
              .then((messages) => {
                const told = manner === 'lying' ? messages.map(withWrongShare) : messages;
                const boot = this.#boots.get(to) ?? '';
                back({ ok: true, messages: told, boot, peerTime: 0, roundTripMs: 0 }, manner === 'slow' ? SLOW_MS : 0);
              });
          });
        }),
    };
  }

  #effects(prng: Prng): Effects {
    const { time } = this;
    return {
      now: () => EPOCH_MS + time.now,
      monotonic: () => time.now,
      random: (length) => prng.bytes(length),
      sleep: (ms, signal) =>
        new Promise((resolve) => {
          const cancel = time.after(ms, resolve);
          signal?.addEventListener('abort', () => {
            cancel();
            resolve();
          });
        }),
      every: () => {
        throw new Error('signing repeats nothing by itself');
      },
    };
  }
}

function withWrongShare({ type, body }: OutMessage): OutMessage {
  if (type !== 'sign_response') return { type, body };
  return { type, body: { ...Object(body), partials: [`${'00'.repeat(31)}05`] } };
}

function failed(error: 'unreachable' | 'timeout'): SendResult {
  return { ok: false, error, rejection: null, detail: `the peer is ${error}` };
}
