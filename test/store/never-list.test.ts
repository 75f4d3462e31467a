// Statements that no function of the store makes: each tries to break a Never of the design at the level of SQL.
import type { Database } from 'bun:sqlite';
import { describe, expect, test } from 'bun:test';
import { decideAttestations } from '../../store/attestations.ts';
import { appendAudit } from '../../store/audit-log.ts';
import { appendCeremonyEvents, beginCeremony } from '../../store/ceremonies.ts';
import { beginAbsence } from '../../store/claim-absences.ts';
import { contestBurn, releaseClaim } from '../../store/contested-burns.ts';
import { recordDeposit } from '../../store/deposits.ts';
import { setKeyStatus, storeKey } from '../../store/keys.ts';
import type { Store } from '../../store/open.ts';
import { recordPayoutConfirmed, recordPayoutSettled } from '../../store/payout-progress.ts';
import { decidePayout } from '../../store/payouts.ts';
import { putPeer, recordPeerHead } from '../../store/peers.ts';
import { rememberRecipient } from '../../store/recipients.ts';
import { recordUtxo } from '../../store/utxos.ts';
import { burn, claim, id, NOW, outpoint, payout, raw, storeBurns, withStore } from './fixture.ts';

const BLOCK = { height: 100, hash: id('block') };
const [A, B, C] = [burn('a').burnTxid, burn('b').burnTxid, burn('c').burnTxid];
const PAID = payout(['x', 'y'], ['a']);
const OTHER = id('another transaction');
const MISSED = id('a transaction whose coin is missed');
const PRESENT = id('a transaction whose coin may be there');

function fill(store: Store): void {
  const { db } = store;
  decideAttestations(db, [claim(1), claim(2)], NOW);
  recordDeposit(db, { ...outpoint(1), recipient: id('r'), amount: 5n, height: null, blockHash: null }, NOW);
  storeBurns(store, 'a', 'b', 'c');
  decidePayout(db, PAID, NOW);
  decidePayout(db, payout(['z'], ['c']), NOW);
  recordPayoutConfirmed(db, payout(['z'], ['c']).txid, BLOCK, NOW);
  recordPayoutSettled(db, payout(['z'], ['c']).txid, NOW);
  decidePayout(db, payout(['v'], []), NOW);
  recordPayoutConfirmed(db, payout(['v'], []).txid, BLOCK, NOW);
  recordPayoutSettled(db, payout(['v'], []).txid, NOW);
  rememberRecipient(db, { recipient: id('r'), keyId: 'k', script: '51' }, NOW);
  beginCeremony(db, { ceremonyId: 'c', kind: 'dkg', rehearsal: false }, NOW);
  appendCeremonyEvents(db, 'c', [Uint8Array.of(1), Uint8Array.of(2)], NOW);
  storeKey(db, { keyId: 'k', ceremonyId: 'c', groupKeys: {}, transcript: {}, certificate: {} }, 'live', NOW);
  setKeyStatus(db, 'k', 'destroyed', NOW);
  putPeer(db, { index: 1, identityKey: id('peer'), card: {} }, NOW);
  const head = { epoch: 0, seq: 9, hash: id('head'), boot: null, follows: null, statement: null, at: NOW };
  recordPeerHead(db, 1, head, NOW);
  const claims = [OTHER, MISSED, PRESENT].map((txid, at) => ({ txid, inputs: [outpoint(1 + 10 * at)] }));
  contestBurn(db, B, claims, NOW);
  releaseClaim(db, B, OTHER, 'spent', NOW);
  beginAbsence(db, { burnTxid: B, txid: MISSED, coin: outpoint(11), height: 1, blockHash: id('block') }, NOW);
  releaseClaim(db, B, MISSED, 'operator', NOW);
  recordUtxo(db, { ...outpoint(1), amount: 5n, leaf: { kind: 'change' }, height: 1 }, NOW);
}

function refusesEach(
  statements: Readonly<Record<string, string | ((database: Database) => void)>>,
  error: RegExp,
): void {
  for (const [name, statement] of Object.entries(statements)) {
    test(name, () => {
      withStore((store) => {
        fill(store);
        raw(store, (database) => {
          const attempt = () => {
            if (typeof statement === 'string') database.run(statement);
            else database.transaction(() => statement(database))();
          };
          expect(attempt).toThrow(error);
        });
      });
    });
  }
}

