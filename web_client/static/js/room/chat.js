import { t, timeOf } from "../lib/i18n.js";
import { h, setText, show } from "../ui/dom.js";
import { announce, byId, press, toast } from "../ui/shell.js";

/** @typedef {import("./session.js").ChatMessage} ChatMessage */

/** The messages of one room. */
export class Chat {
  /** @type {Set<string>} */
  #seen = new Set();
  #unread = 0;
  #open = false;
  #you = "";

  /**
   * @param {Record<string, any>} at
   * @param {(text: string) => Promise<{message: ChatMessage}>} send
   * @param {() => void} tick a soft sound
   */
  constructor(at, send, tick) {
    this.at = at;
    this.send = send;
    this.tick = tick;
    at.chat_form.addEventListener("submit", (/** @type {Event} */ event) => {
      event.preventDefault();
      void this.#submit();
    });
  }

  /** @param {string} participant_id ours */
  set you(participant_id) {
    this.#you = participant_id;
  }

  get isOpen() {
    return this.#open;
  }

  /** @param {boolean} open the panel can be seen @param {boolean} [focus] go on typing there */
  opened(open, focus = true) {
    this.#open = open;
    if (!open) return;
    this.#setUnread(0);
    this.#toEnd();
    if (focus) this.at.chat_text.focus();
  }

  /** @param {ChatMessage[]} messages said before we came */
  history(messages) {
    for (const message of messages) this.#append(message);
  }

  /** @param {ChatMessage} message */
  heard(message) {
    if (!this.#append(message) || message.from === this.#you) return;
    this.tick();
    if (this.#open) return;
    this.#setUnread(this.#unread + 1);
    sayOnce(t("{name}：{text}", { name: message.name, text: message.text }));
  }

  async #submit() {
    const text = this.at.chat_text.value.trim();
    if (!text) return;
    await press(this.at.chat_send, t("正在发"), async () => {
      try {
        const { message } = await this.send(text);
        this.#append(message);
        if (this.at.chat_text.value.trim() === text) this.at.chat_text.value = "";
      } catch {
        toast(t("没发出去，网络恢复后再点「发送」。"), { icon: "warn" });
      }
    });
    this.at.chat_text.focus();
  }

  /** @param {ChatMessage} message @returns {boolean} false when it was here already */
  #append(message) {
    if (this.#seen.has(message.id)) return false;
    this.#seen.add(message.id);
    show(this.at.chat_empty, false);
    const mine = message.from === this.#you;
    const who = t("{name} {time}", { name: mine ? t("我们") : message.name, time: timeOf(message.at) });
    this.at.chat_log.append(h("p", { class: mine ? "msg mine" : "msg" }, h("small", {}, who), message.text));
    this.#toEnd();
    return true;
  }

  #toEnd() {
    this.at.chat_log.scrollTop = this.at.chat_log.scrollHeight;
  }

  /** @param {number} unread */
  #setUnread(unread) {
    this.#unread = unread;
    show(this.at.unread, unread > 0);
    setText(this.at.unread, String(unread));
    if (this.at.tab_chat) setText(this.at.tab_chat, unread ? t("消息 {n}", { n: unread }) : t("消息"));
  }
}

const SPOKEN_AFTER_MS = 1_500;

/** The open log speaks for itself; a closed one is spoken for, and the words do not stay about twice. @param {string} text */
function sayOnce(text) {
  announce(text);
  setTimeout(() => byId("polite").textContent === text && announce(""), SPOKEN_AFTER_MS);
}
