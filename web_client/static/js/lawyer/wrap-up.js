import * as api from "../lib/api.js";
import { DraftKeeper } from "../lib/drafts.js";
import { consentWord, outcomes } from "../lib/format.js";
import { duration, t, timeOf } from "../lib/i18n.js";
import { countDown } from "../ui/clock.js";
import { h, refs, setText, show, stamp } from "../ui/dom.js";
import { clearFaults, fillSelect, followFaults, gapsTitle, showFaults } from "../ui/form.js";
import { announce, facts, icon, press, setState, toast } from "../ui/shell.js";

/** @typedef {import("../room/workspace.js").Workspace} Workspace */
/** @typedef {{advice: string, law_cited: string, aid_rights_told: boolean, outcome: string | null}} WrapUpFields */

/** 「办结」: the advice as it will be printed, protected from the next visitor for 90 s. */
export class WrapUp {
  #version = 0;
  #loaded = false;
  #keys = { close: api.newKey(), extend: api.newKey() };
  /** @type {() => void} */
  #stopClock = () => {};

  /** @param {Workspace} workspace @param {import("../ui/router.js").Router} router @param {string} id consultation */
  constructor(workspace, router, id) {
    this.workspace = workspace;
    this.router = router;
    this.id = id;
    this.element = stamp("view-wrap-up");
    this.title = t("办结");
    this.at = refs(this.element);
    this.form = /** @type {HTMLFormElement} */ (this.at.form);
    this.drafts = new DraftKeeper({
      save: fields => this.#save(/** @type {any} */ (fields)),
      storage: localStorage,
      account: facts.viewer?.account ?? "",
      form: `wrap-up.${id}`,
      changed: state => this.#sayState(state),
    });
    workspace.local.close();
    fillSelect(/** @type {HTMLSelectElement} */ (this.form.elements.namedItem("outcome")), outcomes(), t("请选择"));
    this.ending = new AbortController();
    this.#listen();
    setState(this.at.state, "loading");
    void this.#load();
  }

  close() {
    this.#stopClock();
    this.ending.abort();
    void this.drafts.flush();
  }

  #listen() {
    addEventListener("pagehide", () => this.drafts.keepHere(), { signal: this.ending.signal });
    for (const event of ["input", "change"]) this.form.addEventListener(event, () => this.drafts.touch(this.#fields()));
    this.form.addEventListener("focusout", () => this.drafts.dirty && void this.drafts.flush());
    this.form.addEventListener("submit", event => {
      event.preventDefault();
      void press(this.at.close, t("正在办结"), () => this.#close());
    });
    this.form.addEventListener("keydown", event => {
      if (event.key !== "Enter" || !event.ctrlKey) return;
      event.preventDefault();
      this.form.requestSubmit();
    });
    this.at.later.addEventListener("click", () => this.#later());
    this.at.extend.addEventListener("click", () => press(this.at.extend, t("正在加"), () => this.#extend()));
    this.at.state.querySelector("[data-action=again]").addEventListener("click", () => this.#load());
    followFaults(this.at.faults);
  }

  async #load() {
    setState(this.at.state, "loading");
    try {
      const wrapUp = /** @type {any} */ (await api.get(`/api/consultations/${this.id}/wrap-up`));
      this.#show(wrapUp);
      const kept = this.drafts.kept();
      if (kept) {
        this.#fill(/** @type {any} */ (kept));
        this.drafts.touch(this.#fields());
      }
    } catch (error) {
      if (error instanceof api.ApiError && error.code === "conflict") this.router.go("/lawyer", { replace: true });
      setState(this.at.state, "error");
      if (error instanceof api.ApiError && !error.offline) toast(error.text, { icon: "warn" });
    }
  }

  /** @param {any} wrapUp */
  #show(wrapUp) {
    const { consultation, version, extended } = wrapUp;
    this.#version = version;
    this.#loaded = true;
    setState(this.at.state, "ready");
    this.#fill(wrapUp);
    const visitor = consultation.visitor.name || t("身份不出示");
    setText(this.at.title, t("办结：{visitor} · {category}", { visitor, category: consultation.category_name }));
    const points = consultation.points.length;
    setText(this.at.points_hint, points ? t("已带入您发过的 {n} 条要点，改一改就行。", { n: points }) : t("写给来访人带走的话，会打印出来。"));
    this.#showAbout(consultation);
    this.#protect(wrapUp.protected_until, extended);
  }

  /** @param {any} consultation */
  #showAbout({ street, started_at, ended_at, opposing_party, recording_consent, recording, facts: told, visitor }) {
    show(this.at.length, Boolean(started_at && ended_at));
    if (started_at && ended_at) {
      const seconds = (Date.parse(ended_at) - Date.parse(started_at)) / 1000;
      this.at.length.replaceChildren(icon("check"), t("通话 {time}", { time: duration(seconds) }));
    }
    const from = started_at ? `${timeOf(started_at)}–${ended_at ? timeOf(ended_at) : ""}` : "";
    const consent = recording?.state === "none" ? t("没有录") : consentWord(recording_consent);
    /** @type {[string, string][]} */
    const rows = [[t("街道"), street.name], [t("时间"), from], [t("对方"), opposing_party], [t("陪同"), visitor.companion], [t("录音录像"), consent]];
    this.at.about.replaceChildren(...rows.filter(([, value]) => value).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
    setText(this.at.facts, told || t("没有填。"));
  }

  /** @param {string | null} until @param {boolean} extended */
  #protect(until, extended) {
    this.#stopClock();
    const left = until ? (Date.parse(until) - Date.now() - this.workspace.socket.skew_ms) / 1000 : 0;
    show(this.at.clock, Boolean(until));
    show(this.at.extend, left > 0 && !extended);
    this.#stopClock = countDown(left, seconds => {
      const words = seconds > 0 ? t("还有 {n} 秒不派新来访", { n: seconds }) : t("可能会派新来访，这张表会留着");
      setText(this.at.clock, words);
      if (seconds === 0) show(this.at.extend, false);
    });
  }

  /** @param {WrapUpFields} fields */
  #fill({ advice, law_cited, aid_rights_told, outcome }) {
    const controls = /** @type {any} */ (this.form.elements);
    controls.advice.value = advice ?? "";
    controls.law_cited.value = law_cited ?? "";
    controls.aid_rights_told.checked = Boolean(aid_rights_told);
    controls.outcome.value = outcome ?? "";
  }

  /** @returns {WrapUpFields} */
  #fields() {
    const controls = /** @type {any} */ (this.form.elements);
    return {
      advice: controls.advice.value.trim(),
      law_cited: controls.law_cited.value.trim(),
      aid_rights_told: controls.aid_rights_told.checked,
      outcome: controls.outcome.value || null,
    };
  }

