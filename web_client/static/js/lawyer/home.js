import * as api from "../lib/api.js";
import { faultText, openBoth } from "../lib/devices.js";
import { groupWords } from "../lib/format.js";
import { duration, t, timeOf } from "../lib/i18n.js";
import { h, refs, setText, show, stamp } from "../ui/dom.js";
import { icon, setState, toast } from "../ui/shell.js";

/** @typedef {import("../room/workspace.js").Workspace} Workspace */
/** @typedef {import("../lib/live.js").LineRow} LineRow */
/** @typedef {import("../lib/live.js").Presence} Presence */

const REFRESH_MS = 30_000;

/** The lawyer's desk: on duty or not, the district's line, forms still open. */
export class Desk {
  /** @type {(() => void)[]} */
  #undo = [];
  /** When `rows` were told, so that their waits run on. */
  #rowsAt = performance.now();

  /** @param {Workspace} workspace @param {import("../account/recording-consent.js").RecordingConsent} consent */
  constructor(workspace, consent) {
    this.workspace = workspace;
    this.consent = consent;
    this.element = stamp("view-home");
    this.title = t("值班台");
    this.at = refs(this.element);
    this.#listen();
    this.#paintPresence();
    setState(this.at.line, "loading");
    this.#paintLine();
    void this.#read();
  }

  close() {
    this.#undo.forEach(off => off());
  }

  #listen() {
    const { live } = this.workspace;
    for (const button of [this.at.available, this.at.on_break, this.at.offline]) {
      button.addEventListener("click", () => this.#setPresence(button));
    }
    this.at.line.querySelector("[data-action=again]").addEventListener("click", () => this.#read());
    const refresh = setInterval(() => document.hidden || void this.#read(), REFRESH_MS);
    const clock = setInterval(() => {
      this.#paintPresence();
      this.#paintWaits();
    }, 1000);
    this.#undo = [
      live.on("presence", () => this.#presenceChanged()),
      live.on("state", () => this.#presenceChanged()),
      live.on("line", () => {
        this.#rowsAt = performance.now();
        this.#paintLine();
      }),
      live.on("consultation", () => void this.#read()),
      this.consent.atHome(this.at.recording_consent),
      () => clearInterval(refresh),
      () => clearInterval(clock),
    ];
  }

  #presenceChanged() {
    this.#paintPresence();
    this.#paintLine();
  }

  /** @param {HTMLButtonElement} button */
  async #setPresence(button) {
    if (button.getAttribute("aria-busy") === "true") return;
    button.setAttribute("aria-busy", "true");
    const { socket, live } = this.workspace;
    try {
      const { presence } = await socket.request("presence.set", { state: button.value });
      live.apply({ type: "presence", presence });
      if (button.value === "available") void this.#tryDevices();
    } catch (error) {
      const text = error instanceof Error && "text" in error ? String(error.text) : "";
      toast(text || t("没切换成，请再点一次。"), { icon: "warn" });
    } finally {
      button.removeAttribute("aria-busy");
    }
  }

  /** Asks for the permission now, not while a visitor waits; the devices are let go at once. */
  async #tryDevices() {
    const { audio, camera, faults } = await openBoth();
    audio?.stop();
    camera?.stop();
    const words = [];
    if (faults.audio) words.push(faultText("audio", faults.audio));
    if (faults.camera) words.push(faultText("camera", faults.camera));
    show(this.at.device, words.length > 0);
    setText(this.at.device_text, words.join(""));
  }

  #paintPresence() {
    const presence = this.workspace.live.presence;
    if (!presence) return;
    const on = !["offline", "on_break"].includes(presence.state);
    for (const button of [this.at.available, this.at.on_break, this.at.offline]) {
      button.setAttribute("aria-pressed", String(button.value === presence.state || (button.value === "available" && on)));
    }
    const [look, sign, strong, more] = this.#presenceWords(presence);
    const text = `${strong}${more}`;
    if (this.at.strip.dataset.state === presence.state && this.at.strip.dataset.text === text) return;
    // Each second changes the figures only; a screen reader hears the strip when the state changes.
    this.at.strip.setAttribute("aria-live", this.at.strip.dataset.state === presence.state ? "off" : "polite");
    this.at.strip.dataset.state = presence.state;
    this.at.strip.dataset.text = text;
    this.at.strip.className = `strip ${look}`.trim();
    this.at.strip.replaceChildren(icon(sign), h("p", {}, h("b", {}, strong), more));
  }

