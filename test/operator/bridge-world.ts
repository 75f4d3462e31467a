// A federation in memory on a simulated Bitcoin network with real blocks, a mempool with replacement, and reorganisations,
// for the tests of what nodes do by themselves. Each node has its own view, and its clock is the test's to move.
import { treasuryScript } from '../../chain/line.ts';
import { addressScript } from '../../chain/network.ts';
import type { Outpoint } from '../../chain/outpoint.ts';
import type { WireBurn } from '../../chain/wire-ledger.ts';
import { fromHex, toHex } from '../../crypto/bytes.ts';
import { custodyScript } from '../../crypto/taproot.ts';
import { scannedHeight } from '../../operator/chain-state/scan.ts';
import { type ChainTransaction, SimulatedChain } from '../../simulation/chain.ts';
import { bitcoinViewOf, ChainView } from '../../simulation/chain-view.ts';
import { paymentOf } from '../../store/burn-payments.ts';
import type { Queries } from '../../store/database.ts';
import { getDeposit } from '../../store/deposits.ts';
import { burn, freshHash } from './custody.ts';
import { FederationInMemory } from './federation-in-memory.ts';
import { certifyRoot } from './treasury.ts';

/** A deposit: the transaction's output, for whom, and how much. */
export interface Paid extends Outpoint {
  readonly recipient: string;
  readonly amount: bigint;
}

/** What the treasury begins with where a test does not say otherwise: enough for a few burns without any deposit. */
const ROOT_SATS = 300_000n;

export class BridgeWorld {
  readonly federation: FederationInMemory;
  readonly chain = new SimulatedChain();
  readonly views: readonly ChainView[];

  private constructor(federation: FederationInMemory) {
    this.federation = federation;
    this.views = federation.members.map(() => new ChainView(this.chain));
    for (const [index, fake] of federation.chain.views.entries()) {
      const view = this.views[index];
      if (view === undefined) throw new Error('every member has a view');
      Object.assign(
        fake,
        bitcoinViewOf(view, async (_what, answer) => answer()),
      );
    }
  }

  /** A federation with keys, and the certificate of a root that no block holds, unless told otherwise: enough to attest. */
  static async make(parties = 3, threshold = 2, treasury: 'open' | 'closed' = 'open'): Promise<BridgeWorld> {
    const federation = await FederationInMemory.make(parties, threshold);
    const world = new BridgeWorld(federation);
    await federation.dkgByAll({}, treasury);
    return world;
  }

  /** A federation whose treasury holds so much: every node has scanned its root, holds the certificate, and is enabled. */
  static async opened(
    sats = ROOT_SATS,
    parties = 3,
    threshold = 2,
    service: 'enabled' | 'off' = 'enabled',
  ): Promise<BridgeWorld> {
    const world = await BridgeWorld.make(parties, threshold, 'closed');
    const script = treasuryScript(world.federation.key().bitcoin.publicKey);
    const { txid } = world.chain.send([{ txid: freshHash(), vout: 0 }], [{ script, amount: sats }]);
    world.mine(12);
    await world.rounds(1);
    const nodes = world.federation.members.map(({ index }) => world.federation.at(index).node);
    certifyRoot(nodes, world.federation.key().keyId, { txid, vout: 0, amount: sats }, service);
    return world;
  }

  db(index: number): Queries {
    return this.federation.at(index).node.store.db;
  }

  /** Registers a recipient on one node, which tells those that are up. */
  async recipient(at = 0): Promise<string> {
    const recipient = freshHash();
    const { services } = this.federation.at(at);
    services.recipients.register(this.federation.key(at), recipient);
    await Bun.sleep(10);
    return recipient;
  }

