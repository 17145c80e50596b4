// Sets a password with the administrator's one-time link; the token is the last part of the path.
import * as api from "../lib/api.js";
import { t } from "../lib/i18n.js";
import { byId, facts, press, setState } from "../ui/shell.js";

const SHORTEST = 10;
const main = byId("main");

/** @param {string} text @param {HTMLElement} field */
function showFailure(text, field) {
  byId("failed-text").textContent = text;
  byId("failed").hidden = false;
  field.focus();
}

async function setPassword() {
  const password = byId("password");
  if ([...password.value].length < SHORTEST) return showFailure(t("太短了，至少 {n} 个字符。", { n: SHORTEST }), password);
  if (password.value !== byId("again").value) return showFailure(t("两遍填得不一样，请再填一遍。"), byId("again"));
  try {
    await api.post("/api/password", { token: facts.subject, password: password.value }, { stay: true });
    setState(main, "done");
    byId("done").focus();
  } catch (error) {
    if (!(error instanceof api.ApiError)) throw error;
    if (["not_found", "conflict", "unauthenticated", "denied"].includes(error.code)) {
      setState(main, "spent");
      byId("spent").focus();
    } else {
      showFailure(error.fields.password ?? error.text, password);
    }
  }
  return undefined;
}

byId("set").addEventListener("submit", (/** @type {SubmitEvent} */ event) => { event.preventDefault(); press(byId("submit"), t("正在设"), setPassword); });
byId("reveal").addEventListener("click", () => {
  const hidden = byId("password").type === "password";
  for (const id of ["password", "again"]) byId(id).type = hidden ? "text" : "password";
  byId("reveal").setAttribute("aria-pressed", String(hidden));
});
setState(main, "asking");
byId("password").focus();
