import * as api from "../lib/api.js";
import { DraftKeeper } from "../lib/drafts.js";
import { readIdNumber, waitWords } from "../lib/format.js";
import { t, timeOf } from "../lib/i18n.js";
import { dropKey, keptKey } from "../lib/keys.js";
import { refs, setText, show, stamp } from "../ui/dom.js";
import { clearFaults, fillSelect, followFaults, gapsTitle, showFaults } from "../ui/form.js";
import { announce, facts, icon, press, toast } from "../ui/shell.js";
import { askWhichVersion } from "./changed.js";
import { audienceOf, ConsentPanel } from "./consent.js";
import { createVisit, NEW_VISIT, newForm } from "./kept-visits.js";
import { fillVisit, readVisit } from "./visit-fields.js";

/** @typedef {import("../room/workspace.js").Workspace} Workspace */
/** @typedef {import("./visit-fields.js").VisitFields} VisitFields */

const ANNOUNCE_EVERY_MS = 60_000;
const ACCOUNT = facts.viewer?.account ?? "";
/** Where the wire names a field differently from its control. */
const CONTROLS = { facts: "facts-text", consent: "recording", text_version: "recording", text_sha256: "recording" };

/** Registering a visit: three steps on one page, saved as it is typed, consent in the visitor's own panel. */
export class VisitForm {
  /** @type {string | null} */
  #id;
  #version = 0;
  #announcedAt = -Infinity;
  /** @type {(() => void)[]} */
  #undo = [];

  /**
   * @param {Workspace} workspace
   * @param {(path: string, options?: {replace?: boolean}) => void} go
   * @param {string} subject visit id or "new"
   */
  constructor(workspace, go, subject) {
    this.workspace = workspace;
    this.go = go;
    this.#id = subject === "new" ? null : subject;
    this.element = stamp("view-visit");
    this.title = t("新来访");
    this.at = refs(this.element);
    this.form = /** @type {HTMLFormElement} */ (this.at.form);
    this.consent = new ConsentPanel(this.form);
    this.drafts = new DraftKeeper({
      save: fields => this.#save(/** @type {any} */ (fields)),
      storage: localStorage,
      account: ACCOUNT,
      form: subject === "new" ? newForm(workspace.storage) : `visit.${subject}`,
      changed: state => this.#sayState(state),
    });
    this.#listen();
    void this.#load(subject);
  }

  close() {
    this.#undo.forEach(off => off());
    this.consent.close();
    void this.#leave();
  }

  async #leave() {
    await this.drafts.flush();
    // Kept on this computer under its own key: the next new visit begins with a key, and a form, of its own.
    if (this.drafts.dirty && !this.#id) dropKey(this.workspace.storage, NEW_VISIT);
  }