  /** Pays a recipient's deposit address; the transaction waits in the mempool. */
  pay(recipient: string, amount = 1_000_000n, spends: Outpoint = { txid: freshHash(), vout: 0 }): Paid {
    const leaf = { kind: 'deposit', recipient: fromHex(recipient) } as const;
    const running = this.federation.members.find((member) => member.running !== null)?.index ?? 0;
    const { scriptPubKey } = custodyScript(this.federation.key(running).bitcoin.publicKey, leaf);
    const { txid } = this.chain.send([spends], [{ script: scriptPubKey, amount }]);
    return { txid, vout: 0, recipient, amount };
  }

  /** Mines blocks and shows them to all nodes; the first takes what `choose` lets pass. */
  mine(blocks = 1, choose: (transaction: ChainTransaction) => boolean = () => true): void {
    for (let i = 0; i < blocks; i++) this.chain.mine(choose);
    this.showTip();
  }

  showTip(): void {
    for (const view of this.views) view.catchUp();
  }

  /** Lets so much time pass at every node. */
  pass(seconds: number): void {
    for (const member of this.federation.members) member.passedMs += seconds * 1000;
  }

  /** Rounds of all running nodes, or of those named, with what goes on beside them. */
  async rounds(count = 2, only?: readonly number[]): Promise<void> {
    for (let round = 0; round < count; round++) {
      for (const { index, running } of this.federation.members) {
        if (running === null || (only !== undefined && !only.includes(index))) continue;
        await running.services.autopilot.round();
        await Bun.sleep(1);
        await running.services.follower.round();
      }
      await Bun.sleep(5);
    }
  }

  /** A deposit that was found, attested and minted by the nodes themselves. */
  async minted(amount = 1_000_000n): Promise<Paid> {
    const paid = this.pay(await this.recipient(), amount);
    this.mine(6);
    await this.untilMinted(paid);
    return paid;
  }

  /** Lets the nodes work, and time pass, until a deposit is minted at all that run. */
  async untilMinted(paid: Paid): Promise<void> {
    await this.until(() => this.running().every((index) => getDeposit(this.db(index), paid)?.status === 'minted'));
  }

  async until(isTrue: () => boolean): Promise<void> {
    for (let tries = 0; !isTrue(); tries++) {
      if (tries > 12) throw new Error(`this does not come about:\n${this.federation.logLines().slice(-25).join('\n')}`);
      await this.rounds(1);
      this.pass(11);
    }
  }

  /** Where each running node says that a burn stands. */
  statuses({ burnTxid }: WireBurn): readonly string[] {
    return this.running().map((index) => {
      const { normalConfirmations } = this.federation.member(index).config;
      const settled = (scannedHeight(this.db(index)) ?? 0) - normalConfirmations + 1;
      return paymentOf(this.db(index), burnTxid, settled).state;
    });
  }

  async untilAll(one: WireBurn, status: string): Promise<void> {
    await this.until(() => this.statuses(one).every((told) => told === status));
  }

  burn(changes: Partial<WireBurn> = {}): WireBurn {
    return burn(this.federation, changes);
  }

  /** The transactions of the best chain and the mempool that pay a burn's address. */
  paymentsOf({ address, amount, fee }: WireBurn): readonly ChainTransaction[] {
    const parsed = addressScript(address, 'regtest');
    if (!parsed.ok) throw new Error(parsed.detail);
    const script = toHex(parsed.script);
    const all = [...this.chain.known.values()].filter(
      ({ txid }) => this.chain.best.heights.has(txid) || this.chain.mempool.has(txid),
    );
    return all.filter(({ outputs }) =>
      outputs.some((output) => toHex(output.script) === script && output.amount === amount - fee),
    );
  }

  running(): readonly number[] {
    return this.federation.members.filter((member) => member.running !== null).map(({ index }) => index);
  }

  logged(event: string, index?: number): readonly string[] {
    const members = this.federation.members.filter((member) => index === undefined || member.index === index);
    return members.flatMap(({ log }) => log).filter((line) => line.includes(`"${event}"`));
  }

  close(): Promise<void> {
    return this.federation.close();
  }
}
