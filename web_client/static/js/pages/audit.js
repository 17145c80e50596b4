// Search over closed consultations; 「回放」 and 「看记录」 ask for a reason first.
import { askReason } from "../audit/reason.js";
import * as api from "../lib/api.js";
import { clock, momentOf, t, tn } from "../lib/i18n.js";
import { all, announce, byId, icon, press, setState } from "../ui/shell.js";

const SLOW_WORDS_MS = 5000;
const GRADES = { 5: () => t("非常满意"), 4: () => t("满意"), 3: () => t("基本满意"), 2: () => t("不满意"), 1: () => t("非常不满意"), declined: () => t("不评价") };
const RECORDINGS = {
  sealed: { style: "ok", icon: "shield", word: () => t("已封存") },
  incomplete: { style: "wait", icon: "info", word: () => t("已封存，有缺口") },
  recording: { style: "wait", icon: "clock", word: () => t("录制中") },
  closing: { style: "wait", icon: "clock", word: () => t("正在封存") },
  remuxing: { style: "wait", icon: "clock", word: () => t("正在封存") },
  failed: { style: "bad", icon: "warn", word: () => t("没录成") },
  withdrawn: { style: "off", icon: "half", word: () => t("中途停止录制") },
  none: { style: "off", icon: "half", word: () => t("未录制") },
};

/** @type {HTMLFormElement} */
const form = byId("search");
const results = byId("results");
/** @type {string | null} */
let next = null;
/** Only the newest search may paint. */
let turn = 0;

/** @returns {URLSearchParams} the filled fields */
function query() {
  const filled = [...new FormData(form)].filter(([, value]) => String(value).trim() !== "");
  return new URLSearchParams(filled.map(([name, value]) => [name, String(value).trim()]));
}

/** @param {any} hit */
function row(hit) {
  const line = /** @type {HTMLElement} */ (byId("row").content.firstElementChild.cloneNode(true));
  const slot = (/** @type {string} */ name) => all(`[data-f="${name}"]`, line)[0];
  slot("case_no").textContent = hit.case_no;
  slot("case_no").id = `case-${hit.consultation_id}`;
  slot("time").textContent = hit.started_at ? momentOf(hit.started_at) : t("没有接通");
  slot("visitor").textContent = hit.visitor_masked || t("未提供姓名");
  slot("place").textContent = [hit.street, hit.lawyer].filter(Boolean).join(" · ");
  slot("category").textContent = hit.category_name ?? "";
  slot("length").textContent = hit.duration_s === null ? "" : clock(hit.duration_s);
  slot("evaluation").textContent = GRADES[/** @type {keyof typeof GRADES} */ (hit.evaluation)]?.() ?? t("还没评价");
  // Barred from replay until the archivist has decided: no reason an auditor could give opens it.
  const withdrawn = hit.recording !== null && hit.consent === "withdrawn";
  showRecording(slot("recording"), withdrawn ? "withdrawn" : hit.recording?.state ?? "none");
  const open = slot("open");
  const playable = !withdrawn && ["sealed", "incomplete"].includes(hit.recording?.state);
  open.append(icon(playable ? "play" : "doc"), playable ? t("回放") : t("看记录"));
  open.setAttribute("aria-describedby", slot("case_no").id);
  open.addEventListener("click", (event) => { event.preventDefault(); (playable ? replay : read)(hit); });
  return line;
}

/** @param {HTMLElement} chip @param {keyof typeof RECORDINGS} state */
function showRecording(chip, state) {
  const kind = RECORDINGS[state] ?? RECORDINGS.failed;
  chip.classList.add(kind.style);
  chip.append(icon(kind.icon), kind.word());
}

/** @param {any} hit */
function replay(hit) {
  const key = api.newKey();
  askReason({
    title: t("调阅 {no}", { no: hit.case_no }),
    kind: "replay",
    open: async (reason) => {
      const opened = await api.post("/api/audit/replays", { key, recording_id: hit.recording.id, reason });
      location.assign(`/audit/replay/${opened.replay_id}`);
    },
  });
}

/** @param {any} hit */
function read(hit) {
  askReason({
    title: t("调阅 {no}", { no: hit.case_no }),
    kind: "record",
    open: async (reason) => {
      sessionStorage.setItem(`reason:${hit.consultation_id}`, reason);
      location.assign(`/audit/record/${hit.consultation_id}`);
    },
  });
}

/** @param {any} page @param {boolean} append */
function show(page, append) {
  const rows = page.items.map(row);
  if (append) byId("rows").append(...rows);
  else byId("rows").replaceChildren(...rows);
  next = page.next;
  byId("found").textContent = tn("找到 {n} 条", "找到 {n} 条", page.total);
  byId("took").textContent = page.took_ms < 100 ? t("用时不到 0.1 秒") : t("用时 {s} 秒", { s: (page.took_ms / 1000).toFixed(1) });
  setState(results, page.total === 0 ? "empty" : "ready");
  byId("more").parentElement.hidden = next === null || page.total === 0;
  announce(byId("found").textContent);
}

/** @param {api.ApiError} error */
function fail(error) {
  byId("rows").replaceChildren();
  byId("found").textContent = t("结果");
  byId("took").textContent = "";
  const state = error.offline ? "offline" : error.code === "denied" ? "denied" : "error";
  setState(results, state);
  if (state === "error") all('[data-when="error"] [data-blank-text]', results)[0].textContent = error.text;
}

/** @param {boolean} append */
async function search(append) {
  turn += 1;
  const mine = turn;
  const asked = query();
  if (!append) {
    history.replaceState(null, "", `${asked}` ? `?${asked}` : location.pathname);
    setState(results, "loading");
  }
  if (append && next) asked.set("cursor", next);
  const slow = setTimeout(() => { byId("took").textContent = t("服务器有点慢，还在找。"); }, SLOW_WORDS_MS);
  try {
    const page = await api.get(`/api/audit/search?${asked}`);
    if (mine === turn) show(page, append);
  } catch (error) {
    if (!(error instanceof api.ApiError)) throw error;
    if (mine === turn) fail(error);
  } finally {
    clearTimeout(slow);
  }
}

/** Filters that cannot be filled stay at 「全部」; searching works without them. */
async function fillFilters() {
  const [orgs, categories] = await Promise.allSettled([api.get("/api/admin/organisations"), api.get("/api/categories")]);
  if (orgs.status === "fulfilled") addOptions(byId("org"), orgs.value.items.filter((/** @type {any} */ o) => o.kind === "street"));
  if (categories.status === "fulfilled") addOptions(byId("category"), categories.value.items);
}

/** @param {HTMLSelectElement} list @param {{id: string, name: string}[]} items */
function addOptions(list, items) {
  list.append(...items.map((item) => new Option(item.name, item.id)));
}

async function start() {
  const asked = new URLSearchParams(location.search);
  const filters = fillFilters();
  if (asked.has("org") || asked.has("category")) await filters;
  for (const [name, value] of asked) {
    const field = form.elements.namedItem(name);
    if (field instanceof HTMLInputElement || field instanceof HTMLSelectElement) field.value = value;
  }
  await search(false);
}

form.addEventListener("submit", (event) => { event.preventDefault(); press(byId("go"), t("正在搜"), () => search(false)); });
byId("more").addEventListener("click", () => press(byId("more"), t("正在读"), () => search(true)));
for (const button of all('[data-action="again"]')) button.addEventListener("click", () => search(false));
start();
