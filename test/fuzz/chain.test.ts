// Fuzz: what Bitcoin and Wire nodes answer. A node may be anything that listens on its port: nothing but an answer of the
// right form, or the named error.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import fc from 'fast-check';
import { satsFromBtc } from '../../chain/amount.ts';
import { bitcoinNodes } from '../../chain/bitcoin-nodes.ts';
import { BitcoinViewError } from '../../chain/bitcoin-view.ts';
import { BitcoinRpcError } from '../../chain/rpc.ts';
import { wireNodes } from '../../chain/wire.ts';
import { WireLedgerError } from '../../chain/wire-ledger.ts';
import { attestationId, mintNonce } from '../../crypto/attestation.ts';
import { fromHex } from '../../crypto/bytes.ts';
import type { Json } from '../../crypto/canonical-json.ts';
import { ADDRESS } from '../chain/line-steps.ts';
import { AnsweringNode, batchAnswer, replaced } from './answering-node.ts';
import { anyJson, fuzz, fuzzLater, noise, spoiled, spoiledText } from './hostile.ts';

const hash = '0b'.repeat(32);
let node: AnsweringNode;
beforeAll(() => {
  node = new AnsweringNode();
});
afterAll(() => node.stop());

const info: Json = {
  chain: 'regtest',
  blocks: 9,
  headers: 9,
  bestblockhash: hash,
  initialblockdownload: false,
};
const txOut: Json = {
  confirmations: 3,
  coinbase: false,
  value: 0.5,
  scriptPubKey: { hex: `5120${hash}` },
};
const entry: Json = {
  ...{ vsize: 150, height: 9, ancestorcount: 1, ancestorsize: 150, descendantcount: 1, descendantsize: 150 },
  fees: { base: 0.00002, ancestor: 0.00002, descendant: 0.00002 },
};
const answers: Readonly<Record<string, Json>> = {
  getblockchaininfo: info,
  getblockhash: hash,
  gettxout: txOut,
  getrawtransaction: { confirmations: 2, vout: [{}, {}] },
  gettxspendingprevout: [{ txid: hash, vout: 0, spendingtxid: hash }],
  getmempoolentry: entry,
  testmempoolaccept: [{ txid: hash, allowed: true }],
  decoderawtransaction: { txid: hash },
  sendrawtransaction: hash,
  estimatesmartfee: { feerate: 0.00002 },
  getmempoolinfo: {
    ...{ mempoolminfee: 0.00001, minrelaytxfee: 0.00001, incrementalrelayfee: 0.00001, dustrelayfee: 0.00003 },
  },
};

const honest = (request: string): Json => batchAnswer(request, ({ method }) => answers[method] ?? null);
const view = () => bitcoinNodes('regtest', [node.rpc()]);

const questions = [
  (bitcoin: ReturnType<typeof view>) => bitcoin.tip(),
  (bitcoin: ReturnType<typeof view>) => bitcoin.blockHash(3),
  (bitcoin: ReturnType<typeof view>) => bitcoin.txOuts([{ txid: hash, vout: 0 }], 'confirmed'),
  (bitcoin: ReturnType<typeof view>) => bitcoin.transaction(hash),
  (bitcoin: ReturnType<typeof view>) => bitcoin.mempoolSpends([{ txid: hash, vout: 0 }]),
  (bitcoin: ReturnType<typeof view>) => bitcoin.mempoolEntry(hash),
  (bitcoin: ReturnType<typeof view>) => bitcoin.agreedTip(),
  (bitcoin: ReturnType<typeof view>) => bitcoin.blockHashes([3, 4]),
  (bitcoin: ReturnType<typeof view>) => bitcoin.testAccept(fromHex('0200')),
  (bitcoin: ReturnType<typeof view>) => bitcoin.testPolicy(fromHex('0200')),
  (bitcoin: ReturnType<typeof view>) => bitcoin.relayFloor(),
  (bitcoin: ReturnType<typeof view>) => bitcoin.rawTransaction(hash),
  (bitcoin: ReturnType<typeof view>) => bitcoin.broadcast(fromHex('0200')),
  (bitcoin: ReturnType<typeof view>) => bitcoin.feeRate(6),
];

