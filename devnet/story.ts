// The bridge's main job from end to end on a federation that has just started: keys, a deposit that becomes a mint, a
// burn that becomes a payout. Every step is timed and leaves a row of the table.
import type { CommandResults, SigningReport } from '../operator/runtime/command-types.ts';
import { type Federation, type FederationOptions, startFederation } from './federation.ts';
import {
  attest,
  burn,
  deposit,
  enableService,
  exchangeCards,
  newRecipient,
  openTreasury,
  received,
  runDkg,
  untilDepositKnown,
  untilMinted,
  untilSettled,
  withdraw,
} from './steps.ts';

const DEPOSIT_SATS = 100_000_000n;
const BURN_SATS = 50_000_000n;
const BURN_FEE_SATS = 2_000n;
const CEREMONY_ID = 'devnet';

/** A step as the table shows it; amounts in sats, null where the step has none. */
export interface StepRow {
  readonly step: string;
  /** Indices of the operators whose shares made the signature. */
  readonly signers: readonly number[] | null;
  /** A transaction id on Bitcoin, or a burn's on the ledger. */
  readonly txid: string | null;
  readonly vout: number | null;
  readonly amount: bigint | null;
  readonly fee: bigint | null;
  readonly detail: string;
  readonly duration_ms: number;
}

/** All that happened. */
export interface Story {
  readonly parties: number;
  readonly threshold: number;
  readonly key: CommandResults['dkg'] | null;
  readonly recipient: string;
  readonly deposit_address: string | null;
  readonly payout_address: string | null;
  readonly steps: readonly StepRow[];
  readonly duration_ms: number;
  /** The step that did not succeed, which has no row, and what went wrong; both null where all is well. */
  readonly failed_step: string | null;
  readonly error: string | null;
}

/** Gets a line when a step begins and when it has something to tell. */
export type Tell = (text: string) => void;
type Facts = Partial<Omit<StepRow, 'step' | 'duration_ms'>>;

/** Runs the steps one after another and keeps their rows. */
class Narrator {
  readonly rows: StepRow[] = [];
  /** The step under way, or the one that failed. */
  current: string | null = null;
  readonly begun = performance.now();
  readonly #tell: Tell;

  constructor(tell: Tell) {
    this.#tell = tell;
  }

  /** Runs one step; `facts` are what its row tells besides its name and time. */
  async step<T>(step: string, announcement: string, work: () => Promise<T>, facts: (result: T) => Facts): Promise<T> {
    this.#tell(announcement);
    this.current = step;
    const begun = performance.now();
    const result = await work();
    const duration_ms = Math.round(performance.now() - begun);
    const none = { step, signers: null, txid: null, vout: null, amount: null, fee: null, detail: '' };
    this.rows.push({ ...none, ...facts(result), duration_ms });
    this.current = null;
    return result;
  }
}

/** The story, and the federation it left running (to be stopped by the caller); null where none could be started. */
export interface StoryResult {
  readonly story: Story;
  readonly federation: Federation | null;
}

/** Starts a federation and runs everything. Never throws: what went wrong is in the story. */
export async function runStory(options: FederationOptions, tell: Tell): Promise<StoryResult> {
  const { parties, threshold } = options;
  const narrator = new Narrator(tell);
  const recipient = newRecipient();
  let told: Told = { key: null, deposit_address: null, payout_address: null };
  let error: string | null = null;
  let federation: Federation | null = null;
  try {
    federation = await narrator.step(
      'start',
      `A federation of ${parties} operators, any ${threshold} of which sign`,
      () => startFederation({ ...options, progress: tell }),
      ({ operators }) => ({ detail: `Bitcoin node, ledger, ${operators.length} operators` }),
    );
    told = { ...told, key: await makeKeys(federation, narrator, tell) };
    told = { ...told, deposit_address: await mintDeposit(federation, narrator, recipient, tell) };
    told = { ...told, payout_address: await payBurn(federation, narrator, recipient, tell) };
  } catch (fault) {
    error = fault instanceof Error ? fault.message : String(fault);
  }
  const duration_ms = Math.round(performance.now() - narrator.begun);
  const failed_step = error === null ? null : narrator.current;
  const story = { parties, threshold, recipient, ...told, steps: narrator.rows, duration_ms, failed_step, error };
  return { story, federation };
}

type Told = Pick<Story, 'key' | 'deposit_address' | 'payout_address'>;

