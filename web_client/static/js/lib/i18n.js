// Words in the person's language. msgids are the Chinese source strings; placeholders are {name}.

/** @typedef {Record<string, string | number>} Values */

/** @type {Record<string, string | string[]>} */
let messages = {};

/** Language tag of the page, e.g. for Intl. */
export let language = "zh-CN";

/** The catalogue is small and the first word on screen needs it: read it from the page, not over the network. */
if (typeof document !== "undefined") {
  const inline = document.getElementById("messages")?.textContent;
  use(document.documentElement.lang || "zh-CN", inline ? JSON.parse(inline) : {});
}

/**
 * Sets language and catalogue (tests, and pages at start).
 * @param {string} code @param {Record<string, string | string[]>} catalogue
 */
export function use(code, catalogue) {
  language = code;
  messages = catalogue;
}

/**
 * Translates `msgid` and fills its placeholders; an unknown msgid is shown as it is.
 * @param {string} msgid @param {Values} [values]
 */
export function t(msgid, values) {
  const found = messages[msgid];
  return fill(typeof found === "string" ? found : msgid, values);
}

/**
 * Translates by number: `tn("{n} 条", "{n} 条", 3)`. Chinese has one form; the others have `[one, other]`.
 * @param {string} one @param {string} other @param {number} n @param {Values} [values]
 */
export function tn(one, other, n, values) {
  const found = messages[one];
  const forms = Array.isArray(found) ? found : [one, other];
  const single = new Intl.PluralRules(language).select(n) === "one";
  return fill(forms[single ? 0 : forms.length - 1], { n, ...values });
}

/** @param {string} text @param {Values} [values] */
function fill(text, values) {
  if (!values) return text;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/**
 * A duration in words: 「6 分 10 秒」; whole seconds, at most two units.
 * @param {number} seconds
 */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const h = Math.floor(whole / 3600);
  const m = Math.floor((whole % 3600) / 60);
  const s = whole % 60;
  if (h > 0) return t("{h} 小时 {m} 分", { h, m });
  if (m > 0) return s > 0 ? t("{m} 分 {s} 秒", { m, s }) : t("{m} 分", { m });
  return t("{s} 秒", { s });
}

/**
 * A position on a clock face: 8:14, 1:02:05.
 * @param {number} seconds
 */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  const h = Math.floor(whole / 3600);
  const m = Math.floor((whole % 3600) / 60);
  return h > 0 ? `${h}:${two(m)}:${two(whole % 60)}` : `${m}:${two(whole % 60)}`;
}

const ZONE = "Asia/Shanghai";

/**
 * The parts of an instant on the district's clock.
 * @param {string | Date} at RFC 3339 or Date
 */
function parts(at) {
  const format = new Intl.DateTimeFormat("en-GB", {
    timeZone: ZONE, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
  });
  /** @type {Record<string, string>} */
  const found = {};
  for (const part of format.formatToParts(new Date(at))) found[part.type] = part.value;
  return found;
}

/** 10:26 @param {string | Date} at */
export function timeOf(at) {
  const p = parts(at);
  return `${p.hour}:${p.minute}`;
}

/** 2025-11-20 @param {string | Date} at */
export function dateOf(at) {
  const p = parts(at);
  return `${p.year}-${p.month}-${p.day}`;
}

/**
 * 「今天 08:41」, 11-18 15:02, or with the year when it is another one.
 * @param {string | Date} at @param {Date} [now]
 */
export function momentOf(at, now = new Date()) {
  const day = dateOf(at);
  if (day === dateOf(now)) return t("今天 {time}", { time: timeOf(at) });
  const shown = day.slice(0, 4) === dateOf(now).slice(0, 4) ? day.slice(5) : day;
  return `${shown} ${timeOf(at)}`;
}