describe('fuzz: answers of a Bitcoin node', () => {
  test('spoiled in one place of a batch lead to an answer of the right form or to a named fault', async () => {
    const bitcoin = view();
    const ends = new Set<string>();
    const spoil = fc.infiniteStream(fc.nat());
    const input = fc.tuple(fc.nat(questions.length - 1), spoiled(fc.constant(null)), fc.nat(), spoil);
    await fuzzLater(900, input, async ([which, other, roll]) => {
      node.answer = (request) => JSON.stringify(replaced(honest(request), roll, other));
      const question = questions[which];
      if (question === undefined) throw new Error('no such question');
      await question(bitcoin).then(
        () => ends.add('answered'),
        (error: unknown) => {
          expect(error instanceof BitcoinViewError || error instanceof BitcoinRpcError).toBe(true);
          ends.add('refused');
        },
      );
    });
    expect([...ends].sort()).toEqual(['answered', 'refused']);
  });

  test('that are noise, or JSON of any kind, are refused by name', async () => {
    const bitcoin = view();
    const texts = fc.oneof(
      fc.string(),
      noise(200).map(String),
      anyJson.map((value) => JSON.stringify(value)),
    );
    await fuzzLater(300, texts, async (text) => {
      node.answer = () => text;
      const fault = await bitcoin.tip().catch((error: unknown) => error);
      expect(fault).toBeInstanceOf(BitcoinViewError);
    });
  });

  test('with amounts of any text are sats below 21 million bitcoins or nothing', () => {
    fuzz(
      600,
      fc.oneof(fc.string(), fc.double().map(String), fc.stringMatching(/^-?\d{1,12}(\.\d{0,10})?$/)),
      (text) => {
        const sats = satsFromBtc(text);
        if (sats !== null) expect(sats <= 2_100_000_000_000_000n && sats >= -2_100_000_000_000_000n).toBe(true);
      },
    );
  });
});

describe('fuzz: answers of a Wire node', () => {
  const burn: Json = {
    seq: 1,
    burn_txid: hash,
    nullifier: hash,
    btc_address: ADDRESS,
    amount: '5000',
    fee: '10',
    height: 3,
    confirmations: 9,
    proof: '00ff',
  };
  const mint: Json = {
    id: attestationId(hash, 0),
    deposit_txid: hash,
    deposit_vout: 0,
    recipient_pubkey_hash: hash,
    amount: '5000',
    nonce: mintNonce(hash, 0).toString(),
    signature: '0c'.repeat(64),
    expiry: '1700000000',
    created_at: '1700000000',
  };
  const questions: readonly (readonly [string, Json, (ledger: ReturnType<typeof wireNodes>) => Promise<unknown>])[] = [
    ['status', { network: 'regtest', height: 3, last_burn_seq: 1 }, (ledger) => ledger.status()],
    ['a page of burns', { burns: [burn] }, (ledger) => ledger.burns(0, 10)],
    ['a burn', burn, (ledger) => ledger.burn(hash)],
    ['a mint', { attestation: mint, height: 3, confirmations: 1 }, (ledger) => ledger.mint(hash, 0)],
  ];
  for (const [name, valid, ask] of questions) {
    test(`${name}: of the right form, or a WireLedgerError`, async () => {
      const ledger = wireNodes({ urls: [node.url] });
      node.answer = () => JSON.stringify(valid);
      await ask(ledger);
      const texts = fc.oneof({ weight: 5, arbitrary: spoiledText(fc.constant(valid)) }, fc.string());
      let refused = 0;
      await fuzzLater(200, texts, async (text) => {
        node.answer = () => text;
        await ask(ledger).catch((error: unknown) => {
          expect(error).toBeInstanceOf(WireLedgerError);
          refused += 1;
        });
      });
      expect(refused).toBeGreaterThan(0);
    });
  }
});
