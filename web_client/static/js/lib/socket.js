import { Emitter } from "./emitter.js";
import { realTimers } from "./timers.js";

/** @typedef {import("./timers.js").Timers} Timers */
/** @typedef {"idle" | "connecting" | "open" | "waiting" | "replaced" | "ended"} SocketState */
/** @typedef {{session_id: string, resume: string, heartbeat_s: number, now: string, resumed: boolean}} Hello */

export const SILENCE_MS = 12_000;
export const HELLO_MS = 5_000;
const FIRST_RETRY_MS = 300;
const LAST_RETRY_MS = 5_000;
const HURRIED_RETRY_MS = 1_000;
const HURRIED_CONNECT_MS = 2_500;
const LOGIN_ENDED = new Set([4401, 4403]);
const REPLACED = 4409;

/** What a request ends with when it does not succeed. `code` is one of PROTOCOL.md, or `offline` / `timeout` from here. */
export class RequestError extends Error {
  /** @param {{code: string, text?: string, fields?: Record<string, string>, retry_after_s?: number}} error */
  constructor(error) {
    super(error.text ?? error.code);
    this.code = error.code;
    this.text = error.text ?? "";
    this.fields = error.fields ?? {};
    this.retry_after_s = error.retry_after_s ?? null;
  }
}

/**
 * @typedef {object} Pending
 * @property {Record<string, unknown>} message
 * @property {boolean} keep  resend after a reconnect (the request carries a key, so it cannot act twice)
 * @property {boolean} sent
 * @property {unknown} timer
 * @property {(reply: any) => void} resolve
 * @property {(error: RequestError) => void} reject
 */

/**
 * The signalling connection: hello and resume, requests and replies, heartbeat, reconnecting.
 *
 * Emits `status` on every change of state, `hello` after each successful hello, and `event` for everything the server
 * says on its own. Holds no page state.
 * @extends {Emitter<{status: SocketState, hello: Hello, event: any}>}
 */
export class LiveSocket extends Emitter {
  /** @type {SocketState} */
  state = "idle";
  /** In a consultation: retry at least once a second, because the room is waiting. */
  hurried = false;
  /** Server clock minus this computer's, in ms (known after the first hello). */
  skew_ms = 0;
  /** @type {WebSocket | null} */
  #ws = null;
  /** @type {Map<string, Pending>} */
  #pending = new Map();
  #next = 1;
  #attempt = 0;
  #heardAt = 0;
  #heartbeat_ms = 5_000;
  /** @type {unknown} */
  #beat = null;
  /** @type {unknown} */
  #retry = null;
  /** @type {unknown} */
  #patience = null;

  /**
   * @param {object} options
   * @param {string} options.url
   * @param {"station" | "lawyer"} options.workspace
   * @param {string} options.window  random, the same over reloads of one window
   * @param {string | null} [options.resume]
   * @param {(url: string, protocol: string) => WebSocket} [options.connect]
   * @param {Timers} [options.timers]
   * @param {() => number} [options.wallClock]
   */
  constructor({ url, workspace, window, resume = null, connect, timers = realTimers, wallClock = Date.now }) {
    super();
    this.url = url;
    this.workspace = workspace;
    this.window = window;
    this.resume = resume;
    this.connect = connect ?? ((address, protocol) => new WebSocket(address, protocol));
    this.timers = timers;
    this.wallClock = wallClock;
  }

  start() {
    if (this.state === "idle") this.#connect();
  }

