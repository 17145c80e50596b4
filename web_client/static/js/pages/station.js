/** The station's workspace: home → new visit → waiting → room → done, in one document. */

import { RecordingConsent } from "../account/recording-consent.js";
import { t } from "../lib/i18n.js";
import { openClerkRoom } from "../room/clerk.js";
import { startWorkspace } from "../room/workspace.js";
import { Done } from "../station/done.js";
import { openHome } from "../station/home.js";
import { VisitForm } from "../station/visit.js";
import { Waiting } from "../station/waiting.js";
import { Router } from "../ui/router.js";
import { announce, byId } from "../ui/shell.js";

const workspace = startWorkspace("station");
const { live, sounds } = workspace;
const consent = new RecordingConsent(live, sessionStorage);

/** @type {Router} */
const router = new Router(
  byId("view"),
  [
    { pattern: /^\/station\/?$/, open: () => openHome(workspace, go, consent) },
    { pattern: /^\/station\/visit\/([^/]+)$/, open: id => new VisitForm(workspace, go, id) },
    { pattern: /^\/station\/waiting\/([^/]+)$/, open: id => new Waiting(workspace, router, id) },
    { pattern: /^\/station\/room\/([^/]+)$/, open: id => openClerkRoom(workspace, router, id) },
    { pattern: /^\/station\/done\/([^/]+)$/, open: id => new Done(workspace, router, id) },
  ],
  settle,
);

/** @param {string} path @param {{replace?: boolean}} [options] */
function go(path, options) {
  router.go(path, options);
}

/** Where the clerk must be by the server's word, whatever was asked for. @param {string} path */
function settle(path) {
  const consultation = live.consultation;
  // A callback needs nobody at the station: the lawyer phones the visitor.
  if (!consultation || consultation.mode === "callback") return path;
  const { id, state, entry } = consultation;
  if (state === "active" || state === "interrupted") return `/station/room/${id}`;
  const mine = path.endsWith(`/${id}`);
  if (mine && (path.startsWith("/station/room/") || path.startsWith("/station/waiting/"))) {
    if (["wrap_up", "closed", "failed"].includes(state)) return `/station/done/${id}`;
    if (["registered", "abandoned"].includes(state)) return "/station";
  }
  const inLine = (state === "waiting" || state === "offered") && entry?.state !== "callback";
  return inLine && path === "/station" ? `/station/waiting/${id}` : path;
}

let answered = "";

/** The lawyer is there: heard in the other tab too. */
function ring() {
  const consultation = live.consultation;
  if (consultation?.state !== "active" || answered === consultation.id) return;
  answered = consultation.id;
  if (router.path.startsWith("/station/room/")) return;
  sounds.play("answered");
  announce(t("律师接听了。"), true);
}

for (const news of /** @type {const} */ (["state", "consultation"])) {
  live.on(news, () => {
    ring();
    router.check();
  });
}
// Every view of this document is part of the one workspace; a room takes the header away.
for (const link of document.querySelectorAll("nav a[href='/station']")) link.setAttribute("aria-current", "page");
router.start();