  #listen() {
    const { live } = this.workspace;
    const ending = new AbortController();
    const leaving = () => this.drafts.keepHere();
    addEventListener("pagehide", leaving, { signal: ending.signal });
    this.form.addEventListener("input", event => this.#changed(event));
    this.form.addEventListener("change", event => this.#changed(event));
    this.form.addEventListener("focusout", () => this.drafts.dirty && void this.drafts.flush());
    this.form.addEventListener("submit", event => {
      event.preventDefault();
      void press(this.at.call, t("正在呼叫"), () => this.#call());
    });
    this.form.addEventListener("keydown", event => this.#keyed(event));
    this.at.swipe.addEventListener("click", () => this.#focusIdNumber());
    this.at.later.addEventListener("click", (/** @type {Event} */ event) => this.#later(event));
    followFaults(this.at.faults);
    const showWait = () => live.line && setText(this.at.wait, waitWords(live.line));
    showWait();
    this.#undo = [live.on("line", showWait), live.on("state", showWait), () => ending.abort()];
  }

  /** @param {string} subject */
  async #load(subject) {
    const categories = this.#loadCategories();
    if (subject !== "new") await this.#loadVisit(subject);
    await categories;
    const kept = this.drafts.kept();
    if (kept) {
      fillVisit(this.form, /** @type {any} */ (kept));
      this.drafts.touch(readVisit(this.form));
    }
    this.#adapt();
    if (subject === "new" && !this.element.contains(document.activeElement)) this.form.querySelector("input")?.focus();
  }

  async #loadCategories() {
    const select = /** @type {HTMLSelectElement} */ (this.form.elements.namedItem("category"));
    try {
      const { items } = /** @type {{items: {id: string, name: string}[]}} */ (await api.get("/api/categories"));
      const chosen = select.value || select.dataset.wanted || "";
      fillSelect(select, items.map(({ id, name }) => [id, name]), t("请选择"));
      select.value = chosen;
    } catch {
      toast(t("事项类别没读出来。网络恢复后请重新打开这一页。"), { icon: "warn" });
    }
  }

  /** @param {string} id */
  async #loadVisit(id) {
    try {
      const visit = /** @type {any} */ (await api.get(`/api/visits/${id}`));
      if (visit.state !== "draft" && visit.consultation) {
        this.go(`/station/waiting/${visit.consultation.id}`, { replace: true });
        return;
      }
      this.#version = visit.version;
      fillVisit(this.form, visit);
      if (visit.id_number_masked) setText(this.at.id_kept, t("（已登记 {number}，重填才会改）", { number: visit.id_number_masked }));
      if (visit.saved_at) setText(this.at.saved, t("草稿存于 {time}", { time: timeOf(visit.saved_at) }));
    } catch (error) {
      toast(error instanceof api.ApiError ? error.text : t("登记读不出来。"), { icon: "warn" });
      if (error instanceof api.ApiError && error.status === 404) this.go("/station", { replace: true });
    }
  }

  /** @param {Event} event */
  #changed(event) {
    const control = /** @type {HTMLInputElement} */ (event.target);
    if (control.name === "recording") return;
    if (control.name === "id_number") this.#readCard(control.value);
    this.#adapt();
    this.drafts.touch(readVisit(this.form));
  }

  /** A card reader that types like a keyboard also tells birth date and sex. @param {string} number */
  #readCard(number) {
    const found = readIdNumber(number);
    if (!found) return;
    /** @type {HTMLInputElement} */ (this.form.elements.namedItem("birth_date")).value = found.birth_date;
    this.form.dataset.sex = found.sex;
    announce(t("证件号码读到了。"));
  }

