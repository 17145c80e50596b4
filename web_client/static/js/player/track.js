// One publication: one media element that follows the master clock through its parts and gaps.
import { correction } from "./drift.js";
import { comingPart, partAt } from "./manifest.js";

/** A track that has no data for this long is left behind rather than holding everything up. */
const PATIENCE_MS = 10_000;
/** Running on to a part's end, the last frames are not worth a wait. */
const TAIL_S = 0.15;
/** A part is fetched this long before it begins. */
const LEAD_S = 3;
/** A picture that begins this soon is shown already: tracks of one start are never quite at once. */
const SOON_S = 1;

export class TrackPlayer {
  /** @param {import("./manifest.js").Track} track @param {HTMLMediaElement} element @param {(state: "showing" | "gap" | "failed") => void} onState */
  constructor(track, element, onState) {
    this.track = track;
    this.element = element;
    this.onState = onState;
    /** @type {import("./manifest.js").Part | null} */
    this.part = null;
    this.state = "";
    this.failed = false;
    /** Is a part of this track due now? */
    this.due = false;
    this.waitingSince = 0;
    element.preload = "auto";
    element.preservesPitch = true;
    element.addEventListener("error", () => this.fail());
  }

  /** @param {"showing" | "gap" | "failed"} state */
  say(state) {
    if (state === this.state) return;
    this.state = state;
    this.onState(state);
  }

  /** Brings the element to `position`; call often. @param {number} position @param {number} rate @param {boolean} playing @param {boolean} sought */
  follow(position, rate, playing, sought) {
    if (this.failed) return;
    const part = partAt(this.track, position);
    this.due = part !== null;
    if (part === null) {
      this.prepare(position);
      return;
    }
    if (part !== this.part) this.load(part, position);
    else this.correct(position, rate, playing, sought);
    if (playing && this.element.paused) this.element.play().catch((error) => this.refuse(error));
    if (!playing && !this.element.paused) this.element.pause();
    this.say("showing");
  }

  /** Nothing plays now; the next part, if near, is fetched. @param {number} position */
  prepare(position) {
    this.element.pause();
    const next = comingPart(this.track, position, LEAD_S);
    if (next && next !== this.part) this.load(next, next.from_s);
    this.part = next;
    this.say(next && next.from_s - position < SOON_S ? "showing" : "gap");
  }

  /** @param {import("./manifest.js").Part} part @param {number} position */
  load(part, position) {
    this.part = part;
    const at = position - part.from_s;
    this.element.src = part.url;
    this.element.addEventListener("loadedmetadata", () => { this.element.currentTime = at; }, { once: true });
  }

  /** @param {number} position @param {number} rate @param {boolean} playing @param {boolean} sought */
  correct(position, rate, playing, sought) {
    const element = this.element;
    if (!this.part || element.readyState < HTMLMediaElement.HAVE_METADATA) return;
    const target = position - this.part.from_s;
    if (element.ended || (target > element.duration - TAIL_S && element.duration > 0)) return;
    const { jump, rate: corrected } = correction(element.currentTime - target, rate);
    if (sought || (jump && !element.seeking)) element.currentTime = target;
    if (playing) element.playbackRate = corrected;
  }

  /** Is this track what everybody has to wait for? @param {number} nowMs */
  holdsUp(nowMs) {
    const element = this.element;
    const short = this.due && !this.failed && !element.ended && element.readyState < HTMLMediaElement.HAVE_FUTURE_DATA;
    const atEnd = element.duration > 0 && element.currentTime > element.duration - TAIL_S;
    if (!short || atEnd) {
      this.waitingSince = 0;
      return false;
    }
    this.waitingSince ||= nowMs;
    if (nowMs - this.waitingSince < PATIENCE_MS) return true;
    this.fail();
    return false;
  }

  /** @param {unknown} error a rejected play(): a newer load or pause is ordinary */
  refuse(error) {
    if (error instanceof Error && error.name !== "AbortError" && error.name !== "NotAllowedError") this.fail();
  }

  fail() {
    if (!this.part) return;
    this.failed = true;
    this.element.pause();
    this.say("failed");
  }

  /** Tries a failed track again, e.g. after a seek. */
  revive() {
    this.failed = false;
    this.part = null;
    this.waitingSince = 0;
  }
}
