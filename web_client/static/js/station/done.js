import * as api from "../lib/api.js";
import { consentWord, lawyerName } from "../lib/format.js";
import { duration, t } from "../lib/i18n.js";
import { refs, setText, show, stamp } from "../ui/dom.js";
import { announce, icon, toast } from "../ui/shell.js";

/** @typedef {import("../room/workspace.js").Workspace} Workspace */

const ASK_AGAIN_MS = 10_000;

/** After the end: the visitor rates, the lawyer closes, the record is printed. */
export class Done {
  #closed = false;
  /** @type {(() => void)[]} */
  #undo = [];

  /** @param {Workspace} workspace @param {import("../ui/router.js").Router} router @param {string} id */
  constructor(workspace, router, id) {
    this.workspace = workspace;
    this.router = router;
    this.id = id;
    this.element = stamp("view-done");
    this.title = t("咨询结束");
    this.at = refs(this.element);
    this.at.rate.href = `/station/rating/${id}`;
    this.at.print.href = `/station/record/${id}`;
    workspace.local.close();
    const read = () => void this.#read();
    // The closing word may be missed while this side is away; asking now and then costs little.
    const timer = setInterval(read, ASK_AGAIN_MS);
    this.#undo = [workspace.live.on("consultation", read), workspace.live.on("state", read), () => clearInterval(timer)];
    read();
  }

  close() {
    this.#undo.forEach(off => off());
  }

  async #read() {
    if (this.#closed) return;
    try {
      const detail = /** @type {any} */ (await api.get(`/api/consultations/${this.id}`));
      this.#show(detail);
    } catch (error) {
      if (!(error instanceof api.ApiError) || error.offline) return;
      toast(error.text, { icon: "warn" });
      if (error.status === 404) this.router.go("/station", { replace: true });
    }
  }

  /** @param {any} detail */
  #show(detail) {
    if (["active", "interrupted", "waiting", "offered"].includes(detail.state)) {
      const where = detail.state === "waiting" || detail.state === "offered" ? "waiting" : "room";
      this.router.go(`/station/${where}/${this.id}`, { replace: true });
      return;
    }
    const { visitor, category_name, lawyer, started_at, ended_at, recording, recording_consent } = detail;
    setText(this.at.visitor, visitor.name || t("身份不出示"));
    setText(this.at.category, category_name);
    setText(this.at.lawyer, lawyer ? lawyerName(lawyer.name) : t("没接上律师"));
    setText(this.at.length, started_at && ended_at ? duration((Date.parse(ended_at) - Date.parse(started_at)) / 1000) : t("没有通话"));
    setText(this.at.recording, recording?.state === "none" ? t("没有录，只留文字") : consentWord(recording_consent));
    this.#showState(detail);
  }

  /** @param {any} detail */
  #showState({ state, street, visitor }) {
    const closed = state === "closed";
    show(this.at.print, closed);
    show(this.at.print_wait, !closed);
    const phone = state === "callback";
    show(this.at.phone, phone);
    if (phone) {
      const words = t("律师会打 {number}。也可以打 {station}。", { number: visitor.phone_masked || t("本站座机"), station: street.phone });
      setText(this.at.phone_text, words);
    }
    const [look, sign, word, hint] = stateWords(state);
    this.at.strip.className = `strip ${look}`;
    this.at.strip.querySelector("svg")?.replaceWith(icon(sign));
    setText(this.at.state, word);
    setText(this.at.print_hint, hint);
    if (closed && !this.#closed) {
      this.#closed = true;
      announce(t("律师已经办结，可以打印了。"));
    }
  }
}

/** @param {string} state @returns {[string, string, string, string]} look, icon, sentence, hint at the print step */
function stateWords(state) {
  const waiting = t("律师办结后就能打印，请稍等。");
  if (state === "closed") return ["ok", "tick", t("律师已经办结。"), t("一页 A4，打印后请来访人收好。")];
  if (state === "wrap_up") return ["wait", "clock", t("律师正在写答复意见。"), waiting];
  if (state === "callback") return ["wait", "call", t("改用电话了。"), waiting];
  return ["", "info", t("这次咨询没有完成。"), t("没有记录可以打印。")];
}
