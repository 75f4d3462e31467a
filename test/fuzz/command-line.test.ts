// Fuzz: what an operator types or hands over at the command line, and what a server answers on the control socket. A value
// of the form that was asked for, or one sentence; never a fault, and never a control character on the screen.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { ControlClient } from '../../cli/control-client.ts';
import { CliError, UsageError } from '../../cli/errors.ts';
import {
  ceremonyIdValue,
  choiceValue,
  feeRateValue,
  recipientValue,
  satsValue,
  txidValue,
  voutValue,
  wholeValue,
} from '../../cli/values.ts';
import type { Json } from '../../crypto/canonical-json.ts';
import { parseHostPort } from '../../operator/config/config-address.ts';
import { PASSPHRASE_BYTES_MAX, readPassphrase } from '../../operator/config/secrets-input.ts';
import { anyJson, fuzz, fuzzLater, noise, spoiledBytes, spoiledText } from './hostile.ts';

const hash = '0b'.repeat(32);
const folder = mkdtempSync(join(tmpdir(), 'fuzz-cli-'));
afterAll(() => rmSync(folder, { recursive: true }));

const typed = (valid: string) =>
  fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary', maxLength: 12 }),
    spoiledText(fc.constant<Json>(valid)).map((text) => text.replaceAll('"', '')),
    fc.constantFrom(
      ...['', '-0', '+1', '1e3', '0x10', ' 1', '1 ', '１２', '٣', '1_000', '1,5', '00', '9'.repeat(40)],
      ...['4294967296', '2100000000000001', '2100000000000000', 'NaN', 'Infinity', `${valid}\n`, 'toString', valid],
    ),
  );

/** The value of a text, or null where it was refused by one printable sentence. */
function readBy<T>(parse: (text: string) => T, text: string): T | null {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    expect(error.message).not.toMatch(/\p{Cc}/u);
    expect(error.message.length).toBeLessThan(700);
    return null;
  }
}

describe('fuzz: values of flags', () => {
  const values: readonly (readonly [string, string, (text: string) => unknown, (value: unknown) => boolean])[] = [
    ['a transaction id', hash, txidValue('--txid'), (value) => /^[0-9a-f]{64}$/.test(String(value))],
    ['a recipient', hash, recipientValue('--recipient'), (value) => /^[0-9a-f]{64}$/.test(String(value))],
    [
      'an amount in sats',
      '50000',
      satsValue('--amount'),
      (value) => /^(0|[1-9][0-9]*)$/.test(String(value)) && BigInt(String(value)) <= 2_100_000_000_000_000n,
    ],
    ['an output index', '3', voutValue('--vout'), (value) => Number.isInteger(value) && Number(value) <= 0xffff_ffff],
    [
      'a number of seconds',
      '30',
      wholeValue('--wait', 1, 3600, 'a whole number of seconds'),
      (value) => Number.isInteger(value) && Number(value) >= 1 && Number(value) <= 3600,
    ],
    ['a fee rate', '2.5', feeRateValue('--fee-rate'), (value) => Number(value) >= 1 && Number(value) <= 10_000],
    ['a choice', 'yes', choiceValue('--choice', ['yes', 'no']), (value) => value === 'yes' || value === 'no'],
    ['a ceremony', 'c-1', ceremonyIdValue('ID'), (value) => /^[a-z0-9][a-z0-9._-]{0,63}$/i.test(String(value))],
  ];
  for (const [name, valid, parse, isRight] of values) {
    test(`${name} is one, or is refused by a sentence that can be shown`, () => {
      expect(isRight(readBy(parse, valid))).toBe(true);
      fuzz(600, typed(valid), (text) => {
        const value = readBy(parse, text);
        if (value !== null) expect(isRight(value)).toBe(true);
      });
    });
  }

  test('an address of a listener is host and port, written in one way, or is refused by a sentence', () => {
    const texts = fc.oneof(typed('operator1.example.com:50051'), typed('[::1]:50051'), typed('10.0.0.1:1'), fc.ipV6());
    fuzz(1200, texts, (text) => {
      const verdict = parseHostPort(text);
      if (!verdict.ok) return expect(verdict.problem.length * verdict.remedy.length).toBeGreaterThan(0);
      const { host, port, text: written } = verdict.address;
      expect(port >= 1 && port <= 65_535 && !/[\s\p{Cc}/@]/u.test(host)).toBe(true);
      expect(parseHostPort(written)).toEqual(verdict);
      expect(URL.canParse(`https://${written}/`)).toBe(true);
    });
  });
});

