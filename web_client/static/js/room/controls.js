import { newKey } from "../lib/api.js";
import { t } from "../lib/i18n.js";
import { askOnce } from "../ui/dialog.js";
import { refs, setText, show } from "../ui/dom.js";
import { announce, toast } from "../ui/shell.js";
import { changeDevices } from "./devices-dialog.js";
import { toggleMaterial } from "./material.js";

/** @typedef {import("../lib/local.js").LocalMedia} LocalMedia */
/** @typedef {import("./session.js").RoomSession} RoomSession */

/**
 * @typedef {object} ControlParts
 * @property {Record<string, any>} at
 * @property {LocalMedia} local
 * @property {RoomSession} session
 * @property {() => AudioContext} audioContext
 * @property {() => void} toggleChat
 * @property {() => boolean} closeChat true when there was something to close
 * @property {string} endWords what ending means on this side
 * @property {() => string} phone number to say when turning to the telephone
 * @property {(reply: any) => void} ended hears the reply to ending
 * @property {(reply: any) => void} phoned hears the reply to turning to the telephone
 */

/** @param {ControlParts} parts @returns {() => void} takes the keyboard listener away */
export function wireControls(parts) {
  const { at, local, session } = parts;
  at.mute.addEventListener("click", () => toggleMute(local));
  at.camera_off.addEventListener("click", () => busy(at.camera_off, () => local.setCamera(!local.cameraWanted)));
  at.document.addEventListener("click", () => busy(at.document, () => toggleMaterial(local, at.picture, session.peer)));
  at.screen.addEventListener("click", () => busy(at.screen, () => toggleScreen(local)));
  at.chat.addEventListener("click", parts.toggleChat);
  at.devices.addEventListener("click", () => busy(at.devices, () => changeDevices(local, at.remote, parts.audioContext)));
  at.stop_recording.addEventListener("click", () => busy(at.stop_recording, () => refusable(() => session.stopRecording(newKey()))));
  at.end.addEventListener("click", () => busy(at.end, () => askToEnd(parts)));
  at.phone.addEventListener("click", () => busy(at.phone, () => askToPhone(parts)));
  at.more.addEventListener("click", () => unfold(at, !at.controls.classList.contains("open")));
  const paint = () => paintPressed(at, local);
  const undo = local.on("change", paint);
  paint();
  const unlisten = listenKeys(parts);
  return () => {
    undo();
    unlisten();
  };
}

/** @param {ControlParts} parts */
function listenKeys({ at, closeChat }) {
  /** @type {Record<string, HTMLElement>} */
  const buttons = { F8: at.mute, F4: at.document, F9: at.chat };
  /** @param {KeyboardEvent} event */
  const keyed = event => {
    if (document.querySelector("dialog[open]")) return;
    const button = event.altKey || event.ctrlKey || event.metaKey ? undefined : buttons[event.key];
    if (button && !button.hidden) {
      event.preventDefault();
      if (!event.repeat) button.click();
    } else if (event.key === "Escape" && closeChat()) {
      event.preventDefault();
    }
  };
  document.addEventListener("keydown", keyed);
  return () => document.removeEventListener("keydown", keyed);
}

/** @param {Record<string, any>} at @param {LocalMedia} local */
function paintPressed(at, local) {
  const { document: paper, screen } = local.tracks;
  /** @type {[HTMLElement, boolean][]} */
  const states = [[at.mute, local.muted], [at.camera_off, !local.cameraWanted], [at.document, paper !== null], [at.screen, screen !== null]];
  for (const [button, pressed] of states) button.setAttribute("aria-pressed", String(pressed));
}

/** @param {Record<string, any>} at @param {boolean} open */
function unfold(at, open) {
  at.controls.classList.toggle("open", open);
  at.more.setAttribute("aria-expanded", String(open));
}

/** @param {LocalMedia} local */
function toggleMute(local) {
  local.setMuted(!local.muted);
  announce(local.muted ? t("您已静音，对方听不见您。") : t("静音已取消。"));
}

/** @param {LocalMedia} local */
async function toggleScreen(local) {
  if (local.tracks.screen) local.unshareScreen();
  else await local.shareScreen();
}

/** @param {ControlParts} parts */
async function askToEnd(parts) {
  const key = newKey();
  const answer = await askOnce("dialog-end", dialog => setText(refs(dialog).text, parts.endWords));
  if (answer !== "end") return;
  const reply = await refusable(() => parts.session.end(key));
  if (reply) parts.ended(reply);
}

/** @param {ControlParts} parts */
async function askToPhone(parts) {
  const key = newKey();
  const phone = parts.phone();
  const words = phone
    ? t("画面会关掉，录制会停，改打电话 {phone} 接着谈。", { phone })
    : t("画面会关掉，录制会停，律师改打电话接着谈。");
  const answer = await askOnce("dialog-phone", dialog => setText(refs(dialog).text, words));
  if (answer !== "phone") return;
  const reply = await refusable(() => parts.session.turnToPhone(key));
  if (reply) parts.phoned(reply);
}

/** @param {() => Promise<any>} work @returns {Promise<any>} null when refused (said so) */
async function refusable(work) {
  try {
    return await work();
  } catch (error) {
    const text = error instanceof Error && "text" in error ? String(error.text) : "";
    toast(text || t("没有做成，请再试一次。"), { icon: "warn" });
    return null;
  }
}

/** Swallows second presses; the word stays, because the key must be found again. @param {HTMLElement} button @param {() => Promise<unknown>} work */
async function busy(button, work) {
  if (button.getAttribute("aria-busy") === "true") return;
  button.setAttribute("aria-busy", "true");
  try {
    await work();
  } finally {
    button.removeAttribute("aria-busy");
  }
}

/** By telephone only words are exchanged here. @param {Record<string, any>} at */
export function hideMediaKeys(at) {
  for (const key of [at.mute, at.camera_off, at.document, at.screen, at.devices, at.phone]) show(key, false);
}

/** Recording can be stopped only while there is one. @param {Record<string, any>} at @param {import("../lib/live.js").RecordingState} recording */
export function showStopKey(at, recording) {
  show(at.stop_recording, ["starting", "recording", "paused"].includes(recording.state));
}
