// Region 「时间线」: slider, events and notes as buttons, one lane per source with hatched gaps.
import { clock, duration, t } from "../lib/i18n.js";
import { all, byId, icon } from "../ui/shell.js";
import { shownGaps, unite } from "./manifest.js";
import { spread } from "./spread.js";
import { causeWord, eventIcon, laneWord, wanted } from "./words.js";

/** @typedef {import("./manifest.js").Manifest} Manifest */

/** Half a mark, so that none sticks out of the line. */
const EDGE_PX = 14;
const APART_PX = 31;

export class Timeline {
  /** @param {Manifest} manifest @param {(position: number) => void} onSeek */
  constructor(manifest, onSeek) {
    this.manifest = manifest;
    this.onSeek = onSeek;
    /** @type {HTMLInputElement} */
    this.slider = byId("position");
    /** @type {HTMLElement[]} */
    this.heads = [];
    this.slider.max = String(manifest.duration_s);
    this.slider.addEventListener("input", () => onSeek(Number(this.slider.value)));
    this.slider.addEventListener("keydown", (event) => this.key(event));
    this.drawLanes();
    this.drawMarks([]);
    new ResizeObserver(() => this.placeMarks()).observe(byId("marks"));
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    const steps = /** @type {Record<string, number>} */ ({ ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -15, PageUp: 15 });
    const at = Number(this.slider.value);
    const to = event.key === "Home" ? 0 : event.key === "End" ? this.manifest.duration_s : event.key in steps ? at + steps[event.key] : null;
    if (to === null) return;
    event.preventDefault();
    this.onSeek(to);
  }

  /** @param {number} position */
  show(position) {
    const whole = this.manifest.duration_s;
    this.slider.value = String(position);
    this.slider.setAttribute("aria-valuetext", t("{at}，共 {whole}", { at: duration(Math.floor(position)), whole: duration(whole) }));
    for (const head of this.heads) head.style.left = percent(position, whole);
  }

  /** @param {number} seconds */
  percent(seconds) {
    return percent(seconds, this.manifest.duration_s);
  }

  drawLanes() {
    /** @type {Map<string, import("./manifest.js").Track[]>} */
    const lanes = new Map();
    for (const track of this.manifest.tracks) {
      const name = laneWord(track);
      lanes.set(name, [...(lanes.get(name) ?? []), track]);
    }
    for (const [name, tracks] of lanes) byId("lanes").append(laneName(name), this.lane(tracks));
  }

  /** @param {import("./manifest.js").Track[]} tracks */
  lane(tracks) {
    const lane = document.createElement("div");
    lane.className = `lane pl-lane ${tracks[0].source === "camera" || tracks[0].source === "audio" ? tracks[0].role : "document"}`;
    const ids = new Set(tracks.map((track) => track.publication_id));
    for (const span of unite(tracks.flatMap((track) => track.parts))) lane.append(this.block("pl-span", span));
    for (const gap of shownGaps(this.manifest.gaps.filter((g) => ids.has(g.publication_id)))) {
      lane.append(this.block(wanted(gap.cause) ? "gap pause" : "gap", gap));
    }
    const head = document.createElement("i");
    head.className = "head-line";
    this.heads.push(head);
    lane.append(head);
    lane.addEventListener("click", (event) => {
      const box = lane.getBoundingClientRect();
      this.onSeek(((event.clientX - box.left) / box.width) * this.manifest.duration_s);
    });
    return lane;
  }

  /** @param {string} style @param {{from_s: number, to_s: number}} span */
  block(style, span) {
    const block = document.createElement("span");
    block.className = style;
    block.style.left = this.percent(span.from_s);
    block.style.width = this.percent(span.to_s - span.from_s);
    return block;
  }

  /** Everything that can be jumped to, in order of time. @param {{at_s: number, text: string}[]} notes */
  marks(notes) {
    const events = this.manifest.events.map((e) => ({ at_s: e.at_s, text: e.text, icon: eventIcon(e.kind), style: "" }));
    const gaps = shownGaps(this.manifest.gaps).map((g) => ({
      at_s: g.from_s,
      text: t("{cause} {length}", { cause: causeWord(g.cause), length: duration(g.to_s - g.from_s) }),
      icon: wanted(g.cause) ? "pause" : "off",
      style: wanted(g.cause) ? "" : "warn",
    }));
    const written = notes.map((n) => ({ at_s: n.at_s, text: t("批注：{text}", { text: n.text }), icon: "pen", style: "note" }));
    return [...events, ...gaps, ...written].sort((a, b) => a.at_s - b.at_s);
  }

  /** @param {{at_s: number, text: string}[]} notes */
  drawMarks(notes) {
    byId("marks").replaceChildren(...this.marks(notes).map((mark) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = `ev ${mark.style}`;
      button.dataset.at = String(mark.at_s);
      button.title = `${clock(mark.at_s)} ${mark.text}`;
      const name = document.createElement("span");
      name.className = "sr";
      name.textContent = button.title;
      button.append(icon(mark.icon), name);
      button.addEventListener("click", () => this.onSeek(mark.at_s));
      return button;
    }));
    this.placeMarks();
  }

  placeMarks() {
    const buttons = all("button", byId("marks"));
    const width = byId("marks").clientWidth - 2 * EDGE_PX;
    const whole = Math.max(this.manifest.duration_s, 1e-3);
    const places = spread(buttons.map((button) => (Number(button.dataset.at) / whole) * width), width, APART_PX);
    // In per cent of the line: a window that narrows takes the marks along before they are placed anew.
    const line = width + 2 * EDGE_PX;
    buttons.forEach((button, n) => {
      button.style.left = `clamp(${EDGE_PX}px, ${((EDGE_PX + places[n]) / line) * 100}%, calc(100% - ${EDGE_PX}px))`;
    });
  }
}

/** @param {number} seconds @param {number} whole */
const percent = (seconds, whole) => `${whole > 0 ? Math.min(100, (seconds / whole) * 100) : 0}%`;

/** @param {string} text */
function laneName(text) {
  const name = document.createElement("span");
  name.className = "lane-name";
  name.textContent = text;
  return name;
}
