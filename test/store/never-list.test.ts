// Statements that no function of the store makes: each tries to break a Never of the design at the level of SQL.
import type { Database } from 'bun:sqlite';
import { describe, expect, test } from 'bun:test';
import { decideAttestations } from '../../store/attestations.ts';
import { appendAudit } from '../../store/audit-log.ts';
import { appendCeremonyEvents, beginCeremony } from '../../store/ceremonies.ts';
import { recordDeposit } from '../../store/deposits.ts';
import { setKeyStatus, storeKey } from '../../store/keys.ts';
import { decideStep } from '../../store/line.ts';
import type { Store } from '../../store/open.ts';
import { putPeer, recordPeerHead } from '../../store/peers.ts';
import { rememberRecipient } from '../../store/recipients.ts';
import { recordUtxo } from '../../store/utxos.ts';
import { burn, claim, id, NOW, outpoint, raw, storeBurns, withStore } from './fixture.ts';
import { beginLine, mine, ROOT, type StepWords, step } from './line-fixture.ts';

const OTHER = id('another transaction');
const PAID = step({ burns: ['a'], swept: ['x'] });
const NEXT = step({ parent: PAID, burns: ['b'] });
/** Signed and not mined. */
const RIVAL = step({ burns: ['c'], salt: 1 });

function fill(store: Store): void {
  const { db } = store;
  decideAttestations(db, [claim(1), claim(2)], NOW);
  recordDeposit(db, { ...outpoint(1), recipient: id('r'), amount: 5n, height: null, blockHash: null }, NOW);
  storeBurns(store, 'a', 'b', 'c');
  beginLine(store);
  mine(store, 100, PAID, NEXT);
  decideStep(db, RIVAL, NOW);
  rememberRecipient(db, { recipient: id('r'), keyId: 'k', script: '51' }, NOW);
  beginCeremony(db, { ceremonyId: 'c', kind: 'dkg', rehearsal: false }, NOW);
  appendCeremonyEvents(db, 'c', [Uint8Array.of(1), Uint8Array.of(2)], NOW);
  storeKey(db, { keyId: 'k', ceremonyId: 'c', groupKeys: {}, transcript: {}, certificate: {} }, 'live', NOW);
  setKeyStatus(db, 'k', 'destroyed', NOW);
  putPeer(db, { index: 1, identityKey: id('peer'), card: {} }, NOW);
  const head = { epoch: 0, seq: 9, hash: id('head'), boot: null, follows: null, statement: null, at: NOW };
  recordPeerHead(db, 1, head, NOW);
  recordUtxo(db, { ...outpoint(1), amount: 5n, leaf: { kind: 'treasury' }, height: 1 }, NOW);
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
  'recipients',
  'keys',
  'utxos',
  'treasury_roots',
];

describe('rows are never deleted:', () => {
  refusesEach(Object.fromEntries(TABLES_FOR_EVER.map((table) => [table, `DELETE FROM ${table}`])), /never deleted/);
  refusesEach(
    {
      'a mined step': `DELETE FROM line_steps WHERE txid = '${NEXT.txid}'`,
      'a step with children': `DELETE FROM line_steps WHERE txid = '${PAID.txid}'`,
      'the inputs of a step': 'DELETE FROM line_inputs',
      'the list of a step': 'DELETE FROM line_burns',
    },
    /never deleted|go with their step/,
  );
});

describe('no row is replaced by inserting it again:', () => {
  refusesEach(
    Object.fromEntries(
      [...TABLES_FOR_EVER.slice(1), 'ceremony_events', 'line_steps', 'line_inputs', 'line_burns'].map((table) => [
        table,
        `INSERT OR REPLACE INTO ${table} SELECT * FROM ${table} LIMIT 1`,
      ]),
    ),
    /is there already|is sealed|is not dead|starts unsigned/,
  );
  refusesEach({ audit_log: 'INSERT OR REPLACE INTO audit_log SELECT * FROM audit_log LIMIT 1' }, /continues the chain/);
});

