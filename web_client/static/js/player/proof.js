// The integrity result: its chip, the banner when it failed, and the dialog with its four lines.
import * as api from "../lib/api.js";
import { momentOf, t } from "../lib/i18n.js";
import { byId, icon, openDialog, press } from "../ui/shell.js";

/** @typedef {import("./manifest.js").Check} Check */

/** @param {string} replayId @param {Check | null} known */
export async function startProof(replayId, known) {
  const path = `/api/audit/replays/${replayId}/check`;
  byId("proof-open").addEventListener("click", () => openDialog(byId("proof")));
  byId("proof-again").addEventListener("click", () => press(byId("proof-again"), t("正在校验"), () => check(path)));
  if (known) show(known);
  else await check(path);
}

/** @param {string} path */
async function check(path) {
  try {
    show(await api.post(path));
  } catch (error) {
    if (!(error instanceof api.ApiError)) throw error;
    chip("wait", "info", t("还没校验成"));
    byId("proof-lines").replaceChildren(line(false, t("校验没有做成"), error.text));
    byId("proof-open").hidden = false;
  }
}

/** @param {Check} result */
function show(result) {
  const words = result.ok ? t("完整性校验通过") : t("完整性校验未通过");
  chip(result.ok ? "ok" : "bad", result.ok ? "shield" : "shieldx", words);
  byId("proof-at").textContent = t("校验于 {time}", { time: momentOf(result.at) });
  byId("proof-lines").replaceChildren(...result.lines.map((l) => line(l.ok, l.label, l.detail)));
  byId("proof-open").hidden = false;
  byId("broken").hidden = result.ok;
  if (!result.ok) showBroken(result);
}

/** @param {Check} result */
function showBroken(result) {
  const unreadable = result.verdict === "unreadable";
  byId("broken-title").textContent = unreadable ? t("封存的内容读不全") : t("内容和封存时不一样");
  const first = result.lines.find((l) => !l.ok);
  byId("broken-text").textContent = (first ? t("{label}：{detail}。", { label: first.label, detail: first.detail.replace(/。$/, "") }) : "") + t("可以看，不能作证据用。请告诉档案员。");
}

/** @param {string} style @param {string} name @param {string} words */
function chip(style, name, words) {
  byId("verdict").className = `chip ${style} pl-ok`;
  byId("verdict").replaceChildren(icon(name), words);
}

/** @param {boolean} ok @param {string} label @param {string} detail */
function line(ok, label, detail) {
  const row = document.createElement("li");
  const words = document.createElement("div");
  words.className = "grow";
  const title = document.createElement("b");
  title.textContent = label;
  const small = document.createElement("div");
  small.className = "small mute";
  small.textContent = detail;
  words.append(title, small);
  row.append(icon(ok ? "tick" : "warn"), words);
  if (!ok) row.className = "proof-bad";
  return row;
}
