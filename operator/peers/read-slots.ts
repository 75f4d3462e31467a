// How much is read from peers at once, before a signature can tell who is speaking: so many messages and so many bytes from
// one network address, and over all. Honest messages arrive within milliseconds. So where there is no room, the message
// that has been on its way longest makes room, of the address that holds the most: a flood pushes out itself first.

/** How many messages are read at once, of all peers together. */
export const READS_IN_FLIGHT_MAX = 256;
/** How many messages are read at once from one address. */
export const ADDRESS_READS_IN_FLIGHT_MAX = 128;
/** How many bytes the messages being read may take together, of all peers. */
export const READ_BYTES_IN_FLIGHT_MAX = 64 * 1024 * 1024;
/** How many bytes the messages being read from one address may take together. */
export const ADDRESS_READ_BYTES_IN_FLIGHT_MAX = 32 * 1024 * 1024;

/** A message that is being read. `signal` aborts when it has to make room, or when `giveUp` is called. */
export interface Read {
  readonly signal: AbortSignal;
  /** Whether it had to make room for others. */
  readonly makesRoom: boolean;
  /** So many more bytes of it are in memory. */
  grow(bytes: number): void;
  /** Ends the reading for another reason than room. */
  giveUp(reason: Error): void;
  /** Gives its place back; has to be called, once it has been read or not. */
  end(): void;
}

interface Load {
  readonly reads: number;
  readonly bytes: number;
}

const IDLE: Load = { reads: 0, bytes: 0 };
const OF_ALL: Load = { reads: READS_IN_FLIGHT_MAX, bytes: READ_BYTES_IN_FLIGHT_MAX };
const OF_ADDRESS: Load = { reads: ADDRESS_READS_IN_FLIGHT_MAX, bytes: ADDRESS_READ_BYTES_IN_FLIGHT_MAX };

class ReadInFlight {
  readonly address: string;
  readonly stop = new AbortController();
  bytes = 0;
  makesRoom = false;

  constructor(address: string) {
    this.address = address;
  }
}

/** The messages that are being read, oldest first. */
export class ReadSlots {
  readonly #reads = new Set<ReadInFlight>();
  readonly #loads = new Map<string, Load>();
  #all: Load = IDLE;

  /** Begins to read a message that comes from a network address. Another one may have to make room for it. */
  begin(address: string): Read {
    const read = new ReadInFlight(address);
    this.#reads.add(read);
    this.#change(address, 1, 0);
    this.#makeRoom(address);
    return {
      signal: read.stop.signal,
      get makesRoom() {
        return read.makesRoom;
      },
      grow: (bytes) => {
        if (!this.#reads.has(read)) return;
        read.bytes += bytes;
        this.#change(address, 0, bytes);
        this.#makeRoom(address);
      },
      giveUp: (reason) => read.stop.abort(reason),
      end: () => this.#remove(read),
    };
  }

  #makeRoom(address: string): void {
    while (isOver(this.#loads.get(address) ?? IDLE, OF_ADDRESS)) this.#stopOldest(address);
    while (isOver(this.#all, OF_ALL)) this.#stopOldest(this.#heaviest(this.#all.bytes > OF_ALL.bytes));
  }

  #heaviest(byBytes: boolean): string {
    const weight = ({ reads, bytes }: Load): number => (byBytes ? bytes : reads);
    let heaviest = { address: '', weight: -1 };
    for (const [address, load] of this.#loads) {
      if (weight(load) > heaviest.weight) heaviest = { address, weight: weight(load) };
    }
    return heaviest.address;
  }

  #stopOldest(address: string): void {
    const oldest = this.#reads.values().find((read) => read.address === address);
    if (oldest === undefined) throw new Error('an address over its limit has a message that is being read');
    this.#remove(oldest);
    oldest.makesRoom = true;
    oldest.stop.abort(new Error('it has to make room for others'));
  }

  #remove(read: ReadInFlight): void {
    if (this.#reads.delete(read)) this.#change(read.address, -1, -read.bytes);
  }

  #change(address: string, reads: number, bytes: number): void {
    const after = sum(this.#loads.get(address) ?? IDLE, reads, bytes);
    if (after.reads === 0) this.#loads.delete(address);
    else this.#loads.set(address, after);
    this.#all = sum(this.#all, reads, bytes);
  }
}

function isOver(load: Load, limit: Load): boolean {
  return load.reads > limit.reads || load.bytes > limit.bytes;
}

function sum(load: Load, reads: number, bytes: number): Load {
  return { reads: load.reads + reads, bytes: load.bytes + bytes };
}