describe('what was recorded does not change:', () => {
  const columns: Readonly<Record<string, readonly string[]>> = {
    attestations: ['recipient', 'amount', 'nonce', 'txid', 'vout', 'decided_at'],
    deposits: ['recipient', 'amount', 'txid', 'vout'],
    burns: ['burn_txid', 'nullifier', 'address', 'amount', 'fee'],
    treasury_roots: ['txid', 'vout', 'amount', 'key_id', 'network', 'signed_at'],
    line_steps: [
      ...['txid', 'parent_txid', 'root_txid', 'root_vout', 'depth', 'key_id', 'unsigned_tx', 'treasury_amount'],
      ...['surplus', 'vsize', 'kind', 'fee', 'intent', 'created_at', 'decided_at'],
    ],
    line_inputs: ['txid', 'input_index', 'prev_txid', 'prev_vout'],
    line_burns: ['txid', 'burn_txid', 'nullifier'],
    audit_log: ['seq', 'at', 'kind', 'body', 'prev_hash', 'hash'],
    recipients: ['recipient', 'script'],
    keys: ['group_keys', 'transcript', 'certificate'],
    ceremony_events: ['body', 'seq'],
    utxos: ['amount', 'leaf'],
  };
  for (const [table, names] of Object.entries(columns)) {
    const change = (name: string) => `UPDATE ${table} SET ${name} = ${name} || '1'`;
    refusesEach(
      Object.fromEntries(names.map((name) => [`${table}.${name}`, change(name)])),
      /does not change|never change|has burns|mined first/,
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

/** Statements that write a step past the program, its inputs and burns first. */
function written(words: StepWords, changes: Readonly<Record<string, string | number | null>> = {}) {
  const { txid, parentTxid, inputs, burns, keyId, unsignedTx, treasuryAmount, surplus, vsize, kind } = step(words);
  return (database: Database) => {
    database.run('PRAGMA defer_foreign_keys = ON');
    for (const [index, input] of inputs.entries()) {
      database.run('INSERT INTO line_inputs VALUES (?, ?, ?, ?)', [txid, index, input.txid, input.vout]);
    }
    for (const { burnTxid, nullifier } of burns) {
      database.run('INSERT INTO line_burns VALUES (?, ?, ?)', [txid, burnTxid, nullifier]);
    }
    const depth = parentTxid === null ? 1 : parentTxid === PAID.txid ? 2 : 3;
    const row = {
      ...{ txid, root_txid: ROOT.txid, root_vout: ROOT.vout, parent_txid: parentTxid, depth, key_id: keyId },
      ...{ unsigned_tx: unsignedTx, treasury_amount: treasuryAmount, surplus, vsize, kind, created_at: NOW },
      ...changes,
    };
    const names = Object.keys(row);
    const marks = names.map(() => '?').join();
    database.run(`INSERT INTO line_steps (${names.join()}) VALUES (${marks})`, Object.values(row));
  };
}

describe('one burn, one payout on one chain:', () => {
  refusesEach(
    {
      'a second burn with a known txid': `INSERT OR REPLACE INTO burns (burn_txid, nullifier, address, amount, fee, wire_seq, wire_height, seen_at)
    VALUES ('${burn('a').burnTxid}', '${OTHER}', 'x', 1, 0, 1, 1, 1)`,
    },
    /is there already/,
  );
  refusesEach(
    {
      'a step that pays what its parent pays': written({ parent: NEXT, burns: ['b'] }),
      'a step that pays what its grandparent pays': written({ parent: NEXT, burns: ['a'] }),
    },
    /an ancestor pays the burn/,
  );
  refusesEach(
    { 'a step that sweeps what its grandparent swept': written({ parent: NEXT, swept: ['x'] }) },
    /an ancestor spends the input/,
  );
  refusesEach(
    {
      'a step upon a root that is not recorded': written({ salt: 2 }, { root_txid: OTHER }),
      'a step upon nothing that is held': written({ parent: { txid: OTHER } }),
      'a step deeper than its parent allows': written({ parent: NEXT }, { depth: 4 }),
      'a step that does not spend the treasury output': written(
        { parent: NEXT, swept: ['y'] },
        { parent_txid: PAID.txid, depth: 2 },
      ),
      'a payout without burns': written({ parent: NEXT, swept: ['y'] }, { kind: 'payout' }),
      'a step that is signed at birth': written({ parent: NEXT }, { signed_tx: 'aa', signed_at: 1 }),
      'a step that is mined at birth': written({ parent: NEXT }, { height: 9, block_hash: OTHER }),
    },
    /recorded and not dead|stored step|input 0|has burns|starts unsigned/,
  );
  refusesEach(
    {
      'a rival of a mined step mined as well': `UPDATE line_steps SET height = 100, block_hash = 'x' WHERE txid = '${RIVAL.txid}'`,
      'a parent taken back from under its child': `UPDATE line_steps SET height = NULL, block_hash = NULL WHERE txid = '${PAID.txid}'`,
      'a child mined before its parent': `UPDATE line_steps SET height = 99 WHERE txid = '${NEXT.txid}'`,
      'a root given up under a mined step': 'UPDATE treasury_roots SET dead_at = 1',
    },
    /another child|a child is mined|mined first|is mined/,
  );
  refusesEach(
    {
      'an input more for a sealed step': `INSERT INTO line_inputs VALUES ('${PAID.txid}', 7, '${OTHER}', 0)`,
      'a burn more for a sealed step': `INSERT INTO line_burns VALUES ('${PAID.txid}', '${OTHER}', '${OTHER}')`,
    },
    /sealed/,
  );
  refusesEach(
    {
      'a second root of the key': `INSERT INTO treasury_roots (txid, vout, network, key_id, amount, signed_at)
        VALUES ('${OTHER}', 0, 'regtest', '${ROOT.keyId}', 20000, 1)`,
    },
    /another root/,
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
