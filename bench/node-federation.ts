// Starts three nodes as processes on loopback and speaks with them.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fromHex, toHex } from '../crypto/bytes.ts';
import { identityFromSeed } from '../crypto/identity.ts';
import { makeCertificate } from '../operator/peers/certificate.ts';
import { deal, randomBytes } from './deal.ts';
import { type DelayProxy, startDelayProxy } from './delay-proxy.ts';
import type { KeyMaterial, NodeAnswers, NodeRequest, NodeSetup } from './node-protocol.ts';

const [THRESHOLD, PARTICIPANTS] = [2, 3];

type Answer = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly detail: string };

/** How a federation is started. */
export interface NodeFederationOptions {
  readonly oneWayMs?: number;
  readonly script?: string;
  readonly wire?: string;
}

/** A federation of processes; node 0 coordinates. */
export class NodeFederation {
  readonly #children: readonly NodeChild[];
  readonly #folder: string;
  readonly #proxies: DelayProxy[] = [];

  /** 32 bytes. */
  readonly attestationKey: Uint8Array;

  private constructor(children: readonly NodeChild[], folder: string, attestationKey: Uint8Array) {
    this.attestationKey = attestationKey;
    this.#children = children;
    this.#folder = folder;
  }

  /**
   * Starts three nodes with a fresh 2-of-3 key of each scheme and makes them known to each other. With `oneWayMs` they
   * reach each other through proxies that take so long in each direction. `script`: what a process runs; `wire`: the URL of
   * the Wire ledger, for automatic nodes.
   */
  static async start({ oneWayMs = 0, script = './node-process.ts', wire = '' }: NodeFederationOptions = {}) {
    // Where memory is a folder, its commits cost no disk: what is measured is the same on every machine.
    const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'bench-nodes-'));
    const setups = await setupsIn(folder, wire);
    const federation = new NodeFederation(
      setups.map(() => new NodeChild(script)),
      folder,
      fromHex(setups[0]?.keys.ed25519.publicKey ?? ''),
    );
    try {
      const ports: number[] = [];
      for (const [index, setup] of setups.entries())
        ports.push((await federation.ask(index, { kind: 'setup', setup })).port);
      if (oneWayMs > 0) federation.#proxies.push(...ports.map((port) => startDelayProxy(port, oneWayMs)));
      const reached = oneWayMs > 0 ? federation.#proxies.map(({ port }) => port) : ports;
      await federation.askAll({ kind: 'connect', ports: reached });
      return federation;
    } catch (error) {
      await federation.stop();
      throw error;
    }
  }

  /** Asks one node and waits for its answer. */
  ask<Request extends NodeRequest>(index: number, request: Request): Promise<NodeAnswers[Request['kind']]> {
    const child = this.#children[index];
    if (child === undefined) throw new Error(`there is no node ${index}`);
    return child.ask(request);
  }

  /** Asks all nodes. */
  askAll<Request extends NodeRequest>(request: Request): Promise<NodeAnswers[Request['kind']][]> {
    return Promise.all(this.#children.map((child) => child.ask(request)));
  }

  /** Stops a node's process where it stands (SIGSTOP): it takes connections and says nothing. */
  pause(index: number): void {
    this.#children[index]?.pause();
  }

  /** Ends a node's process at once. */
  async kill(index: number): Promise<void> {
    await this.#children[index]?.stop();
  }

  /** Ends the processes and removes their folder. */
  async stop(): Promise<void> {
    await Promise.all(this.#children.map((child) => child.stop()));
    for (const proxy of this.#proxies) proxy.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

class NodeChild {
  readonly #process: Bun.Subprocess;
  #waiting: ((answer: Answer) => void) | null = null;

  constructor(script: string) {
    this.#process = Bun.spawn([process.execPath, new URL(script, import.meta.url).pathname], {
      stdio: ['ignore', 'inherit', 'inherit'],
      ipc: (message: Answer) => this.#waiting?.(message),
      onExit: () => this.#waiting?.({ ok: false, detail: 'the node process ended' }),
    });
  }

  async ask<Request extends NodeRequest>(request: Request): Promise<NodeAnswers[Request['kind']]> {
    const answer = await new Promise<Answer>((resolve) => {
      this.#waiting = resolve;
      this.#process.send(request);
    });
    if (!answer.ok) throw new Error(answer.detail);
    // The node is this bench's own and answers each kind with what its type says.
    return answer.value as NodeAnswers[Request['kind']];
  }

  pause(): void {
    this.#process.kill('SIGSTOP');
  }

  async stop(): Promise<void> {
    this.#waiting = null;
    // Also where it was paused.
    this.#process.kill('SIGKILL');
    await this.#process.exited;
  }
}

async function setupsIn(folder: string, wire: string): Promise<NodeSetup[]> {
  const indices = Array.from({ length: PARTICIPANTS }, (_, index) => index);
  const dealt = { bip340: deal('bip340', THRESHOLD, PARTICIPANTS), ed25519: deal('ed25519', THRESHOLD, PARTICIPANTS) };
  const material = (scheme: 'bip340' | 'ed25519', index: number): KeyMaterial => {
    const { key, shares } = dealt[scheme];
    return {
      threshold: THRESHOLD,
      participants: PARTICIPANTS,
      publicKey: toHex(key.publicKey),
      verifyingShares: key.verifyingShares.map(toHex),
      signingShare: toHex(shares[index] ?? new Uint8Array(0)),
    };
  };
  const nodes = await Promise.all(
    indices.map(async (index) => {
      const seed = randomBytes(32);
      const made = await makeCertificate({ name: `node ${index}`, address: '127.0.0.1:1', now: Date.now() });
      return { index, seed, made, identityKey: toHex(identityFromSeed(seed).publicKey) };
    }),
  );
  return nodes.map(({ index, seed, made }) => ({
    index,
    identitySeed: toHex(seed),
    certificate: made.certificate,
    privateKey: made.key,
    peers: nodes
      .filter((other) => other.index !== index)
      .map((other) => ({ index: other.index, identityKey: other.identityKey, certificate: other.made.certificate })),
    keys: { bip340: material('bip340', index), ed25519: material('ed25519', index) },
    folder: join(folder, `node-${index}`),
    wire,
  }));
}
