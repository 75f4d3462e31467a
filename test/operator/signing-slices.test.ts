// Long computations give way, and nonces are made while nothing waits for them.
import { describe, expect, test } from 'bun:test';
import { IssuedNonces } from '../../ceremony/signing/nonce-pool.ts';
import type { Steps } from '../../ceremony/steps.ts';
import { systemEffects } from '../../operator/runtime/effects.ts';
import { silentLog } from '../../operator/runtime/log.ts';
import { NonceUpkeep } from '../../operator/signing/nonce-upkeep.ts';
import { Slices, SlicesClosedError } from '../../operator/signing/slices.ts';
import { desksOf, draw } from '../ceremony/signing-desk.ts';

/** Work that writes down its name at each step. */
function* working(name: string, steps: number, seen: string[]): Steps<string> {
  for (let i = 0; i < steps; i++) {
    seen.push(name);
    yield;
  }
  return name;
}

describe('work in slices', () => {
  test('gives its result, and lets timers and other works in between', async () => {
    const slices = new Slices(systemEffects);
    const seen: string[] = [];
    const done = [slices.run(working('a', 40, seen)), slices.run(working('b', 40, seen))];
    expect(slices.isBusy).toBe(true);
    expect(await Promise.all(done)).toEqual(['a', 'b']);
    expect(slices.isBusy).toBe(false);
    expect(seen).toHaveLength(80);
    // Neither waits for the other's end.
    expect(seen.indexOf('b')).toBeLessThan(10);
    expect(seen.lastIndexOf('a')).toBeGreaterThan(60);
  });

  test('does little work at once', async () => {
    const slices = new Slices(systemEffects);
    const seen: string[] = [];
    await slices.run(working('a', 1, seen));
    let turns = 0;
    const ticking = async (): Promise<void> => {
      while (slices.isBusy) {
        turns += 1;
        await systemEffects.sleep(0);
      }
    };
    await Promise.all([slices.run(working('b', 100, seen)), ticking()]);
    expect(turns).toBeGreaterThan(10);
  });

  test('lets other work run after each slow step, by the clock it is given', async () => {
    let time = 0;
    const pauses: number[] = [];
    const sleep = async (ms: number): Promise<void> => {
      pauses.push(ms);
    };
    const slow = (stepMs: number) =>
      function* (): Steps<number> {
        for (let i = 0; i < 12; i++) {
          time += stepMs;
          yield;
        }
        return pauses.length;
      };
    const slices = new Slices({ sleep, monotonic: () => time });
    expect(await slices.run(slow(5)())).toBe(12);
    pauses.length = 0;
    // No clock moves: so many steps at a stretch and no more.
    expect(await slices.run(slow(0)())).toBe(1);
  });

  test('is ended when the node is closed, and clears up', async () => {
    const slices = new Slices(systemEffects);
    let isCleared = false;
    function* endless(): Steps<void> {
      try {
        for (;;) yield;
      } finally {
        isCleared = true;
      }
    }
    const outcome = slices.run(endless()).catch((error: unknown) => error);
    slices.close();
    expect(await outcome).toBeInstanceOf(SlicesClosedError);
    expect(isCleared).toBe(true);
  });
});

describe('upkeep of nonces', () => {
  test('keeps two rounds of the largest size in stock, made after an answer and not before', async () => {
    const [desk] = desksOf(2, 3, 'bip340');
    if (desk === undefined) throw new Error('a desk');
    const { owner } = desk;
    const issued = new IssuedNonces();
    const slices = new Slices(systemEffects);
    const upkeep = new NonceUpkeep({
      issued,
      slices,
      effects: { ...systemEffects, random: draw },
      log: silentLog,
    });
    upkeep.given(owner, 50);
    expect(issued.stocked(owner)).toBe(0);
    const filledTo = async (count: number): Promise<void> => {
      while (issued.stocked(owner) < count) await systemEffects.sleep(1);
    };
    await filledTo(100);
    issued.issue(owner, 1, 30, draw);
    upkeep.given(owner, 1);
    await filledTo(100);
    expect(issued.stocked(owner)).toBe(100);
    slices.close();
    issued.dropAll();
  });

  test('makes nothing while a signature waits, and goes on as soon as none does', async () => {
    const [desk] = desksOf(2, 3, 'ed25519');
    if (desk === undefined) throw new Error('a desk');
    const { owner } = desk;
    const issued = new IssuedNonces();
    const slices = new Slices(systemEffects);
    const effects = { ...systemEffects, random: draw };
    const upkeep = new NonceUpkeep({ issued, slices, effects, log: silentLog });
    const releases = [upkeep.hold(), upkeep.hold()];
    upkeep.given(owner, 20);
    for (const release of releases) {
      await systemEffects.sleep(20);
      expect(issued.stocked(owner)).toBe(0);
      release();
    }
    while (issued.stocked(owner) < 40) await systemEffects.sleep(1);
    slices.close();
    issued.dropAll();
  });

  test('checks the nonces of others ahead, and makes nothing of malformed ones', async () => {
    const [desk] = desksOf(2, 3, 'ed25519');
    if (desk === undefined) throw new Error('a desk');
    const slices = new Slices(systemEffects);
    const prepared: number[] = [];
    const scheme = { ...desk.owner.scheme, prepareNonce: (nonce: Uint8Array) => void prepared.push(nonce.length) };
    const upkeep = new NonceUpkeep({ issued: new IssuedNonces(), slices, effects: systemEffects, log: silentLog });
    const id = 'ab'.repeat(16);
    upkeep.received(scheme, [
      { id, nonce: 'ff' },
      { id, nonce: '00'.repeat(64) },
    ]);
    while (prepared.length === 0) await systemEffects.sleep(1);
    expect(prepared).toEqual([64]);
    slices.close();
  });
});
