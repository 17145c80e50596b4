/** Sound cues, synthesised on the audio clock, so that repeats stay on time in a background tab (UX.md, 6). */

/** @typedef {{at_s: number, hz: number, for_s: number}} Note */
/** @typedef {"answered" | "offer" | "recording_on" | "recording_off" | "dropped" | "back" | "tick"} Cue */

/** @type {Record<Cue, Note[]>} */
export const CUES = {
  answered: [
    { at_s: 0, hz: 523, for_s: 0.16 }, { at_s: 0.18, hz: 784, for_s: 0.2 },
    { at_s: 0.42, hz: 523, for_s: 0.16 }, { at_s: 0.6, hz: 784, for_s: 0.2 },
  ],
  offer: [{ at_s: 0, hz: 587, for_s: 0.18 }, { at_s: 0.24, hz: 587, for_s: 0.18 }, { at_s: 0.48, hz: 740, for_s: 0.3 }],
  recording_on: [{ at_s: 0, hz: 880, for_s: 0.25 }],
  recording_off: [{ at_s: 0, hz: 330, for_s: 0.3 }],
  dropped: [{ at_s: 0, hz: 494, for_s: 0.2 }, { at_s: 0.22, hz: 370, for_s: 0.25 }],
  back: [{ at_s: 0, hz: 370, for_s: 0.2 }, { at_s: 0.22, hz: 494, for_s: 0.25 }],
  tick: [{ at_s: 0, hz: 1200, for_s: 0.05 }],
};
const LOUDNESS = { tick: 0.06 };
const DEFAULT_LOUDNESS = 0.22;
const EDGE_S = 0.02;

export class Sounds {
  /** @type {AudioContext | null} */
  #context = null;

  /**
   * @param {Pick<Storage, "getItem">} storage this computer's volume (0-1) and off switch
   * @param {() => AudioContext} [create]
   */
  constructor(storage, create = () => new AudioContext()) {
    this.storage = storage;
    this.create = create;
  }

  /** The context itself, for measuring levels. */
  get context() {
    this.#context ??= this.create();
    return this.#context;
  }

  /** A press has happened: browsers let sound begin only from there. */
  unlock() {
    if (this.context.state === "suspended") void this.context.resume();
  }

  /** @param {Cue} cue */
  play(cue) {
    this.repeat(cue, 0, 1);
  }

  /**
   * @param {Cue} cue @param {number} every_s @param {number} times
   * @returns {() => void} silences what has not sounded yet
   */
  repeat(cue, every_s, times) {
    if (this.storage.getItem("lawlink.sound") === "off") return () => {};
    const context = this.context;
    this.unlock();
    const volume = Number(this.storage.getItem("lawlink.volume") ?? 1);
    const gain = volume * (/** @type {Record<string, number>} */ (LOUDNESS)[cue] ?? DEFAULT_LOUDNESS);
    const begin = context.currentTime + EDGE_S;
    /** @type {OscillatorNode[]} */
  const playing = [];
    for (let n = 0; n < times; n++) {
      for (const note of CUES[cue]) playing.push(sound(context, note, begin + n * every_s, gain));
    }
    return () => playing.forEach(oscillator => oscillator.stop());
  }
}

/** @param {AudioContext} context @param {Note} note @param {number} begin @param {number} gain */
function sound(context, note, begin, gain) {
  const oscillator = context.createOscillator();
  const volume = context.createGain();
  const from = begin + note.at_s;
  const until = from + note.for_s;
  oscillator.frequency.value = note.hz;
  volume.gain.setValueAtTime(0, from);
  volume.gain.linearRampToValueAtTime(gain, from + EDGE_S);
  volume.gain.setValueAtTime(gain, until - EDGE_S);
  volume.gain.linearRampToValueAtTime(0, until);
  oscillator.connect(volume).connect(context.destination);
  oscillator.start(from);
  oscillator.stop(until);
  return oscillator;
}
