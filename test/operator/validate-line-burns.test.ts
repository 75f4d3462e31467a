// The burns of a step (rule 3): each is final on the signer's own Wire nodes, once in the list, as the step says, and pays
// nobody's treasury. Attacks by a coordinator that pays what nobody burnt, twice, too early, or to itself.
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { treasuryScript } from '../../chain/line.ts';
import type { LineBurn, LineIntent } from '../../chain/line-intent.ts';
import { type WireBurn, WireLedgerError } from '../../chain/wire-ledger.ts';
import { QUESTIONS_AT_ONCE } from '../../operator/validation/batches.ts';
import { addressOf, deposit, OTHER_ADDRESS, stray, terms } from '../chain/line-steps.ts';
import { burn, LineDesk } from './line-desk.ts';

let desk: LineDesk;
let step: LineIntent;
beforeEach(() => {
  desk = new LineDesk();
  step = desk.provide(desk.step({ step: 'payout', swept: [deposit(1, 900_000n)], burns: [burn(1), burn(2)] }));
});
afterEach(() => desk.close());

/** The own Wire nodes tell burn 2 otherwise. */
function told(changes: Partial<WireBurn>): void {
  const { known } = desk.ledger;
  const index = known.findIndex(({ burnTxid }) => burnTxid === burn(2).burnTxid);
  const before = known[index];
  if (before === undefined) throw new Error('the burn is known');
  known[index] = { ...before, ...changes };
}

const listing = (burns: readonly LineBurn[]) => desk.changed(step, { burns });

describe('a burn is refused', () => {
  test('that the own Wire nodes do not show, by its txid', async () => {
    const refusal = await desk.refusal(listing([burn(1), burn(2), burn(3)]));
    expect(refusal).toMatchObject({ reason: 'burn_unknown', data: { burn_txid: burn(3).burnTxid } });
  });

  test('whose recipient, amount, fee or nullifier is another there', async () => {
    const lies: readonly Partial<LineBurn>[] = [
      { address: OTHER_ADDRESS },
      { amount: 16_000n },
      { fee: 4_000n },
      { nullifier: 'dd'.repeat(32) },
    ];
    for (const lie of lies) {
      expect(await desk.refusal(listing([burn(1), { ...burn(2), ...lie }]))).toMatchObject({
        reason: 'burn_mismatch',
        data: { burn_txid: burn(2).burnTxid },
      });
    }
    expect(await desk.validate(step)).toBe('signed');
  });

  test('before it is final there, one confirmation short', async () => {
    told({ confirmations: 5 });
    expect(await desk.refusal(step)).toMatchObject({
      reason: 'burn_unconfirmed',
      data: { burn_txid: burn(2).burnTxid },
    });
    told({ confirmations: 6 });
    expect(await desk.validate(step)).toBe('signed');
  });

  test('whose proof does not hold', async () => {
    const views = desk.views();
    const burnRules = { ...views.burnRules, verifyProof: async (one: WireBurn) => one.burnTxid !== burn(2).burnTxid };
    Object.assign(desk, { views: () => ({ ...views, burnRules }) });
    expect(await desk.validate(step)).toBe('burn_proof_invalid');
  });

  test('that stands in the list twice, or shares its nullifier with another', async () => {
    const twice: LineIntent = { ...step, burns: [burn(1), burn(1)] };
    expect(await desk.validate(twice)).toBe('bad_request');
    const shared: LineIntent = { ...step, burns: [burn(1), { ...burn(2), nullifier: burn(1).nullifier }] };
    expect(await desk.validate(shared)).toBe('bad_request');
  });

  test('that names the treasury itself, final as it is', async () => {
    const own = burn(3, 15_000n, 5_000n, addressOf(treasuryScript(terms.groupKey)));
    const refusal = await desk.refusal(desk.provide(listing([burn(1), own])));
    expect(refusal).toMatchObject({ reason: 'burn_pays_treasury', data: { burn_txid: own.burnTxid } });
  });

  test('that this operator holds, whatever the others do', async () => {
    desk.held.add(burn(2).burnTxid);
    expect(await desk.refusal(step)).toMatchObject({ reason: 'policy', data: { burn_txid: burn(2).burnTxid } });
    desk.held.clear();
    expect(await desk.validate(step)).toBe('signed');
  });

  test('whose payment the own Bitcoin nodes take for dust, by its txid, so that the others can be paid', async () => {
    desk.bitcoin.relayFloor = async () => ({ feeRateMin: 1_000n, dustRelayRate: 30_000n, incrementalRate: 1_000n });
    const small = desk.provide(listing([burn(1), burn(4, 8_000n, 6_000n)]));
    expect(await desk.refusal(small)).toMatchObject({ reason: 'below_dust', data: { burn_txid: burn(4).burnTxid } });
  });
});

describe('the own Wire nodes', () => {
  test('that are silent, of another network, or none leave a payout unsigned', async () => {
    desk.ledger.unavailable = true;
    expect(await desk.validate(step)).toBe('wire_unavailable');
    desk.ledger.unavailable = false;
    desk.ledger.status = async () => ({ network: 'mainnet', height: 9, lastBurnSeq: 1 });
    expect(await desk.validate(step)).toBe('wrong_network');
    const views = desk.views();
    Object.assign(desk, { views: () => ({ ...views, wire: null }) });
    expect(await desk.validate(step)).toBe('wire_unavailable');
  });

  test('are not needed for a step that pays and sweeps nothing of theirs', async () => {
    const views = desk.views();
    Object.assign(desk, { views: () => ({ ...views, wire: null }) });
    const sweep = desk.provide(desk.step({ step: 'sweep', swept: [stray(1, 9_000n)] }));
    expect(await desk.validate(sweep)).toBe('signed');
  });

  test('that fall silent halfway leave it unsigned', async () => {
    desk.ledger.mint = async () => {
      throw new WireLedgerError('no Wire node answers');
    };
    expect(await desk.validate(step)).toBe('wire_unavailable');
  });

  test('are asked about each of 1,000 burns once, 32 at a time, and for their status once', async () => {
    desk.ledger.known.length = 0;
    const burns = Array.from({ length: 1_000 }, (_, i) => burn(i + 1, 1_000n, 400n));
    const full = desk.provide(desk.changed(step, { burns }, 1_200n));
    const asked: string[] = [];
    let [underWay, most] = [0, 0];
    const { burn: answer, status } = desk.ledger;
    desk.ledger.status = () => {
      asked.push('status');
      return status();
    };
    desk.ledger.burn = async (burnTxid) => {
      asked.push(burnTxid);
      underWay += 1;
      most = Math.max(most, underWay);
      await Bun.sleep(0);
      underWay -= 1;
      return answer(burnTxid);
    };
    desk.estimate = 1_200n;
    expect(await desk.validate(full)).toBe('signed');
    expect(asked).toHaveLength(1_001);
    expect(new Set(asked).size).toBe(1_001);
    expect(most).toBe(QUESTIONS_AT_ONCE);
  }, 60_000);

  test('are asked nothing more once a burn is refused', async () => {
    const burns = Array.from({ length: 50 }, (_, i) => burn(i + 1));
    const many = desk.provide(desk.changed(step, { burns }));
    desk.ledger.known.splice(0, 1);
    let asked = 0;
    const { burn: answer } = desk.ledger;
    desk.ledger.burn = (burnTxid) => {
      asked += 1;
      return answer(burnTxid);
    };
    expect(await desk.validate(many)).toBe('burn_unknown');
    expect(asked).toBe(QUESTIONS_AT_ONCE);
  });
});
