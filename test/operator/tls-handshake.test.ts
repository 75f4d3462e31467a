// The gate: who gets through the handshake of the peer listener, tried with an independent TLS client.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { connect, type SecureVersion } from 'node:tls';
import { type CertificateAndKey, makeCertificate } from '../../operator/peers/certificate.ts';
import { HttpsPeerClient } from '../../operator/peers/deliver.ts';
import {
  checkBody,
  clientOf,
  KNOWN_TYPES,
  listen,
  makeNode,
  opensslCertificate,
  peerOf,
  type Running,
  sessionsOf,
  type TestNode,
  tlsIdentity,
} from './tls-federation.ts';

const DAY_MS = 86_400_000;
let directory: string;
let alpha: TestNode;
let beta: TestNode;
let expired: CertificateAndKey;
let early: CertificateAndKey;
let stranger: CertificateAndKey;
let receiver: Running;

const certificateAt = (name: string, now: number, days: number): Promise<CertificateAndKey> =>
  makeCertificate({ name, address: '127.0.0.1', now, days });

beforeAll(async () => {
  directory = await mkdtemp(`${tmpdir()}/handshake-`);
  [alpha, beta] = await Promise.all([makeNode(0), makeNode(1)]);
  expired = await certificateAt('late', Date.now() - 10 * DAY_MS, 9);
  early = await certificateAt('early', Date.now() + 10 * DAY_MS, 9);
  stranger = await certificateAt('node 1', Date.now(), 9);
  // The expired and the early one are on peers' cards, so nothing but their dates speaks against them.
  receiver = listen(alpha, [beta, await makeNode(2, expired), await makeNode(3, early)]);
});
afterAll(async () => {
  await receiver.listener.stop();
  await rm(directory, { recursive: true, force: true });
});

/** The status line that a client gets, or `refused` where the connection ends without one. */
function request(
  to: Running,
  shown: { readonly certificate: string; readonly key: string } | null,
  maxVersion: SecureVersion = 'TLSv1.3',
): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({
      host: '127.0.0.1',
      port: to.listener.port,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.2',
      maxVersion,
      ...(shown === null ? {} : { cert: shown.certificate, key: shown.key }),
    });
    let answer = '';
    socket.on('secureConnect', () => socket.write('GET /v1/session HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'));
    socket.on('data', (data: Buffer) => {
      answer += data.toString('latin1');
      socket.end();
    });
    socket.on('error', () => socket.destroy());
    socket.on('close', () => resolve(answer === '' ? 'refused' : (answer.split('\r\n')[0] ?? '')));
  });
}

const shownBy = (node: TestNode): CertificateAndKey => ({ certificate: node.tls.facts.pem, key: node.tls.key });

describe('the handshake', () => {
  test('lets a peer through with the certificate of its card, by TLS 1.3', async () => {
    expect(await request(receiver, shownBy(beta))).toBe('HTTP/1.1 200 OK');
  });
  test('refuses who shows no certificate', async () => {
    expect(await request(receiver, null)).toBe('refused');
  });
  test("refuses a stranger's certificate, also one with a peer's name on it", async () => {
    expect(await request(receiver, stranger)).toBe('refused');
  });
  test("refuses the node's own certificate when it has peers", async () => {
    expect(await request(receiver, shownBy(alpha))).toBe('refused');
  });
  test('refuses TLS 1.2 even from a peer', async () => {
    expect(await request(receiver, shownBy(beta), 'TLSv1.2')).toBe('refused');
  });
  test('refuses a certificate on a card that has expired', async () => {
    expect(await request(receiver, expired)).toBe('refused');
  });
  test('refuses a certificate on a card that is not valid yet', async () => {
    expect(await request(receiver, early)).toBe('refused');
  });
  test('without any peer refuses everybody else, rather than trust the public authorities', async () => {
    const lonely = listen(alpha, []);
    expect(await request(lonely, shownBy(beta))).toBe('refused');
    expect(await request(lonely, null)).toBe('refused');
    await lonely.listener.stop();
  });
});

