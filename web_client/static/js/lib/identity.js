import { newKey } from "./api.js";

/** @typedef {Pick<Storage, "getItem" | "setItem" | "removeItem">} IdentityStorage */

const NAME = "lawlink.window";

/**
 * Who this window is to the server. It is taken out of the storage on load and put back on unload: a duplicated tab copies
 * the storage while it is empty, so two windows never share an identity.
 */
export class WindowIdentity {
  /** @type {string | null} */
  resume = null;
  window = newKey();

  /** @param {IdentityStorage} storage sessionStorage */
  constructor(storage) {
    this.storage = storage;
    const kept = storage.getItem(NAME);
    storage.removeItem(NAME);
    if (kept) ({ window: this.window, resume: this.resume } = JSON.parse(kept));
  }

  /** The page is going away; the next one in this window may carry on. */
  leave() {
    this.storage.setItem(NAME, JSON.stringify({ window: this.window, resume: this.resume }));
  }

  /** The page has come back (from the back-forward cache). */
  returned() {
    this.storage.removeItem(NAME);
  }
}