describe('fuzz: passphrase files', () => {
  const path = join(folder, 'passphrase');
  const sources = {
    ...{ file: path, descriptor: undefined, prompt: null },
    paths: { home: folder, workingDirectory: folder, env: {} },
  };

  test('of any bytes give one line of text within its limit, byte for byte, or a refusal that repeats none of it', async () => {
    const secret = new TextEncoder().encode('correct horse battery staple');
    const files = fc.oneof(
      noise(60),
      noise(PASSPHRASE_BYTES_MAX + 20),
      spoiledBytes(fc.constant(secret)),
      fc.string({ unit: 'grapheme', maxLength: 40 }).map((text) => new TextEncoder().encode(text)),
      fc.constantFrom(
        new Uint8Array(PASSPHRASE_BYTES_MAX + 2).fill(0x61),
        secret,
        Buffer.from(`${'ab'.repeat(20)}\r\n`),
      ),
    );
    const reasons = new Set<string>();
    await fuzzLater(400, files, async (bytes) => {
      writeFileSync(path, bytes, { mode: 0o600 });
      const verdict = await readPassphrase(sources, 'open');
      if (verdict.ok) {
        const { passphrase } = verdict;
        if (passphrase === null) throw new Error('a file is a source');
        expect(passphrase.length >= 1 && passphrase.length <= PASSPHRASE_BYTES_MAX).toBe(true);
        expect(Buffer.from(bytes.subarray(0, passphrase.length)).equals(passphrase)).toBe(true);
        expect(new TextDecoder('utf-8', { fatal: true }).decode(passphrase)).not.toMatch(/[\p{Cc}--[\u0080-\u009f]]/v);
        return;
      }
      reasons.add(verdict.reason);
      const text = Buffer.from(bytes).toString();
      if (text.length > 8) expect(verdict.detail).not.toContain(text);
    });
    for (const reason of ['empty', 'too_long', 'not_text']) expect(reasons).toContain(reason);
  });
});

describe('fuzz: answers of a server on the control socket', () => {
  const socketPath = join(folder, 'control.sock');
  let answer: string | Uint8Array = '';
  let server: Bun.Server<undefined>;
  beforeAll(() => {
    const body = () => (typeof answer === 'string' ? answer : Buffer.from(answer));
    server = Bun.serve({ unix: socketPath, fetch: () => new Response(body()) });
  });
  afterAll(() => server.stop(true));

  test('of any kind are a result, a refusal, or a sentence of the command line', async () => {
    const client = new ControlClient(socketPath);
    const line = fc.oneof(
      spoiledText(fc.constant<Json>({ result: { key_id: 'k', n: 3 } })),
      spoiledText(fc.constant<Json>({ error: { code: 'sealed', message: 'the node is sealed' } })),
      spoiledText(fc.constant<Json>({ progress: { step: 'sign', text: 'asking' } })),
      anyJson.map((value) => JSON.stringify(value)),
      fc.string(),
    );
    const bodies = fc.oneof(
      fc.array(line, { maxLength: 4 }).map((lines) => `${lines.join('\n')}\n`),
      noise(200),
    );
    const ends = new Set<string>();
    await fuzzLater(300, bodies, async (body) => {
      answer = body;
      try {
        const outcome = await client.call(
          'status',
          {},
          { onProgress: ({ text }) => expect(typeof text).toBe('string') },
        );
        ends.add(outcome.ok ? 'result' : 'refusal');
        if (!outcome.ok) expect(typeof outcome.message).toBe('string');
      } catch (error) {
        if (!(error instanceof CliError)) throw error;
        expect(error.message.length).toBeLessThan(200);
        ends.add('none');
      }
    });
    expect([...ends].sort()).toEqual(['none', 'refusal', 'result']);
  });
});
