// Fuzz: requests on the control socket. Whatever a program of the same user sends, the answer is a result or a named
// error, a malformed parameter is never repeated (it may be a passphrase), and no fault is met.
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { z } from 'zod';
import type { Json } from '../../crypto/canonical-json.ts';
import { type CommandName, commandParams } from '../../operator/runtime/command-types.ts';
import { controlCommand, createControlApp } from '../../routes/control.ts';
import { anyJson, fuzz, fuzzLater, noise, spoiled, spoiledText } from './hostile.ts';

const hash = '0b'.repeat(32);
const faults: unknown[] = [];
const ran: string[] = [];

const commands = Object.fromEntries(
  Object.entries(commandParams).map(([name, params]) => {
    const run = async (): Promise<Json> => {
      ran.push(name);
      return null;
    };
    return [name, controlCommand({ params, run })];
  }),
);
const app = createControlApp(commands, { version: '0', onFault: (command, error) => faults.push([command, error]) });

const samples: { readonly [C in CommandName]: Json } = {
  status: {},
  seal: {},
  'backup-key-share': { recipient: 'age1', passphrase: 'correct horse battery staple' },
  'backup-record': {
    ...{
      event: 'made',
      kind: 'key_share',
      sha256: hash,
      bytes: 5,
      path: '/backup',
      made_at: '2026-11-30T16:00:00.000Z',
    },
    ...{ key_id: '0a'.repeat(8), identity_key: hash },
  },
  'backup-list': { limit: 5, offset: 0 },
  unseal: { passphrase: 'correct horse battery staple' },
  'key-info': {},
  'peer-export': {},
  'peer-add': { card: { v: 1 }, replace: true },
  'peer-list': {},
  'tls-rotate': {},
  dkg: { ceremony_id: 'c-1', rehearsal: true, wait_s: 5 },
  'ceremony-list': {},
  'ceremony-show': { ceremony_id: 'c-1' },
  'ceremony-abandon': { ceremony_id: 'c-1' },
  'ceremony-recover': { file: { v: 1 } },
  treasury: {},
  'treasury-open': { wait_s: 5 },
  'service-status': {},
  'enable-service': {},
  'disable-service': {},
  'emergency-pause': { reason: 'a copied key file', federation: true },
  'emergency-resume': {},
  'emergency-status': {},
  'policy-show': {},
  'policy-set': { name: 'day_max_sats', values: ['5'] },
  'test-communication': { rounds: 3 },
  'test-signing': { message: 'hello' },
  'deposit-address': { recipient: hash },
  attest: { txid: hash, vout: 0, recipient: hash, amount: '5', test: true },
  withdraw: { burn_txids: [hash] },
  bump: { fee_rate: 2.5 },
  hold: { burn_txid: hash, reason: 'a list' },
  unhold: { burn_txid: hash },
  void: { reason: 'a wrong estimate' },
  veto: { burn_txid: hash, reason: 'an unknown payee' },
  'requests-list': { limit: 5, offset: 0 },
  'requests-show': { id: '0a'.repeat(16) },
  'requests-approve': { id: '0a'.repeat(16) },
  'requests-refuse': { id: '0a'.repeat(16), reason: 'the payout is right' },
  'withdrawals-waiting': {},
  fees: { days: 7 },
  'consolidate-fees': { address: 'a', fee_rate: 2.5 },
  'test-consolidate-fees': { address: 'a', broadcast: false },
  'test-burn': { txid: hash, address: 'a', amount: '5', fee: '1', broadcast: false },
  deposits: { limit: 5, offset: 0 },
  withdrawals: { limit: 5, offset: 0 },
  'user-list': {},
  'user-create': { user: 'ada', role: 'admin', password: 'p', totp_secret: 'JBSW Y3DP', code: '123456' },
  'user-set-role': { user: 'ada', role: 'observer' },
  'user-reset': { user: 'ada', kind: 'totp' },
  'user-unlock': { user: 'ada' },
  'user-disable': { user: 'ada' },
  'user-enable': { user: 'ada' },
  'user-delete': { user: 'ada' },
  'user-set-password': { user: 'ada', reset_code: 'a-b', code: '123456', password: 'p' },
  'user-set-totp': { user: 'ada', reset_code: 'a-b', password: 'p', totp_secret: 'JBSW Y3DP', code: '123456' },
  authorise: { action: 'configure' },
  'security-check': {},
  checklist: {},
  'checklist-confirm': { box: 'channel', note: 'twelve words by phone' },
  contacts: {},
  escalate: { level: 2, summary: 'an unknown login' },
  'incident-list': { limit: 5, offset: 0 },
  'incident-show': { id: '0-1f2e3d4c' },
  'incident-acknowledge': { id: '0-1f2e3d4c', text: 'seen' },
  'incident-respond': { id: '0-1f2e3d4c', text: 'we look' },
  'incident-plan': { id: '0-1f2e3d4c', text: 'restore it' },
  'incident-close': { id: '0-1f2e3d4c', text: 'it was a test' },
  'incident-test-notify': {},
  'ceremony-schedule': { at: '2026-12-01T14:00:00.000Z', backup: '2026-12-03T14:00:00.000Z', ceremony_id: null },
  'ceremony-schedule-show': {},
  'ceremony-schedule-answer': { id: null, answer: 'refused', reason: 'away' },
};

