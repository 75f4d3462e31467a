// The accounts database, kept open while the web admin is served: every request asks who is signed in. Where the file is another one
// than before, as after a restore, it is opened anew.
import { statSync } from 'node:fs';
import type { Queries } from '../../store/database.ts';
import { databasePath, openUsers, type Store } from '../../store/open.ts';

/** The open accounts database of a path. */
export class OpenUsers {
  readonly #path: string;
  #open: { readonly store: Store; readonly file: bigint } | null = null;

  constructor(path: string) {
    this.#path = path;
  }

  /** The database; null where there is none and none is to be made. Throws StoreError where it cannot be used. */
  open(create: boolean): Queries | null {
    const file = this.#file();
    if (this.#open !== null && this.#open.file === file) return this.#open.store.db;
    this.close();
    const store = openUsers(this.#path, { create });
    const made = this.#file();
    if (store === null || made === null) return null;
    this.#open = { store, file: made };
    return store.db;
  }

  close(): void {
    this.#open?.store.close();
    this.#open = null;
  }

  // Tells files apart; null where there is none.
  #file(): bigint | null {
    return statSync(databasePath(this.#path), { bigint: true, throwIfNoEntry: false })?.ino ?? null;
  }
}
