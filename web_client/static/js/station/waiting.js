import * as api from "../lib/api.js";
import { faultText } from "../lib/devices.js";
import { consentWord, estimateMoved, groupWords, lawyerName, range } from "../lib/format.js";
import { duration, t } from "../lib/i18n.js";
import { countUp } from "../ui/clock.js";
import { askOnce } from "../ui/dialog.js";
import { chip, h, refs, setText, show, stamp } from "../ui/dom.js";
import { announce, icon, press, setState, toast } from "../ui/shell.js";

/** @typedef {import("../room/workspace.js").Workspace} Workspace */
/** @typedef {import("../lib/live.js").ConsultationRef} ConsultationRef */
/** @typedef {import("../lib/format.js").Estimate} Estimate */

const OFFLINE_AFTER_MS = 2_000;
const ANNOUNCE_EVERY_MS = 60_000;
const FIGURES = 3;

/** Waiting for a lawyer: the place and an honest range for the visitor, the camera tried out meanwhile for the clerk. */
export class Waiting {
  /** @type {ConsultationRef | null} */
  #ref = null;
  /** @type {any} */
  #detail = null;
  /** @type {Estimate | null} */
  #shown = null;
  #keepWaiting = false;
  #offline = false;
  #announcedAt = -Infinity;
  /** @type {() => void} */
  #stopClock = () => {};
  /** @type {(() => void)[]} */
  #undo = [];

  /** @param {Workspace} workspace @param {import("../ui/router.js").Router} router @param {string} id */
  constructor(workspace, router, id) {
    this.workspace = workspace;
    this.router = router;
    this.id = id;
    this.element = stamp("view-waiting");
    this.title = t("排队等候");
    this.at = refs(this.element);
    this.keys = { cancel: api.newKey(), callback: api.newKey() };
    setState(this.at.panel, "loading");
    this.#listen();
    if (workspace.live.consultation?.id === id) this.#update(workspace.live.consultation);
    void this.#load();
    void workspace.local.open();
    this.#showDevices();
  }

  close() {
    this.#stopClock();
    this.#undo.forEach(off => off());
    this.at.preview.srcObject = null;
  }