const line = z.union([
  z.strictObject({ result: z.null() }),
  z.strictObject({ error: z.strictObject({ code: z.string(), message: z.string() }) }),
]);

async function answerTo(path: string, body: string | Uint8Array) {
  const sent = typeof body === 'string' ? body : Buffer.from(body);
  const response = await app.request(path, { method: 'POST', body: sent });
  return { status: response.status, line: line.parse(JSON.parse(await response.text())) };
}

describe('fuzz: the control socket', () => {
  for (const [name, sample] of Object.entries(samples)) {
    test(`${name}: runs with parameters of its form, and refuses all others by name`, async () => {
      ran.length = 0;
      expect(await answerTo(`/v1/${name}`, JSON.stringify(sample))).toEqual({ status: 200, line: { result: null } });
      expect(ran).toEqual([name]);
      const bodies = fc.oneof({ weight: 4, arbitrary: spoiledText(fc.constant(sample)) }, fc.string(), noise(60));
      await fuzzLater(80, bodies, async (body) => {
        const { status, line: answer } = await answerTo(`/v1/${name}`, body);
        if ('result' in answer) return expect(status).toBe(200);
        expect(status).toBe(400);
        expect(['bad_json', 'bad_params']).toContain(answer.error.code);
      });
      expect(faults).toEqual([]);
    });
  }

  test('a passphrase of a wrong kind is never repeated in the answer', () => {
    const secret = 'S3CRET';
    const bodies = spoiled(fc.constant<Json>({ passphrase: secret.repeat(200), [secret]: secret }));
    return fuzzLater(150, bodies, async (body) => {
      const { line: answer } = await answerTo('/v1/unseal', JSON.stringify(body));
      if ('error' in answer) expect(answer.error.message).not.toContain(secret.repeat(2));
    });
  });

  test('paths that name no command are unknown_command, also names that every object has', async () => {
    const names = fc.oneof(
      fc.constantFrom('constructor', '__proto__', 'toString', 'hasOwnProperty', '', 'status/..'),
      fc.string(),
    );
    await fuzzLater(200, names, async (name) => {
      if (Object.hasOwn(commands, name)) return;
      const path = `/v1/${encodeURIComponent(name)}`;
      const response = await app.request(path, { method: 'POST', body: '{}' });
      if (!Object.hasOwn(commands, name)) expect(response.status).toBe(404);
    });
    expect(faults).toEqual([]);
  });

  test('bodies that are too large or too deep are refused before they are parsed', async () => {
    const big = JSON.stringify({ passphrase: 'x'.repeat(2 * 1024 * 1024) });
    expect((await answerTo('/v1/unseal', big)).status).toBe(413);
    const levels = [33, 1_000, 400_000];
    for (const depth of levels) {
      const deep = `{"card":${'['.repeat(depth)}${']'.repeat(depth)}}`;
      expect((await answerTo('/v1/peer-add', deep)).line).toMatchObject({ error: { code: 'bad_json' } });
    }
  });

  test('parameters that are taken keep their limits', () => {
    fuzz(600, fc.oneof(anyJson, spoiled(fc.constant(samples['test-communication']))), (value) => {
      const parsed = commandParams['test-communication'].safeParse(value);
      if (parsed.success) expect(parsed.data.rounds >= 1 && parsed.data.rounds <= 100).toBe(true);
    });
  });
});
