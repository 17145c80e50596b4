import * as api from "../lib/api.js";
import { t } from "../lib/i18n.js";
import { lawyerName } from "../lib/format.js";
import { h, setText, show } from "../ui/dom.js";
import { toast } from "../ui/shell.js";
import { RoomScreen } from "./screen.js";

/** @typedef {import("./workspace.js").Workspace} Workspace */
/** @typedef {import("./session.js").Point} Point */

/**
 * The room on the station's side: the lawyer large, the points in the visitor's own panel.
 * @param {Workspace} workspace @param {import("../ui/router.js").Router} router @param {string} id consultation
 * @returns {import("../ui/router.js").View}
 */
export function openClerkRoom(workspace, router, id) {
  const screen = new RoomScreen(workspace, id);
  const { at } = screen;
  const points = new PointsPanel(at);
  const done = () => router.go(`/station/done/${id}`, { replace: true });
  screen.enter({
    endWords: t("律师还在线。结束后可以打印记录、请来访人评价。"),
    room: room => showTitle(at, room),
    detail: () => {},
    point: point => points.add(point),
    chat(open) {
      show(at.chat_panel, open);
      show(at.points_panel, !open);
      setText(at.panel_title, open ? t("和律师的消息") : t("来访人看这里：律师说的要点"));
    },
    ended(reply) {
      workspace.local.close();
      if (reply.consultation) workspace.live.apply({ type: "consultation", consultation: reply.consultation });
      done();
    },
    phoneWords: () => {
      const phone = screen.phone;
      return [t("改用电话接着谈"), phone ? t("律师会打本站座机 {phone}。谈完点「结束会话」。", { phone }) : t("律师会打过来。谈完点「结束会话」。")];
    },
    gone: () => askWhere(id, router),
  });
  return { element: screen.element, title: t("正在咨询"), close: () => screen.close() };
}

/** @param {Record<string, any>} at @param {import("../lib/live.js").Room} room */
function showTitle(at, room) {
  const lawyer = room.participants.find(p => p.role === "lawyer");
  const visitor = nameOf(room.visitor);
  const who = lawyer ? lawyerName(lawyer.name) : t("律师");
  at.title.replaceChildren(h("b", {}, who), t(" 正在和 "), h("b", {}, visitor), t(" 咨询 · {category}", { category: room.category_name }));
}

/** @param {any} visitor a name, or an object that carries it */
export function nameOf(visitor) {
  const name = typeof visitor === "string" ? visitor : visitor?.name || visitor?.name_masked;
  return name || t("来访人");
}

/** The room is closed to us: go where the consultation stands. @param {string} id @param {import("../ui/router.js").Router} router */
async function askWhere(id, router) {
  try {
    const { state } = /** @type {any} */ (await api.get(`/api/consultations/${id}`));
    if (state === "active" || state === "interrupted") router.again();
    else if (state === "waiting" || state === "offered") router.go(`/station/waiting/${id}`, { replace: true });
    else router.go(`/station/done/${id}`, { replace: true });
  } catch (error) {
    if (error instanceof api.ApiError && error.offline) return;
    toast(t("这次咨询打不开了。"), { icon: "warn" });
    router.go("/station", { replace: true });
  }
}

/** 「来访人看这里」: what the lawyer has sent, the newest marked 「刚才」. */
class PointsPanel {
  /** @type {Set<string>} */
  #seen = new Set();

  /** @param {Record<string, any>} at */
  constructor(at) {
    this.at = at;
  }

  /** @param {Point} point */
  add(point) {
    if (this.#seen.has(point.id)) return;
    this.#seen.add(point.id);
    show(this.at.points_empty, false);
    const last = this.at.points.lastElementChild;
    if (last) {
      last.className = "";
      last.querySelector("b")?.remove();
    }
    this.at.points.append(h("li", { class: "new" }, h("b", {}, t("刚才：")), point.text));
    this.at.points_panel.scrollTop = this.at.points_panel.scrollHeight;
  }
}
