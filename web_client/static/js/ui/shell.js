// The frame of every page: 长辈版, log-out, network word, offline strip, toasts, dialogs, announcements.
import * as api from "../lib/api.js";
import { t } from "../lib/i18n.js";

const root = document.documentElement;
const YEAR_S = 365 * 24 * 3600;
/** Presses made while a dialog is opening are dropped (UX.md, 7). */
const SETTLE_MS = 400;
const TOAST_MS = 8000;
const PROBE_MS = 15_000;
const FAIR_MS = 250;
const POOR_MS = 800;

/**
 * @typedef {object} Facts
 * @property {string} language
 * @property {string} home
 * @property {{account: string, name: string, roles: string[]} | null} viewer
 * @property {string | null} [subject] the id in the page's path
 */

/** What the server told this page. @type {Facts & Record<string, any>} */
export const facts = JSON.parse(document.getElementById("facts")?.textContent || "{}");

/** @param {string} id @returns {any} the element; pages name only elements that their own template has */
export const byId = (id) => document.getElementById(id);

/** @param {string} selector @param {ParentNode} [within] @returns {HTMLElement[]} */
export const all = (selector, within = document) => [...within.querySelectorAll(selector)].map((e) => /** @type {HTMLElement} */ (e));

/** An icon of the sprite. @param {string} name */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "i");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/**
 * Shows the elements whose `data-when` names `state`, hides the others (`data-unless`: the reverse).
 * @param {ParentNode} within @param {string} state
 */
export function setState(within, state) {
  for (const e of all("[data-when]", within)) e.hidden = !(e.dataset.when ?? "").split(" ").includes(state);
  for (const e of all("[data-unless]", within)) e.hidden = (e.dataset.unless ?? "").split(" ").includes(state);
}

/**
 * Says something to a screen reader. Assertive interrupts: only recording, who hears whom, alerts.
 * @param {string} text @param {boolean} [assertive]
 */
export function announce(text, assertive = false) {
  const region = byId(assertive ? "assertive" : "polite");
  // The same words twice in a row would otherwise stay silent.
  region.textContent = region.textContent === text ? `${text}\u00a0` : text;
}

// ── 长辈版 ────────────────────────────────────────────────────

/** @param {boolean} on */
function showElder(on) {
  root.classList.toggle("elder", on);
  root.classList.toggle("standard", !on);
  for (const button of all("[data-elder]")) button.setAttribute("aria-pressed", String(on));
}

/** Keeps the choice on this computer and with the account. @param {boolean} on */
export async function setElder(on) {
  showElder(on);
  document.cookie = `lawlink_elder=${on ? 1 : 0}; path=/; max-age=${YEAR_S}; samesite=strict`;
  if (!facts.viewer) return;
  try {
    await api.put("/api/me/preferences", { elder: on }, { stay: true });
  } catch {
    toast(t("这台电脑记住了，账号里还没记上。"), { icon: "info" });
  }
}

// ── log-out ───────────────────────────────────────────────────

export async function logOut() {
  api.setLoggingOut(true);
  try {
    await api.post("/api/logout", {}, { stay: true });
    location.assign("/login");
  } catch (error) {
    api.setLoggingOut(false);
    toast(error instanceof api.ApiError ? error.text : t("没退出成，请再试一次。"), { icon: "warn" });
  }
}

// ── network word and offline strip ────────────────────────────

let probing = true;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let probe;
/** @type {Date | null} */
let lostAt = null;

/**
 * Shows the network word in the header. A room that measures better calls this itself and stops the probe.
 * @param {"good" | "fair" | "poor"} word @param {string} [reason]
 */
export function setNetwork(word, reason = "") {
  const words = { good: t("网络良好"), fair: t("网络一般"), poor: t("网络较差") };
  for (const slot of all("[data-network]")) {
    const mark = document.createElement("span");
    mark.className = `q ${word}`;
    const bars = document.createElement("i");
    bars.append(document.createElement("b"));
    mark.append(bars, reason ? t("{word}：{reason}", { word: words[word], reason }) : words[word]);
    slot.replaceChildren(mark);
    slot.hidden = false;
  }
}

/** The page measures its network itself from now on. */
export function stopNetworkProbe() {
  probing = false;
  clearTimeout(probe);
}

async function probeNetwork() {
  const begun = performance.now();
  try {
    const response = await fetch("/healthz", { cache: "no-store", signal: AbortSignal.timeout(5000) });
    if (!response.ok) throw new Error(String(response.status));
    const took = performance.now() - begun;
    showOnline();
    setNetwork(took < FAIR_MS ? "good" : took < POOR_MS ? "fair" : "poor");
    if (probing) probe = setTimeout(probeNetwork, PROBE_MS);
  } catch {
    showOffline();
    countDown(10);
  }
}

function showOnline() {
  if (lostAt) {
    lostAt = null;
    toast(t("网络恢复了。"), { icon: "check" });
    document.dispatchEvent(new CustomEvent("lawlink:online"));
  }
  for (const strip of all("[data-offline]")) strip.hidden = true;
}

