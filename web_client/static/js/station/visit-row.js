import { t } from "../lib/i18n.js";

/**
 * @typedef {{id: string, no: string | number, name_masked: string, groups: string[], category: string | null,
 *   category_name: string | null, at: string, state: string, position: number | null, rated: boolean,
 *   consultation_id: string | null}} VisitRow
 */

/** Drafts first, then visitors not yet asked to rate, then the newest. @param {VisitRow[]} visits */
export function visitOrder(visits) {
  return [...visits].sort((a, b) => rank(a) - rank(b) || b.at.localeCompare(a.at));
}

/** @param {VisitRow} visit */
function rank(visit) {
  if (visit.state === "draft") return 0;
  return visit.state === "closed" && !visit.rated ? 1 : 2;
}

/** @param {VisitRow} visit @returns {{look: string, icon: string, text: string}} */
export function visitChip(visit) {
  const place = visit.position === null ? "" : t("，第 {n} 位", { n: visit.position });
  /** @type {Record<string, {look: string, icon: string, text: string}>} */
  const chips = {
    draft: { look: "wait", icon: "pen", text: t("草稿，未呼叫") },
    waiting: { look: "wait", icon: "clock", text: t("排队") + place },
    callback: { look: "act", icon: "back", text: t("等回拨") + place },
    offered: { look: "act", icon: "call", text: t("正在找律师接听") },
    active: { look: "act", icon: "call", text: t("咨询中") },
    interrupted: { look: "bad", icon: "warn", text: t("断线") },
    wrap_up: { look: "wait", icon: "clock", text: t("等律师办结") },
    abandoned: { look: "off", icon: "half", text: t("没等到就走了") },
    failed: { look: "bad", icon: "warn", text: t("没接成") },
  };
  if (visit.state !== "closed") return chips[visit.state] ?? { look: "", icon: "info", text: visit.state };
  return visit.rated ? { look: "ok", icon: "check", text: t("已办结") } : { look: "wait", icon: "pen", text: t("待评价") };
}

/** @param {VisitRow} visit @returns {{href: string, text: string, icon?: string}[]} */
export function visitAction(visit) {
  const { id, consultation_id } = visit;
  const done = `/station/done/${consultation_id}`;
  const print = { href: `/station/record/${consultation_id}`, text: t("打印"), icon: "print" };
  switch (visit.state) {
    case "draft":
      return [{ href: `/station/visit/${id}`, text: t("接着填") }];
    case "waiting":
    case "offered":
    case "callback":
      return [{ href: `/station/waiting/${consultation_id}`, text: t("查看") }];
    case "active":
    case "interrupted":
      return [{ href: `/station/room/${consultation_id}`, text: t("回到咨询") }];
    case "wrap_up":
      return [{ href: done, text: t("查看") }];
    case "closed":
      return visit.rated ? [print] : [{ href: `/station/rating/${consultation_id}`, text: t("请评价") }, print];
    default:
      return consultation_id ? [{ href: done, text: t("查看") }] : [];
  }
}
