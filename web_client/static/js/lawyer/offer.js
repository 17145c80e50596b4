import { newKey } from "../lib/api.js";
import { consentWord, groupWords } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { countDown } from "../ui/clock.js";
import { chip, h, need, refs, setText, show } from "../ui/dom.js";
import { announce, openDialog, press, toast } from "../ui/shell.js";
import { flashTitle } from "../ui/title.js";
import { nameOfStreet } from "./home.js";

/** @typedef {import("../room/workspace.js").Workspace} Workspace */
/** @typedef {import("../lib/live.js").Offer} Offer */
/** @typedef {import("../lib/live.js").ConsultationRef} ConsultationRef */

const RING_EVERY_S = 5;
const SAID_AT_S = [30, 10, 5];

/** A visitor offered to this lawyer: rings, counts, and waits for 「接听」 or 「拒接」. */
export class OfferDialog {
  /** @type {Offer | null} */
  #offer = null;
  #key = newKey();
  /** @type {(() => void)[]} */
  #quiet = [];

  /** @param {Workspace} workspace @param {(ref: ConsultationRef) => void} accepted */
  constructor(workspace, accepted) {
    this.workspace = workspace;
    this.accepted = accepted;
    this.dialog = need(document, "#offer", HTMLDialogElement);
    this.at = refs(this.dialog);
    this.at.accept.addEventListener("click", () => press(this.at.accept, t("正在接通"), () => this.#accept()));
    this.at.decline.addEventListener("click", () => press(this.at.decline, t("正在转给别人"), () => this.#decline()));
    // The second Esc would close even a dialog whose cancel event was refused.
    this.dialog.addEventListener("keydown", event => event.key === "Escape" && event.preventDefault());
    const { live } = workspace;
    live.on("offer", () => this.#changed());
    live.on("state", () => this.#changed());
    live.on("offer_ended", ended => this.#ended(ended));
  }

  #changed() {
    const offer = this.workspace.live.offer;
    if (!offer) this.#gone();
    else if (offer.offer_id !== this.#offer?.offer_id) this.#open(offer);
  }

  /** @param {Offer} offer */
  #open(offer) {
    this.#hush();
    this.#offer = offer;
    this.#key = newKey();
    this.#fill(offer);
    const { sounds, local } = this.workspace;
    // Opened while the lawyer reads, so that the picture is there right after the press.
    if (offer.mode !== "callback") void local.open();
    this.#quiet = [
      sounds.repeat("offer", RING_EVERY_S, Math.ceil(offer.seconds / RING_EVERY_S)),
      flashTitle(t("● 有来访 {street}", { street: nameOfStreet(offer.street) })),
      countDown(offer.seconds, left => this.#count(left, offer)),
    ];
    if (!this.dialog.open) void openDialog(this.dialog, { escape: false });
  }

  /** @param {Offer} offer */
  #fill(offer) {
    const street = h("span", { class: "nb" }, `${nameOfStreet(offer.street)} ·`);
    this.at.title.replaceChildren(street, " ", h("span", { class: "nb" }, offer.category_name));
    const consent = offer.recording_consent === "given" ? chip("", "info", t("来访人同意录制")) : chip("", "half", t("不录制：{consent}", { consent: consentWord(offer.recording_consent) }));
    const phone = offer.mode === "callback" ? [chip("wait", "call", t("要您打电话过去"))] : [];
    const first = offer.first_visit ? [chip("", "info", t("第 1 次来"))] : [];
    this.at.chips.replaceChildren(...groupWords(offer.groups).map(group => chip("act", "user", group)), ...phone, consent, ...first);
    setText(this.at.facts, offer.facts || t("没有填基本情况。"));
    setText(this.at.opposing, offer.opposing_party ? t("对方：{name}。请看有没有利益冲突。", { name: offer.opposing_party }) : "");
    show(this.at.fault, false);
  }

  /** @param {number} left @param {Offer} offer */
  #count(left, offer) {
    setText(this.at.seconds, String(left));
    this.at.timer.setAttribute("aria-label", t("还剩 {n} 秒", { n: left }));
    this.at.bar.style.width = `${(100 * left) / offer.total_s}%`;
    if (SAID_AT_S.includes(left) && this.at.timer.dataset.said !== String(left)) {
      this.at.timer.dataset.said = String(left);
      announce(t("还剩 {n} 秒", { n: left }));
    }
  }

  async #accept() {
    const offer = this.#offer;
    if (!offer) return;
    try {
      const { consultation } = await this.workspace.socket.request("offer.accept", { offer_id: offer.offer_id, key: this.#key });
      this.#close();
      this.accepted(consultation);
    } catch (error) {
      this.#refused(error);
    }
  }

  async #decline() {
    const offer = this.#offer;
    if (!offer) return;
    try {
      await this.workspace.socket.request("offer.decline", { offer_id: offer.offer_id, key: this.#key });
      this.#close();
      this.workspace.local.close();
      toast(t("已转给下一位律师。"), { icon: "check" });
    } catch (error) {
      this.#refused(error);
    }
  }

  /** @param {unknown} error */
  #refused(error) {
    const code = error instanceof Error && "code" in error ? error.code : "";
    if (code !== "offline" && code !== "timeout") this.#key = newKey();
    if (code === "conflict" || code === "not_found") {
      this.#close();
      this.workspace.local.close();
      toast(t("这位来访人已经转给别的律师了。"), { icon: "info" });
      return;
    }
    show(this.at.fault, true);
    setText(this.at.fault, error instanceof Error && "text" in error && error.text ? String(error.text) : t("还没接上，再点一次。"));
  }

  /** @param {{offer_id: string, cause: string}} ended */
  #ended({ offer_id, cause }) {
    if (offer_id !== this.#offer?.offer_id) return;
    this.#close();
    if (cause === "accepted") return;
    this.workspace.local.close();
    if (cause === "missed") toast(t("到时间了，已派给下一位律师，不算拒接。"), { icon: "info" });
    if (cause === "withdrawn") toast(t("来访人取消了排队。"), { icon: "info" });
  }

  /** The whole state no longer names the offer: it passed on while this side was away. */
  #gone() {
    if (this.#offer && !this.workspace.live.consultation) this.workspace.local.close();
    this.#close();
  }

  #close() {
    this.#hush();
    this.#offer = null;
    if (this.dialog.open) this.dialog.close();
  }

  #hush() {
    for (const quiet of this.#quiet) quiet();
    this.#quiet = [];
    delete this.at.timer.dataset.said;
  }
}
