import { Emitter } from "./emitter.js";
import { realTimers } from "./timers.js";

/** @typedef {import("./timers.js").Timers} Timers */
/** @typedef {"audio" | "camera" | "document" | "screen"} Source */
/** @typedef {{publication_id: string, participant_id: string, source: Source}} Publication */
/** @typedef {Publication & {track: MediaStreamTrack, mid: string}} RemoteTrack */
/** @typedef {{peer_id: string, version: number, sdp: string, tracks: Record<string, Publication>}} MediaOffer */
/** @typedef {"idle" | "connecting" | "connected" | "interrupted"} Connection */

/**
 * What the peer asks of the server (requests of PROTOCOL.md, "Media"); each rejects when it did not work.
 * @typedef {{
 *   answer: (peer_id: string, version: number, sdp: string) => Promise<unknown>,
 *   restart: (peer_id: string) => Promise<unknown>,
 *   again: (peer_id: string) => Promise<unknown>,
 *   open: () => Promise<unknown>,
 *   alive: () => Promise<boolean>,
 * }} MediaSignal
 */

/** The lines of every offer that are ours to send on (PROTOCOL.md, "Media").
 * @type {Record<Source, string>} */
export const MIDS = { audio: "0", camera: "1", document: "2", screen: "3" };
const SOURCES = /** @type {Source[]} */ (Object.keys(MIDS));

export const RESTART_AFTER_MS = 2_000;
export const REOPEN_AFTER_MS = 3_000;
export const CONNECT_WITHIN_MS = 5_000;
const LAST_REOPEN_MS = 10_000;
const STALE = new Set(["conflict", "not_found", "offline"]);
const DELIVERY_POLL_MS = 250;

/**
 * One participant's media: answers the worker's offers in order, sends on lines 0-3, and hands out what it receives.
 *
 * A lost path is mended in three steps: ICE restart after 2 s, a new peer 3 s later, then a new peer again and again.
 * @extends {Emitter<{remote: RemoteTrack[], connection: Connection}>}
 */
