import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { utf8 } from '../../../crypto/bytes.ts';
import { identityFromSeed } from '../../../crypto/identity.ts';
import { cardFingerprint, encodeCard, type OperatorCard, parseCard, signCard } from '../../../crypto/operator-card.ts';
import { makeCertificate } from '../../../operator/peers/certificate.ts';
import { ADDRESSES, Desk } from './desk.ts';

let desk: Desk;
beforeEach(() => {
  desk = new Desk();
});
afterEach(() => desk.close());

const { certificate: CERTIFICATE } = await makeCertificate({
  name: 'test',
  address: 'one.example.com',
  now: Date.now(),
});

function card(index: number, changes: Partial<OperatorCard> = {}): OperatorCard {
  const fields = {
    network: 'regtest',
    index,
    name: `operator ${index}`,
    address: ADDRESSES[index] ?? 'four.example.com:50051',
    tls_certificate: CERTIFICATE,
    host_public_key: '0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798',
    contacts: {},
    issued_at: 1_700_000_000_000,
  };
  return signCard({ ...fields, ...changes }, identityFromSeed(new Uint8Array(32).fill(index + 1)));
}

const words = (of: OperatorCard) => cardFingerprint(of).join(' ');

function file(name: string, of: OperatorCard): string {
  return desk.write(name, `${new TextDecoder().decode(encodeCard(of))}\n`);
}

const nothingAdded = () => desk.calls.filter(({ command }) => command === 'peer-add');

describe('peer export', () => {
  test('prints a card that peer add reads, and its fingerprint on stderr', async () => {
    const mine = card(0);
    await desk.serve({ 'peer-export': { card: { ...mine }, fingerprint: words(mine) } });
    const ran = await desk.run(['peer', 'export']);
    expect(ran.code).toBe(0);
    expect(parseCard(utf8(ran.stdout))).toEqual({ ok: true, card: mine });
    expect(ran.stderr).toContain(words(mine));
    expect(ran.stderr).toContain('Next: send the card to the other operators');
  });

  test('writes the same card to --output', async () => {
    const mine = card(0);
    await desk.serve({ 'peer-export': { card: { ...mine }, fingerprint: words(mine) } });
    const ran = await desk.run(['peer', 'export', '--output', 'card.json']);
    expect(ran.stdout).toBe('Wrote card.json\n');
    expect(parseCard(await Bun.file(desk.path('card.json')).bytes())).toEqual({ ok: true, card: mine });
  });

  test('that cannot be written is one sentence, exit code 1', async () => {
    const mine = card(0);
    await desk.serve({ 'peer-export': { card: { ...mine }, fingerprint: words(mine) } });
    const ran = await desk.run(['peer', 'export', '--output', 'config.json/card.json']);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain('config.json/card.json cannot be written: there is no folder');
  });
});

