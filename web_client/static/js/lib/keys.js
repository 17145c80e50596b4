import { newKey } from "./api.js";

/**
 * A key that survives a reload of the same form, so that reloading cannot act twice (PROTOCOL.md, "Idempotency").
 * @param {Pick<Storage, "getItem" | "setItem">} storage
 * @param {string} form names the form, e.g. `call:<visit_id>`
 */
export function keptKey(storage, form) {
  const name = `lawlink.key.${form}`;
  const kept = storage.getItem(name);
  if (kept) return kept;
  const key = newKey();
  storage.setItem(name, key);
  return key;
}

/** The form has done its work; the next one gets a key of its own.
 * @param {Pick<Storage, "removeItem">} storage @param {string} form */
export function dropKey(storage, form) {
  storage.removeItem(`lawlink.key.${form}`);
}
