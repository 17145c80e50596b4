import * as api from "../lib/api.js";
import { WindowIdentity } from "../lib/identity.js";
import { Live } from "../lib/live.js";
import { LocalMedia } from "../lib/local.js";
import { LiveSocket } from "../lib/socket.js";
import { Sounds } from "../lib/sounds.js";
import { need } from "../ui/dom.js";
import { openDialog, toast } from "../ui/shell.js";

/**
 * What the views of a live workspace share; lives as long as the document.
 * @typedef {{socket: LiveSocket, live: Live, local: LocalMedia, sounds: Sounds, storage: Storage}} Workspace
 */

/** @param {"station" | "lawyer"} name @returns {Workspace} connected, devices still closed */
export function startWorkspace(name) {
  const identity = new WindowIdentity(sessionStorage);
  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const url = `${scheme}//${location.host}/ws`;
  const socket = new LiveSocket({ url, workspace: name, window: identity.window, resume: identity.resume });
  const live = new Live();
  const local = new LocalMedia(localStorage);
  const sounds = new Sounds(localStorage);
  socket.on("event", event => live.apply(event));
  socket.on("hello", hello => {
    identity.resume = hello.resume;
  });
  live.on("notice", notice => toast(notice.text, { icon: "info" }));
  watchPage(socket, identity, sounds);
  watchTakeover(socket, local);
  socket.start();
  return { socket, live, local, sounds, storage: sessionStorage };
}

/** @param {LiveSocket} socket @param {WindowIdentity} identity @param {Sounds} sounds */
function watchPage(socket, identity, sounds) {
  addEventListener("online", () => socket.kick());
  document.addEventListener("lawlink:online", () => socket.kick());
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) socket.kick();
  });
  addEventListener("pagehide", () => identity.leave());
  addEventListener("pageshow", event => {
    if (event.persisted) identity.returned();
  });
  document.addEventListener("pointerdown", () => sounds.unlock(), { once: true, capture: true });
  document.addEventListener("keydown", () => sounds.unlock(), { once: true, capture: true });
}

/** The newer window holds the consultation; this one says so and offers to take it back. @param {LiveSocket} socket @param {LocalMedia} local */
function watchTakeover(socket, local) {
  const dialog = need(document, "#replaced", HTMLDialogElement);
  let opened = false;
  dialog.addEventListener("keydown", event => {
    if (event.key === "Escape") event.preventDefault();
  });
  socket.on("status", async state => {
    if (state === "ended") api.goToLogin();
    if (state !== "replaced") return;
    opened = local.opened;
    local.close();
    await openDialog(dialog, { escape: false });
    if (opened) void local.open();
    socket.takeOver();
  });
}
