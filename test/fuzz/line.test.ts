// Fuzz: steps of the treasury line, as peers tell them and as blocks hold them. An intent is ruled in or refused by name,
// without a throw; bytes are a step or none.
import { describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { finalizeSpend, placeholderSpend } from '../../chain/custody-spend.ts';
import { buildLine, parseLine, treasuryScript } from '../../chain/line.ts';
import { lineJson, parseLineIntent } from '../../chain/line-intent.ts';
import { listOf } from '../../chain/line-list.ts';
import { rootPlace, ruleLine } from '../../chain/line-rule.ts';
import { toHex } from '../../crypto/bytes.ts';
import type { Json } from '../../crypto/canonical-json.ts';
import { taprootAddress } from '../../crypto/taproot.ts';
import { MemoryHistory } from '../../simulation/memory-history.ts';
import { built, groupKey, root, signer, stepOf, steps, terms } from '../chain/line-steps.ts';
import { anyJson, bytesOf, fuzz, noise, spoiled, spoiledBytes } from './hostile.ts';

const samples: readonly Json[] = Object.values(steps).map((step) => JSON.parse(JSON.stringify(lineJson(step))));

describe('fuzz: a step that is told', () => {
  test('is no step, or comes back as the JSON that it was, and is ruled in or refused in a sentence', () => {
    const history = new MemoryHistory(terms);
    const ends = new Set<string>();
    fuzz(1_500, fc.oneof({ weight: 9, arbitrary: spoiled(fc.constantFrom(...samples)) }, anyJson), (value) => {
      const intent = parseLineIntent(value);
      if (intent === null) {
        ends.add('no step');
        return;
      }
      const again: Json = JSON.parse(JSON.stringify(lineJson(intent)));
      expect(again).toEqual(JSON.parse(JSON.stringify(value)));
      const ruling = ruleLine(history, terms, intent);
      if (!ruling.ok) expect(ruling.detail.length).toBeGreaterThan(0);
      ends.add(ruling.ok ? 'ruled in' : ruling.reason);
      if (ruling.ok && !intent.test) expect(parseLine(ruling.built.unsigned, groupKey)?.surplus).toBe(intent.surplus);
    });
    expect([...ends]).toEqual(
      expect.arrayContaining(['no step', 'ruled in', 'bad_request', 'surplus_wrong', 'parent_unknown']),
    );
  });

  test('with a destination of any bytes is built or refused, and what is built takes signatures', () => {
    const { consolidate } = steps;
    const scripts = fc.oneof(
      noise(34),
      bytesOf(32).map((key) => Uint8Array.from([0x51, 0x20, ...key])),
      bytesOf(20).map((key) => Uint8Array.from([0x00, 0x14, ...key])),
    );
    let ok = 0;
    fuzz(300, scripts, (script) => {
      const verdict = buildLine(terms, { ...consolidate, destination: { script, amount: 500_000n } });
      if (!verdict.ok) expect(verdict.reason).toBe('address_invalid');
      else {
        ok++;
        expect(placeholderSpend(verdict.built).length).toBeGreaterThan(verdict.built.vsize);
      }
    });
    expect(ok).toBeGreaterThan(20);
  });

  test('with a burn to any key is built or refused, and what is built takes signatures', () => {
    const [first] = steps.payout.burns;
    if (first === undefined) throw new Error('a payout has a burn');
    fuzz(200, bytesOf(32), (key) => {
      const address = taprootAddress(Uint8Array.from([0x51, 0x20, ...key]), 'regtest');
      const verdict = buildLine(terms, stepOf({ step: 'payout', burns: [{ ...first, address }] }));
      if (!verdict.ok) expect(verdict.reason).toBe('address_invalid');
      else expect(placeholderSpend(verdict.built).length).toBeGreaterThan(verdict.built.vsize);
    });
  });
});

describe('fuzz: bytes', () => {
  const step = built(steps.payout);
  const final = finalizeSpend(step, step.messages.map(signer.sign));
  if (!final.ok) throw new Error('the sample is signed');

  test('are no step, or one whose next treasury output, note and txid they show', () => {
    const treasury = toHex(treasuryScript(groupKey));
    let read = 0;
    fuzz(2_000, fc.oneof(noise(400), spoiledBytes(fc.constantFrom(final.transaction, step.unsigned))), (bytes) => {
      const line = parseLine(bytes, groupKey);
      if (line === null) return;
      read++;
      expect(toHex(bytes)).toContain(treasury);
      expect(toHex(line.outputs[0]?.script ?? bytes)).toBe(treasury);
      expect(toHex(line.outputs[1]?.script ?? bytes)).toEndWith(toHex(line.commitment));
      expect(listOf(line, terms, [])).toBeNull();
      const history = new MemoryHistory(terms);
      const isUponRoot = line.treasury.txid === root.txid && line.treasury.vout === root.vout;
      expect(history.holdParsed(line) !== null).toBe(isUponRoot);
      expect(history.place(root)).toEqual(rootPlace(root));
    });
    expect(read).toBeGreaterThan(50);
  });
});
