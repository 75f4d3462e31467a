// A certificate that expires ends what was begun with it: no session outlives it by a ticket, no message by an open connection.
import { afterEach, expect, test } from 'bun:test';
import { connect } from 'node:tls';
import { makeCertificate, readCertificate, validityText } from '../../operator/peers/certificate.ts';
import { HttpsPeerClient } from '../../operator/peers/deliver.ts';
import {
  checkBody,
  KNOWN_TYPES,
  listen,
  makeNode,
  peerOf,
  type Running,
  sessionsOf,
  type TestNode,
} from './tls-federation.ts';

const DAY_MS = 86_400_000;
const endings: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});

let now = Date.now();
const nodeFor = async (index: number, days: number): Promise<TestNode> =>
  makeNode(index, await makeCertificate({ name: `node ${index}`, address: '127.0.0.1', now: Date.now(), days }));

/** A listener and a client of two nodes whose clocks are the test's, and whose certificates hold for so many days. */
async function two(receiverDays: number, senderDays: number) {
  now = Date.now();
  const [receiver, sender] = [await nodeFor(0, receiverDays), await nodeFor(1, senderDays)];
  const running: Running = listen(receiver, [sender], { now: () => now });
  const sessions = sessionsOf(sender, [peerOf(receiver, running.listener.port)]);
  const client = new HttpsPeerClient({
    ...{ sessions, tls: sender.tls, knownTypes: KNOWN_TYPES, checkBody, now: () => now },
  });
  endings.push(
    () => client.close(),
    () => running.listener.stop(),
  );
  const send = () => client.send(0, { ceremony: '', type: 'ping', body: { word: 'hello' } }, { timeoutMs: 10_000 });
  return { running, sender, send };
}

test('the listener hands out no session ticket', async () => {
  const { running, sender } = await two(20, 20);
  let tickets = 0;
  await new Promise<void>((resolve, reject) => {
    const { facts, key } = sender.tls;
    const { port } = running.listener;
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, cert: facts.pem, key });
    socket.on('session', () => {
      tickets += 1;
    });
    socket.on('secureConnect', () => socket.write('GET /v1/session HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'));
    socket.on('data', () => {});
    socket.on('error', reject);
    socket.on('close', () => resolve());
  });
  expect(tickets).toBe(0);
});

test('a peer whose certificate has expired is refused on the connection that it had open', async () => {
  const { send } = await two(20, 9);
  expect(await send()).toMatchObject({ ok: true });
  now += 11 * DAY_MS + 60_000;
  const detail = 'the TLS certificate of operator 1 (node 1) expired 2 days ago';
  expect(await send()).toMatchObject({ ok: false, error: 'rejected', rejection: 'certificate_not_valid', detail });
});

test('nothing is sent to a peer whose certificate has expired, though a connection is open', async () => {
  const { running, send } = await two(9, 20);
  expect(await send()).toMatchObject({ ok: true });
  now += 10 * DAY_MS + 60_000;
  const detail = 'the TLS certificate of operator 0 (node 0) expired 1 day ago';
  expect(await send()).toMatchObject({ ok: false, error: 'unreachable', detail });
  expect(running.received).toHaveLength(1);
});

test('validity is given in words: days left, expired today, days ago, not valid yet', async () => {
  const facts = readCertificate((await makeCertificate({ name: 'a', address: 'a', now, days: 3 })).certificate);
  if (facts === null) throw new Error('the certificate reads');
  const { notBefore, notAfter } = facts;
  expect(validityText(facts, notAfter)).toBe('has 0 days left');
  expect(validityText(facts, notAfter - DAY_MS)).toBe('has 1 day left');
  expect(validityText(facts, notAfter + 1)).toBe('expired today');
  expect(validityText(facts, notAfter + 2 * DAY_MS)).toBe('expired 2 days ago');
  expect(validityText(facts, notBefore - 1)).toBe(`is not valid before ${new Date(notBefore).toISOString()}`);
});
