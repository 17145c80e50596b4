// What is asked once after a log-in, and not again in this tab until the next one.

const LATER = "lawlink.recording-consent.later";

/** @param {Pick<Storage, "getItem">} storage */
export const putOff = (storage) => storage.getItem(LATER) !== null;

/** Not now. @param {Pick<Storage, "setItem">} storage */
export const putOffUntilLogIn = (storage) => storage.setItem(LATER, "1");

/** Somebody has logged in. @param {Pick<Storage, "removeItem">} storage */
export const askAgain = (storage) => storage.removeItem(LATER);