describe('after a change of peers the listener', () => {
  test('keeps its port, lets the new peer in and keeps the old one', async () => {
    const changing = listen(alpha, [beta]);
    const { port } = changing.listener;
    expect(await request(changing, stranger)).toBe('refused');
    await changing.listener.replacePeers([beta.tls.facts.pem, stranger.certificate]);
    expect(changing.listener.port).toBe(port);
    expect(await request(changing, stranger)).toBe('HTTP/1.1 200 OK');
    expect(await request(changing, shownBy(beta))).toBe('HTTP/1.1 200 OK');
    await changing.listener.replacePeers([stranger.certificate]);
    expect(await request(changing, shownBy(beta))).toBe('refused');
    await changing.listener.stop();
  });

  test('finishes what it was doing for a connected peer, whose next message finds the new listener', async () => {
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    let arrived = (): void => {};
    const started = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const changing = listen(alpha, [beta], {
      handle: async ({ body }) => {
        arrived();
        await gate;
        return [{ type: 'pong', body }];
      },
    });
    const client = clientOf(beta, sessionsOf(beta, [peerOf(alpha, changing.listener.port)]));
    const say = (word: string): ReturnType<HttpsPeerClient['send']> =>
      client.send(0, { ceremony: '', type: 'ping', body: { word } }, { timeoutMs: 10_000 });
    const slow = say('slow');
    await started;
    await changing.listener.replacePeers([beta.tls.facts.pem, stranger.certificate]);
    release();
    expect(await slow).toMatchObject({ ok: true, messages: [{ type: 'pong', body: { word: 'slow' } }] });
    expect(await say('next')).toMatchObject({ ok: true });
    client.close();
    await changing.listener.stop();
  });

  test('is still the old one where a new certificate is unreadable', async () => {
    const changing = listen(alpha, [beta]);
    await expect(changing.listener.replacePeers(['not a certificate'])).rejects.toThrow();
    expect(await request(changing, shownBy(beta))).toBe('HTTP/1.1 200 OK');
    await changing.listener.stop();
  });

  test('shows the new certificate of the node itself once that is replaced', async () => {
    const changing = listen(alpha, [beta]);
    await changing.listener.replaceIdentity(tlsIdentity(stranger));
    const client = (pem: string): HttpsPeerClient => {
      const peer = { ...peerOf(alpha, changing.listener.port), certificate: pem };
      return clientOf(beta, sessionsOf(beta, [peer]));
    };
    const ping = { ceremony: '', type: 'ping', body: { word: 'x' } };
    expect(await client(stranger.certificate).send(0, ping, { timeoutMs: 5000 })).toMatchObject({ ok: true });
    expect(await client(alpha.tls.facts.pem).send(0, ping, { timeoutMs: 5000 })).toMatchObject({ ok: false });
    await changing.listener.stop();
  });
});

describe.skipIf(Bun.which('openssl') === null)('with certificates made by openssl', () => {
  const launch = ['-newkey', 'rsa:4096', '-days', '365', '-subj', '/C=AU/ST=Some-State/O=Internet Widgits Pty Ltd'];
  let rsa: CertificateAndKey;
  let rsaPeer: CertificateAndKey;
  let rsaOther: CertificateAndKey;

  beforeAll(async () => {
    // Both by the launch instructions' command with every question answered by Enter: RSA 4096, one name, no SAN.
    rsa = await opensslCertificate(directory, launch);
    rsaPeer = await opensslCertificate(directory, launch);
    rsaOther = await opensslCertificate(directory, ['-newkey', 'rsa:2048', ...launch.slice(2)]);
  }, 60_000);

  test.each(['RSA with RSA', 'RSA with P-256', 'P-256 with RSA'])(
    'a message goes there and back: %s',
    async (kinds) => {
      const server = kinds.startsWith('RSA') ? await makeNode(0, rsa) : alpha;
      const caller = kinds.endsWith('RSA') ? await makeNode(1, rsaPeer) : beta;
      const third = await makeNode(2, rsaOther);
      const running = listen(server, [third, caller]);
      const sessions = sessionsOf(caller, [peerOf(server, running.listener.port)]);
      const input = { sessions, tls: caller.tls, knownTypes: KNOWN_TYPES, checkBody, now: Date.now };
      const client = new HttpsPeerClient(input);
      const sent = await client.send(0, { ceremony: 'c', type: 'ping', body: { word: kinds } }, { timeoutMs: 10_000 });
      expect(sent).toMatchObject({ ok: true, messages: [{ type: 'pong', body: { word: kinds } }] });
      client.close();
      await running.listener.stop();
    },
  );

  test('the openssl client gets through with its peer certificate and not with TLS 1.2', async () => {
    const caller = await makeNode(1, rsaPeer);
    const running = listen(alpha, [caller]);
    await Bun.write(`${directory}/c.pem`, rsaPeer.certificate);
    await Bun.write(`${directory}/c.key`, rsaPeer.key);
    const speak = async (version: string): Promise<string> => {
      const target = `127.0.0.1:${running.listener.port}`;
      const shown = ['-cert', `${directory}/c.pem`, '-key', `${directory}/c.key`];
      const client = Bun.spawn(['openssl', 's_client', '-connect', target, version, '-quiet', ...shown], {
        stdin: new TextEncoder().encode('GET /v1/session HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'),
        stdout: 'pipe',
        stderr: 'ignore',
      });
      return new Response(client.stdout).text();
    };
    const [modern, old] = [await speak('-tls1_3'), await speak('-tls1_2')];
    await running.listener.stop();
    expect(old).toBe('');
    expect(modern).toStartWith('HTTP/1.1 200 OK');
  }, 30_000);
});
