import * as api from "../lib/api.js";
import { consentWord, groupWords } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { chip, h, setText, show } from "../ui/dom.js";
import { press, toast } from "../ui/shell.js";
import { wireTabs } from "../ui/tabs.js";
import { nameOf } from "./clerk.js";
import { RoomScreen } from "./screen.js";

/** @typedef {import("./workspace.js").Workspace} Workspace */
/** @typedef {import("./session.js").Point} Point */

/**
 * The room on the lawyer's side: facts left, video centre, points and messages right.
 * @param {Workspace} workspace @param {import("../ui/router.js").Router} router @param {string} id consultation
 * @returns {import("../ui/router.js").View}
 */
export function openLawyerRoom(workspace, router, id) {
  const screen = new RoomScreen(workspace, id);
  const { at } = screen;
  const writer = new PointWriter(at, (text, key) => screen.session.sendPoint(text, key));
  const tabs = wireTabs([
    [at.tab_points, at.points_panel],
    [at.tab_chat, at.chat_panel],
  ], tab => screen.chatShown(tab === at.tab_chat));
  const consent = h("dd");
  screen.enter({
    endWords: t("工作站还在线。结束后请写答复意见并办结。"),
    room: room => {
      showTitle(at, room);
      if (room.recording.cause === "withdrawn") setText(consent, consentWord("withdrawn"));
    },
    detail: detail => showFacts(at, detail, consent),
    point: point => writer.add(point),
    chat: open => tabs.pick(open ? at.tab_chat : at.tab_points),
    ended(reply) {
      workspace.local.close();
      if (reply.consultation) workspace.live.apply({ type: "consultation", consultation: reply.consultation });
      router.go(`/lawyer/wrap-up/${id}`, { replace: true });
    },
    phoneWords: detail => phoneWords(detail, screen.phone),
    gone: () => askWhere(id, router),
  });
  return { element: screen.element, title: t("正在咨询"), close: () => screen.close() };
}

/** @param {Record<string, any>} at @param {import("../lib/live.js").Room} room */
function showTitle(at, room) {
  at.title.replaceChildren(h("b", {}, room.street.name), ` · ${nameOf(room.visitor)} · ${room.category_name}`);
}

/** @param {any} detail @param {string} station @returns {[string, string]} */
function phoneWords({ mode, phone }, station) {
  const visitor = phone ? t("来访人电话 {phone}。", { phone }) : "";
  const desk = station ? t("工作站座机 {station}。", { station }) : "";
  const order = mode === "callback" ? visitor || desk : desk + visitor;
  return [t("请打电话接着谈"), t("{order}谈完写好要点，点「结束会话」。", { order })];
}

/** @param {Record<string, any>} at @param {any} detail @param {HTMLElement} consent holds the answer about recording, which may change */
function showFacts(at, detail, consent) {
  const { visitor, facts, opposing_party, recording_consent } = detail;
  show(at.first_visit, true);
  setText(at.first_visit, visitor.first_visit ? t("第 1 次来") : t("以前来过"));
  const groups = groupWords(visitor.groups);
  show(at.groups, groups.length > 0);
  at.groups.replaceChildren(...groups.map(group => chip("act", "user", group)));
  setText(at.facts, facts || t("没有填基本情况，请当面问。"));
  /** @type {[string, string][]} */
  const rows = [
    [t("对方"), opposing_party], [t("陪同"), visitor.companion], [t("方言"), visitor.dialect],
    [t("需要"), visitor.access_needs],
  ];
  setText(consent, consentWord(recording_consent));
  at.facts_list.replaceChildren(...rows.filter(([, value]) => value).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]), h("dt", {}, t("录音录像")), consent);
}

/** @param {string} id @param {import("../ui/router.js").Router} router */
async function askWhere(id, router) {
  try {
    const { state } = /** @type {any} */ (await api.get(`/api/consultations/${id}`));
    if (state === "active" || state === "interrupted") router.again();
    else if (state === "wrap_up") router.go(`/lawyer/wrap-up/${id}`, { replace: true });
    else router.go("/lawyer", { replace: true });
  } catch (error) {
    if (error instanceof api.ApiError && error.offline) return;
    toast(t("这次咨询打不开了。"), { icon: "warn" });
    router.go("/lawyer", { replace: true });
  }
}

/** Each line goes to the visitor's panel and into the advice, so nothing is typed twice. */
class PointWriter {
  /** @type {Set<string>} */
  #seen = new Set();
  #key = api.newKey();

  /** @param {Record<string, any>} at @param {(text: string, key: string) => Promise<{point: Point}>} send */
  constructor(at, send) {
    this.at = at;
    this.send = send;
    at.point_form.addEventListener("submit", (/** @type {Event} */ event) => {
      event.preventDefault();
      void press(at.point_send, t("正在发"), () => this.#submit());
    });
    at.point_text.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      if (event.key !== "Enter" || !event.ctrlKey) return;
      event.preventDefault();
      at.point_form.requestSubmit();
    });
  }

  /** @param {Point} point */
  add(point) {
    if (this.#seen.has(point.id)) return;
    this.#seen.add(point.id);
    this.at.points.append(h("li", {}, point.text));
    this.at.points.lastElementChild.scrollIntoView({ block: "nearest" });
  }

  async #submit() {
    const text = this.at.point_text.value.trim();
    if (!text) {
      this.at.point_text.focus();
      return;
    }
    try {
      const { point } = await this.send(text, this.#key);
      this.#key = api.newKey();
      this.add(point);
      this.at.point_text.value = "";
      setText(this.at.point_state, t("已发出"));
    } catch (error) {
      const code = error instanceof Error && "code" in error ? error.code : "";
      // Without an answer it may have arrived: the same key makes the repeat harmless. A refusal needs a new one.
      if (code !== "offline" && code !== "timeout") this.#key = api.newKey();
      setText(this.at.point_state, t("没发出去，再点一次。"));
    }
    this.at.point_text.focus();
  }
}
