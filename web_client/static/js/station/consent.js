import * as api from "../lib/api.js";
import { ageOn } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { askOnce } from "../ui/dialog.js";
import { refs, setText, show } from "../ui/dom.js";
import { paintChoices } from "../ui/form.js";
import { toast } from "../ui/shell.js";

/** @typedef {{version: string, sha256: string, title: string, short: string, text: string}} ConsentText */
/** @typedef {"adult" | "guardian" | "criminal"} Audience */

export const GUARDIAN_BELOW = 14;

/** Whom the text addresses. @param {{category: string | null, birth_date: string | null}} visit @returns {Audience} */
export function audienceOf({ category, birth_date }) {
  if (category === "criminal") return "criminal";
  const age = birth_date ? ageOn(birth_date, new Date()) : null;
  return age !== null && age < GUARDIAN_BELOW ? "guardian" : "adult";
}

/**
 * The consent question in the visitor's panel: nothing chosen beforehand; another text means being asked again.
 */
export class ConsentPanel {
  /** @type {ConsentText | null} */
  text = null;
  /** @type {Audience | null} */
  #audience = null;
  /** @type {Map<Audience, Promise<ConsentText>>} */
  #texts = new Map();

  /** @param {HTMLElement} form */
  constructor(form) {
    this.form = form;
    this.at = refs(form);
    this.group = /** @type {HTMLFieldSetElement} */ (form.querySelector("#recording"));
    this.group.addEventListener("change", () => paintChoices(this.group));
    this.at.full_text.addEventListener("click", () => this.#showText());
    this.#prepareVoice();
  }

  /** @returns {"given" | "refused" | null} */
  get answer() {
    const chosen = this.group.querySelector("input:checked");
    return chosen instanceof HTMLInputElement ? /** @type {"given" | "refused"} */ (chosen.value) : null;
  }

  /** @param {Audience} audience */
  async address(audience) {
    if (audience === this.#audience) return;
    const again = this.#audience !== null;
    this.#audience = audience;
    try {
      const text = await this.#read(audience);
      if (audience !== this.#audience) return;
      this.text = text;
      setText(this.at.consent_title, text.title);
      setText(this.at.consent_short, text.short);
      // What was agreed to was another text.
      if (again) this.#clear();
    } catch {
      this.#audience = null;
      setText(this.at.consent_short, t("说明没读出来。网络恢复后会自己出现。"));
    }
  }

  close() {
    if ("speechSynthesis" in window) speechSynthesis.cancel();
  }

  /** @param {Audience} audience */
  #read(audience) {
    const known = this.#texts.get(audience);
    if (known) return known;
    const reading = /** @type {Promise<ConsentText>} */ (api.get(`/api/consent-texts/recording?audience=${audience}`));
    reading.catch(() => this.#texts.delete(audience));
    this.#texts.set(audience, reading);
    return reading;
  }

  #clear() {
    for (const input of this.group.querySelectorAll("input")) input.checked = false;
    paintChoices(this.group);
  }

  async #showText() {
    const text = this.text;
    if (!text) {
      toast(t("说明还没读出来，请稍等。"), { icon: "info" });
      return;
    }
    await askOnce("dialog-consent", dialog => {
      const at = refs(dialog);
      setText(at.title, text.title);
      setText(at.text, text.text);
    });
  }

  /** Only where this computer has a Chinese voice (Windows 7 has none). */
  #prepareVoice() {
    if (!("speechSynthesis" in window)) return;
    const offer = () => show(this.at.read_aloud, Boolean(chineseVoice()));
    offer();
    speechSynthesis.addEventListener("voiceschanged", offer, { once: true });
    this.at.read_aloud.addEventListener("click", () => this.#readAloud());
  }

  #readAloud() {
    if (speechSynthesis.speaking) {
      speechSynthesis.cancel();
      return;
    }
    if (!this.text) return;
    const speech = new SpeechSynthesisUtterance(`${this.text.title}。${this.text.text}`);
    speech.voice = chineseVoice();
    speech.lang = "zh-CN";
    speech.rate = 0.9;
    const word = this.at.read_aloud.querySelector("span");
    setText(word, t("停下"));
    speech.onend = () => setText(word, t("读给我听"));
    speech.onerror = speech.onend;
    speechSynthesis.speak(speech);
  }
}

function chineseVoice() {
  return speechSynthesis.getVoices().find(voice => voice.lang.toLowerCase().startsWith("zh")) ?? null;
}
