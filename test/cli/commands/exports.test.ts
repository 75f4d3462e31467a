import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { existsSync, lstatSync } from 'node:fs';
import type { NodeServices } from '../../../cli/services.ts';
import { Desk, untouchedServices } from './desk.ts';
import * as results from './results.ts';

let desk: Desk;
beforeEach(() => {
  desk = new Desk();
});
afterEach(() => desk.close());

/** A node that verifies exported ceremonies with this outcome, and the files it was given. */
function verifier(problems: readonly string[]): NodeServices & { readonly files: unknown[] } {
  const files: unknown[] = [];
  return {
    ...untouchedServices,
    files,
    verifyCeremony: async (file) => {
      files.push(file);
      return { transcript: null, problems, treasuryRoot: null };
    },
  };
}

describe('ceremony show', () => {
  test('--output writes the exported ceremony as canonical JSON', async () => {
    await desk.serve({ 'ceremony-show': results.ceremonyShow });
    const ran = await desk.run(['ceremony', 'show', 'initial-dkg', '--output', 'export.json']);
    expect(ran.code).toBe(0);
    expect(ran.stderr).toBe('Wrote export.json\n');
    expect(await Bun.file(desk.path('export.json')).text()).toBe('{"a":[1],"b":2,"v":1}\n');
  });
  test('--output leaves what is no regular file as it is, and makes no folders', async () => {
    await desk.serve({
      'ceremony-show': results.ceremonyShow,
      'peer-export': { card: { v: 1 }, fingerprint: 'acid adult' },
    });
    const pipe = desk.path('pipe');
    Bun.spawnSync(['mkfifo', pipe]);
    for (const command of [
      ['peer', 'export'],
      ['ceremony', 'show', 'initial-dkg'],
    ]) {
      const refused = await desk.run([...command, '--output', 'pipe']);
      const said = `mpc_operator: ${pipe} is not a regular file: name another path, or move it away.\n`;
      expect([refused.code, refused.stderr]).toEqual([1, said]);
      expect(lstatSync(pipe).isFIFO()).toBe(true);
      const missing = await desk.run([...command, '--output', 'no/such/card.json']);
      expect(missing.code).toBe(1);
      expect(missing.stderr).toContain(`there is no folder ${desk.path('no/such')}. Make it, or name another.`);
      expect(existsSync(desk.path('no'))).toBe(false);
    }
  });

  test('--output writes nothing where there is no certificate yet, exit code 1', async () => {
    await desk.serve({ 'ceremony-show': results.ceremonyRunning });
    const ran = await desk.run(['ceremony', 'show', 'initial-dkg', '--output', 'export.json']);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain('no certificate yet (round1)');
    expect(await Bun.file(desk.path('export.json')).exists()).toBe(false);
  });
});

describe('ceremony recover', () => {
  test('hands the exported file to the node and says whence the shares come', async () => {
    await desk.serve({ 'ceremony-recover': results.ceremonyRecover });
    desk.write('export.json', '{"v":1}');
    const ran = await desk.run(['ceremony', 'recover', 'export.json']);
    expect(ran.code).toBe(0);
    expect(ran.stdout).toContain('recovered with the host secret');
    expect(ran.stdout).toContain('The key is live here');
  });
  test('takes nothing but an object of JSON', async () => {
    for (const content of ['[]', 'null', 'no JSON']) {
      const ran = await desk.run(['ceremony', 'recover', '-'], { stdin: content });
      expect(ran.code).toBe(1);
      expect(ran.stderr).toContain('Standard input is not an exported ceremony');
    }
  });
});

describe('ceremony verify', () => {
  test('needs neither configuration nor server and says that all holds', async () => {
    desk.write('config.json', 'broken');
    desk.write('export.json', '{"v":1}');
    const services = verifier([]);
    const ran = await desk.run(['ceremony', 'verify', 'export.json'], { services });
    expect(ran).toEqual({ code: 0, stdout: 'This file is valid.\n', stderr: '' });
    expect(services.files).toEqual([{ v: 1 }]);
  });
  test('lists what fails, exit code 1', async () => {
    const services = verifier(['signature of operator 1 (Beta) is wrong', 'transcript_hash differs']);
    const ran = await desk.run(['ceremony', 'verify', '-'], { services, stdin: '{"v":1}' });
    expect(ran.code).toBe(1);
    expect(ran.stdout).toContain('  - signature of operator 1 (Beta) is wrong\n  - transcript_hash differs\n');
    expect(ran.stderr).toBe('mpc_operator: Standard input fails: 2 problems.\n');
  });
  test('gives the verdict as JSON with --json', async () => {
    desk.write('export.json', '{"v":1}');
    const ran = await desk.run(['ceremony', 'verify', 'export.json', '--json'], { services: verifier(['bad']) });
    expect(ran.code).toBe(1);
    expect(JSON.parse(ran.stdout)).toEqual({ ok: false, problems: ['bad'], treasury_root: null });
  });
  for (const [claim, content] of [
    ['no JSON', '{'],
    ['no UTF-8', '\ufffd'],
  ] as const) {
    test(`a file that is ${claim} is one sentence, exit code 1`, async () => {
      await Bun.write(desk.path('bad.json'), claim === 'no UTF-8' ? new Uint8Array([0x22, 0xff, 0x22]) : content);
      const ran = await desk.run(['ceremony', 'verify', 'bad.json'], { services: verifier([]) });
      expect(ran).toEqual({ code: 1, stdout: '', stderr: 'mpc_operator: bad.json is not JSON.\n' });
    });
  }
  test('a file that does not exist is one sentence, exit code 1', async () => {
    const ran = await desk.run(['ceremony', 'verify', 'none.json'], { services: verifier([]) });
    expect(ran).toEqual({ code: 1, stdout: '', stderr: 'mpc_operator: none.json does not exist. Correct the path.\n' });
  });
});