const TABLES_FOR_EVER = [
  'audit_log',
  'attestations',
  'deposits',
  'burns',
  'payout_transactions',
  'payout_transaction_inputs',
  'payout_transaction_burns',
  'recipients',
  'keys',
  'utxos',
  'contested_burns',
  'contested_claims',
  'contested_releases',
];

describe('rows are never deleted:', () => {
  refusesEach(Object.fromEntries(TABLES_FOR_EVER.map((table) => [table, `DELETE FROM ${table}`])), /never deleted/);
});

describe('no row is replaced by inserting it again:', () => {
  refusesEach(
    Object.fromEntries(
      [...TABLES_FOR_EVER.slice(1), 'ceremony_events'].map((table) => [
        table,
        `INSERT OR REPLACE INTO ${table} SELECT * FROM ${table} LIMIT 1`,
      ]),
    ),
    /is there already|is sealed|no anchor before|released already/,
  );
  refusesEach({ audit_log: 'INSERT OR REPLACE INTO audit_log SELECT * FROM audit_log LIMIT 1' }, /continues the chain/);
});

describe('what was recorded does not change:', () => {
  const columns: Readonly<Record<string, readonly string[]>> = {
    attestations: ['recipient', 'amount', 'nonce', 'txid', 'vout', 'decided_at'],
    deposits: ['recipient', 'amount', 'txid', 'vout'],
    burns: ['burn_txid', 'nullifier', 'address', 'amount', 'fee'],
    payout_transactions: ['txid', 'unsigned_tx', 'fee', 'change_vout', 'change_amount', 'created_at'],
    payout_transaction_inputs: ['txid', 'input_index', 'prev_txid', 'prev_vout'],
    payout_transaction_burns: ['txid', 'burn_txid', 'output_index'],
    audit_log: ['seq', 'at', 'kind', 'body', 'prev_hash', 'hash'],
    recipients: ['recipient', 'script'],
    keys: ['group_keys', 'transcript', 'certificate'],
    ceremony_events: ['body', 'seq'],
    utxos: ['amount', 'leaf'],
    contested_burns: ['burn_txid'],
    contested_claims: ['burn_txid', 'txid', 'prev_txid', 'prev_vout'],
    contested_releases: ['burn_txid', 'txid', 'cause'],
  };
  for (const [table, names] of Object.entries(columns)) {
    const change = (name: string) => `UPDATE ${table} SET ${name} = ${name} || '1'`;
    refusesEach(
      Object.fromEntries(names.map((name) => [`${table}.${name}`, change(name)])),
      /does not change|never change/,
    );
  }
  refusesEach(
    {
      'a row pushed away by its rowid': `UPDATE OR REPLACE attestations SET rowid = 1 WHERE rowid = 2`,
      'a burn pushed away by its rowid': `UPDATE OR REPLACE burns SET rowid = 1 WHERE rowid = 2`,
    },
    /does not change/,
  );
});

describe('one outpoint, one attestation:', () => {
  const { txid, vout } = claim(1);
  refusesEach(
    {
      'a second row with another recipient': `INSERT INTO attestations (txid, vout, recipient, amount, nonce, expiry, decided_at, updated_at)
        VALUES ('${txid}', ${vout}, '${id('thief')}', 1, 1, 1, 1, 1)`,
    },
    /is there already/,
  );
  refusesEach(
    {
      'a txid in capitals, which would be another row': `INSERT INTO attestations (txid, vout, recipient, amount, nonce, expiry, decided_at, updated_at)
        VALUES ('${txid.toUpperCase()}', ${vout}, '${id('r')}', 1, 1, 1, 1, 1)`,
      'an amount that is no whole number': `INSERT INTO attestations (txid, vout, recipient, amount, nonce, expiry, decided_at, updated_at)
        VALUES ('${OTHER}', 0, '${id('r')}', 1.5, 1, 1, 1, 1)`,
      'more bitcoin than there is': `INSERT INTO attestations (txid, vout, recipient, amount, nonce, expiry, decided_at, updated_at)
        VALUES ('${OTHER}', 0, '${id('r')}', 2100000000000001, 1, 1, 1, 1)`,
      'a negative amount': `INSERT INTO attestations (txid, vout, recipient, amount, nonce, expiry, decided_at, updated_at)
        VALUES ('${OTHER}', 0, '${id('r')}', -1, 1, 1, 1, 1)`,
    },
    /CHECK constraint failed/,
  );
});