  /** Ends for good; pending requests fail with `offline`. */
  stop() {
    this.#drop();
    for (const id of [...this.#pending.keys()]) this.#settle(id, new RequestError({ code: "offline" }));
    this.#become("ended");
  }

  /** Connects now instead of at the next retry (the browser says it is online, or the person asks). */
  kick() {
    if (this.state === "waiting") this.#connect();
  }

  /** 「在这里继续」: this window takes over again, with a fresh hello. */
  takeOver() {
    if (this.state !== "replaced") return;
    this.resume = null;
    this.#connect();
  }

  /** Whether the server answers within `ms`; if not, the connection is given up and made anew. @param {number} ms */
  async probe(ms) {
    if (this.state !== "open") return false;
    const before = this.#heardAt;
    this.#send({ v: 1, type: "ping", t: Math.round(this.timers.now()) });
    await new Promise(resolve => this.timers.after(ms, () => resolve(null)));
    if (this.#heardAt > before) return true;
    if (this.state === "open") this.#lost(0);
    return false;
  }

  /**
   * Sends a request and waits for its reply. Before a connection exists it waits for one. A request with a `key` is sent
   * again after a reconnect; any other fails with `offline` when the connection breaks under it.
   * @param {string} type
   * @param {Record<string, unknown>} [fields]
   * @param {{timeout_ms?: number}} [options]
   * @returns {Promise<any>} rejects with RequestError
   */
  request(type, fields = {}, { timeout_ms = 8_000 } = {}) {
    const id = String(this.#next++);
    return new Promise((resolve, reject) => {
      if (this.state === "ended" || this.state === "replaced") {
        reject(new RequestError({ code: "offline" }));
        return;
      }
      const timer = this.timers.after(timeout_ms, () => this.#settle(id, new RequestError({ code: "timeout" })));
      const pending = { message: { v: 1, id, type, ...fields }, keep: "key" in fields, sent: false, timer, resolve, reject };
      this.#pending.set(id, pending);
      if (this.state === "open") this.#transmit(pending);
    });
  }

  #connect() {
    this.timers.cancel(this.#retry);
    this.#drop();
    this.#become("connecting");
    const ws = this.connect(this.url, "lawlink.v1");
    this.#ws = ws;
    ws.onopen = () => this.#hello();
    ws.onmessage = message => this.#hear(message.data);
    ws.onclose = close => this.#closed(ws, close.code);
    const patience = this.hurried ? HURRIED_CONNECT_MS : HELLO_MS;
    this.#patience = this.timers.after(patience, () => this.#lost());
  }

  #hello() {
    this.#send({ v: 1, id: "hello", type: "hello", workspace: this.workspace, window: this.window, resume: this.resume });
  }

  /** @param {string} data */
  #hear(data) {
    this.#heardAt = this.timers.now();
    const message = JSON.parse(data);
    if (message.re === "hello") this.#welcomed(message);
    else if (message.re !== undefined) this.#replied(message);
    else if (message.type === "ping") this.#send({ v: 1, type: "pong", t: message.t });
    else if (message.type === "replaced") this.#replaced();
    else if (message.type !== "pong") this.emit("event", message);
  }

  /** @param {any} reply */
  #welcomed(reply) {
    this.timers.cancel(this.#patience);
    if (!reply.ok) {
      if (reply.error?.code === "unauthenticated") this.stop();
      else this.#lost();
      return;
    }
    this.#attempt = 0;
    this.resume = reply.resume;
    this.#heartbeat_ms = reply.heartbeat_s * 1000;
    this.skew_ms = Date.parse(reply.now) - this.wallClock();
    this.#become("open");
    this.#scheduleBeat();
    this.emit("hello", reply);
    for (const pending of this.#pending.values()) this.#transmit(pending);
  }

  /** @param {any} reply */
  #replied(reply) {
    if (reply.ok) this.#settle(String(reply.re), null, reply);
    else this.#settle(String(reply.re), new RequestError(reply.error));
  }

  #scheduleBeat() {
    this.timers.cancel(this.#beat);
    this.#beat = this.timers.after(this.#heartbeat_ms, () => {
      // Background tabs run this late; the server's own pings are answered as they come, so lateness alone is no silence.
      if (this.timers.now() - this.#heardAt > SILENCE_MS) {
        this.#lost(0);
        return;
      }
      this.#send({ v: 1, type: "ping", t: Math.round(this.timers.now()) });
      this.#scheduleBeat();
    });
  }

  #replaced() {
    this.#drop();
    for (const id of [...this.#pending.keys()]) this.#settle(id, new RequestError({ code: "offline" }));
    this.#become("replaced");
  }

  /** @param {WebSocket} ws @param {number} code */
  #closed(ws, code) {
    if (ws !== this.#ws) return;
    if (code === REPLACED) this.#replaced();
    else if (LOGIN_ENDED.has(code)) this.stop();
    else this.#lost();
  }

  /** The connection is gone: fail what cannot be repeated, and try again. @param {number} [delay_ms] */
  #lost(delay_ms) {
    this.#drop();
    for (const [id, pending] of [...this.#pending]) {
      if (pending.sent && !pending.keep) this.#settle(id, new RequestError({ code: "offline" }));
      else pending.sent = false;
    }
    const ceiling = this.hurried ? HURRIED_RETRY_MS : LAST_RETRY_MS;
    const wait = delay_ms ?? Math.min(ceiling, FIRST_RETRY_MS * 2 ** this.#attempt++) * (0.8 + 0.4 * Math.random());
    this.#become("waiting");
    this.#retry = this.timers.after(wait, () => this.#connect());
  }

  #drop() {
    this.timers.cancel(this.#beat);
    this.timers.cancel(this.#patience);
    this.timers.cancel(this.#retry);
    const ws = this.#ws;
    this.#ws = null;
    if (!ws) return;
    ws.onopen = ws.onmessage = ws.onclose = null;
    ws.close();
  }

  /** @param {Pending} pending */
  #transmit(pending) {
    if (pending.sent) return;
    pending.sent = true;
    this.#send(pending.message);
  }

  /** @param {Record<string, unknown>} message */
  #send(message) {
    if (this.#ws && this.#ws.readyState === 1) this.#ws.send(JSON.stringify(message));
  }

  /** @param {string} id @param {RequestError | null} error @param {any} [reply] */
  #settle(id, error, reply) {
    const pending = this.#pending.get(id);
    if (!pending) return;
    this.#pending.delete(id);
    this.timers.cancel(pending.timer);
    if (error) pending.reject(error);
    else pending.resolve(reply);
  }

  /** @param {SocketState} state */
  #become(state) {
    if (this.state === state) return;
    this.state = state;
    this.emit("status", state);
  }
}
