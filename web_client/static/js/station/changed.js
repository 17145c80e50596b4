import { groupWords } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { askOnce } from "../ui/dialog.js";
import { h, refs } from "../ui/dom.js";

/** @typedef {import("./visit-fields.js").VisitFields} VisitFields */

/** Both versions side by side. @param {VisitFields} mine @param {VisitFields} theirs @returns {Promise<"mine" | "theirs">} */
export async function askWhichVersion(mine, theirs) {
  const names = { name: t("姓名"), phone: t("联系电话"), category: t("事项类别"), opposing_party: t("对方是谁"), facts: t("基本情况"), groups: t("照顾对象") };
  const list = (/** @type {any} */ visit) =>
    Object.entries(names).flatMap(([field, label]) => {
      const value = field === "groups" ? groupWords(visit.groups ?? []).join("、") : visit[field];
      return value ? [h("dt", {}, label), h("dd", {}, value)] : [];
    });
  const answer = await askOnce("dialog-changed", dialog => {
    const at = refs(dialog);
    at.mine.append(...list(mine));
    at.theirs.append(...list(theirs));
  });
  return answer === "theirs" ? "theirs" : "mine";
}
