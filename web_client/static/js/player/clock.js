// The one clock that every track follows. Times in seconds; `now` is passed in.

export class MasterClock {
  /** @param {number} duration */
  constructor(duration) {
    this.duration = duration;
    this.rate = 1;
    this.running = false;
    this.base = 0;
    this.since = 0;
  }

  /** @param {number} now @returns {number} position on the recording, 0 to duration */
  position(now) {
    const moved = this.running ? (now - this.since) * this.rate : 0;
    return Math.min(this.duration, Math.max(0, this.base + moved));
  }

  /** @param {number} now */
  run(now) {
    this.settle(now);
    this.running = true;
  }

  /** Pause, or hold while a track is short of data. @param {number} now */
  halt(now) {
    this.settle(now);
    this.running = false;
  }

  /** @param {number} position @param {number} now */
  seek(position, now) {
    this.base = Math.min(this.duration, Math.max(0, position));
    this.since = now;
  }

  /** @param {number} rate @param {number} now */
  setRate(rate, now) {
    this.settle(now);
    this.rate = rate;
  }

  /** @param {number} now */
  settle(now) {
    this.base = this.position(now);
    this.since = now;
  }
}
