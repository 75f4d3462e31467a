// A Wire ledger held in memory, for tests of what is validated on it.
import { type WireBurn, type WireLedger, WireLedgerError } from '../../chain/wire-ledger.ts';

export interface FakeLedger extends WireLedger {
  readonly known: WireBurn[];
  unavailable: boolean;
}

export function fakeLedger(network: string, ...known: WireBurn[]): FakeLedger {
  const fake: FakeLedger = {
    known,
    unavailable: false,
    async status() {
      if (fake.unavailable) throw new WireLedgerError('no Wire node answers');
      return { network, height: 9, lastBurnSeq: known.length };
    },
    burns: async (after, limit) => known.filter((burn) => burn.seq > after).slice(0, limit),
    burn: async (burnTxid) => known.find((burn) => burn.burnTxid === burnTxid) ?? null,
    postMint: async () => ({ ok: false, reason: 'wire_unavailable', detail: 'a fake mints nothing' }),
    mint: async () => null,
  };
  return fake;
}