  #listen() {
    const { live, local, socket } = this.workspace;
    const news = () => live.consultation?.id === this.id && this.#update(live.consultation);
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    this.#undo = [
      live.on("consultation", news),
      live.on("state", news),
      live.on("line", () => this.#paint()),
      local.on("change", () => this.#showDevices()),
      socket.on("status", state => {
        clearTimeout(timer);
        if (state === "open") this.#setOffline(false);
        else timer = setTimeout(() => this.#setOffline(true), OFFLINE_AFTER_MS);
      }),
      () => clearTimeout(timer),
    ];
    this.at.cancel.addEventListener("click", () => this.#cancel());
    this.at.none_later.addEventListener("click", () => press(this.at.none_later, t("正在存"), () => this.#doCancel()));
    this.at.to_callback.addEventListener("click", () => this.#callback(this.at.to_callback));
    this.at.none_callback.addEventListener("click", () => this.#callback(this.at.none_callback));
    this.at.keep_waiting.addEventListener("click", () => this.#stay());
    this.at.retry.addEventListener("click", () => press(this.at.retry, t("正在打开"), () => local.retry()));
  }

  async #load() {
    try {
      this.#detail = await api.get(`/api/consultations/${this.id}`);
      this.#showDetail();
      if (!this.#ref) this.#update(this.#detail);
    } catch (error) {
      if (!(error instanceof api.ApiError) || error.offline) return;
      toast(error.text, { icon: "warn" });
      this.router.go("/station", { replace: true });
    }
  }

  #showDetail() {
    const { visitor, category_name, recording_consent } = this.#detail;
    if (visitor.name) setText(this.at.title, t("{name}，正在为您接通律师", { name: visitor.name }));
    setText(this.at.category, category_name);
    setText(this.at.groups, groupWords(visitor.groups).join("、") || t("无"));
    setText(this.at.consent, consentWord(recording_consent));
    setText(this.at.callback_phone, visitor.phone_masked);
    setText(this.at.offer_phone, visitor.phone_masked);
    this.#paint();
  }

  /** @param {ConsultationRef} ref */
  #update(ref) {
    const before = this.#ref;
    this.#ref = ref;
    if (ref.entry) this.#runClock(ref.entry.waited_s);
    if (ref.state === "offered" && before?.state !== "offered") this.#answering();
    this.#paint();
  }

  /** @param {number} waited_s */
  #runClock(waited_s) {
    this.#stopClock();
    this.#stopClock = countUp(performance.now() - waited_s * 1000, seconds => setText(this.at.waited, duration(seconds)));
  }

  #answering() {
    this.router.setTitle(t("▶ 正在请律师接听"));
  }

  /** @param {boolean} offline */
  #setOffline(offline) {
    this.#offline = offline;
    this.#paint();
  }

  #paint() {
    const entry = this.#ref?.entry;
    if (this.#offline) this.#paintOffline();
    if (!this.#ref || !entry) return;
    const state = this.#state();
    setState(this.at.panel, state);
    if (state === "waiting" || state === "callback") this.#paintPlace(entry);
    if (state === "offered") this.#paintOffered(entry);
    const asks = state === "waiting" && entry.callback_offered && !this.#keepWaiting && Boolean(this.#detail?.visitor.phone_masked);
    show(this.at.callback_offer, asks);
    show(this.at.none_callback, Boolean(this.#detail?.visitor.phone_masked));
    show(this.at.home_row, state === "callback");
  }

  /** @returns {"offline" | "offered" | "callback" | "none" | "waiting"} */
  #state() {
    if (this.#offline) return "offline";
    if (this.#ref?.entry?.state === "callback") return "callback";
    if (this.#ref?.state === "offered") return "offered";
    return this.workspace.live.line?.open === false ? "none" : "waiting";
  }

  #paintOffline() {
    setState(this.at.panel, "offline");
    const position = this.#ref?.entry?.position;
    const place = position ? t("您还是第 {n} 位，保留 10 分钟。正在重连。", { n: position }) : t("位置保留 10 分钟。正在重连。");
    setText(this.at.offline_place, place);
    const phone = this.#detail?.street?.phone;
    if (phone) setText(this.at.org_phone, phone);
  }

  /** @param {import("../lib/live.js").Entry} entry */
  #paintOffered({ position, estimate }) {
    const name = this.#ref?.lawyer?.name;
    setText(this.at.answering, name ? t("正在请{name}接听", { name: lawyerName(name) }) : t("正在请律师接听"));
    const minutes = estimate ? range(estimate) : "1";
    setText(this.at.answering_place, t("您是第 {n} 位，大约还要等 {range} 分钟。", { n: position ?? 1, range: minutes }));
  }

  /** @param {import("../lib/live.js").Entry} entry */
  #paintPlace(entry) {
    const position = entry.position ?? 1;
    const grew = this.#shown && entry.estimate && entry.estimate.high_min > this.#shown.high_min;
    if (estimateMoved(this.#shown, entry.estimate)) this.#shown = entry.estimate;
    setText(this.at.position, String(position));
    show(this.at.estimate_row, this.#shown !== null && this.#shown.high_min > 0);
    show(this.at.no_estimate, this.#shown === null);
    if (this.#shown) setText(this.at.estimate, range(this.#shown));
    setText(this.at.basis, this.#basis(Boolean(grew)));
    setText(this.at.callback_place, t("您的位置不变，还是第 {n} 位。", { n: position }));
    this.#paintLine(position);
    this.router.setTitle(t("（{n}）排队", { n: position }));
    this.#say(position);
  }

  /** @param {boolean} grew */
  #basis(grew) {
    if (!this.#shown) return t("现在算不准要等多久，轮到您会响铃。");
    if (grew) return t("有需要优先照顾的来访人，会晚一点。轮到您会响铃。");
    const n = this.workspace.live.line?.lawyers_on_duty;
    if (!n) return t("轮到您会响铃。");
    return t("时间是按现在 {n} 位律师在岗算的，变化了会告诉您。轮到您会响铃。", { n });
  }

  /** @param {number} position */
  #paintLine(position) {
    if (this.at.line.dataset.position === String(position)) return;
    this.at.line.dataset.position = String(position);
    const ahead = position - 1;
    const shown = Math.min(ahead, FIGURES);
    const person = (/** @type {string} */ word, className = "") => h("li", { class: className || undefined }, icon("user"), h("span", {}, word));
    const rest = ahead > shown ? [h("li", { class: "rest" }, icon("users"), h("span", {}, t("还有 {n} 位", { n: ahead - shown })))] : [];
    this.at.line.setAttribute("aria-label", ahead ? t("前面 {ahead} 人，您是第 {n} 位", { ahead, n: position }) : t("您排在最前面"));
    this.at.line.replaceChildren(
      ...Array.from({ length: shown }, (_, n) => person(String(n + 1))),
      ...rest,
      person(t("您"), "you"),
      h("li", { class: "lawyer" }, icon("scale"), h("span", {}, t("律师"))),
    );
  }

  /** The numbers are drawn apart; a screen reader hears one sentence, at most once a minute. @param {number} position */
  #say(position) {
    const now = performance.now();
    if (now - this.#announcedAt < ANNOUNCE_EVERY_MS) return;
    this.#announcedAt = now;
    const wait = this.#shown ? t("，大约还要等 {range} 分钟", { range: range(this.#shown) }) : "";
    announce(t("您是第 {n} 位", { n: position }) + wait);
  }

  #stay() {
    this.#keepWaiting = true;
    show(this.at.callback_offer, false);
    toast(t("好的，接着排。"), { icon: "clock" });
  }

  async #cancel() {
    const position = this.#ref?.entry?.position;
    const answer = await askOnce("dialog-cancel", dialog => {
      const place = position ? t("取消后第 {n} 位就让出去了。", { n: position }) : t("取消后位置就让出去了。");
      setText(refs(dialog).text, place + t("登记内容会存成草稿。"));
    });
    if (answer === "cancel") await press(this.at.cancel, t("正在取消"), () => this.#doCancel());
  }

  async #doCancel() {
    const done = await this.#attempt(() => api.post(`/api/consultations/${this.id}/cancel`, { key: this.keys.cancel }));
    if (!done) return;
    this.workspace.live.consultation = null;
    this.workspace.local.close();
    toast(t("排队取消了，登记存成了草稿。"));
    this.router.go("/station", { replace: true });
  }

  /** @param {HTMLElement} button */
  #callback(button) {
    return press(button, t("正在改"), async () => {
      const ref = await this.#attempt(() => api.post(`/api/consultations/${this.id}/callback`, { key: this.keys.callback }));
      if (!ref) return;
      this.workspace.local.close();
      this.workspace.live.apply({ type: "consultation", consultation: ref });
    });
  }

  /** @param {() => Promise<unknown>} work @returns {Promise<any>} null when refused (said so) */
  async #attempt(work) {
    try {
      return await work();
    } catch (error) {
      toast(error instanceof api.ApiError ? error.text : t("没有做成，请再试一次。"), { icon: "warn" });
      return null;
    }
  }

  #showDevices() {
    const { local } = this.workspace;
    const { camera, audio } = local.tracks;
    const video = /** @type {HTMLVideoElement} */ (this.at.preview);
    const shown = /** @type {MediaStream | null} */ (video.srcObject)?.getVideoTracks()[0] ?? null;
    if (shown !== camera) video.srcObject = camera ? new MediaStream([camera]) : null;
    show(this.at.no_preview, !camera);
    const fault = local.faults.camera;
    setText(this.at.preview_text, fault ? t("没有画面，可以只用声音") : t("正在打开摄像头"));
    const word = (/** @type {"audio" | "camera"} */ source, /** @type {string} */ ready) => {
      const bad = local.faults[source];
      const mark = bad ? chip("bad", "warn", t("要处理")) : chip("ok", "check", t("好了"));
      return h("p", { class: "prep-word" }, mark, h("span", {}, bad ? faultText(source, bad) : ready));
    };
    if (local.opened) this.at.device_words.replaceChildren(word("camera", t("画面已试过")), word("audio", t("声音已打开")));
    show(this.at.retry, local.opened && !(camera && audio));
  }
}
