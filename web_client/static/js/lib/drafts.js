import { realTimers } from "./timers.js";

/** @typedef {import("./timers.js").Timers} Timers */
/** @typedef {Record<string, unknown>} Fields */

export const SAVE_AFTER_MS = 1_000;
export const KEPT_MS = 24 * 3600 * 1000;
/** Identity numbers never rest on this computer. */
const NEVER_LOCAL = ["id_number"];
const PREFIX = "lawlink.draft.";

/** @typedef {Pick<Storage, "getItem" | "setItem" | "removeItem">} DraftStorage */

/**
 * Keeps a form's content: to the server 1 s after typing stops, to this computer when that fails or the page goes away.
 *
 * `save` stores on the server and rejects when it could not; `changed` hears "saving", "saved" or "local".
 */
export class DraftKeeper {
  /** @type {Fields | null} */
  #dirty = null;
  /** @type {unknown} */
  #timer = null;
  /** @type {Promise<void>} */
  #saving = Promise.resolve();

  /**
   * @param {object} options
   * @param {(fields: Fields) => Promise<unknown>} options.save
   * @param {DraftStorage} options.storage
   * @param {string} options.account
   * @param {string} options.form
   * @param {(state: "saving" | "saved" | "local") => void} [options.changed]
   * @param {Timers} [options.timers]
   * @param {() => number} [options.wallClock]
   */
  constructor({ save, storage, account, form, changed = () => {}, timers = realTimers, wallClock = Date.now }) {
    this.save = save;
    this.storage = storage;
    this.name = `${PREFIX}${account}.${form}`;
    this.changed = changed;
    this.timers = timers;
    this.wallClock = wallClock;
  }

  get dirty() {
    return this.#dirty !== null;
  }

  /** The form has changed. @param {Fields} fields */
  touch(fields) {
    this.#dirty = fields;
    this.timers.cancel(this.#timer);
    this.#timer = this.timers.after(SAVE_AFTER_MS, () => void this.flush());
  }

  /** Saves now; resolves when it is stored on the server or, failing that, here. */
  flush() {
    this.timers.cancel(this.#timer);
    this.#saving = this.#saving.then(() => this.#store());
    return this.#saving;
  }

  async #store() {
    const fields = this.#dirty;
    if (!fields) return;
    this.changed("saving");
    try {
      await this.save(fields);
      if (this.#dirty === fields) this.#dirty = null;
      this.storage.removeItem(this.name);
      this.changed("saved");
    } catch {
      this.keepHere(fields);
      this.changed("local");
    }
  }

  /** To this computer, at once (the page is going away). @param {Fields | null} [fields] */
  keepHere(fields = this.#dirty) {
    if (!fields) return;
    const kept = Object.fromEntries(Object.entries(fields).filter(([name]) => !NEVER_LOCAL.includes(name)));
    this.storage.setItem(this.name, JSON.stringify({ at: this.wallClock(), fields: kept }));
  }

  /** What an earlier page kept here and could not upload, unless older than 24 h. @returns {Fields | null} */
  kept() {
    const text = this.storage.getItem(this.name);
    if (!text) return null;
    const { at, fields } = JSON.parse(text);
    if (this.wallClock() - at <= KEPT_MS) return fields;
    this.storage.removeItem(this.name);
    return null;
  }

  /** The form has got another name: what is kept here from now on is kept under it. @param {string} account @param {string} form */
  rename(account, form) {
    this.storage.removeItem(this.name);
    this.name = `${PREFIX}${account}.${form}`;
  }

  /** The form is done: forget everything not yet saved. */
  discard() {
    this.timers.cancel(this.#timer);
    this.#dirty = null;
    this.storage.removeItem(this.name);
  }
}

/**
 * Every form of an account that is kept on this computer, e.g. to upload it.
 * @param {DraftStorage & Pick<Storage, "key" | "length">} storage @param {string} account @returns {string[]} form names
 */
export function keptForms(storage, account) {
  const prefix = `${PREFIX}${account}.`;
  const names = Array.from({ length: storage.length }, (_, n) => storage.key(n) ?? "");
  return names.filter(name => name.startsWith(prefix)).map(name => name.slice(prefix.length));
}
