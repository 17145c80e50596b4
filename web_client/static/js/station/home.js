import * as api from "../lib/api.js";
import { listDevices } from "../lib/devices.js";
import { groupWords, waitWords } from "../lib/format.js";
import { t, timeOf } from "../lib/i18n.js";
import { chip, h, refs, setText, show, stamp } from "../ui/dom.js";
import { announce, facts, icon, press, setState, toast } from "../ui/shell.js";
import { uploadKeptVisits } from "./kept-visits.js";
import { visitAction, visitChip, visitOrder } from "./visit-row.js";

/** @typedef {import("../room/workspace.js").Workspace} Workspace */
/** @typedef {import("../ui/router.js").View} View */
/** @typedef {import("./visit-row.js").VisitRow} VisitRow */

const REFRESH_MS = 30_000;

/**
 * Station home: whether a lawyer can be called, the next visitor, today's visits.
 * @param {Workspace} workspace @param {(path: string) => void} go
 * @param {import("../account/recording-consent.js").RecordingConsent} consent @returns {View}
 */
export function openHome(workspace, go, consent) {
  const { live } = workspace;
  const element = stamp("view-home");
  const at = refs(element);
  const ending = new AbortController();
  const read = () => readVisits(at, go, ending.signal);
  at.start.addEventListener("click", () => go("/station/visit/new"));
  at.list.querySelector("[data-action=again]")?.addEventListener("click", read);
  document.addEventListener("keydown", event => {
    if (event.key !== "F2") return;
    event.preventDefault();
    go("/station/visit/new");
  }, { signal: ending.signal });
  const back = () => void uploadKept(read).then(read);
  addEventListener("online", back, { signal: ending.signal });
  document.addEventListener("lawlink:online", back, { signal: ending.signal });
  const undo = [
    live.on("line", () => showLine(at, live.line)),
    live.on("state", () => showLine(at, live.line)),
    live.on("consultation", read),
    workspace.socket.on("hello", back),
    watchConnection(workspace, at),
    consent.atHome(at.recording_consent),
  ];
  const timer = setInterval(() => document.hidden || void read(), REFRESH_MS);
  showLine(at, live.line);
  setState(at.list, "loading");
  void read();
  void uploadKept(read);
  void showDevices(at);
  return {
    element,
    title: t("工作台"),
    close() {
      ending.abort();
      clearInterval(timer);
      undo.forEach(off => off());
    },
  };
}

/** @param {() => Promise<void>} read */
async function uploadKept(read) {
  const uploaded = await uploadKeptVisits(localStorage, sessionStorage, facts.viewer?.account ?? "");
  if (!uploaded) return;
  toast(t("断网时填的 {n} 份登记已存好。", { n: uploaded }));
  await read();
}

/** @param {Record<string, any>} at @param {import("../lib/format.js").LineSummary | null} line */
function showLine(at, line) {
  if (!line) return;
  const open = line.open;
  at.strip.className = `strip ${open ? "ok" : "wait"}`;
  const words = [h("b", {}, open ? t("可以呼叫律师。") : t("现在没有律师值班。")), lineWords(line)];
  const before = at.strip.dataset.open;
  at.strip.replaceChildren(
    icon(open ? "tick" : "clock"),
    h("p", {}, ...words),
    h("span", { class: "right-side small mute" }, t("{time} 更新", { time: timeOf(line.at) })),
  );
  at.strip.dataset.open = String(open);
  if (before !== undefined && before !== String(open)) announce(open ? t("现在可以呼叫律师了。") : t("现在没有律师值班了。"));
}

/** @param {import("../lib/format.js").LineSummary} line */
function lineWords(line) {
  if (!line.open) return t("登记照常填，存成草稿；急事请打 12348。");
  return t("{n} 位律师在岗，", { n: line.lawyers_on_duty }) + waitWords(line);
}

/** @param {Workspace} workspace @param {Record<string, any>} at */
function watchConnection({ socket }, at) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const off = socket.on("status", state => {
    clearTimeout(timer);
    if (state === "open") show(at.offline, false);
    else timer = setTimeout(() => show(at.offline, true), 3_000);
  });
  return () => {
    off();
    clearTimeout(timer);
  };
}

