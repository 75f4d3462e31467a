import { describe, expect, test } from 'bun:test';
import { clientOf, RateLimit } from '../../routes/rate-limit.ts';

describe('a rate limit', () => {
  test('lets a burst through, then as much as comes back with time', () => {
    let now = 0;
    const limit = new RateLimit({ burst: 3, perSecond: 2, addressesMax: 10 }, () => now);
    expect([1, 2, 3].map(() => limit.take('a'))).toEqual([0, 0, 0]);
    expect(limit.take('a')).toBe(1);
    now += 500;
    expect([limit.take('a'), limit.take('a')]).toEqual([0, 1]);
    expect(limit.take('b', 3)).toBe(0);
    expect(limit.take('b', 3)).toBe(2);
  });

  test('remembers no more addresses than its bound, however many ask, and forgets those that asked longest ago', () => {
    const limit = new RateLimit({ burst: 1, perSecond: 1, addressesMax: 100 }, () => 0);
    for (let i = 0; i < 10_000; i++) limit.take(`address ${i}`);
    expect(limit.size).toBe(100);
    expect(limit.take('address 9999')).toBeGreaterThan(0);
    expect(limit.take('address 0')).toBe(0);
  });
});

describe('whom a request counts for', () => {
  test('is the other end, whatever it says of itself', () => {
    expect(clientOf('198.51.100.7', null)).toBe('198.51.100.7');
    expect(clientOf('198.51.100.7', '203.0.113.1')).toBe('198.51.100.7');
  });

  test('is, behind a proxy on this machine, what the proxy added last', () => {
    expect(clientOf('127.0.0.1', '10.0.0.1, 203.0.113.1')).toBe('203.0.113.1');
    expect(clientOf('::1', '203.0.113.1')).toBe('203.0.113.1');
    expect(clientOf('127.0.0.1', null)).toBe('127.0.0.1');
    expect(clientOf('127.0.0.1', 'x'.repeat(65))).toBe('127.0.0.1');
  });

  test('is the network of an IPv6 address, however it is written', () => {
    expect(clientOf('2001:db8:0:1::5', null)).toBe(clientOf('2001:db8:0:1:ffff:0:0:1', null));
    expect(clientOf('2001:db8::5', null)).toBe('2001:db8:0:0');
    expect(clientOf('2001:db8:0:2::5', null)).not.toBe(clientOf('2001:db8:0:1::5', null));
    expect(clientOf('::ffff:198.51.100.7', null)).toBe('::ffff:198.51.100.7');
  });
});
