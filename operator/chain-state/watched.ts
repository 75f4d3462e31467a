// What the scan looks for: the custody scripts of the key in use, and the spending of every output that was ever found and
// of what funds the treasury line. It grows as recipients are registered and outputs come in, whoever wrote them down.

import { WatchList } from '../../chain/block-scan.ts';
import { fromHex } from '../../crypto/bytes.ts';
import { type CustodyLeaf, custodyScript } from '../../crypto/taproot.ts';
import { PAGE_ROWS_MAX, type Queries } from '../../store/database.ts';
import { listRecipientsAfter } from '../../store/recipients.ts';
import { loadFunding } from '../../store/treasury-funding.ts';
import { listOutpointsAfter } from '../../store/utxos.ts';
import type { FederationKey } from '../keys/keys.ts';

/** Each script with its kind, and each output whose spending is awaited. */
export type WatchedList = WatchList<CustodyLeaf['kind'], true>;

/** The list of one node. */
export class Watched {
  readonly #db: Queries;
  #keyId = '';
  #list: WatchedList = new WatchList();
  #recipients = 0;
  #outpoints = 0;
  #funding = '';

  constructor(db: Queries) {
    this.#db = db;
  }

  /** The list as it is now. */
  list(key: FederationKey): WatchedList {
    if (this.#keyId !== key.keyId) this.#begin(key);
    this.#watchFunding();
    for (;;) {
      const rows = listRecipientsAfter(this.#db, this.#recipients, PAGE_ROWS_MAX);
      for (const { place, script } of rows) {
        this.#list.watchScript(fromHex(script), 'deposit');
        this.#recipients = place;
      }
      if (rows.length < PAGE_ROWS_MAX) break;
    }
    for (;;) {
      const rows = listOutpointsAfter(this.#db, this.#outpoints, PAGE_ROWS_MAX);
      for (const { place, txid, vout } of rows) {
        this.#list.watchOutpoint({ txid, vout }, true);
        this.#outpoints = place;
      }
      if (rows.length < PAGE_ROWS_MAX) return this.#list;
    }
  }

  #begin(key: FederationKey): void {
    this.#keyId = key.keyId;
    this.#list = new WatchList();
    this.#recipients = 0;
    this.#outpoints = 0;
    this.#funding = '';
    this.#list.watchScript(custodyScript(key.bitcoin.publicKey, { kind: 'treasury' }).scriptPubKey, 'treasury');
  }
  #watchFunding(): void {
    const funding = loadFunding(this.#db);
    if (funding === null || funding.root.txid === this.#funding) return;
    this.#funding = funding.root.txid;
    for (const input of funding.inputs) this.#list.watchOutpoint(input, true);
  }
}
