// Which outputs a plan may sweep: strays that its own Bitcoin nodes call spendable, and deposits that are minted for good. They
// are looked for apart, as many large deposits must not hide a top-up.
import { neededConfirmations } from '../../chain/bitcoin-view.ts';
import { parseLeaf } from '../../chain/custody-leaf.ts';
import type { SweptOutput } from '../../chain/line-intent.ts';
import { finalMint } from '../../chain/mint.ts';
import { type Outpoint, outpointName } from '../../chain/outpoint.ts';
import { type WireLedger, WireLedgerError } from '../../chain/wire-ledger.ts';
import { listMaturedDeposits, listMaturedStrays, type Utxo } from '../../store/utxos.ts';
import type { Bridge } from '../bridge/bridge.ts';
import type { LineNow } from '../chain-state/line-view.ts';
import { askAll } from '../validation/batches.ts';

/** Most deposits, and most strays, that one plan looks at. */
const OUTPUTS_MAX = 500;

/** Looks for outputs; remembers of those that it found last which mints are final, as what is final stays so. */
export class Sweepable {
  readonly #bridge: Bridge;
  #finalMints: ReadonlySet<string> = new Set();

  constructor(bridge: Bridge) {
    this.#bridge = bridge;
  }

  /** What may be swept now, in blocks up to a height. Throws `BitcoinViewError`. */
  async list(line: LineNow, heightMax: number): Promise<readonly SweptOutput[]> {
    return [...(await this.#strays(line, heightMax)), ...(await this.#deposits(heightMax))];
  }

  // The line's own treasury outputs are spent as input 0 alone. A miner's reward can be spent a hundred blocks later.
  async #strays({ history }: LineNow, heightMax: number): Promise<readonly SweptOutput[]> {
    const { db, bitcoin, config } = this.#bridge;
    const found = listMaturedStrays(db, heightMax, OUTPUTS_MAX)
      .flatMap(sweptOf)
      .filter((one) => history.place(one) === null);
    const outputs = found.length === 0 ? [] : await bitcoin.txOuts(found, 'confirmed');
    return found.filter((_, index) => {
      const output = outputs[index] ?? null;
      return output !== null && output.confirmations >= neededConfirmations(output, config.forkConfirmations);
    });
  }

  async #deposits(heightMax: number): Promise<readonly SweptOutput[]> {
    const { db, wire, config } = this.#bridge;
    if (wire === null) return [];
    const found = listMaturedDeposits(db, heightMax, config.policy.depositMinSats, OUTPUTS_MAX).flatMap(sweptOf);
    const isMinted = await askAll(found, ({ txid, vout }) => this.#isMinted(wire, { txid, vout }));
    const minted = found.filter((_, index) => isMinted[index] === true);
    this.#finalMints = new Set(minted.map(outpointName));
    return minted;
  }

  async #isMinted(wire: WireLedger, outpoint: Outpoint): Promise<boolean> {
    if (this.#finalMints.has(outpointName(outpoint))) return true;
    try {
      return (await finalMint(wire, outpoint, this.#bridge.config.wireConfirmations)) === 'final';
    } catch (error) {
      if (error instanceof WireLedgerError) return false;
      throw error;
    }
  }
}

function sweptOf({ txid, vout, amount, leaf: stored }: Utxo): readonly SweptOutput[] {
  const leaf = parseLeaf(stored);
  return leaf?.kind === 'deposit' || leaf?.kind === 'treasury' ? [{ txid, vout, amount, leaf }] : [];
}
