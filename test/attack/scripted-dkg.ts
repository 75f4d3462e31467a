// The attacker's part in a key ceremony: the real state machine with its real secrets, whose messages a test may change,
// leave out or double on their way to the honest nodes, over real sockets.
import { type DkgState, dkgStep, IDLE, wantsRandomness } from '../../ceremony/dkg/dkg.ts';
import { DKG_TIMING, type DkgAbort, type DkgContext, type DkgHappening } from '../../ceremony/dkg/setup.ts';
import { type DkgMessage, isDkgMessage, type Outgoing, parseMessage } from '../../ceremony/messages.ts';
import { toHex } from '../../crypto/bytes.ts';
import type { Json } from '../../crypto/canonical-json.ts';
import type { Node } from '../../operator/node.ts';
import { participantsOf, sharedParameters } from '../../operator/peers/federation.ts';
import { CommandError } from '../../operator/runtime/command-error.ts';
import type { MaliciousPeer } from './malicious-peer.ts';
import { ATTACKER, type Besieged, VERSION } from './nodes.ts';

const TICK_MS = 60;
const WAIT_S = 25;

/** A message as the attacker may send it; the body need not have its form. */
export interface Spoken {
  readonly to: number;
  readonly type: string;
  readonly body: Json;
}

/** What becomes of the attacker's messages. */
export type Tamper = (message: Outgoing<DkgMessage>) => readonly Spoken[];

/** How a ceremony under attack ended at the honest nodes, in index order. */
export interface Ending {
  /** The error of each node's `dkg` command; null where it gave keys. */
  readonly errors: readonly (CommandError | null)[];
  readonly aborts: readonly (DkgAbort | null)[];
  readonly phases: readonly (string | null)[];
}

/** As it would be said. */
export function honest(message: Outgoing<DkgMessage>): readonly Spoken[] {
  return [{ to: message.to, type: message.type, body: JSON.parse(JSON.stringify(message.body)) }];
}

/** One ceremony in which the attacker takes part. */
export class ScriptedCeremony {
  readonly #mallory: MaliciousPeer;
  readonly #context: DkgContext;
  readonly #tamper: Tamper;
  #state: DkgState = IDLE;

  constructor(besieged: Besieged, mallory: MaliciousPeer, ceremonyId: string, tamper: Tamper) {
    const config = besieged.configs[ATTACKER];
    if (config === undefined) throw new Error('the attacker has a configuration');
    const setup = {
      network: config.network,
      ceremonyId,
      version: VERSION,
      myIndex: ATTACKER,
      threshold: config.threshold,
      participants: participantsOf(mallory.cards),
      parameters: sharedParameters(config, mallory.cards),
      timing: DKG_TIMING,
    };
    const secrets = { hostSecret: mallory.keyRing.hostSecret(), identity: mallory.keyRing.identity() };
    this.#mallory = mallory;
    this.#context = { setup, secrets };
    this.#tamper = tamper;
  }

  /** Runs it with all honest nodes until each has ended. `lead`: the attacker is the coordinator. */
  async run(nodes: readonly Node[], lead: boolean): Promise<Ending> {
    const { ceremonyId } = this.#context.setup;
    this.#mallory.answer = async ({ from, ceremony, type, body }) => {
      const parsed = parseMessage(type, body);
      if (ceremony !== ceremonyId || !parsed.ok || !isDkgMessage(parsed.message)) return [];
      this.#feed({ kind: 'message', from, message: parsed.message });
      return [];
    };
    const stop = new AbortController();
    const params = { ceremony_id: ceremonyId, rehearsal: true, wait_s: WAIT_S };
    const joins = nodes.map(async (node) => {
      try {
        await node.online?.ceremonies.join(params, () => {}, stop.signal);
        return null;
      } catch (error) {
        if (error instanceof CommandError) return error;
        throw error;
      }
    });
    // The earliest to join coordinates.
    const now = Date.now() + (lead ? -1_000 : 1_000);
    this.#feed({ kind: 'operator_joined', rehearsal: true, checks: [] }, now);
    const ticking = setInterval(() => this.#feed({ kind: 'tick' }), TICK_MS);
    try {
      const errors = await Promise.all(joins);
      const seen = nodes.map((node) => node.online?.ceremonies.running(ceremonyId)?.progress() ?? null);
      return { errors, aborts: seen.map((one) => one?.abort ?? null), phases: seen.map((one) => one?.phase ?? null) };
    } finally {
      clearInterval(ticking);
      this.#mallory.answer = async () => [];
    }
  }

  #feed(happening: DkgHappening, now = Date.now()): void {
    const event = { ...happening, now, elapsed: performance.now() };
    const step = dkgStep(this.#context, this.#state, event);
    this.#state = step.state;
    for (const message of step.outgoing) for (const spoken of this.#tamper(message)) void this.#say(spoken);
    while (wantsRandomness(this.#context, this.#state)) {
      this.#feed({ kind: 'begin', random: toHex(crypto.getRandomValues(new Uint8Array(32))) });
    }
  }

  async #say({ to, type, body }: Spoken): Promise<void> {
    const result = await this.#mallory.send(to, { type, body }, this.#context.setup.ceremonyId);
    if (!result.ok) return;
    for (const reply of result.messages) {
      const parsed = parseMessage(reply.type, reply.body);
      if (!parsed.ok || !isDkgMessage(parsed.message)) continue;
      this.#feed({ kind: 'message', from: to, message: parsed.message });
    }
  }
}