  /** @param {WrapUpFields} fields */
  async #save(fields) {
    try {
      const saved = /** @type {any} */ (await api.put(`/api/consultations/${this.id}/wrap-up`, { version: this.#version, ...fields }));
      this.#version = saved.version;
    } catch (error) {
      if (!(error instanceof api.ApiError) || error.code !== "changed" || !error.current) throw error;
      // The same lawyer in two windows: what is being typed here is the newer intention.
      this.#version = error.current.version;
      const saved = /** @type {any} */ (await api.put(`/api/consultations/${this.id}/wrap-up`, { version: this.#version, ...fields }));
      this.#version = saved.version;
    }
  }

  /** @param {"saving" | "saved" | "local"} state */
  #sayState(state) {
    if (state === "saved") setText(this.at.saved, t("草稿已存"));
    if (state === "local") setText(this.at.saved, t("网络不通，内容存在本机"));
  }

  async #later() {
    await press(this.at.later, t("正在存"), () => this.drafts.flush());
    if (this.drafts.dirty) toast(t("网络不通，内容存在本机，联网后会自己存。"), { icon: "warn" });
    this.router.go("/lawyer");
  }

  async #extend() {
    try {
      const { protected_until } = /** @type {any} */ (await api.post(`/api/consultations/${this.id}/wrap-up/extend`, { key: this.#keys.extend }));
      this.#protect(protected_until, true);
      announce(t("又有 2 分钟不派新来访。"));
    } catch (error) {
      toast(error instanceof api.ApiError ? error.text : t("没有加上。"), { icon: "warn" });
    }
  }

  /** @returns {{id: string, text: string}[]} */
  #gaps() {
    const { advice, aid_rights_told, outcome } = this.#fields();
    const gaps = [];
    if (!advice) gaps.push({ id: "advice", text: t("写答复意见") });
    if (!outcome) gaps.push({ id: "outcome", text: t("选处理结果") });
    if (!aid_rights_told) gaps.push({ id: "aid_rights_told", text: t("告诉来访人可以申请法律援助，然后打勾") });
    return gaps;
  }

  async #close() {
    if (!this.#loaded) return;
    const gaps = this.#gaps();
    showFaults(this.at.faults, gaps, gapsTitle);
    if (gaps.length) return;
    try {
      await this.drafts.flush();
      await api.post(`/api/consultations/${this.id}/close`, { key: this.#keys.close, version: this.#version, ...this.#fields() });
      this.drafts.discard();
      clearFaults(this.at.faults);
      toast(t("已办结，工作站可以打印了。"));
      this.router.go("/lawyer", { replace: true });
    } catch (error) {
      this.#refused(error);
    }
  }

  /** @param {unknown} error */
  #refused(error) {
    if (!(error instanceof api.ApiError)) throw error;
    if (!error.offline) this.#keys.close = api.newKey();
    const faults = Object.entries(error.fields).map(([id, text]) => ({ id, text }));
    if (faults.length) showFaults(this.at.faults, faults, gapsTitle);
    else toast(error.offline ? t("还没办结，网络恢复后再点一次。") : error.text, { icon: "warn" });
    if (error.code === "changed" && error.current) this.#version = error.current.version;
  }
}
