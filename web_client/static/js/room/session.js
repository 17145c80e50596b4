import { levelMeter, SilenceDetector } from "../lib/devices.js";
import { Emitter } from "../lib/emitter.js";
import { newKey } from "../lib/api.js";
import { Peer } from "../lib/peer.js";
import { QualityMeter, sample } from "../lib/quality.js";

/** @typedef {import("../lib/socket.js").LiveSocket} LiveSocket */
/** @typedef {import("../lib/local.js").LocalMedia} LocalMedia */
/** @typedef {import("../lib/peer.js").Source} Source */
/** @typedef {import("../lib/quality.js").Verdict} Verdict */
/** @typedef {{id: string, from: string, name: string, text: string, at: string}} ChatMessage */
/** @typedef {{id: string, text: string, at: string}} Point */

const QUALITY_EVERY_MS = 2_000;
const SAY_AGAIN_MS = 10_000;
const LEVEL_EVERY_MS = 250;
const ALIVE_WITHIN_MS = 1_500;
const JOIN_AGAIN_MS = 1_500;
const GONE = new Set(["not_found", "denied", "conflict"]);

/**
 * Taking part in one consultation: joining, media, chat, points, what we tell the room about ourselves. No DOM.
 *
 * `joined` comes after each join and each resumed connection: what was said meanwhile has to be read. `gone` means that
 * the server does not let us in (any more): the page asks how the consultation stands.
 * @extends {Emitter<{room: import("../lib/live.js").Room, remote: import("../lib/peer.js").RemoteTrack[],
 *   connection: import("../lib/peer.js").Connection, quality: Verdict, silent: boolean, chat: ChatMessage, point: Point,
 *   joined: null, gone: null}>}
 */
export class RoomSession extends Emitter {
  /** @type {(() => void)[]} */
  #undo = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #joinTimer;
  #left = false;
  textOnly = false;
  #saidAt = -Infinity;
  #said = "";

  /**
   * @param {object} parts
   * @param {LiveSocket} parts.socket
   * @param {LocalMedia} parts.local
   * @param {string} parts.consultation_id
   * @param {() => AudioContext} parts.audioContext
   */
  constructor({ socket, local, consultation_id, audioContext }) {
    super();
    this.socket = socket;
    this.local = local;
    this.consultation_id = consultation_id;
    this.audioContext = audioContext;
    this.peer = new Peer({
      answer: (peer_id, version, sdp) => socket.request("media.answer", { peer_id, version, sdp }),
      restart: peer_id => socket.request("media.restart", { peer_id }),
      again: peer_id => socket.request("media.offer_again", { peer_id }),
      open: () => socket.request("media.open", { consultation_id }),
      alive: () => socket.probe(ALIVE_WITHIN_MS),
    });
  }