async function makeKeys(federation: Federation, narrator: Narrator, tell: Tell): Promise<CommandResults['dkg']> {
  const { parties } = federation;
  await narrator.step(
    'exchange cards',
    'Exchanging operator cards: every operator gets the cards of all others',
    () => exchangeCards(federation),
    () => ({ detail: `${parties * (parties - 1)} cards added` }),
  );
  const key = await narrator.step(
    'make keys',
    'Making the keys: every operator runs the key ceremony',
    () => runDkg(federation, CEREMONY_ID, ({ text }) => tell(`  operator 0: ${text}`)),
    ({ key_id, coordinator }) => ({
      signers: federation.operators.map(({ index }) => index),
      detail: `key ${key_id ?? '-'}, coordinated by operator ${coordinator}`,
    }),
  );
  await narrator.step(
    'open treasury',
    'Paying the treasury, and having all operators sign this root of its line',
    () => openTreasury(federation, ({ text }) => tell(`  operator 0: ${text}`)),
    ({ txid, vout }) => ({ txid, vout, detail: 'signed by all operators' }),
  );
  await narrator.step(
    'enable service',
    'Enabling the service at every operator: nothing real is signed before',
    () => enableService(federation),
    () => ({ detail: `${parties} operators are enabled` }),
  );
  return key;
}

async function mintDeposit(federation: Federation, narrator: Narrator, recipient: string, tell: Tell): Promise<string> {
  const paid = await narrator.step(
    'deposit',
    'Depositing 1 BTC to the address of a recipient, and mining',
    () => deposit(federation, recipient, DEPOSIT_SATS),
    ({ txid, vout, amount, address }) => ({ txid, vout, amount, detail: `to ${address}` }),
  );
  await narrator.step(
    'attest',
    'Attesting the deposit at operator 0',
    () => attest(federation, paid, 0, ({ text }) => tell(`  operator 0: ${text}`)),
    ({ signing, detail }) => ({ ...signed(signing), txid: paid.txid, vout: paid.vout, amount: paid.amount, detail }),
  );
  await narrator.step(
    'mint',
    'Looking at the balance on the ledger, and at what every operator knows of the deposit',
    async () => {
      const [balance] = await Promise.all([untilMinted(federation, paid), untilDepositKnown(federation, paid)]);
      return balance;
    },
    (balance) => {
      if (balance !== DEPOSIT_SATS) throw new Error(`the ledger minted ${balance} sats for ${DEPOSIT_SATS}`);
      return { amount: balance, detail: `balance of ${recipient}` };
    },
  );
  return paid.address;
}

async function payBurn(federation: Federation, narrator: Narrator, recipient: string, tell: Tell): Promise<string> {
  const burnt = await narrator.step(
    'burn',
    'Burning 0.5 BTC on the ledger',
    () => burn(federation, { recipient, amount: BURN_SATS, fee: BURN_FEE_SATS }),
    ({ burn_txid, btc_address }) => ({
      txid: burn_txid,
      amount: BURN_SATS,
      fee: BURN_FEE_SATS,
      detail: `for ${btc_address}`,
    }),
  );
  // Another operator than the one that attested: nobody has a special part.
  const at = 1 % federation.parties;
  const payout = await narrator.step(
    'pay out',
    `Paying the burn out at operator ${at}`,
    () => withdraw(federation, [burnt.burn_txid], at, ({ text }) => tell(`  operator ${at}: ${text}`)),
    ({ step: { txid, miner_fee, fee_rate, vsize, signing } }) => ({
      ...signed(signing),
      txid,
      amount: BURN_SATS - BURN_FEE_SATS,
      fee: BigInt(miner_fee),
      detail: `${vsize} vB at ${fee_rate.toFixed(2)} sat/vB`,
    }),
  );
  await narrator.step(
    'settle',
    'Mining until every operator calls the payout settled',
    () => untilSettled(federation, payout.step.txid),
    () => ({ txid: payout.step.txid, detail: 'by every operator' }),
  );
  const address = burnt.btc_address;
  await narrator.step(
    'check',
    'Looking at what the wallet got',
    () => received(federation, address),
    (sats) => {
      const due = BURN_SATS - BURN_FEE_SATS;
      if (sats !== due) throw new Error(`${address} got ${sats} sats, and ${due} were due`);
      return { amount: sats, detail: `at ${address}` };
    },
  );
  return address;
}

function signed({ signers }: SigningReport): Facts {
  return { signers };
}