describe('peer add', () => {
  const answers = {
    'peer-list': { peers: [], missing: [1, 2] },
    'peer-add': { index: 1, name: 'operator 1', fingerprint: 'acid adult', replaced: false },
  };

  test('adds several files in one call, so that whoever adds them signs in once, and says to read the words aloud', async () => {
    const more = [{ index: 2, name: 'operator 2', fingerprint: 'baby bacon', replaced: false }];
    await desk.serve({ ...answers, 'peer-add': { ...answers['peer-add'], more } });
    const [one, two] = [card(1), card(2)];
    const ran = await desk.run(['peer', 'add', file('1.json', one), file('2.json', two)]);
    expect(ran.code).toBe(0);
    expect(nothingAdded().map(({ params }) => params)).toEqual([
      { card: { ...one }, more: [{ ...two }], replace: false },
    ]);
    expect(ran.stdout).toContain('acid adult');
    expect(ran.stdout).toContain('baby bacon');
    expect(ran.stderr).toContain('aloud');
    expect(ran.stderr).toEndWith('Next: add the cards that are missing, of index 1, 2.\n');
  });

  test('with the last card says to make the keys, and with a new certificate’s to try the connections', async () => {
    await desk.serve({ ...answers, 'peer-list': { peers: [], missing: [] } });
    const last = await desk.run(['peer', 'add', file('1.json', card(1))]);
    expect(last.stderr).toEndWith('mpc_operator dkg --ceremony-id initial-dkg\n');
    await desk.close();
    desk = new Desk();
    const replaced = { ...answers['peer-add'], replaced: true };
    await desk.serve({ 'peer-add': replaced, 'peer-list': { peers: [], missing: [] } });
    const renewed = await desk.run(['peer', 'add', file('1.json', card(1))]);
    expect(renewed.stderr).toEndWith('Next: mpc_operator test-communication\n');
  });

  test('reads standard input for -', async () => {
    await desk.serve(answers);
    const stdin = `\n${new TextDecoder().decode(encodeCard(card(1)))}\n\n`;
    const ran = await desk.run(['peer', 'add', '-', '--json'], { stdin });
    expect(ran.code).toBe(0);
    expect(JSON.parse(ran.stdout)).toEqual([answers['peer-add']]);
  });

  test('takes - once only', async () => {
    expect((await desk.run(['peer', 'add', '-', '-'])).code).toBe(2);
  });

  test('passes on --replace', async () => {
    await desk.serve(answers);
    await desk.run(['peer', 'add', '--replace', file('1.json', card(1))]);
    expect(nothingAdded()).toMatchObject([{ params: { replace: true } }]);
  });

  const bad: readonly (readonly [claim: string, make: () => string, sentence: string])[] = [
    ['a missing file', () => 'no-such.json', 'no-such.json does not exist'],
    ['a file that is no card', () => desk.write('bad.json', '{"v":1}'), 'is not a valid operator card'],
    ['an oversized file', () => desk.write('big.json', ' '.repeat(70_000)), 'is larger than'],
    ['a card changed after signing', () => file('bad.json', { ...card(2), name: 'somebody else' }), 'signature'],
    ['a card of another network', () => file('bad.json', card(2, { network: 'mainnet' })), 'for mainnet'],
    ['an index beyond the federation', () => file('bad.json', card(3)), 'only 3 operators'],
    [
      'another address than the configuration has',
      () => file('bad.json', card(2, { address: 'evil.example.com:50051' })),
      'party_addresses',
    ],
    ['this node’s own card', () => file('own.json', card(0)), 'own.json is your own card: give it to the other'],
    ['two cards of one index', () => file('bad.json', card(1, { name: 'duplicate' })), 'both cards of index 1'],
  ];
  for (const [claim, make, sentence] of bad) {
    test(`adds nothing of a good and a bad card: ${claim}`, async () => {
      await desk.serve(answers);
      const ran = await desk.run(['peer', 'add', file('1.json', card(1)), make()]);
      expect(ran.code).toBe(1);
      expect(ran.stdout).toBe('');
      expect(ran.stderr).toContain(sentence);
      expect(nothingAdded()).toEqual([]);
    });
  }

  test('adds nothing where a place is taken by another card, and takes the same card again', async () => {
    const [one, two] = [card(1), card(2)];
    const known = {
      index: 1,
      name: 'x',
      address: 'x',
      self: false,
      certificate_expires_at: '2027-01-01T00:00:00.000Z',
    };
    await desk.serve({
      ...answers,
      'peer-list': { peers: [{ ...known, fingerprint: words(one).replaceAll(' ', '-') }], missing: [] },
    });
    const other = file('other.json', card(1, { name: 'renamed' }));
    const refused = await desk.run(['peer', 'add', file('2.json', two), other]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('--replace');
    expect(nothingAdded()).toEqual([]);
    expect((await desk.run(['peer', 'add', file('1.json', one)])).code).toBe(0);
  });

  test('says of another card of its own index that somebody has a wrong --index', async () => {
    const self = { index: 0, name: 'Alpha', address: ADDRESSES[0], fingerprint: words(card(0)), self: true };
    const peers = [{ ...self, certificate_expires_at: '2027-01-01T00:00:00.000Z' }];
    await desk.serve({ ...answers, 'peer-list': { peers, missing: [1, 2] } });
    const other = file('other.json', card(0, { name: 'renamed' }));
    for (const flags of [[], ['--replace']]) {
      const ran = await desk.run(['peer', 'add', ...flags, other]);
      expect(ran.code).toBe(1);
      expect(ran.stderr).toContain("another card of this node's own index 0: compare them");
    }
    expect(nothingAdded()).toEqual([]);
  });
});

test('peer list names each card whose address is not that of the configuration, with both', async () => {
  const of = (index: number, address: string) => ({
    ...{ index, name: `operator ${index}`, address, self: index === 0, fingerprint: 'acid adult' },
    certificate_expires_at: '2027-01-01T00:00:00.000Z',
  });
  await desk.serve({ 'peer-list': { peers: [of(0, ADDRESSES[0]), of(1, 'moved.example.com:1')], missing: [2] } });
  const { stdout } = await desk.run(['peer', 'list']);
  expect(stdout).toContain(
    `The card of operator 1 (operator 1) says moved.example.com:1, but ${desk.path('config.json')} says ${ADDRESSES[1]}`,
  );
  expect(stdout).not.toContain('The card of operator 0');
});
