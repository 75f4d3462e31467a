// What an operator reads where a peer cannot be reached.
import { expect, test } from 'bun:test';
import { connectionFault } from '../../operator/peers/connection-fault.ts';

const ADDRESS = 'mpc.example:7000';
const fault = (code: string) => connectionFault(Object.assign(new Error("the runtime's own text"), { code }), ADDRESS);

for (const [code, sentence] of [
  ['ECONNREFUSED', 'nothing answers at mpc.example:7000: that node does not run, or it is sealed (ECONNREFUSED)'],
  ['ETIMEDOUT', 'nothing answered at mpc.example:7000 in time (ETIMEDOUT)'],
  ['EHOSTUNREACH', 'there is no network route to mpc.example:7000 (EHOSTUNREACH)'],
  ['ENOTFOUND', 'the name in mpc.example:7000 is not found (ENOTFOUND)'],
  [
    'CERT_HAS_EXPIRED',
    'the certificate of mpc.example:7000 has expired: its operator makes a new one and sends the card (CERT_HAS_EXPIRED)',
  ],
] as const) {
  test(`${code} is reported in a plain sentence with the address and the code`, () =>
    expect(fault(code)).toBe(sentence));
}

test('any other fault of a certificate is reported as a fault of the certificate', () => {
  for (const code of [
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'ERR_TLS_CERT_ALTNAME_INVALID',
  ]) {
    expect(fault(code)).toBe(
      `mpc.example:7000 shows another certificate than the one on its operator card: add its new card (${code})`,
    );
  }
});

test('an unknown fault keeps its own text', () => {
  expect(fault('ESOMETHING')).toBe("the runtime's own text");
  expect(connectionFault(new Error('the pin'), ADDRESS)).toBe('the pin');
  expect(connectionFault('text', ADDRESS)).toBe('text');
});
