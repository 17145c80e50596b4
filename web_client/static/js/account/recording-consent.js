import * as api from "../lib/api.js";
import { putOff, putOffUntilLogIn } from "../lib/asked.js";
import { t } from "../lib/i18n.js";
import { refs, setText, show, stamp } from "../ui/dom.js";
import { openDialog, press, toast } from "../ui/shell.js";

/**
 * @typedef {"given" | "refused" | "withdrawn" | null} Answer
 * @typedef {{answer: Answer, needed: boolean, text: import("../station/consent.js").ConsentText}} Standing
 */

const PATH = "/api/me/recording-consent";
/** What may bring a consultation: then the question goes away, and comes back at home. */
const NEWS = /** @type {const} */ (["state", "offer", "consultation"]);

/**
 * The standing consent of a clerk or lawyer to be recorded at work: asked once after log-in, changed from the home view.
 */
export class RecordingConsent {
  /** @type {HTMLDialogElement | null} */
  #dialog = null;
  #home = false;
  #asking = false;

  /** @param {import("../lib/live.js").Live} live @param {Storage} storage */
  constructor(live, storage) {
    this.live = live;
    this.storage = storage;
    for (const news of NEWS) {
      live.on(news, () => {
        if (this.#busy) this.#dialog?.close();
        else void this.#askOnce();
      });
    }
    live.on("offer_ended", ({ cause }) => {
      // After the other listeners: the offer's own dialog is still on screen.
      if (cause !== "accepted") queueMicrotask(() => void this.#askOnce());
    });
  }

  /** The home view is on screen. @param {HTMLElement} button opens the question @returns {() => void} the view goes */
  atHome(button) {
    this.#home = true;
    button.addEventListener("click", () => press(button, "", () => this.#change()));
    void this.#askOnce();
    return () => {
      this.#home = false;
      this.#dialog?.close();
    };
  }

  get #busy() {
    const state = this.live.consultation?.state ?? "";
    return this.live.offer !== null || ["offered", "active", "interrupted"].includes(state);
  }

  /** Nothing else is on screen that must not be covered. */
  get #free() {
    return this.#home && !this.#busy && !document.querySelector("dialog[open]");
  }

  async #askOnce() {
    if (this.#asking || !this.live.known || !this.#free || putOff(this.storage)) return;
    this.#asking = true;
    try {
      const standing = /** @type {Standing} */ (await api.get(PATH));
      if (!standing.needed || standing.answer !== null) putOffUntilLogIn(this.storage);
      else if (this.#free) await this.#open(standing);
    } catch {
      // Asked at the next occasion; the line on this view says that the network is gone.
    } finally {
      this.#asking = false;
    }
  }

  async #change() {
    try {
      const standing = /** @type {Standing} */ (await api.get(PATH));
      if (this.#free) void this.#open(standing);
    } catch (error) {
      toast(error instanceof api.ApiError ? error.text : t("没有做成，请再试一次。"), { icon: "warn" });
    }
  }

  /** @param {Standing} standing */
  async #open(standing) {
    const dialog = (this.#dialog = /** @type {HTMLDialogElement} */ (stamp("dialog-recording-consent")));
    const at = refs(dialog);
    fill(at, standing);
    let text = standing.text;
    let sending = false;
    let interrupted = true;
    dialog.addEventListener("cancel", () => { interrupted = false; });
    at.later.addEventListener("click", () => { interrupted = false; });
    for (const button of [at.given, at.refused]) {
      button.addEventListener("click", () => sending || press(button, t("正在记下"), async () => {
        sending = true;
        const kept = await this.#send(at, button.value, text);
        sending = false;
        text = kept.text;
        if (!kept.done) return;
        interrupted = false;
        dialog.close();
        toast(button.value === "given" ? t("记下了：同意录音录像。") : t("记下了：不同意，只留文字记录。"));
      }));
    }
    document.body.append(dialog);
    const closed = openDialog(dialog);
    dialog.scrollTop = 0;
    await closed;
    dialog.remove();
    this.#dialog = null;
    if (!interrupted) putOffUntilLogIn(this.storage);
  }

  /** @param {Record<string, any>} at @param {string} answer @param {Standing["text"]} text */
  async #send(at, answer, text) {
    show(at.fault, false);
    try {
      await api.put(PATH, { answer, text_version: text.version, text_sha256: text.sha256 });
      return { done: true, text };
    } catch (error) {
      setText(at.fault, error instanceof api.ApiError ? error.text : t("没有做成，请再试一次。"));
      show(at.fault, true);
      return { done: false, text: replaced(error) ? await this.#again(at, text) : text };
    }
  }

  /** The words have been replaced: shows the new ones. @param {Record<string, any>} at @param {Standing["text"]} text */
  async #again(at, text) {
    try {
      const standing = /** @type {Standing} */ (await api.get(PATH));
      fill(at, standing);
      return standing.text;
    } catch {
      return text;
    }
  }
}

/** @param {unknown} error */
function replaced(error) {
  return error instanceof api.ApiError && error.code === "invalid";
}

/** @param {Record<string, any>} at @param {Standing} standing */
function fill(at, { answer, text }) {
  setText(at.title, text.title);
  setText(at.text, text.text);
  at.text.scrollTop = 0;
  setText(at.now, answerWords(answer));
  setText(at.later, answer === null ? t("以后再说") : t("不改"));
}

/** @param {Answer} answer */
function answerWords(answer) {
  switch (answer) {
    case "given": return t("您现在的回答：同意");
    case "refused": return t("您现在的回答：不同意");
    case "withdrawn": return t("您现在的回答：不同意（同意已收回）");
    default: return t("请您自己决定。以后随时可以在首页改。");
  }
}
