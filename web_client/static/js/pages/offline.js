// Shown by the service worker when a page cannot be fetched: tries again by itself and leaves when the line is back.
import { t } from "../lib/i18n.js";
import { byId, press, stopNetworkProbe } from "../ui/shell.js";

const EVERY_S = 10;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

async function tryAgain() {
  clearTimeout(timer);
  try {
    const answer = await fetch("/healthz", { cache: "no-store", signal: AbortSignal.timeout(5000) });
    if (!answer.ok) throw new Error(String(answer.status));
    leave();
  } catch {
    wait(EVERY_S);
  }
}

/** The worker shows this page under the address that was asked for; opened by its own address it leads home. */
function leave() {
  if (location.pathname === "/offline") location.replace("/");
  else location.reload();
}

/** @param {number} left */
function wait(left) {
  byId("next").textContent = t("{left} 秒后自动再连。连上以后，这一页自己会离开。", { left });
  timer = setTimeout(() => (left > 1 ? wait(left - 1) : tryAgain()), 1000);
}

byId("now").addEventListener("click", () => press(byId("now"), t("正在连"), tryAgain));
addEventListener("online", tryAgain);
stopNetworkProbe();
wait(EVERY_S);
