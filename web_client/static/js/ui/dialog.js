import { openDialog } from "./shell.js";
import { stamp } from "./dom.js";

/** Presses made while a dialog is opening are dropped (UX.md, 7). */
const SETTLE_MS = 400;

/**
 * Opens a dialog whose buttons cannot be pressed for the first 400 ms, so that typing or a second press answers nothing.
 * @param {HTMLDialogElement} dialog @param {{escape?: boolean}} [options]
 * @returns {Promise<string>} the value of the button that closed it, "" for Esc
 */
export function ask(dialog, options = {}) {
  const foot = dialog.querySelector(".dialog-foot");
  foot?.setAttribute("role", "group");
  foot?.setAttribute("aria-disabled", "true");
  setTimeout(() => foot?.removeAttribute("aria-disabled"), SETTLE_MS);
  return openDialog(dialog, options);
}

/**
 * Stamps a dialog out of a template, asks, and takes it away again.
 * @param {string} template @param {(dialog: HTMLDialogElement) => void} [prepare] fills it before it opens
 * @returns {Promise<string>}
 */
export async function askOnce(template, prepare = () => {}) {
  const dialog = /** @type {HTMLDialogElement} */ (stamp(template));
  prepare(dialog);
  document.body.append(dialog);
  try {
    return await ask(dialog);
  } finally {
    dialog.remove();
  }
}
