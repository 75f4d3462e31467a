// What an operator reads where a peer cannot be reached.
import { expect, test } from 'bun:test';
import { createServer } from 'node:net';
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

test('an answer that breaks the protocol is reported without the advice of the runtime for programmers', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.write(`HTTP/1.1 200 OK\r\n${`x: ${'a'.repeat(8_000)}\r\n`.repeat(200)}\r\n`);
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const at = server.address();
  if (at === null || typeof at === 'string') throw new Error('a TCP server has a port');
  const error = await fetch(`http://127.0.0.1:${at.port}/`).catch((thrown: unknown) => thrown);
  server.close();
  expect(connectionFault(error, ADDRESS)).toMatch(/^mpc\.example:7000 does not answer as a node does \(\w+\)$/);
});

test('an unknown fault keeps its own text', () => {
  expect(fault('ESOMETHING')).toBe("the runtime's own text");
  expect(connectionFault(new Error('the pin'), ADDRESS)).toBe('the pin');
  expect(connectionFault('text', ADDRESS)).toBe('text');
});
