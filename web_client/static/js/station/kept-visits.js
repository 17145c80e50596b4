import * as api from "../lib/api.js";
import { DraftKeeper, keptForms } from "../lib/drafts.js";
import { dropKey, keptKey } from "../lib/keys.js";

/** Names the idempotency key of the visit being begun in this window. */
export const NEW_VISIT = "visit";
const NEW_FORM = "visit.new.";

/** A new visit is kept under its own key, so that two begun without a network stay two. @param {Storage} storage */
export const newForm = storage => NEW_FORM + keptKey(storage, NEW_VISIT);

/**
 * Stores a new visit. A key used before means that an earlier try did arrive, with other words in it: better two drafts
 * than lost words.
 * @param {string} key @param {object} fields @returns {Promise<any>} Visit
 */
export async function createVisit(key, fields) {
  try {
    return await api.post("/api/visits", { key, ...fields });
  } catch (error) {
    if (!(error instanceof api.ApiError) || error.fields.key !== "used") throw error;
    return api.post("/api/visits", { key: api.newKey(), ...fields });
  }
}

/**
 * Uploads what earlier pages of this account had to keep on this computer; what cannot be uploaded now stays.
 * @param {Storage} storage localStorage @param {Storage} session holds the key of a visit being begun @param {string} account
 * @returns {Promise<number>} how many drafts reached the server
 */
export async function uploadKeptVisits(storage, session, account) {
  let uploaded = 0;
  for (const form of keptForms(storage, account)) {
    if (!form.startsWith("visit.")) continue;
    const draft = new DraftKeeper({ save: fields => upload(form, fields), storage, account, form });
    const fields = draft.kept();
    if (!fields) continue;
    draft.touch(fields);
    await draft.flush();
    if (draft.dirty) continue;
    uploaded += 1;
    if (form === newForm(session)) dropKey(session, NEW_VISIT);
  }
  return uploaded;
}

/** @param {string} form @param {Record<string, unknown>} fields */
async function upload(form, fields) {
  if (form.startsWith(NEW_FORM)) {
    await createVisit(form.slice(NEW_FORM.length), fields);
    return;
  }
  const id = form.slice("visit.".length);
  const { state, version } = /** @type {any} */ (await api.get(`/api/visits/${id}`));
  // Called or done meanwhile: the server's version is the one that counts.
  if (state === "draft") await api.put(`/api/visits/${id}`, { version, ...fields });
}
