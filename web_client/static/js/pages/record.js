// The consultation record on one A4 sheet: for the station to print, for an auditor to read (with a reason).
import { askReason } from "../audit/reason.js";
import * as api from "../lib/api.js";
import { duration, t } from "../lib/i18n.js";
import { all, byId, facts, setState } from "../ui/shell.js";

const SEXES = { female: () => t("女"), male: () => t("男") };
const CONSENTS = { given: () => t("同意"), refused: () => t("不同意，未录制"), withdrawn: () => t("中途撤回同意，已停止录制") };
const auditing = location.pathname.startsWith("/audit/");

/** @param {string} at @returns {Record<string, number>} */
function calendar(at) {
  const format = new Intl.DateTimeFormat("en-GB", { timeZone: "Asia/Shanghai", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", hourCycle: "h23" });
  return Object.fromEntries(format.formatToParts(new Date(at)).filter((p) => p.type !== "literal").map((p) => [p.type, Number(p.value)]));
}

/** @param {string} at */
const longDate = (at) => t("{year} 年 {month} 月 {day} 日", calendar(at));
/** @param {string} at */
const longTime = (at) => t("{hour} 时 {minute} 分", { hour: calendar(at).hour, minute: String(calendar(at).minute).padStart(2, "0") });

/** @param {any} record */
function period(record) {
  if (!record.started_at || !record.ended_at) return t("没有接通视频");
  const times = { date: longDate(record.started_at), from: longTime(record.started_at), to: longTime(record.ended_at), length: duration(record.duration_s ?? 0) };
  return t("{date} {from}至 {to}（远程视频，{length}）", times);
}

/** @param {any} visitor */
function sexAndAge(visitor) {
  const sex = SEXES[/** @type {keyof typeof SEXES} */ (visitor.sex)]?.();
  const age = visitor.age === null || visitor.age === undefined ? null : t("{age} 岁", { age: visitor.age });
  return [sex, age].filter(Boolean).join(t("，"));
}

/** Numbered lines become a list, so that they hang properly on paper. @param {string} text */
function advice(text) {
  const lines = text.split("\n").map((line) => line.trim()).filter(Boolean);
  const numbered = /^\d+[.、．]\s*/;
  if (lines.length < 2 || !lines.every((line) => numbered.test(line))) return text;
  const list = document.createElement("ol");
  list.append(...lines.map((line) => {
    const item = document.createElement("li");
    item.textContent = line.replace(numbered, "");
    return item;
  }));
  return list;
}

/** @param {any} record @returns {Record<string, string | Node>} */
function cells(record) {
  const visitor = record.visitor;
  const none = t("无");
  const unsaid = t("未提供");
  return {
    no: record.case_no,
    name: visitor.name || t("未提供姓名"),
    sex_age: sexAndAge(visitor) || unsaid,
    phone: visitor.phone_masked || unsaid,
    id_number: visitor.id_refused ? t("来访人不愿出示") : visitor.id_number_masked || unsaid,
    companion: visitor.companion || none,
    opposing_party: record.opposing_party || none,
    street: record.street,
    lawyer: record.lawyer || none,
    period: period(record),
    category: record.category_name,
    recording: CONSENTS[/** @type {keyof typeof CONSENTS} */ (record.recording_consent)]?.() ?? none,
    facts: record.facts || none,
    advice: advice(record.advice || none),
    law_cited: record.law_cited || none,
    outcome: record.outcome_text || none,
    aid: record.aid_rights_told ? t("已告知有权申请") : t("未告知"),
    clerk: record.clerk,
    date: record.ended_at ? longDate(record.ended_at) : "",
    station_phone: record.phone ? t(" · 工作站电话 {phone}", { phone: record.phone }) : "",
    consent: record.consent_sha256 ? t(" · 同意书摘要 {hash}", { hash: record.consent_sha256.slice(0, 16) }) : "",
  };
}

/** @param {any} record */
function show(record) {
  const found = cells(record);
  for (const slot of all("[data-f]")) slot.replaceChildren(found[slot.dataset.f ?? ""] ?? "");
  document.title = `${t("咨询记录")} ${record.case_no}`;
  setState(document, "ready");
  byId("state").hidden = true;
}

/** @param {unknown} error */
function fail(error) {
  if (!(error instanceof api.ApiError)) throw error;
  const code = error.code;
  const state = error.offline ? "offline" : code === "denied" ? "denied" : code === "not_found" || code === "conflict" ? "missing" : "error";
  byId("state").hidden = false;
  setState(document, state);
}

/** @param {string} path */
async function load(path) {
  byId("state").hidden = false;
  setState(document, "loading");
  try {
    show(await api.get(path));
  } catch (error) {
    fail(error);
  }
}

async function audit() {
  byId("state").hidden = true;
  const kept = sessionStorage.getItem(`reason:${facts.subject}`);
  const path = (/** @type {string} */ reason) => `/api/audit/consultations/${facts.subject}/record?reason=${encodeURIComponent(reason)}`;
  if (kept) {
    await load(path(kept));
    return;
  }
  const open = async (/** @type {string} */ reason) => {
    show(await api.get(path(reason)));
    sessionStorage.setItem(`reason:${facts.subject}`, reason);
    byId("reason-dialog").close("opened");
  };
  if (!(await askReason({ title: t("调阅文字记录"), kind: "record", open }))) location.assign("/audit");
}

const begin = () => (auditing ? audit() : load(`/api/consultations/${facts.subject}/record`));

byId("print").addEventListener("click", () => window.print());
if (byId("rate")) byId("rate").href = `/station/rating/${facts.subject}`;
for (const button of all('[data-action="again"]')) button.addEventListener("click", begin);
begin();