export class Peer extends Emitter {
  /** @type {RTCPeerConnection | null} */
  connection = null;
  /** @type {string | null} */
  peer_id = null;
  /** @type {Connection} */
  state = "idle";
  /** @type {Record<Source, {track: MediaStreamTrack | null, active: boolean}>} */
  #lines = {
    audio: { track: null, active: false },
    camera: { track: null, active: false },
    document: { track: null, active: false },
    screen: { track: null, active: false },
  };
  /** @type {Record<string, Publication>} */
  #publications = {};
  #work = Promise.resolve();
  #closed = false;
  #opens = 0;
  /** @type {unknown} */
  #timer = null;

  /**
   * @param {MediaSignal} signal
   * @param {{create?: () => RTCPeerConnection, timers?: Timers}} [options]
   */
  constructor(signal, { create, timers = realTimers } = {}) {
    super();
    this.signal = signal;
    this.timers = timers;
    this.create = create ?? (() => new RTCPeerConnection({ iceServers: [], bundlePolicy: "max-bundle" }));
  }

  /**
   * What to send on a line. `active` keeps the line open without a track (camera switched off for a while).
   * @param {Source} source
   * @param {MediaStreamTrack | null} track
   * @param {boolean} [active]
   */
  setTrack(source, track, active = track !== null) {
    const changed = this.#lines[source].active !== active;
    this.#lines[source] = { track, active };
    return this.#queue(async () => {
      const line = this.#transceiver(MIDS[source]);
      if (!line || !this.peer_id) return;
      await line.sender.replaceTrack(this.#lines[source].track);
      // When this is refused the peer is being replaced, and every new offer is answered with the lines as they are.
      if (changed) await this.signal.again(this.peer_id).catch(() => {});
    });
  }

  /** @param {MediaOffer} offer */
  offer(offer) {
    return this.#queue(async () => {
      if (offer.peer_id !== this.peer_id) this.#renew(offer.peer_id);
      const connection = /** @type {RTCPeerConnection} */ (this.connection);
      await connection.setRemoteDescription({ type: "offer", sdp: offer.sdp });
      await this.#prepareLines();
      await connection.setLocalDescription(await connection.createAnswer());
      this.#publications = offer.tracks;
      this.emit("remote", this.remote());
      const { sdp } = /** @type {RTCSessionDescription} */ (connection.localDescription);
      await this.signal.answer(offer.peer_id, offer.version, sdp);
    });
  }

  /** `media.closed` came for a peer. @param {{peer_id: string, cause: string}} event */
  closedByServer({ peer_id, cause }) {
    if (peer_id !== this.peer_id || cause === "room_closed") return;
    this.#interrupted();
    this.#reopen();
  }

  /** A new signalling connection stands: the path may have changed with it. */
  reconnected() {
    if (this.peer_id) this.#restart();
  }

  /** @returns {RemoteTrack[]} what is being received now */
  remote() {
    const found = [];
    for (const line of this.connection?.getTransceivers() ?? []) {
      const publication = line.mid === null ? undefined : this.#publications[line.mid];
      if (publication && line.mid !== null && (line.currentDirection ?? "").includes("recv")) {
        found.push({ ...publication, track: line.receiver.track, mid: line.mid });
      }
    }
    return found;
  }

  /** @returns {Promise<RTCStatsReport | null>} */
  async stats() {
    return this.connection ? this.connection.getStats() : null;
  }

  /**
   * Whether pictures of a track reach the encoder within `ms`. True also when nothing can be said (not connected yet).
   * @param {MediaStreamTrack} track @param {number} ms
   */
  async delivers(track, ms) {
    const until = this.timers.now() + ms;
    while (this.timers.now() < until) {
      await new Promise(resolve => this.timers.after(DELIVERY_POLL_MS, () => resolve(null)));
      for (const report of /** @type {any} */ ((await this.stats()) ?? new Map()).values()) {
        if (report.type === "media-source" && report.trackIdentifier === track.id && report.frames > 0) return true;
      }
    }
    return this.state !== "connected";
  }

  close() {
    this.#closed = true;
    this.timers.cancel(this.#timer);
    this.connection?.close();
    this.connection = null;
    this.peer_id = null;
    this.#become("idle");
  }

  /** @param {string} mid */
  #transceiver(mid) {
    return this.connection?.getTransceivers().find(line => line.mid === mid) ?? null;
  }

  async #prepareLines() {
    for (const source of SOURCES) {
      const line = this.#transceiver(MIDS[source]);
      if (!line) continue;
      const { track, active } = this.#lines[source];
      if (line.sender.track !== track) await line.sender.replaceTrack(track);
      line.direction = active ? "sendonly" : "inactive";
    }
  }

  /** @param {string} peer_id */
  #renew(peer_id) {
    this.connection?.close();
    const connection = this.create();
    this.connection = connection;
    this.peer_id = peer_id;
    this.#publications = {};
    connection.oniceconnectionstatechange = () => {
      if (connection === this.connection) this.#iceChanged(connection.iceConnectionState);
    };
    if (this.state === "idle") this.#become("connecting");
    this.#wait(Math.min(LAST_REOPEN_MS, CONNECT_WITHIN_MS + 1_000 * this.#opens), () => this.#reopen());
  }

  /** @param {RTCIceConnectionState} ice */
  #iceChanged(ice) {
    if (ice === "connected" || ice === "completed") {
      this.timers.cancel(this.#timer);
      this.#opens = 0;
      this.#become("connected");
    } else if (ice === "disconnected") {
      this.#interrupted();
      this.#wait(RESTART_AFTER_MS, () => this.#mend());
    } else if (ice === "failed") {
      this.#interrupted();
      this.#mend();
    }
  }

  async #mend() {
    // With the signalling path dead too there is nobody to ask; its reconnect leads to reconnected().
    if ((await this.signal.alive()) && this.state !== "connected") this.#restart();
  }

  #restart() {
    const peer_id = this.peer_id;
    if (!peer_id || this.#closed) return;
    if (this.state !== "connected") this.#wait(REOPEN_AFTER_MS, () => this.#reopen());
    this.signal.restart(peer_id).catch(() => {
      if (peer_id === this.peer_id && this.state !== "connected") this.#reopen();
    });
  }

  #reopen() {
    if (this.#closed || this.state === "connected") return;
    this.#opens += 1;
    this.#wait(Math.min(LAST_REOPEN_MS, REOPEN_AFTER_MS * this.#opens), () => this.#reopen());
    // The timer above asks again in any case; a worker that is just starting says how soon to try.
    this.signal.open().catch(({ retry_after_s }) => {
      if (retry_after_s && this.state !== "connected") this.#wait(retry_after_s * 1000, () => this.#reopen());
    });
  }

  #interrupted() {
    this.#become("interrupted");
  }

  /** @param {number} ms @param {() => void} act */
  #wait(ms, act) {
    this.timers.cancel(this.#timer);
    this.#timer = this.timers.after(ms, act);
  }

  /** @param {() => Promise<void>} step */
  #queue(step) {
    const done = this.#work.then(() => (this.#closed ? undefined : step()));
    this.#work = done.catch(error => {
      // A newer peer or the next connection makes up for it.
      if (STALE.has(error.code)) return;
      console.warn("media step failed", error);
      const soon = error.retry_after_s ? error.retry_after_s * 1000 : REOPEN_AFTER_MS;
      if (!this.#closed && this.state !== "connected") this.#wait(soon, () => this.#reopen());
    });
    return this.#work;
  }

  /** @param {Connection} state */
  #become(state) {
    if (this.state === state) return;
    this.state = state;
    this.emit("connection", state);
  }
}