function showOffline() {
  if (lostAt) return;
  lostAt = new Date();
  for (const slot of all("[data-network]")) slot.hidden = true;
  for (const strip of all("[data-offline]")) strip.hidden = false;
  document.dispatchEvent(new CustomEvent("lawlink:offline"));
}

/** @param {number} left seconds until the next try */
function countDown(left) {
  const time = lostAt ? lostAt.toTimeString().slice(0, 5) : "";
  for (const slot of all("[data-offline-text]")) slot.textContent = t("{time} 断开，{left} 秒后再试。", { time, left });
  probe = setTimeout(() => (left > 1 ? countDown(left - 1) : probeNetwork()), 1000);
}

/** Tries the network now. */
export function tryNow() {
  clearTimeout(probe);
  return probeNetwork();
}

// ── toasts ────────────────────────────────────────────────────

/** @type {ReturnType<typeof setTimeout> | undefined} */
let toastTimer;

/**
 * A short message at the bottom for 8 s; with `action` it carries one button (「撤销」).
 * @param {string} text @param {{icon?: string, action?: string, onAction?: () => void}} [options]
 */
export function toast(text, options = {}) {
  const box = byId("toast");
  const words = document.createElement("span");
  words.className = "grow";
  words.textContent = text;
  box.replaceChildren(icon(options.icon ?? "check"), words);
  if (options.action) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn";
    button.textContent = options.action;
    button.addEventListener("click", () => { box.hidden = true; options.onAction?.(); });
    box.append(button);
  }
  box.hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { box.hidden = true; }, TOAST_MS);
}

// ── dialogs ───────────────────────────────────────────────────

/**
 * Opens a <dialog> and resolves with its return value: the `value` of the `[data-close]` button pressed, "" for Esc.
 * Focus goes to `[autofocus]`, else to the title; clicks are dropped for the first 400 ms.
 * @param {HTMLDialogElement} dialog @param {{escape?: boolean}} [options] @returns {Promise<string>}
 */
export function openDialog(dialog, options = {}) {
  if (dialog.open) return Promise.resolve("");
  dialog.returnValue = "";
  const done = new AbortController();
  const listen = { signal: done.signal };
  // Pointers do not reach the buttons yet (components.css); keys that press them are dropped here.
  dialog.dataset.opening = "";
  const settle = () => { delete dialog.dataset.opening; };
  setTimeout(settle, SETTLE_MS);
  /** @param {Event} event */
  const dropEarly = (event) => {
    if ("opening" in dialog.dataset) { event.preventDefault(); event.stopImmediatePropagation(); }
  };
  dialog.addEventListener("click", dropEarly, { ...listen, capture: true });
  dialog.addEventListener("cancel", (event) => { if (options.escape === false) event.preventDefault(); }, listen);
  dialog.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest("[data-close]") : null;
    if (button) dialog.close(button.getAttribute("value") ?? "");
  }, listen);
  dialog.showModal();
  if (!dialog.querySelector("[autofocus]")) focusTitle(dialog);
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => { done.abort(); resolve(dialog.returnValue); }, { once: true });
  });
}

/** @param {HTMLElement} dialog */
function focusTitle(dialog) {
  const title = dialog.querySelector("h2");
  if (title) { title.tabIndex = -1; title.focus(); }
}

// ── pressed buttons ───────────────────────────────────────────

/**
 * Runs `work` for a pressed button: shows that it works, swallows second presses, keeps focus and width.
 * @template T
 * @param {HTMLElement} button @param {string} busyText @param {() => Promise<T>} work @returns {Promise<T | undefined>}
 */
export async function press(button, busyText, work) {
  if (button.getAttribute("aria-busy") === "true") return undefined;
  const before = [...button.childNodes];
  button.style.minWidth = `${button.offsetWidth}px`;
  button.setAttribute("aria-busy", "true");
  button.setAttribute("aria-disabled", "true");
  const spin = document.createElement("span");
  spin.className = "spin";
  button.replaceChildren(spin, busyText);
  try {
    return await work();
  } finally {
    button.replaceChildren(...before);
    button.removeAttribute("aria-busy");
    button.removeAttribute("aria-disabled");
    button.style.minWidth = "";
  }
}

function start() {
  for (const button of all("[data-elder]")) button.addEventListener("click", () => setElder(!root.classList.contains("elder")));
  for (const button of all("[data-logout]")) button.addEventListener("click", () => press(button, t("正在退出"), logOut));
  addEventListener("offline", () => { clearTimeout(probe); showOffline(); countDown(10); });
  addEventListener("online", () => { tryNow(); });
  if (document.querySelector("[data-network]")) probeNetwork();
  if ("serviceWorker" in navigator && isSecureContext) navigator.serviceWorker.register("/sw.js").catch(() => {});
}

start();
