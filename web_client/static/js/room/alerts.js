import { recordingCause } from "../lib/format.js";
import { faultText } from "../lib/devices.js";
import { clock, t } from "../lib/i18n.js";
import { h, show } from "../ui/dom.js";
import { icon } from "../ui/shell.js";

/** @typedef {import("../lib/live.js").RecordingState} RecordingState */
/** @typedef {{id: string, icon: string, title: string, text: string}} Alert */

const POOR_FOR_MS = 4_000;

/** The one thing wrong that matters most, over the picture; each can be put away until it comes again. */
export class Alerts {
  #silent = false;
  #poorSince = 0;
  #reason = "";
  /** @type {RecordingState | null} */
  #recording = null;
  #haltedAt_s = 0;
  #dismissed = "";
  #shown = "";

  /**
   * @param {HTMLElement} slot
   * @param {{phone: () => string, local: import("../lib/local.js").LocalMedia}} context
   */
  constructor(slot, context) {
    this.slot = slot;
    this.context = context;
  }

  /** @param {boolean} silent */
  microphone(silent) {
    this.#silent = silent;
    this.paint();
  }

  /** @param {import("../lib/quality.js").Verdict} verdict */
  quality(verdict) {
    const poor = verdict.word === "poor";
    this.#poorSince = poor ? this.#poorSince || performance.now() : 0;
    this.#reason = verdict.reason;
    this.paint();
  }

  /** @param {RecordingState} recording @param {number} elapsed_s of the consultation */
  recording(recording, elapsed_s) {
    if (recording.state !== this.#recording?.state) this.#haltedAt_s = elapsed_s;
    this.#recording = recording;
    this.paint();
  }

  paint() {
    const alert = this.#worst();
    if (!alert) this.#dismissed = "";
    const visible = alert !== null && alert.id !== this.#dismissed;
    show(this.slot, visible);
    if (!visible || !alert) {
      this.#shown = "";
      this.slot.replaceChildren();
      return;
    }
    const key = `${alert.id} ${alert.text}`;
    if (key === this.#shown) return;
    this.#shown = key;
    const away = h("button", { class: "btn", type: "button" }, t("知道了"));
    away.addEventListener("click", () => {
      this.#dismissed = alert.id;
      this.paint();
    });
    this.slot.replaceChildren(icon(alert.icon), h("div", {}, h("h2", {}, alert.title), h("p", {}, alert.text)), away);
  }

  /** @returns {Alert | null} */
  #worst() {
    return this.#devices() ?? this.#recordingHalt() ?? this.#poor();
  }

  /** @returns {Alert | null} */
  #devices() {
    const fault = this.context.local.faults.audio;
    if (fault) return { id: `audio ${fault}`, icon: "micoff", title: t("对方听不见您"), text: faultText("audio", fault) };
    if (!this.#silent) return null;
    const text = t("麦克风开着，可是没有声音。请说一句话；还没有，就点「换设备」选另一个。");
    return { id: "silent", icon: "micoff", title: t("对方听不见您"), text };
  }

  /** @returns {Alert | null} */
  #recordingHalt() {
    const recording = this.#recording;
    const text = recording ? recordingCause(recording) : "";
    if (!recording || !text) return null;
    const at = clock(this.#haltedAt_s);
    const title = recording.state === "paused" ? t("录制暂停在 {at}", { at }) : t("录制停在 {at}", { at });
    return { id: `recording ${recording.state} ${recording.cause}`, icon: "stop", title, text };
  }

  /** @returns {Alert | null} */
  #poor() {
    if (!this.#poorSince || performance.now() - this.#poorSince < POOR_FOR_MS) return null;
    const phone = this.context.phone();
    const way = phone ? t("实在听不清，就点「改用电话」，打 {phone}，咨询不中断。", { phone }) : t("实在听不清，就点「改用电话」，咨询不中断。");
    return { id: "poor", icon: "warn", title: t("通话变差了：{reason}", { reason: this.#reason }), text: way };
  }
}
