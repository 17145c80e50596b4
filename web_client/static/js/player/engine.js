// Plays all tracks together: one clock, everybody follows; holds while a track is short of data.
import { MasterClock } from "./clock.js";

const TICK_MS = 100;

/**
 * @typedef {object} Tick
 * @property {number} position seconds
 * @property {boolean} playing what people chose
 * @property {boolean} holding waiting for data
 * @property {number} rate
 */

export class Engine {
  /** @param {import("./track.js").TrackPlayer[]} tracks @param {number} duration @param {(tick: Tick) => void} onTick */
  constructor(tracks, duration, onTick) {
    this.tracks = tracks;
    this.clock = new MasterClock(duration);
    this.onTick = onTick;
    this.playing = false;
    this.holding = false;
    this.sought = true;
    this.timer = setInterval(() => this.tick(), TICK_MS);
  }

  get position() {
    return this.clock.position(now());
  }

  play() {
    if (this.position >= this.clock.duration) this.seek(0);
    this.playing = true;
    this.tick();
  }

  pause() {
    this.playing = false;
    this.clock.halt(now());
    this.tick();
  }

  /** @param {number} position */
  seek(position) {
    this.clock.seek(position, now());
    for (const track of this.tracks) if (track.failed) track.revive();
    this.sought = true;
    this.tick();
  }

  /** @param {number} rate */
  setRate(rate) {
    this.clock.setRate(rate, now());
    this.tick();
  }

  tick() {
    const at = now();
    this.holding = this.tracks.map((track) => track.holdsUp(at * 1000)).includes(true);
    const runs = this.playing && !this.holding;
    if (runs !== this.clock.running) (runs ? this.clock.run(at) : this.clock.halt(at));
    const position = this.clock.position(at);
    for (const track of this.tracks) track.follow(position, this.clock.rate, runs, this.sought);
    this.sought = false;
    if (this.playing && position >= this.clock.duration) this.finish(at);
    this.onTick({ position, playing: this.playing, holding: this.holding, rate: this.clock.rate });
  }

  /** @param {number} at */
  finish(at) {
    this.playing = false;
    this.clock.halt(at);
    for (const track of this.tracks) track.element.pause();
  }

  close() {
    clearInterval(this.timer);
    for (const track of this.tracks) {
      track.element.pause();
      track.element.removeAttribute("src");
      track.element.load();
    }
  }
}

const now = () => performance.now() / 1000;
