import { stamp } from "./dom.js";
import { openDialog } from "./shell.js";

/**
 * Stamps a dialog out of a template, asks, and takes it away again.
 * @param {string} template @param {(dialog: HTMLDialogElement) => void} [prepare] fills it before it opens
 * @returns {Promise<string>} the value of the button that closed it, "" for Esc
 */
export async function askOnce(template, prepare = () => {}) {
  const dialog = /** @type {HTMLDialogElement} */ (stamp(template));
  prepare(dialog);
  document.body.append(dialog);
  try {
    return await openDialog(dialog);
  } finally {
    dialog.remove();
  }
}
