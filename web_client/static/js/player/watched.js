// Which spans of a recording were really watched, for the audit trail.

/** Two ticks further apart than this (at the given rate) are a jump, not watching. */
const TICK_S = 1.5;

export class Watched {
  constructor() {
    /** @type {{from_s: number, to_s: number}[]} */
    this.spans = [];
    /** @type {{from_s: number, to_s: number} | null} */
    this.current = null;
  }

  /** @param {number} position @param {boolean} playing @param {number} rate */
  tick(position, playing, rate) {
    const current = this.current;
    const flows = current && position >= current.to_s && position - current.to_s <= TICK_S * rate;
    if (!playing || !flows) this.close();
    if (!playing) return;
    if (this.current) this.current.to_s = position;
    else this.current = { from_s: position, to_s: position };
  }

  close() {
    if (this.current && this.current.to_s > this.current.from_s) this.spans.push(this.current);
    this.current = null;
  }

  /** Spans since the last call, in ms precision; the running one goes on from here. @returns {{from_s: number, to_s: number}[]} */
  take() {
    const going = this.current;
    this.close();
    if (going) this.current = { from_s: going.to_s, to_s: going.to_s };
    const taken = this.spans.map((s) => ({ from_s: round(s.from_s), to_s: round(s.to_s) })).filter((s) => s.to_s > s.from_s);
    this.spans = [];
    return taken;
  }

  /** Puts back what could not be sent. @param {{from_s: number, to_s: number}[]} spans */
  giveBack(spans) {
    this.spans = [...spans, ...this.spans].slice(-200);
  }
}

/** @param {number} seconds */
const round = (seconds) => Math.round(seconds * 1000) / 1000;
