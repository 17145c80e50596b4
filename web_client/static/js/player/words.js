// Words for what a manifest names by code.
import { t } from "../lib/i18n.js";

/** @type {Record<string, () => string>} */
const CAUSES = {
  mute: () => t("静音"),
  dtx: () => t("没说话"),
  loss: () => t("网络丢失"),
  idle: () => t("没有画面"),
  pause: () => t("暂停录制"),
  disconnect: () => t("断线"),
  overflow: () => t("写得太慢"),
  unreadable: () => t("读不出来"),
  failed: () => t("没录成"),
  crash: () => t("服务中断"),
  worker_lost: () => t("服务中断"),
  server_lost: () => t("服务中断"),
  disk_full: () => t("存储满了"),
};

/** @param {string} cause */
export const causeWord = (cause) => CAUSES[cause]?.() ?? t("没有录到");

/** Pauses were wanted, the others were not. @param {string} cause */
export const wanted = (cause) => cause === "pause";

/** @type {Record<string, () => string>} */
const ROLES = { lawyer: () => t("律师"), clerk: () => t("工作站"), invited: () => t("受邀方") };

/** @param {string} role */
export const roleWord = (role) => ROLES[role]?.() ?? t("其他");

/** The label of a tile and its video. @param {import("./manifest.js").Track} track */
export function pictureWord(track) {
  if (track.source === "document") return t("材料画面");
  if (track.source === "screen") return t("共享屏幕");
  return t("{role}画面", { role: roleWord(track.role) });
}

/** The label of a lane in the timeline. @param {import("./manifest.js").Track} track */
export function laneWord(track) {
  if (track.source === "document") return t("材料");
  if (track.source === "screen") return t("屏幕");
  return roleWord(track.role);
}

/** An icon for an event, by what its kind speaks of. @param {string} kind */
export function eventIcon(kind) {
  if (/document/.test(kind)) return "doccam";
  if (/screen/.test(kind)) return "screen";
  if (/pause|stop|end/.test(kind)) return "pause";
  if (/left|lost|reconnect|disconnect/.test(kind)) return "off";
  if (/consent/.test(kind)) return "check";
  if (/join|accept/.test(kind)) return "user";
  if (/chat|message/.test(kind)) return "chat";
  return "info";
}
