// What people do with the bridge during a run: depositing, asking for attestations, burning, asking for payouts, at
// whichever node they find, also at several at once.
import { treasuryScript } from '../chain/line.ts';
import { scriptAddress } from '../chain/network.ts';
import type { Outpoint } from '../chain/outpoint.ts';
import { concat, fromHex, toHex } from '../crypto/bytes.ts';
import { custodyScript } from '../crypto/taproot.ts';
import { attest } from '../operator/deposits/attest.ts';
import { withdraw } from '../operator/payouts/withdraw.ts';
import { CommandError } from '../operator/runtime/command-error.ts';
import { getAttestation } from '../store/attestations.ts';
import { getStep } from '../store/line.ts';
import type { Process } from './member.ts';
import type { Prng } from './prng.ts';
import type { World } from './world.ts';

/** A deposit; `source`: the depositor's own coin, with which it may be double-spent. */
export interface Deposit extends Outpoint {
  readonly recipient: string;
  readonly amount: bigint;
  readonly source: Outpoint;
}

/** How often people ask for each deposit and each burn while faults last. */
const ATTEST_ASKS = 2;
const WITHDRAW_ASKS = 3;
/** And for the treasury to be opened, where it is not yet. */
const OPEN_ASKS = 3;

/** How many burns bear a fee that may not pay for them. */
const SMALL_FEES = 0.15;

const quiet = (): void => {};

export class Workload {
  readonly #world: World;
  readonly #prng: Prng;
  readonly deposits: Deposit[] = [];
  /** Deposits that their depositors took back; they may never be attested. */
  readonly withdrawn = new Set<string>();
  /** What callers were told when they were refused, by code. */
  readonly refusals = new Map<string, number>();

  constructor(world: World) {
    this.#world = world;
    this.#prng = world.prng.fork('workload');
  }

  /** Plans everything that happens while faults last. */
  schedule(): void {
    const { plan, time } = this.#world;
    const prng = this.#prng;
    for (let i = 0; i < plan.topUps; i++) time.after(prng.int(0, plan.faultsMs), () => this.#topUp());
    for (let i = 0; i < (plan.isOpened ? 0 : OPEN_ASKS); i++) {
      time.after(prng.int(0, plan.faultsMs / 2), () => this.#openSomewhere());
    }
    for (let i = 0; i < plan.deposits; i++) {
      const at = prng.int(0, plan.faultsMs / 3);
      time.after(at, () => this.#deposit(i));
      for (let ask = 0; ask < ATTEST_ASKS; ask++) {
        const when = at + prng.int(20_000, plan.faultsMs - plan.faultsMs / 3);
        const both = prng.chance(0.4);
        time.after(when, () => {
          this.#attestSomewhere(i);
          if (both) this.#attestSomewhere(i);
        });
      }
    }
    for (let i = 0; i < plan.burns; i++) {
      const at = prng.int(plan.faultsMs / 4, plan.faultsMs / 2);
      time.after(at, () => this.#burn());
      for (let ask = 0; ask < WITHDRAW_ASKS; ask++) {
        const both = prng.chance(0.5);
        time.after(at + prng.int(10_000, plan.faultsMs / 2), () => {
          this.#withdrawSomewhere(i);
          if (both) this.#withdrawSomewhere(i);
        });
      }
    }
  }

  /** Asks a node to attest a deposit. */
  attest(process: Process, { txid, vout, recipient, amount }: Deposit): void {
    const claim = { txid, vout, recipient, amount: `${amount}`, test: false };
    this.#world.trace.add(`ask ${process.index} attest ${txid.slice(0, 8)}`);
    this.#run(process, `the attestation of ${txid}:${vout}`, attest(process.services.bridge, claim, quiet), () => {
      return ({ store }) => getAttestation(store.db, { txid, vout })?.signature != null;
    });
  }

  /** Asks a node to pay burns; none named: all that wait. */
  withdraw(process: Process, burnTxids: readonly string[]): void {
    this.#world.trace.add(`ask ${process.index} withdraw ${burnTxids.map((txid) => txid.slice(0, 8)).join()}`);
    const params = { burn_txids: [...burnTxids] };
    const { bridge, autopilot } = process.services;
    const answer = withdraw(bridge, autopilot.steps, params, quiet, new AbortController().signal);
    this.#run(process, 'a payout', answer, ({ step: { txid } }) => {
      // What the line has passed for good is forgotten.
      return ({ store }) => isSigned(store.db, txid) || this.#world.oracle.line.isPassed(txid);
    });
  }

  /** Opens the treasury at a node, as its operator does. */
  open(process: Process): void {
    this.#world.trace.add(`ask ${process.index} treasury open`);
    const answer = process.services.treasury.open(new AbortController().signal);
    this.#run(process, 'the opening of the treasury', answer, () => () => true);
  }

