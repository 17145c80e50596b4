// Asks 「调阅事由」 in its dialog and hands it to whoever opens the replay or record.
import { ApiError } from "../lib/api.js";
import { t } from "../lib/i18n.js";
import { byId, openDialog, press, setState } from "../ui/shell.js";

const SHORTEST = 10;

/**
 * Opens the dialog; `open(reason)` is called with a long enough reason and may throw ApiError, whose text is then shown.
 * @param {{title: string, kind: "replay" | "record", open: (reason: string) => Promise<void>}} options
 * @returns {Promise<string>} "" when it was closed without opening anything
 */
export function askReason({ title, kind, open }) {
  const dialog = byId("reason-dialog");
  const field = byId("reason");
  byId("reason-title").textContent = title;
  field.value = "";
  showError("");
  setState(dialog, kind);
  const submit = async () => {
    const reason = field.value.trim();
    if ([...reason].length < SHORTEST) {
      showError(t("再写具体些，至少 {n} 个字。", { n: SHORTEST }));
      return;
    }
    try {
      await open(reason);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      showError(error.fields.reason ?? error.text);
    }
  };
  byId("reason-form").onsubmit = (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    press(byId("reason-go"), t("正在打开"), submit);
  };
  const closed = openDialog(dialog);
  field.focus();
  return closed;
}

/** @param {string} text */
function showError(text) {
  byId("reason-error-text").textContent = text;
  byId("reason-error").hidden = text === "";
  byId("reason-field").classList.toggle("bad", text !== "");
  byId("reason").setAttribute("aria-invalid", String(text !== ""));
  if (text) byId("reason").focus();
}