  /** @param {Presence} presence @returns {[string, string, string, string]} look, icon, sentence, the rest */
  #presenceWords(presence) {
    const now = Date.now() + this.workspace.socket.skew_ms;
    const seconds = (now - Date.parse(presence.since_at)) / 1000;
    const since = seconds < 60 ? t("刚刚开始。") : t("已经 {n} 分钟。", { n: Math.floor(seconds / 60) });
    switch (presence.state) {
      case "available": return ["ok", "tick", t("您在线，等待来访。"), t("{time} 上线，", { time: timeOf(presence.since_at) }) + since];
      case "offered": return ["ok", "bell", t("有来访等您接听。"), ""];
      case "in_consultation": return ["ok", "call", t("您正在咨询。"), ""];
      case "wrap_up": return this.#wrapUpWords(presence, now);
      case "on_break": return ["wait", "cup", t("小休中，不会派来访。"), since + t("点「上线」接着接听。")];
      default: return ["", "half", t("您已下线。"), t("点「上线」开始接听。")];
    }
  }

  /** @param {Presence} presence @param {number} now @returns {[string, string, string, string]} */
  #wrapUpWords(presence, now) {
    const left = presence.protected_until ? Math.ceil((Date.parse(presence.protected_until) - now) / 1000) : 0;
    const more = left > 0 ? t("{n} 秒后可能派新来访。", { n: left }) : t("可能会派新来访，办结表会留着。");
    return ["ok", "pen", t("上一次还没办结。"), more];
  }

  #paintLine() {
    const { live } = this.workspace;
    const rows = live.rows;
    if (live.presence?.state === "offline") setState(this.at.line, "off");
    else if (rows) setState(this.at.line, rows.length ? "ready" : "empty");
    const shown = rows !== null && live.presence?.state !== "offline" && rows.length > 0;
    show(this.at.line_count, shown);
    setText(this.at.line_count, t("{n} 人", { n: rows?.length ?? 0 }));
    this.at.rows.replaceChildren(...(rows ?? []).map(lineRow));
    this.#paintWaits();
  }

  #paintWaits() {
    const rows = this.workspace.live.rows ?? [];
    const since = (performance.now() - this.#rowsAt) / 1000;
    const waits = rows.map(row => row.waited_s + since);
    [...this.at.rows.children].forEach((tr, n) => setText(tr.lastElementChild, duration(waits[n])));
    const shown = waits.length > 0 && this.workspace.live.presence?.state !== "offline";
    setText(this.at.longest, shown ? t("最长 {time}", { time: duration(Math.max(...waits)) }) : "");
  }

  async #read() {
    const { live } = this.workspace;
    try {
      const desk = /** @type {any} */ (await api.get("/api/lawyer"));
      this.#rowsAt = performance.now();
      live.rows = desk.line;
      if (!live.presence) live.apply({ type: "presence", presence: desk.presence });
      this.#paintFigures(desk.today);
      this.#paintForms(desk.open_forms);
      this.#paintLine();
    } catch {
      if (!live.rows) setState(this.at.line, "error");
    }
  }

  /** @param {any} today */
  #paintFigures({ answered, closed, open_forms, average_s, satisfaction }) {
    setText(this.at.answered, String(answered));
    setText(this.at.closed, String(closed));
    setText(this.at.open_forms, String(open_forms));
    setText(this.at.average, average_s === null ? t("还没有") : duration(average_s));
    setText(this.at.satisfaction, satisfaction === null ? t("还没有") : satisfaction.toFixed(1));
  }

  /** @param {{consultation_id: string, visitor: string, category_name: string, ended_at: string | null}[]} forms */
  #paintForms(forms) {
    show(this.at.no_forms, forms.length === 0);
    this.at.forms.replaceChildren(...forms.map(formRow));
  }
}

/** @param {LineRow} row */
function lineRow(row) {
  const groups = groupWords(row.groups).map(word => h("span", { class: "tag" }, word));
  return h(
    "tr", {},
    h("th", { scope: "row" }, String(row.position)),
    h("td", { "data-l": t("街道") }, nameOfStreet(row.street)),
    h("td", { "data-l": t("事项") }, row.category_name),
    h("td", { "data-l": t("照顾") }, h("span", { class: "row tight" }, ...(groups.length ? groups : [h("span", { class: "mute" }, t("无"))]))),
    h("td", { "data-l": t("已等") }, duration(row.waited_s)),
  );
}

/** @param {any} street a name, or an object that carries it */
export function nameOfStreet(street) {
  return typeof street === "string" ? street : street?.name ?? "";
}

/** @param {{consultation_id: string, visitor: string, category_name: string, ended_at: string | null}} form */
function formRow({ consultation_id, visitor, category_name, ended_at }) {
  const words = ended_at ? t("{time} 结束，还没办结", { time: timeOf(ended_at) }) : t("还没办结");
  const title = t("{visitor} · {category}", { visitor: visitor || t("身份不出示"), category: category_name });
  const link = h("a", { class: "btn", href: `/lawyer/wrap-up/${consultation_id}` }, t("去办结"), h("span", { class: "sr" }, t("（{name}）", { name: title })));
  return h("li", {}, icon("pen"), h("div", { class: "grow" }, h("b", {}, title), h("div", { class: "small mute" }, words)), link);
}
