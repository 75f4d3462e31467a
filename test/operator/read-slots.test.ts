// How much is read from peers at once: bounds in number and bytes, of each address and over all, and who makes room.
import { describe, expect, test } from 'bun:test';
import {
  ADDRESS_READ_BYTES_IN_FLIGHT_MAX,
  ADDRESS_READS_IN_FLIGHT_MAX,
  READ_BYTES_IN_FLIGHT_MAX,
  READS_IN_FLIGHT_MAX,
  type Read,
  ReadSlots,
} from '../../operator/peers/read-slots.ts';

const MIB = 1024 * 1024;

/** So many messages from one address, each grown to so many bytes. */
function begin(slots: ReadSlots, address: string, count: number, bytes = 0): readonly Read[] {
  return Array.from({ length: count }, () => {
    const read = slots.begin(address);
    read.grow(bytes);
    return read;
  });
}

const stopped = (reads: readonly Read[]) => reads.filter(({ signal }) => signal.aborted);

describe('messages being read', () => {
  test('of one address beyond its number push out its own oldest, and nobody else', () => {
    const slots = new ReadSlots();
    const honest = slots.begin('honest');
    const reads = begin(slots, 'flood', ADDRESS_READS_IN_FLIGHT_MAX + 3);
    expect(stopped(reads)).toEqual(reads.slice(0, 3));
    expect(reads[0]?.makesRoom).toBe(true);
    expect(honest.signal.aborted).toBe(false);
  });

  test('of one address beyond its bytes push out its own oldest, and nobody else', () => {
    const slots = new ReadSlots();
    const honest = slots.begin('honest');
    honest.grow(MIB);
    const reads = begin(slots, 'flood', ADDRESS_READ_BYTES_IN_FLIGHT_MAX / MIB, MIB);
    expect(stopped(reads)).toEqual([]);
    reads.at(-1)?.grow(1);
    expect(stopped(reads)).toEqual(reads.slice(0, 1));
    expect(honest.signal.aborted).toBe(false);
  });

  test('of many addresses beyond the number of all push out the oldest of the one that holds the most', () => {
    const slots = new ReadSlots();
    const honest = slots.begin('honest');
    const most = begin(slots, 'most', 100);
    const rest = begin(slots, 'rest', READS_IN_FLIGHT_MAX - 101 - 60);
    const others = Array.from({ length: 60 }, (_, i) => slots.begin(`other ${i}`));
    expect(stopped([honest, ...most, ...rest, ...others])).toEqual([]);
    const late = slots.begin('late');
    expect(stopped([honest, ...most, ...rest, ...others, late])).toEqual(most.slice(0, 1));
  });

  test('of many addresses beyond the bytes of all push out the oldest of the one that holds the most bytes', () => {
    const slots = new ReadSlots();
    const many = begin(slots, 'many', 40, 1);
    const large = begin(slots, 'large', 30, MIB);
    const rest = Array.from({ length: READ_BYTES_IN_FLIGHT_MAX / MIB - 30 }, (_, i) => begin(slots, `${i}`, 1, MIB));
    expect(stopped([...many, ...large, ...rest.flat()])).toEqual(large.slice(0, 1));
  });

  test('leave nothing behind: what has ended or was pushed out counts no more', () => {
    const slots = new ReadSlots();
    for (let round = 0; round < 5; round++) {
      const reads = begin(slots, 'peer', ADDRESS_READS_IN_FLIGHT_MAX, ADDRESS_READ_BYTES_IN_FLIGHT_MAX / 128);
      expect(stopped(reads)).toEqual([]);
      for (const read of reads) read.end();
      for (const read of reads) {
        read.grow(MIB);
        read.end();
      }
    }
  });

  test('that take too long end for that reason, not for room', () => {
    const read = new ReadSlots().begin('peer');
    read.giveUp(new Error('late'));
    expect(read.signal.reason).toEqual(new Error('late'));
    expect(read.makesRoom).toBe(false);
  });
});