  /** Whether another deposit may be taken back: with none left, no burn could ever be paid. */
  get mayTakeBack(): boolean {
    return this.withdrawn.size + 1 < this.#world.plan.deposits;
  }

  /** Takes a deposit back with a transaction that conflicts with it; null where it is none that could be taken back. */
  takeBack(deposit: Deposit): ReturnType<World['chain']['send']> | null {
    this.withdrawn.add(`${deposit.txid}:${deposit.vout}`);
    return this.#world.chain.send([deposit.source], [{ script: this.#someScript(), amount: deposit.amount }]);
  }

  #run<R>(process: Process, what: string, answer: Promise<R>, kept: (result: R) => (later: Process) => boolean): void {
    const { trace, liars } = this.#world;
    answer.then(
      (result) => {
        if (!process.isAlive || liars.has(process.index)) return;
        trace.add(`told ${process.index} ${what}`);
        const isKept = kept(result);
        if (!isKept(process)) trace.violated('never 7', `node ${process.index} told of ${what} and does not have it`);
        this.#world.acknowledge({ index: process.index, what, isKept });
      },
      (error: unknown) => {
        if (!process.isAlive) return;
        if (error instanceof CommandError) {
          trace.add(`told ${process.index} ${error.code}: ${error.message}`);
          this.refusals.set(error.code, (this.refusals.get(error.code) ?? 0) + 1);
        } else if (!liars.has(process.index) && !isOutside(error)) {
          trace.violated('fault', `node ${process.index} failed at ${what}: ${String(error)}`);
        }
      },
    );
  }

  #deposit(ordinal: number): void {
    const { chain, groupKey, keyId, members, recipients } = this.#world;
    const prng = this.#prng;
    const recipient = prng.hash();
    const amount = BigInt(prng.int(200_000, 2_000_000));
    const script = custodyScript(groupKey, { kind: 'deposit', recipient: fromHex(recipient) }).scriptPubKey;
    const expected = { recipient, keyId, script: toHex(script) };
    recipients.push(expected);
    for (const { process } of members) process?.expect(expected);
    const source = { txid: prng.hash(), vout: prng.int(0, 3) };
    const { txid } = chain.send([source], [{ script, amount }]);
    this.deposits[ordinal] = { txid, vout: 0, recipient, amount, source };
    this.#world.trace.add(`deposit ${txid.slice(0, 8)} ${amount}`);
  }

  #burn(): void {
    const prng = this.#prng;
    const address = scriptAddress(this.#someScript(), 'regtest');
    if (address === null) throw new Error('a witness program has an address');
    const [burnTxid, nullifier] = [prng.hash(), prng.hash()];
    const amount = BigInt(prng.int(20_000, 120_000));
    const fee = BigInt(prng.chance(SMALL_FEES) ? prng.int(10, 600) : prng.int(2_000, 10_000));
    this.#world.ledger.burn({ burnTxid, nullifier, address, amount, fee, proof: null });
    this.#world.trace.add(`burn ${burnTxid.slice(0, 8)} ${amount}`);
  }

  // Whoever pays the treasury adds to what its steps may cost.
  #topUp(): void {
    const { chain, groupKey, trace } = this.#world;
    const amount = BigInt(this.#prng.int(1_000, 15_000));
    const source = { txid: this.#prng.hash(), vout: 0 };
    const { txid } = chain.send([source], [{ script: treasuryScript(groupKey), amount }]);
    trace.add(`top-up ${txid.slice(0, 8)} ${amount}`);
  }

  #openSomewhere(): void {
    const process = this.#someProcess();
    if (process !== null) this.open(process);
  }

  #attestSomewhere(ordinal: number): void {
    const deposit = this.deposits[ordinal];
    const process = this.#someProcess();
    if (deposit !== undefined && process !== null) this.attest(process, deposit);
  }

  #withdrawSomewhere(ordinal: number): void {
    const process = this.#someProcess();
    const burn = this.#world.ledger.burns[ordinal];
    if (process === null) return;
    this.withdraw(process, burn !== undefined && this.#prng.chance(0.6) ? [burn.burnTxid] : []);
  }

  #someProcess(): Process | null {
    return this.#prng.pick(this.#world.members).process;
  }

  #someScript(): Uint8Array {
    return concat(Uint8Array.of(0x00, 0x14), this.#prng.bytes(20));
  }
}

function isSigned(db: Parameters<typeof getStep>[0], txid: string): boolean {
  return (getStep(db, txid)?.signedTx ?? null) !== null;
}

// Its own Bitcoin and Wire nodes do not answer: told to the caller as it is.
function isOutside(error: unknown): boolean {
  return error instanceof Error && (error.name === 'BitcoinViewError' || error.name === 'WireLedgerError');
}
