// HTTP calls to /api: JSON in, JSON out, every failure an ApiError with a sentence for people.
import { t } from "./i18n.js";

/** How long a press may take before the page says that it is slow (UX.md, 7). */
export const SLOW_AFTER_MS = 8000;

/**
 * @typedef {object} CallOptions
 * @property {AbortSignal} [signal]
 * @property {() => void} [onSlow] called once when there is no answer after SLOW_AFTER_MS
 * @property {boolean} [keepalive] lets the call outlive the page (pagehide)
 * @property {boolean} [stay] do not go to /login on 401
 */

/** A call that did not work. `code` is for programs ("offline" when the server was not reached), `text` for people. */
export class ApiError extends Error {
  /**
   * @param {number} status HTTP status, 0 when there was no answer
   * @param {Record<string, any>} error the `error` object of PROTOCOL.md section 1
   */
  constructor(status, error) {
    super(error.text || t("没有做成，请再试一次。"));
    this.name = "ApiError";
    this.status = status;
    /** @type {string} */
    this.code = error.code || "incident";
    this.text = this.message;
    /** @type {Record<string, string>} */
    this.fields = error.fields || {};
    /** @type {number | null} */
    this.retry_after_s = error.retry_after_s ?? null;
    /** @type {number | null} */
    this.tries_left = error.tries_left ?? null;
    /** @type {string | null} */
    this.incident = error.incident ?? null;
    /** State it is in now (`conflict`). @type {any} */
    this.state = error.state ?? null;
    /** The newer version (`changed`). @type {any} */
    this.current = error.current ?? null;
  }

  get offline() {
    return this.status === 0;
  }
}

/** A key for one press: made when the form or dialog opens, sent again with every retry. */
export function newKey() {
  // randomUUID exists in secure contexts only; a plain-http demo on another host has getRandomValues.
  return [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");
}

/** @template T @param {string} path @param {CallOptions} [options] @returns {Promise<T>} */
export const get = (path, options) => call("GET", path, undefined, options);
/** @template T @param {string} path @param {unknown} [body] @param {CallOptions} [options] @returns {Promise<T>} */
export const post = (path, body = {}, options = undefined) => call("POST", path, body, options);
/** @template T @param {string} path @param {unknown} body @param {CallOptions} [options] @returns {Promise<T>} */
export const put = (path, body, options) => call("PUT", path, body, options);
/** @template T @param {string} path @param {unknown} [body] @param {CallOptions} [options] @returns {Promise<T>} */
export const del = (path, body = undefined, options = undefined) => call("DELETE", path, body, options);

/**
 * @template T
 * @param {string} method @param {string} path @param {unknown} body @param {CallOptions} [options]
 * @returns {Promise<T>}
 */
async function call(method, path, body, options = {}) {
  const slow = options.onSlow && setTimeout(options.onSlow, SLOW_AFTER_MS);
  try {
    const response = await send(method, path, body, options);
    const answer = await readJson(response);
    if (response.ok) return answer;
    const error = new ApiError(response.status, answer?.error ?? { code: "incident" });
    if (response.status === 401 && error.code === "unauthenticated" && !options.stay) goToLogin();
    throw error;
  } finally {
    clearTimeout(slow);
  }
}

/** @param {string} method @param {string} path @param {unknown} body @param {CallOptions} options */
async function send(method, path, body, options) {
  try {
    return await fetch(path, {
      method,
      credentials: "same-origin",
      cache: "no-store",
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: options.signal,
      keepalive: options.keepalive,
    });
  } catch (cause) {
    if (options.signal?.aborted) throw cause;
    throw new ApiError(0, { code: "offline", text: t("连不上服务器。请看网线，稍后再试。") });
  }
}

/** @param {Response} response @returns {Promise<any>} */
async function readJson(response) {
  try {
    return await response.json();
  } catch {
    // A proxy's error page, or an empty body.
    return response.ok ? {} : null;
  }
}

let loggingOut = false;

/** Somebody logs out: the end of the log-in is then no surprise. @param {boolean} on */
export function setLoggingOut(on) {
  loggingOut = on;
}

/** Log-in ended: come back to this page afterwards. */
export function goToLogin() {
  if (loggingOut) return;
  const here = location.pathname + location.search;
  location.assign(`/login?expired=1&next=${encodeURIComponent(here)}`);
}