const insertInput = (name: string, index = 0) =>
  `INSERT INTO payout_transaction_inputs VALUES ('${OTHER}', ${index}, '${outpoint(name).txid}', 0)`;
const insertBurn = (burnTxid: string, output = 0) =>
  `INSERT INTO payout_transaction_burns VALUES ('${OTHER}', '${burnTxid}', ${output})`;
const insertPayout = (status = 'decided') =>
  `INSERT INTO payout_transactions (txid, unsigned_tx, fee, fee_rate, status, created_at) VALUES ('${OTHER}', '', 1, 1, '${status}', 1)`;
const anchor = (burnTxid: string, name: string) =>
  `UPDATE burns SET anchor_txid = '${outpoint(name).txid}', anchor_vout = 0 WHERE burn_txid = '${burnTxid}'`;
const sequence =
  (...statements: readonly string[]) =>
  (database: Database) => {
    for (const statement of statements) database.run(statement);
  };

describe('one burn, one payout:', () => {
  refusesEach(
    {
      'a second burn with a known nullifier': `INSERT INTO burns (burn_txid, nullifier, address, amount, fee, wire_seq, wire_height, seen_at)
    VALUES ('${OTHER}', '${burn('a').nullifier}', 'x', 1, 0, 1, 1, 1)`,
    },
    /is there already/,
  );
  refusesEach(
    { 'another anchor': anchor(A, 'y'), 'no anchor': `UPDATE burns SET anchor_txid = NULL, anchor_vout = NULL` },
    /set once/,
  );
  refusesEach(
    {
      'an anchor that is nobody’s input': anchor(B, 'w'),
      'an anchor at an input of a payout that was decided before': anchor(B, 'y'),
      'an anchor at an input of a payout that does not pay the burn': sequence(insertInput('w'), anchor(B, 'w')),
    },
    /an input of the payout that is decided/,
  );
  refusesEach(
    {
      'a burn that arrives with an anchor': `INSERT INTO burns (burn_txid, nullifier, address, amount, fee, wire_seq, wire_height, seen_at, anchor_txid, anchor_vout)
        VALUES ('${OTHER}', '${OTHER}', 'x', 1, 0, 1, 1, 1, '${OTHER}', 0)`,
    },
    /no anchor before/,
  );
  refusesEach(
    {
      'a second transaction without the anchor': sequence(insertInput('w'), insertBurn(A), insertPayout()),
      'a transaction for a burn without an anchor': sequence(insertInput('w'), insertBurn(B), insertPayout()),
    },
    /spends the anchor of each/,
  );
  refusesEach(
    {
      'a transaction that spends an anchor for another burn': sequence(
        insertInput('w'),
        insertInput('x', 1),
        insertBurn(B),
        anchor(B, 'w'),
        insertPayout(),
      ),
      'a sweep that spends an anchor': sequence(insertInput('x'), insertPayout()),
    },
    /only by a payout of its burn/,
  );
  refusesEach(
    { 'an input that a settled transaction spent': sequence(insertInput('v'), insertPayout()) },
    /spent for good/,
  );
  refusesEach({ 'a burn that is settled': sequence(insertInput('z'), insertBurn(C), insertPayout()) }, /paid already/);
  refusesEach(
    {
      'a second transaction of one burn confirmed': (database) => {
        sequence(insertInput('x'), insertBurn(A), insertPayout())(database);
        database.run(`UPDATE payout_transactions SET status = 'confirmed', height = 1 WHERE txid = '${PAID.txid}'`);
        database.run(`UPDATE payout_transactions SET status = 'confirmed', height = 1 WHERE txid = '${OTHER}'`);
      },
    },
    /paid already/,
  );
  refusesEach({ 'one output for two burns': sequence(insertBurn(A), insertBurn(B)) }, /is there already/);
  refusesEach(
    {
      'an input more for a sealed payout': `INSERT INTO payout_transaction_inputs VALUES ('${PAID.txid}', 2, '${OTHER}', 0)`,
      'a burn more for a sealed payout': `INSERT INTO payout_transaction_burns VALUES ('${PAID.txid}', '${B}', 5)`,
    },
    /sealed/,
  );
  refusesEach({ 'a payout without inputs': insertPayout() }, /inputs are written first/);
  refusesEach(
    { 'a payout that is confirmed at birth': sequence(insertInput('w'), insertPayout('signed')) },
    /starts as decided/,
  );
  refusesEach(
    {
      'a settled payout taken back': `UPDATE payout_transactions SET status = 'broadcast', height = NULL WHERE status = 'settled'`,
    },
    /are final/,
  );
});

