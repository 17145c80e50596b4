/** Words for what the wire says: waits, places, groups, states. Pure; every word goes through the catalogue. */

import { t } from "./i18n.js";

/** @typedef {{low_min: number, high_min: number}} Estimate */
/** @typedef {{open: boolean, reason: string | null, lawyers_on_duty: number, ahead: number, estimate: Estimate | null, at: string}} LineSummary */
/** @typedef {{state: string, cause: string | null, at?: string | null}} RecordingState */

/** 「8–11」, or one number: never 0, because a wait that is over sooner hurts nobody. @param {Estimate} estimate */
export function range({ low_min, high_min }) {
  return low_min === high_min || low_min === 0 ? String(high_min) : `${low_min}–${high_min}`;
}

/** 「前面 2 人，约等 8–11 分钟」. @param {LineSummary} line */
export function waitWords(line) {
  if (!line.open) return t("现在没有律师值班。登记照常填，可以先存草稿。");
  if (line.estimate && line.estimate.high_min === 0) return t("现在没人排队，马上能接通。");
  if (!line.estimate) return t("前面 {n} 人，要等多久现在算不准。", { n: line.ahead });
  if (line.ahead === 0) return t("前面没有人，约等 {range} 分钟。", { range: range(line.estimate) });
  return t("前面 {n} 人，约等 {range} 分钟。", { n: line.ahead, range: range(line.estimate) });
}

/**
 * Whether a new estimate is worth showing: it moved by two minutes or more at either end, or came or went.
 * @param {Estimate | null} shown @param {Estimate | null} now
 */
export function estimateMoved(shown, now) {
  if (!shown || !now) return shown !== now;
  return Math.abs(shown.low_min - now.low_min) >= 2 || Math.abs(shown.high_min - now.high_min) >= 2;
}

/** @returns {Record<string, string>} */
export function groupNames() {
  return {
    elderly: t("老年人"), disabled: t("残疾人"), minor: t("未成年人"), migrant_worker: t("农民工"), woman: t("妇女"),
    military_family: t("军人军属"), low_income: t("低保"), released_or_corrections: t("刑满释放或社区矫正"), other: t("其他"),
  };
}

/** @param {string[]} groups @returns {string[]} */
export function groupWords(groups) {
  const names = groupNames();
  return groups.map(group => names[group] ?? group);
}

/** @returns {[string, string][]} in the order of the form */
export function outcomes() {
  return [
    ["answered", t("当场答复")], ["rebooked", t("另约时间")], ["aid", t("转法律援助")], ["mediation", t("转人民调解")],
    ["referred", t("转其他部门")], ["expert", t("转法律专家")],
  ];
}

/** The four words of the contract. @param {RecordingState} recording @returns {{word: string, look: "on" | "no" | "halt"}} */
export function recordingWord(recording) {
  if (recording.state === "recording") return { word: t("录制中"), look: "on" };
  if (recording.state === "paused") return { word: t("录制已暂停"), look: "halt" };
  if (recording.state === "stopped") return { word: t("录制已停止"), look: "halt" };
  return { word: t("未录制"), look: "no" };
}

/** Why a recording halted, and what that means now. @param {RecordingState} recording @returns {string} empty when there is nothing to say */
export function recordingCause(recording) {
  const causes = {
    withdrawn: t("来访人改变了主意。后面的话不再录，咨询照常。"),
    disk_full: t("存储满了，后面的话录不下来。咨询照常，已通知管理员。"),
    participant_away: t("有人掉线，等回来再接着录。"),
    worker_lost: t("录制程序出了问题，正在恢复。咨询照常。"),
    server_lost: t("服务器短暂断开，正在恢复录制。咨询照常。"),
    failed: t("录制没成功。咨询照常，文字记录会留下。"),
  };
  if (recording.state !== "paused" && recording.state !== "stopped") return "";
  return /** @type {Record<string, string>} */ (causes)[recording.cause ?? ""] ?? "";
}

/** 「王立新律师」, however the account spells it. @param {string} name */
export function lawyerName(name) {
  return t("{name}律师", { name: name.replace(/律师$/, "") });
}

/** @param {string} consent @returns {string} */
export function consentWord(consent) {
  const words = { given: t("同意"), refused: t("不同意，只留文字"), withdrawn: t("中途停止录制") };
  return /** @type {Record<string, string>} */ (words)[consent] ?? t("还没问");
}

/**
 * Whole years on a day. @param {string} birth_date YYYY-MM-DD @param {Date} today @returns {number | null} null when it is no date
 */
export function ageOn(birth_date, today) {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(birth_date);
  if (!match) return null;
  const [year, month, day] = match.slice(1).map(Number);
  const had = today.getMonth() + 1 > month || (today.getMonth() + 1 === month && today.getDate() >= day);
  const age = today.getFullYear() - year - (had ? 0 : 1);
  return age >= 0 && age < 130 ? age : null;
}

const WEIGHTS = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];

/**
 * Birth date and sex out of a resident identity number (GB 11643-1999: digit 17 odd = male, digit 18 = ISO 7064 MOD 11-2).
 * @param {string} number @returns {{birth_date: string, sex: "male" | "female"} | null} null when it is not one
 */
export function readIdNumber(number) {
  const id = number.trim().toUpperCase();
  if (!/^\d{17}[\dX]$/.test(id)) return null;
  const sum = WEIGHTS.reduce((total, weight, n) => total + weight * Number(id[n]), 0);
  if ("10X98765432"[sum % 11] !== id[17]) return null;
  const birth_date = `${id.slice(6, 10)}-${id.slice(10, 12)}-${id.slice(12, 14)}`;
  return { birth_date, sex: Number(id[16]) % 2 === 1 ? "male" : "female" };
}
