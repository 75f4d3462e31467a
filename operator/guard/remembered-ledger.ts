// The own Wire nodes as they answered, for as long as a node catches up: the versions of one payout name the same burns and
// coins, and each is asked for once. What could not be answered is asked again.

import type { WireLedger } from '../../chain/wire-ledger.ts';

/** A ledger that asks each question about a burn, a mint or the state once. */
export function rememberedLedger(wire: WireLedger): WireLedger {
  const burn = once((burnTxid: string) => wire.burn(burnTxid));
  const mint = once((outpoint: string) => {
    const [txid = '', vout = ''] = outpoint.split(':');
    return wire.mint(txid, Number(vout));
  });
  const status = once((_: '') => wire.status());
  return {
    burn,
    mint: (txid, vout) => mint(`${txid}:${vout}`),
    status: () => status(''),
    burns: (after, limit) => wire.burns(after, limit),
    postMint: (attestation) => wire.postMint(attestation),
  };
}

function once<Name extends string, Answer>(ask: (name: Name) => Promise<Answer>): (name: Name) => Promise<Answer> {
  const answers = new Map<Name, Promise<Answer>>();
  return (name) => {
    const known = answers.get(name);
    if (known !== undefined) return known;
    const answer = ask(name);
    answers.set(name, answer);
    answer.catch(() => answers.delete(name));
    return answer;
  };
}