  /** What the answers so far ask of the rest of the form. */
  #adapt() {
    const visit = readVisit(this.form);
    const audience = audienceOf(visit);
    const number = /** @type {HTMLInputElement} */ (this.at.id_number);
    number.disabled = visit.id_refused;
    this.at.swipe.disabled = visit.id_refused;
    if (visit.id_refused) number.value = "";
    const guardian = audience === "guardian";
    show(this.at.minor, guardian || visit.groups.includes("minor"));
    setText(this.at.guardian_hint, guardian ? t("（未满 14 岁，必填）") : t("（未满 14 岁的要填）"));
    void this.consent.address(audience);
  }

  #focusIdNumber() {
    this.at.more.open = true;
    this.at.id_number.focus();
    announce(t("请把身份证放到读卡器上。"));
  }

  /** @param {KeyboardEvent} event */
  #keyed(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.key === "Enter" && event.ctrlKey) {
      event.preventDefault();
      this.form.requestSubmit();
    } else if (event.key === "Enter" && target instanceof HTMLInputElement) {
      // Card readers end with Enter; only the button or Ctrl+Enter calls.
      event.preventDefault();
    }
  }

  /** @param {VisitFields} fields */
  async #save(fields) {
    const body = { ...fields };
    try {
      const visit = /** @type {any} */ (this.#id ? await this.#put(this.#id, body) : await this.#create(body));
      this.#id = visit.id;
      this.#version = visit.version;
    } catch (error) {
      if (!(error instanceof api.ApiError) || error.code !== "changed") throw error;
      await this.#reconcile(error.current, fields);
    }
  }

  /** @param {string} id @param {VisitFields} body */
  #put(id, body) {
    return api.put(`/api/visits/${id}`, { version: this.#version, ...body });
  }

  /** @param {VisitFields} body */
  async #create(body) {
    const storage = this.workspace.storage;
    const visit = await createVisit(keptKey(storage, NEW_VISIT), body);
    dropKey(storage, NEW_VISIT);
    this.drafts.rename(ACCOUNT, `visit.${visit.id}`);
    history.replaceState(null, "", `/station/visit/${visit.id}`);
    return visit;
  }

  /** Two clerks wrote: both versions are shown, nothing is merged silently. @param {any} theirs @param {VisitFields} mine */
  async #reconcile(theirs, mine) {
    this.#version = theirs.version;
    const chosen = await askWhichVersion(mine, theirs);
    if (chosen === "mine" && this.#id) {
      this.#version = /** @type {any} */ (await this.#put(this.#id, mine)).version;
    } else {
      fillVisit(this.form, theirs);
      this.#adapt();
    }
  }

  /** @param {"saving" | "saved" | "local"} state */
  #sayState(state) {
    const time = timeOf(new Date());
    if (state === "saving") return;
    const text = state === "saved" ? t("草稿已存 {time}", { time }) : t("网络不通，内容存在本机 {time}", { time });
    this.at.saved.replaceChildren(icon(state === "saved" ? "tick" : "warn"), ` ${text}`);
    // The slot is a status region: silenced between announcements so that it speaks at most once a minute.
    const now = performance.now();
    this.at.saved.setAttribute("aria-live", now - this.#announcedAt >= ANNOUNCE_EVERY_MS ? "polite" : "off");
    if (now - this.#announcedAt >= ANNOUNCE_EVERY_MS) this.#announcedAt = now;
  }

  /** @param {Event} event */
  async #later(event) {
    event.preventDefault();
    event.stopPropagation();
    if (this.drafts.dirty) await press(this.at.later, t("正在存"), () => this.drafts.flush());
    this.go("/station");
  }

  /** What is still missing. @returns {{id: string, text: string}[]} */
  #gaps() {
    const visit = readVisit(this.form);
    const gaps = [];
    if (audienceOf(visit) === "guardian" && !visit.guardian_name) gaps.push({ id: "guardian_name", text: t("填监护人的名字") });
    if (!visit.category) gaps.push({ id: "category", text: t("选一个事项类别") });
    if (!this.consent.answer) gaps.push({ id: "recording", text: t("选同意或不同意录音录像") });
    return gaps;
  }

  async #call() {
    const gaps = this.#gaps();
    showFaults(this.at.faults, gaps, n => t("还差 {n} 处，补上就能呼叫", { n }));
    if (gaps.length) return;
    try {
      // Permission is asked for while the person is still looking at this press.
      void this.workspace.local.open();
      await this.#saveNow();
      const consultation = /** @type {any} */ (await this.#join());
      clearFaults(this.at.faults);
      this.drafts.discard();
      this.workspace.live.apply({ type: "consultation", consultation });
      this.go(`/station/waiting/${consultation.id}`, { replace: true });
    } catch (error) {
      this.#refused(error);
    }
  }

  async #saveNow() {
    this.drafts.touch(readVisit(this.form));
    await this.drafts.flush();
    if (this.drafts.dirty || !this.#id) throw new api.ApiError(0, { code: "offline", text: t("网络不通，还呼叫不了。登记存在本机，急事请打电话。") });
  }

  async #join() {
    const text = this.consent.text;
    if (!text) throw new api.ApiError(0, { code: "offline", text: t("录音录像说明还没读出来，请稍等再呼叫。") });
    const { guardian_name } = readVisit(this.form);
    const form = `call:${this.#id}`;
    const answer = await api.post(`/api/visits/${this.#id}/call`, {
      key: keptKey(this.workspace.storage, form),
      recording: this.consent.answer,
      text_version: text.version,
      text_sha256: text.sha256,
      ...(guardian_name && { guardian_name }),
    });
    dropKey(this.workspace.storage, form);
    return answer;
  }

  /** @param {unknown} error */
  #refused(error) {
    const known = error instanceof api.ApiError ? error : null;
    const fields = Object.entries(known?.fields ?? {});
    // The next press is a new request: what was refused may have been mended.
    if (known && !known.offline) dropKey(this.workspace.storage, `call:${this.#id}`);
    if (fields.length) {
      const faults = fields.map(([name, text]) => ({ id: /** @type {Record<string, string>} */ (CONTROLS)[name] ?? name, text }));
      showFaults(this.at.faults, faults, gapsTitle);
    } else {
      toast(known?.text ?? t("还没接上，再试一次。"), { icon: "warn" });
    }
  }
}
