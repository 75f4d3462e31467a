// A node that makes keys is put back to an older database, key file or both, while it makes them or after; and what its
// operator then does: where the others have the key and it does not, it takes it up from their exported ceremony.
import { type CeremonyOutcome, storedOutcome } from '../operator/key-ceremonies/ceremony-outcome.ts';
import { getCeremony } from '../store/ceremonies.ts';
import type { Member, Process } from './member.ts';
import type { MemoryKeyFile } from './memory-key-ring.ts';
import type { Stage } from './stage.ts';

const OUTAGE_MS = 5_000;
/** How long a node that was put back may find its own way before its operator sees to it, in ms. */
const OWN_WAY_MS = 60_000;

interface Kept {
  readonly disk: Uint8Array;
  readonly contents: MemoryKeyFile['contents'];
}

/** What the run does to nodes at this part's wish. */
interface Stopping extends Stage {
  readonly members: readonly Member[];
  member(index: number): Member;
  crash(member: Member, where: string): void;
  start(member: Member): void;
}

export class KeyRestores {
  readonly #world: Stopping;
  #kept: Kept | null = null;
  #restoredAt: number | null = null;
  #isRecovering: Process | null = null;

  constructor(world: Stopping) {
    this.#world = world;
  }

  /** Keeps what a node is before its first start, where that is what it will be put back to. */
  begin(): void {
    const { keyRestore } = this.#world.plan.rare;
    if (keyRestore?.keptAt === 0) this.#kept = keptOf(this.#world.member(keyRestore.node));
  }

  /** To be called after each commit of a node. */
  committed(member: Member): void {
    const { keyRestore } = this.#world.plan.rare;
    if (keyRestore?.node !== member.index) return;
    if (member.commits === keyRestore.keptAt) this.#kept = keptOf(member);
    if (keyRestore.after || member.commits !== keyRestore.keptAt + keyRestore.commitsLater) return;
    this.#world.time.after(0, () => this.#putBack());
  }

  /** To be called when the keys are live at all nodes; true where one of them is put back now. */
  putBackAfterwards(): boolean {
    if (this.#world.plan.rare.keyRestore?.after !== true || this.#restoredAt !== null) return false;
    return this.#putBack();
  }

  /** Whether this node was put back: it may contradict what it said before, as it cannot know it. */
  wasPutBack(index: number): boolean {
    return this.#restoredAt !== null && this.#world.plan.rare.keyRestore?.node === index;
  }

  /** Does what the operator of the node would do, once it has had its time: looks whether the others have the key. */
  see(): void {
    const { plan, time, trace, tally } = this.#world;
    const { keyRestore } = plan.rare;
    if (keyRestore === null || this.#restoredAt === null || time.now - this.#restoredAt < OWN_WAY_MS) return;
    const { process } = this.#world.member(keyRestore.node);
    if (process === null || hasKey(process) || this.#isRecovering === process) return;
    const file = this.#exported(process);
    if (file === null) return;
    this.#isRecovering = process;
    trace.add(`node ${process.index} recovers the keys of ceremony ${file.transcript.ceremony_id}`);
    process.services.ceremonies.recover(file).then(
      ({ shares }) => {
        tally.add(`keys recovered from an exported ceremony: shares ${shares}`);
        trace.add(`told ${process.index} keys recovered`);
      },
      (error: unknown) => {
        this.#isRecovering = null;
        trace.add(`told ${process.index} ${String(error)}`);
      },
    );
  }

  // What made the key in use may be an earlier ceremony than the one that is held now: where the node was told that the
  // others have finished that one, or that it is over, its operator may have gone on to the next.
  #exported(asker: Process): CeremonyOutcome['file'] | null {
    for (const { process } of this.#world.members) {
      const key = process?.node.keys.live() ?? null;
      if (process === null || process === asker || key === null) continue;
      const stored = getCeremony(process.store.db, key.ceremonyId);
      const outcome = stored === null ? null : storedOutcome(stored);
      if (outcome !== null) return outcome.file;
    }
    return null;
  }

  #putBack(): boolean {
    const { plan, time, trace, tally } = this.#world;
    const { keyRestore } = plan.rare;
    if (keyRestore === null || this.#kept === null || this.#restoredAt !== null) return false;
    if (!keyRestore.after && !this.#world.faulty) return false;
    const member = this.#world.member(keyRestore.node);
    const { what } = keyRestore;
    this.#world.crash(member, 'to be put back');
    trace.add(`the ${what} of node ${member.index} is put back`);
    tally.add(`put back ${keyRestore.after ? 'after' : 'while'} making keys: ${what}`);
    if (what !== 'key file') member.putBack(this.#kept.disk);
    if (what !== 'database') member.keyFile.contents = this.#kept.contents;
    this.#restoredAt = time.now;
    time.after(OUTAGE_MS, () => this.#world.start(member));
    return true;
  }
}

/** Whether a node can use its key: it is live and its shares are there. */
export function hasKey({ node }: Process): boolean {
  const key = node.keys.live();
  return key !== null && node.keys.sharesFit(key.keyId) === true;
}

function keptOf(member: Member): Kept {
  return { disk: member.process?.store.snapshot() ?? member.disk, contents: member.keyFile.contents };
}
