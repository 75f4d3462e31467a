// Statements that no function of the store makes: each tries to break the treasury line at the level of SQL.
import type { Database } from 'bun:sqlite';
import { describe, expect, test } from 'bun:test';
import { decideStep, recordStep, recordStepSigned } from '../../store/line.ts';
import type { Store } from '../../store/open.ts';
import { recordRoot } from '../../store/treasury-roots.ts';
import { burn, id, NOW, outpoint, raw, withStore } from './fixture.ts';
import { beginLine, mine, ROOT, seen, step } from './line-fixture.ts';

// root ─ FIRST (mined) ─ SECOND (mined) ─ TIP (signed) ─ HIDDEN (no list) ─ LAST
//      └ RIVAL         └ COUSIN (pays what TIP pays)
const FIRST = step({ burns: ['a'], swept: ['s'] });
const RIVAL = step({ burns: ['a'], salt: 1 });
const SECOND = step({ parent: FIRST, burns: ['b'] });
const COUSIN = step({ parent: FIRST, burns: ['c'], salt: 1 });
const TIP = step({ parent: SECOND, burns: ['c'] });
const HIDDEN = step({ parent: TIP, burns: ['d'] });
const LAST = step({ parent: HIDDEN, burns: ['e'] });
const NEW = id('a step of nobody');
const OTHER_ROOT = { ...ROOT, ...outpoint('another root'), keyId: id('another key') };

function fill(store: Store): void {
  const { db } = store;
  beginLine(store);
  recordRoot(db, OTHER_ROOT, NOW);
  decideStep(db, { ...RIVAL, askedBy: 2 }, NOW);
  mine(store, 5, FIRST, SECOND);
  decideStep(db, COUSIN, NOW);
  decideStep(db, { ...TIP, askedBy: 1 }, NOW);
  recordStepSigned(db, TIP.txid, 'aa', NOW);
  recordStep(db, seen(HIDDEN, false), NOW);
  decideStep(db, LAST, NOW);
}

type Attempt = string | ((database: Database) => void);

function refusesEach(attempts: Readonly<Record<string, Attempt>>, error: RegExp): void {
  for (const [name, attempt] of Object.entries(attempts)) {
    test(name, () => {
      withStore((store) => {
        fill(store);
        raw(store, (database) => {
          const run = typeof attempt === 'string' ? () => database.run(attempt) : () => attempt(database);
          expect(() => database.transaction(run)()).toThrow(error);
        });
      });
    });
  }
}

/** A new step in raw rows: sound but for what `changes` says. */
interface Rows {
  readonly parent: { readonly txid: string } | null;
  readonly depth: number;
  readonly root: { readonly txid: string; readonly vout: number };
  readonly inputs: readonly { readonly txid: string; readonly vout: number }[];
  readonly burns: readonly { readonly burnTxid: string; readonly nullifier: string }[];
  readonly kind: string;
  readonly columns: Readonly<Record<string, string | number | null>>;
}

const inserts =
  (changes: Partial<Rows> = {}) =>
  (database: Database): void => {
    const { parent = SECOND, depth = 3, root = ROOT, burns = [], columns = {} } = changes;
    const first = parent === null ? root : { txid: parent.txid, vout: 0 };
    const { inputs = [first], kind = burns.length > 0 ? 'payout' : 'sweep' } = changes;
    for (const [index, { txid, vout }] of inputs.entries()) {
      database.run('INSERT INTO line_inputs VALUES (?, ?, ?, ?)', [NEW, index, txid, vout]);
    }
    for (const { burnTxid, nullifier } of burns) {
      database.run('INSERT INTO line_burns VALUES (?, ?, ?)', [NEW, burnTxid, nullifier]);
    }
    const row = {
      ...{ txid: NEW, root_txid: root.txid, root_vout: root.vout, parent_txid: parent?.txid ?? null, depth },
      ...{ key_id: 'k', unsigned_tx: '', treasury_amount: 1, surplus: 0, vsize: 1, kind, created_at: 1 },
      ...columns,
    };
    const places = Object.keys(row).map(() => '?');
    const into = `INSERT INTO line_steps (${Object.keys(row).join()}) VALUES (${places.join()})`;
    database.run(into, Object.values(row));
  };