  enter() {
    this.socket.hurried = true;
    this.#undo = [
      this.socket.on("event", event => this.#heard(event)),
      this.socket.on("hello", hello => this.#reconnected(hello.resumed)),
      this.local.on("track", source => this.#trackChanged(source)),
      this.local.on("change", () => void this.#tellState()),
      this.peer.on("remote", tracks => this.emit("remote", tracks)),
      this.peer.on("connection", connection => this.emit("connection", connection)),
      this.#measureQuality(),
      this.#measureLevel(),
    ];
    for (const source of /** @type {Source[]} */ (["audio", "camera", "document", "screen"])) this.#trackChanged(source);
    // Not connected yet: the hello leads to the join.
    if (this.socket.state === "open") void this.#join();
  }

  /** From here on by telephone: words only. */
  turnedToPhone() {
    this.textOnly = true;
    this.peer.close();
  }

  leave() {
    this.#left = true;
    clearTimeout(this.#joinTimer);
    this.socket.hurried = false;
    for (const undo of this.#undo) undo();
    this.peer.close();
  }

  /** @param {string} text @returns {Promise<{message: ChatMessage}>} */
  sendChat(text) {
    return this.socket.request("chat.send", { key: newKey(), text });
  }

  /** @param {string} text @param {string} key @returns {Promise<{point: Point}>} */
  sendPoint(text, key) {
    return this.socket.request("point.send", { key, text });
  }

  /** @param {string} key */
  stopRecording(key) {
    return this.socket.request("recording.stop", { key });
  }

  /** @param {string} key */
  end(key) {
    return this.socket.request("room.end", { key });
  }

  /** @param {string} key @returns {Promise<{phone: string}>} */
  turnToPhone(key) {
    return this.socket.request("call.phone", { key });
  }

  async #join() {
    clearTimeout(this.#joinTimer);
    if (this.#left) return;
    try {
      const { room } = await this.socket.request("room.join", { consultation_id: this.consultation_id });
      this.emit("room", room);
      this.emit("joined", null);
      await this.#tellState();
    } catch (error) {
      const { code, retry_after_s } = /** @type {import("../lib/socket.js").RequestError} */ (error);
      if (GONE.has(code)) this.emit("gone", null);
      else if (code !== "offline") this.#joinTimer = setTimeout(() => this.#join(), retry_after_s ? retry_after_s * 1000 : JOIN_AGAIN_MS);
    }
  }

  /** @param {boolean} resumed */
  #reconnected(resumed) {
    if (resumed && this.peer.peer_id) {
      this.peer.reconnected();
      this.emit("joined", null);
      void this.#tellState();
    } else {
      void this.#join();
    }
  }

  /** @param {any} event */
  #heard(event) {
    if (event.type === "media.offer") this.textOnly || void this.peer.offer(event);
    else if (event.type === "media.closed") this.peer.closedByServer(event);
    else if (event.type === "chat") this.emit("chat", event.message);
    else if (event.type === "point") this.emit("point", event.point);
    else if (event.type === "room" && event.room.consultation_id === this.consultation_id) this.emit("room", event.room);
  }

  /** @param {Source} source */
  #trackChanged(source) {
    const track = this.local.tracks[source];
    // A camera switched off keeps its line, so that switching it on again needs no negotiation.
    const active = track !== null || (source === "camera" && this.local.opened && !this.local.cameraWanted);
    void this.peer.setTrack(source, track, active);
  }

  async #tellState() {
    if (this.textOnly) return;
    const { tracks, muted } = this.local;
    const state = {
      muted: muted || tracks.audio === null, camera_on: tracks.camera !== null, document_on: tracks.document !== null,
      screen_on: tracks.screen !== null,
    };
    // The whole state is told again at the next join or change, so a lost one does no harm.
    await this.socket.request("media.state", state).catch(() => {});
  }

  #measureQuality() {
    const meter = new QualityMeter();
    const timer = setInterval(async () => {
      const reports = await this.peer.stats();
      if (!reports || this.#left) return;
      const verdict = meter.push(sample(/** @type {any} */ (reports).values(), performance.now()));
      if (!verdict) return;
      this.emit("quality", verdict);
      this.#tellQuality(verdict);
    }, QUALITY_EVERY_MS);
    return () => clearInterval(timer);
  }

  /** @param {Verdict} verdict */
  #tellQuality(verdict) {
    const words = `${verdict.word} ${verdict.reason}`;
    const now = performance.now();
    if (words === this.#said && now - this.#saidAt < SAY_AGAIN_MS) return;
    this.#said = words;
    this.#saidAt = now;
    this.socket.request("media.quality", { ...verdict }).catch(() => {});
  }

  /** Watches our own microphone: open, not muted, and yet nothing. */
  #measureLevel() {
    const detector = new SilenceDetector();
    let silent = false;
    /** @type {{track: MediaStreamTrack, meter: ReturnType<typeof levelMeter>} | null} */
    let measured = null;
    const timer = setInterval(() => {
      const track = this.local.tracks.audio;
      if (measured?.track !== track) {
        measured?.meter.close();
        measured = track && { track, meter: levelMeter(this.audioContext(), track) };
      }
      const level = measured?.meter.level() ?? null;
      const now = level !== null && detector.push(level, performance.now(), this.local.muted);
      if (now !== silent) this.emit("silent", (silent = now));
    }, LEVEL_EVERY_MS);
    return () => {
      clearInterval(timer);
      measured?.meter.close();
    };
  }
}