/** @param {Record<string, any>} at @param {(path: string) => void} go @param {AbortSignal} signal */
async function readVisits(at, go, signal) {
  try {
    const { org, visits } = /** @type {any} */ (await api.get("/api/station", { signal }));
    setText(at.offline_phone, org.phone ? t("急事请用电话：{phone}", { phone: org.phone }) : "");
    showVisits(at, visits, go);
  } catch {
    if (!signal.aborted) setState(at.list, "error");
  }
}

/** @param {Record<string, any>} at @param {VisitRow[]} visits @param {(path: string) => void} go */
function showVisits(at, visits, go) {
  show(at.count, visits.length > 0);
  setText(at.count, t("{n} 人", { n: visits.length }));
  setState(at.list, visits.length ? "ready" : "empty");
  const rows = visitOrder(visits).map(visit => visitRow(visit, at, go));
  // Focus on a row's link must survive a refresh that changed nothing.
  const before = at.rows.innerHTML;
  const fresh = h("tbody", {}, ...rows);
  if (fresh.innerHTML !== before) at.rows.replaceChildren(...fresh.children);
}

/** @param {VisitRow} visit @param {Record<string, any>} at @param {(path: string) => void} go */
function visitRow(visit, at, go) {
  const name = visit.name_masked || t("身份不出示（{no} 号）", { no: visit.no });
  const tags = groupWords(visit.groups).map(word => h("span", { class: "tag" }, word));
  const { look, icon: sign, text } = visitChip(visit);
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, name, " ", ...tags.flatMap(tag => [tag, " "])),
    h("td", { "data-l": t("事项") }, visit.category_name || t("还没选")),
    h("td", { "data-l": t("时间") }, timeOf(visit.at)),
    h("td", { "data-l": t("状态") }, chip(look, sign, text)),
    h("td", { class: "n acts" }, h("span", { class: "row tight" }, ...actions(visit, name, at, go))),
  );
}

/** @param {VisitRow} visit @param {string} name @param {Record<string, any>} at @param {(path: string) => void} go */
function actions(visit, name, at, go) {
  const found = visitAction(visit).map(({ href, text, icon: sign }) => {
    const label = h("span", { class: "sr" }, t("（{name}）", { name }));
    return h("a", { class: "btn", href }, ...(sign ? [icon(sign)] : []), text, label);
  });
  if (visit.state === "draft") found.push(deleteButton(visit, name, at, go));
  return found;
}

/** @param {VisitRow} visit @param {string} name @param {Record<string, any>} at @param {(path: string) => void} go */
function deleteButton(visit, name, at, go) {
  const button = h("button", { class: "btn quiet", type: "button" }, icon("x"), h("span", { class: "sr" }, t("删除草稿：{name}", { name })));
  button.addEventListener("click", () =>
    press(button, "", async () => {
      const done = await attempt(() => api.del(`/api/visits/${visit.id}`, { key: api.newKey() }));
      if (!done) return;
      await readVisits(at, go, new AbortController().signal);
      toast(t("草稿已删"), { action: t("撤销"), onAction: () => void restore(visit, at, go) });
    }),
  );
  return button;
}

/** @param {VisitRow} visit @param {Record<string, any>} at @param {(path: string) => void} go */
async function restore(visit, at, go) {
  await attempt(() => api.post(`/api/visits/${visit.id}/restore`, { key: api.newKey() }));
  await readVisits(at, go, new AbortController().signal);
}

/** @param {() => Promise<unknown>} work @returns {Promise<boolean>} */
async function attempt(work) {
  try {
    await work();
    return true;
  } catch (error) {
    toast(error instanceof api.ApiError ? error.text : t("没有做成，请再试一次。"), { icon: "warn" });
    return false;
  }
}

/** Plugged in or not; whether they work is the device check's business. @param {Record<string, any>} at */
async function showDevices(at) {
  const { cameras, microphones } = await listDevices();
  const word = (/** @type {boolean} */ found) => (found ? chip("ok", "check", t("已连接")) : chip("wait", "warn", t("没找到")));
  at.camera.replaceChildren(word(cameras.length > 0));
  at.microphone.replaceChildren(word(microphones.length > 0));
  at.document.replaceChildren(cameras.length > 1 ? word(true) : chip("off", "half", t("没接")));
}
