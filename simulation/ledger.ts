// The simulated Wire ledger: burns that grow older, and mints, each of which needs the federation's signature. Nodes see
// burns with a lag of their own.
import { type WireBurn, type WireLedger, WireLedgerError, type WireMint } from '../chain/wire-ledger.ts';
import { encodeAttestation, verifyAttestation } from '../crypto/attestation.ts';
import type { Ask } from './chain-view.ts';

/** A burn without what changes with time. */
export type Burn = Omit<WireBurn, 'seq' | 'height' | 'confirmations'>;

const FIRST_HEIGHT = 1_000;

export class SimulatedLedger {
  readonly burns: WireBurn[] = [];
  readonly minted = new Map<string, Omit<WireMint, 'confirmations'>>();
  readonly #publicKey: Uint8Array;
  readonly #nowS: () => bigint;
  height = FIRST_HEIGHT;

  constructor(attestationKey: Uint8Array, nowS: () => bigint) {
    this.#publicKey = attestationKey;
    this.#nowS = nowS;
  }

  burn(burn: Burn): WireBurn {
    const made = { ...burn, seq: this.burns.length + 1, height: this.height, confirmations: 1 };
    this.burns.push(made);
    return made;
  }

  /** How deep the mint of a deposit is for a node that lags so many blocks behind; 0 where there is none. */
  mintedFor(outpoint: string, lag: number): number {
    return this.#mintSeen(outpoint, lag)?.confirmations ?? 0;
  }

  /** The burns as a node sees them that lags so many blocks behind. */
  seen(lag: number): readonly WireBurn[] {
    return this.burns
      .map((burn) => ({ ...burn, confirmations: this.height - lag - burn.height + 1 }))
      .filter(({ confirmations }) => confirmations > 0);
  }

  /** The ledger as one node's own Wire nodes tell it. */
  viewOf(state: { readonly lag: number; readonly isDown: boolean }, ask: Ask): WireLedger {
    const told = <T>(what: string, answer: () => T): Promise<T> =>
      ask(what, () => {
        if (state.isDown) throw new WireLedgerError('no Wire node answers');
        return answer();
      });
    return {
      status: () =>
        told('wire status', () => ({
          network: 'regtest',
          height: this.height - state.lag,
          lastBurnSeq: this.seen(state.lag).length,
        })),
      burns: (after, limit) =>
        told('burns', () =>
          this.seen(state.lag)
            .filter(({ seq }) => seq > after)
            .slice(0, limit),
        ),
      burn: (burnTxid) => told('burn', () => this.seen(state.lag).find((burn) => burn.burnTxid === burnTxid) ?? null),
      mint: (txid, vout) => told('mint', () => this.#mintSeen(`${txid}:${vout}`, state.lag)),
      postMint: (attestation) =>
        ask('post mint', () => {
          if (state.isDown) return { ok: false, reason: 'wire_unavailable', detail: 'no Wire node answers' };
          return this.#mint(attestation);
        }),
    };
  }

  #mintSeen(outpoint: string, lag: number): WireMint | null {
    const mint = this.minted.get(outpoint);
    if (mint === undefined) return null;
    const confirmations = this.height - lag - mint.height + 1;
    return confirmations > 0 ? { ...mint, confirmations } : null;
  }

  #mint(attestation: Parameters<WireLedger['postMint']>[0]): Awaited<ReturnType<WireLedger['postMint']>> {
    const refused = (code: string) => ({ ok: false, reason: 'mint_refused', code, detail: code }) as const;
    const json = encodeAttestation(attestation);
    const name = `${attestation.depositTxid}:${attestation.depositVout}`;
    const before = this.minted.get(name)?.attestation;
    if (before !== undefined) {
      const isSame = before.recipient_pubkey_hash === json.recipient_pubkey_hash && before.amount === json.amount;
      return isSame ? { ok: true, already: true } : refused('already_minted');
    }
    if (attestation.expiry <= this.#nowS()) return refused('expired');
    if (!verifyAttestation('mint', attestation, this.#publicKey)) return refused('bad_signature');
    this.minted.set(name, { attestation: json, height: this.height });
    return { ok: true, already: false };
  }
}