describe('time goes forward:', () => {
  refusesEach({ 'a peer’s head falls': 'UPDATE peers SET head_seq = 8' }, /never falls/);
  refusesEach({ 'a destroyed key comes back': `UPDATE keys SET status = 'live'` }, /stays destroyed/);
  refusesEach(
    {
      'an audit row out of turn': `INSERT INTO audit_log SELECT seq + 2, at, kind, body, hash, 'x' FROM audit_log ORDER BY seq DESC LIMIT 1`,
      'an audit row on another’s hash': `INSERT INTO audit_log SELECT seq + 1, at, kind, body, prev_hash, 'x' FROM audit_log ORDER BY seq DESC LIMIT 1`,
    },
    /continues the chain/,
  );
});

test('the store is whole and untouched rows may still change where they should', () => {
  withStore((store) => {
    fill(store);
    raw(store, (database) => {
      expect(database.query('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
      expect(database.query('PRAGMA foreign_key_check').all()).toEqual([]);
      database.run('UPDATE attestations SET expiry = expiry + 1');
      database.run(`UPDATE deposits SET status = 'confirmed', height = 7`);
      const next = `INSERT INTO audit_log SELECT seq + 1, at, kind, body, hash, 'x' FROM audit_log ORDER BY seq DESC LIMIT 1`;
      database.run(next);
    });
    expect(() => appendAudit(store.db, NOW, 'x', {})).not.toThrow();
  });
});

describe('a burn that was left to the others:', () => {
  refusesEach(
    {
      'released of a claim that nobody told': `INSERT INTO contested_releases VALUES ('${A}', '${OTHER}', 'operator', 1)`,
      'given back to a claim that was released': `INSERT INTO contested_claims VALUES ('${B}', '${OTHER}', '${A}', 0)`,
    },
    /only a claim that is known|released already/,
  );
  const missing = (claim: string, coin: string) =>
    `INSERT INTO claim_absences VALUES ('${B}', '${claim}', '${coin}', 1, 1, '${A}', 1)`;
  refusesEach(
    {
      'released by its operator, no coin missing': `INSERT INTO contested_releases VALUES ('${B}', '${PRESENT}', 'operator', 1)`,
      'released by its operator upon a coin that came back': (database) => {
        const { txid, vout } = outpoint(21);
        database.run(`INSERT INTO claim_absences VALUES ('${B}', '${PRESENT}', '${txid}', ${vout}, 1, '${A}', 1)`);
        database.run(
          `INSERT INTO utxos SELECT '${txid}', ${vout}, amount, leaf, height, status, spent_by, spent_height, updated_at FROM utxos LIMIT 1`,
        );
        database.run(`INSERT INTO contested_releases VALUES ('${B}', '${PRESENT}', 'operator', 1)`);
      },
      'missing a coin that is none of the claim’s': missing(PRESENT, OTHER),
      'missing a coin that this node knows': missing(OTHER, outpoint(1).txid),
      'whose ground of release is taken away': `DELETE FROM claim_absences WHERE txid = '${MISSED}'`,
      'missed since another block': 'UPDATE claim_absences SET height = 0',
      'missed since another block, by replacing': `INSERT OR REPLACE INTO claim_absences SELECT * FROM claim_absences LIMIT 1`,
    },
    /whose coin was missed|only the coin of a claim|this node knows|ground of a release|never change|is there already/,
  );
});
