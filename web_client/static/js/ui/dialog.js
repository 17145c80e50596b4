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
    const answer = openDialog(dialog);
    // Focus goes to the title or the safe button; a long text still begins at its beginning.
    dialog.scrollTop = 0;
    return await answer;
  } finally {
    dialog.remove();
  }
}