const of = (...names: readonly string[]) => names.map((name) => burn(name));

test('a sound step can be written in raw rows: what is refused below is refused for its flaw', () => {
  withStore((store) => {
    fill(store);
    raw(store, (database) => {
      inserts({ burns: of('c', 'z'), inputs: [{ txid: SECOND.txid, vout: 0 }, outpoint('z')] })(database);
      expect(database.query('PRAGMA foreign_key_check').all()).toEqual([]);
      expect(database.query('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
    });
  });
});

describe('a step has its place:', () => {
  refusesEach(
    {
      'a parent that is not held': inserts({ parent: { txid: id('x') } }),
      'as deep as its parent': inserts({ depth: 2 }),
      'deeper than below its parent': inserts({ depth: 4 }),
      'on another line than its parent': inserts({ root: OTHER_ROOT }),
    },
    /the parent is a stored step, one less deep, on the same line/,
  );
  refusesEach(
    { 'a root that is not recorded': inserts({ parent: null, depth: 1, root: outpoint('x') }) },
    /begins with a root/,
  );
  refusesEach(
    {
      'a root that is dead': (database) => {
        database.run(`UPDATE treasury_roots SET dead_at = 1 WHERE txid = '${OTHER_ROOT.txid}'`);
        inserts({ parent: null, depth: 1, root: OTHER_ROOT })(database);
      },
    },
    /begins with a root/,
  );
  refusesEach({ 'without a parent below the root': inserts({ parent: null, depth: 2 }) }, /CHECK constraint failed/);
  refusesEach(
    {
      'without inputs': inserts({ inputs: [] }),
      'with another input 0': inserts({ inputs: [outpoint('x')] }),
      'with another output of its parent as input 0': inserts({ inputs: [{ txid: SECOND.txid, vout: 1 }] }),
      'with its parent’s output as input 1': inserts({ inputs: [outpoint('x'), { txid: SECOND.txid, vout: 0 }] }),
      'with another output of the root’s transaction': inserts({
        ...{ parent: null, depth: 1, inputs: [{ txid: ROOT.txid, vout: ROOT.vout + 1 }] },
      }),
    },
    /input 0 is the root, or output 0 of the parent/,
  );
  refusesEach(
    {
      'signed at birth': inserts({ columns: { signed_tx: 'aa', signed_at: 1 } }),
      'mined at birth': inserts({ columns: { height: 9, block_hash: 'aa' } }),
    },
    /starts unsigned and unmined/,
  );
  refusesEach(
    {
      'a payout without burns': inserts({ kind: 'payout' }),
      'a sweep with burns': inserts({ kind: 'sweep', burns: of('z') }),
    },
    /a payout has burns/,
  );
});

describe('a burn stands once on the way to the root:', () => {
  refusesEach(
    {
      'a burn of the parent': inserts({ burns: of('b') }),
      'a burn of the parent’s parent, beside others': inserts({ burns: of('y', 'a', 'z') }),
      'a nullifier of an ancestor under another burn txid': inserts({ burns: [{ ...burn('a'), burnTxid: id('new') }] }),
      'a burn txid of an ancestor under another nullifier': inserts({
        burns: [{ ...burn('a'), nullifier: id('new') }],
      }),
      'a burn of an ancestor beyond one without a list': inserts({ parent: LAST, depth: 6, burns: of('c') }),
      'a burn both of a cousin and of an ancestor': inserts({ parent: TIP, depth: 4, burns: of('c') }),
    },
    /an ancestor pays the burn/,
  );
  refusesEach(
    {
      'a burn twice in one list': inserts({ burns: [burn('z'), { ...burn('z'), nullifier: id('new') }] }),
      'a nullifier twice in one list': inserts({ burns: [burn('z'), { ...burn('z'), burnTxid: id('new') }] }),
    },
    /is there already/,
  );
});

const late = (name: string, changes = {}) => {
  const { burnTxid, nullifier } = { ...burn(name), ...changes };
  return `INSERT INTO line_burns VALUES ('${HIDDEN.txid}', '${burnTxid}', '${nullifier}')`;
};

describe('a list that comes late is validated likewise:', () => {
  refusesEach(
    {
      'a burn of the parent': late('c'),
      'a burn of a mined ancestor': late('a'),
      'a nullifier of an ancestor': late('a', { burnTxid: id('new') }),
      'a burn txid of an ancestor': late('a', { nullifier: id('new') }),
    },
    /an ancestor pays the burn/,
  );
  refusesEach(
    {
      'a burn of a descendant': late('e'),
      'a nullifier of a descendant': late('e', { burnTxid: id('new') }),
      'a burn txid of a descendant': late('e', { nullifier: id('new') }),
    },
    /a descendant pays the burn/,
  );
  refusesEach(
    {
      'a payout without burns': `UPDATE line_steps SET kind = 'payout' WHERE txid = '${HIDDEN.txid}'`,
      'a sweep with burns': (database) => {
        database.run(late('d'));
        database.run(`UPDATE line_steps SET kind = 'sweep' WHERE txid = '${HIDDEN.txid}'`);
      },
    },
    /a payout has burns/,
  );
  refusesEach(
    {
      'a burn more in a list that is known': `INSERT INTO line_burns VALUES ('${TIP.txid}', '${id('x')}', '${id('y')}')`,
    },
    /the list is sealed/,
  );
  test('and is taken where nothing on its way pays its burns, be they paid elsewhere', () => {
    withStore((store) => {
      decideAll(store);
      raw(store, (database) => {
        database.run(late('d'));
        database.run(`UPDATE line_steps SET kind = 'payout' WHERE txid = '${HIDDEN.txid}'`);
      });
    });
  });
});

// As `fill`, with the burn of HIDDEN paid by a sibling and by a child of that sibling’s sibling.
function decideAll(store: Store): void {
  fill(store);
  const sibling = step({ parent: TIP, burns: ['d'], salt: 5 });
  const other = step({ parent: TIP, swept: ['q'] });
  for (const one of [sibling, other, step({ parent: other, burns: ['d'] })]) {
    expect(decideStep(store.db, one, NOW).ok).toBe(true);
  }
}

describe('an input is spent once on the way to the root:', () => {
  refusesEach(
    {
      'what an ancestor swept': inserts({ inputs: [{ txid: SECOND.txid, vout: 0 }, outpoint('s')] }),
      'the root, beside the parent’s output': inserts({ inputs: [{ txid: SECOND.txid, vout: 0 }, ROOT] }),
    },
    /an ancestor spends the input/,
  );
  refusesEach(
    { 'one input twice': inserts({ inputs: [{ txid: SECOND.txid, vout: 0 }, outpoint('x'), outpoint('x')] }) },
    /is there already/,
  );
  refusesEach(
    { 'an input more for a stored step': `INSERT INTO line_inputs VALUES ('${TIP.txid}', 7, '${id('x')}', 0)` },
    /the step is sealed/,
  );
});

const update = (set: string, { txid }: { readonly txid: string }) =>
  `UPDATE line_steps SET ${set} WHERE txid = '${txid}'`;
const inBlock = (height: number) => `height = ${height}, block_hash = 'aa'`;

describe('the mined steps are one path:', () => {
  refusesEach(
    { 'a second mined child of the root': update(inBlock(9), RIVAL) },
    /another child of the parent is mined/,
  );
  refusesEach({ 'a second mined child of a step': update(inBlock(9), COUSIN) }, /another child of the parent is mined/);
  refusesEach(
    {
      'a step before its parent': update(inBlock(9), HIDDEN),
      'a step in a lower block than its parent': update(inBlock(4), TIP),
    },
    /the parent is mined first/,
  );
  refusesEach(
    {
      'a parent out of the chain before its child': update('height = NULL, block_hash = NULL', FIRST),
      'a parent in a higher block than its child': update(inBlock(8), FIRST),
    },
    /a child is mined/,
  );
  refusesEach({ 'a height without a block': update('height = 9', TIP) }, /CHECK constraint failed/);
  refusesEach(
    { 'a dead root under a mined step': `UPDATE treasury_roots SET dead_at = 1 WHERE txid = '${ROOT.txid}'` },
    /a step upon the root is mined/,
  );
});

describe('a step upon a dead root', () => {
  refusesEach(
    {
      'is not mined': (database) => {
        inserts({ parent: null, depth: 1, root: OTHER_ROOT })(database);
        database.run(`UPDATE treasury_roots SET dead_at = 1 WHERE txid = '${OTHER_ROOT.txid}'`);
        database.run(update(inBlock(9), { txid: NEW }));
      },
    },
    /the root is dead/,
  );
});

describe('what was recorded does not change:', () => {
  const columns = [
    ...[
      'txid',
      'root_txid',
      'root_vout',
      'parent_txid',
      'depth',
      'key_id',
      'unsigned_tx',
      'treasury_amount',
      'surplus',
    ],
    ...['vsize', 'kind', 'fee', 'intent', 'signed_tx', 'signed_at', 'asked_by', 'decided_at', 'created_at'],
  ];
  refusesEach(
    Object.fromEntries(columns.map((name) => [name, update(`${name} = ${name} || '1'`, TIP)])),
    /does not change/,
  );
  refusesEach(
    {
      'a list that is known becomes unknown': update('kind = NULL, fee = NULL, intent = NULL', TIP),
      'a signed step becomes unsigned': update('signed_tx = NULL, signed_at = NULL', TIP),
      'a step pushed away by its rowid': `UPDATE OR REPLACE line_steps SET rowid = 1 WHERE rowid = 2`,
    },
    /does not change/,
  );
  refusesEach(
    {
      'an input': `UPDATE line_inputs SET prev_vout = 7`,
      'a burn': `UPDATE line_burns SET burn_txid = '${id('x')}'`,
    },
    /rows never change/,
  );
  refusesEach(
    {
      'a step by replacing it': `INSERT OR REPLACE INTO line_steps SELECT * FROM line_steps WHERE txid = '${LAST.txid}'`,
    },
    /is there already/,
  );
  refusesEach(
    {
      'a list by replacing it': 'INSERT OR REPLACE INTO line_burns SELECT * FROM line_burns',
      'inputs by replacing them': 'INSERT OR REPLACE INTO line_inputs SELECT * FROM line_inputs',
    },
    /is there already/,
  );
});

describe('what a step stands upon is not deleted:', () => {
  refusesEach(
    {
      'a mined step': (database) => {
        database.run(`DELETE FROM line_steps WHERE txid IN ('${LAST.txid}')`);
        database.run(`DELETE FROM line_steps WHERE txid = '${SECOND.txid}'`);
      },
      'a step with children': `DELETE FROM line_steps WHERE txid = '${HIDDEN.txid}'`,
    },
    /mined or has children is never deleted/,
  );
  refusesEach(
    { 'inputs of a step': 'DELETE FROM line_inputs', 'burns of a step': 'DELETE FROM line_burns' },
    /rows go with their step only/,
  );
  test('but a step that is not mined and has no children goes with its inputs and burns', () => {
    withStore((store) => {
      fill(store);
      raw(store, (database) => {
        database.run('PRAGMA foreign_keys = ON');
        database.run(`DELETE FROM line_steps WHERE txid = '${LAST.txid}'`);
        const left = `SELECT txid FROM line_inputs WHERE txid = '${LAST.txid}' UNION ALL SELECT txid FROM line_burns WHERE txid = '${LAST.txid}'`;
        expect(database.query(left).all()).toEqual([]);
      });
    });
  });
});
