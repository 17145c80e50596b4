/** The lawyer's workspace: desk and offers → room → wrap-up, in one document. */

import { RecordingConsent } from "../account/recording-consent.js";
import { Desk } from "../lawyer/home.js";
import { OfferDialog } from "../lawyer/offer.js";
import { WrapUp } from "../lawyer/wrap-up.js";
import { openLawyerRoom } from "../room/lawyer.js";
import { startWorkspace } from "../room/workspace.js";
import { Router } from "../ui/router.js";
import { byId } from "../ui/shell.js";

const workspace = startWorkspace("lawyer");
const { live } = workspace;
// Before the offer dialog: it hears of an offer first and makes room.
const consent = new RecordingConsent(live, sessionStorage);

/** @type {Router} */
const router = new Router(
  byId("view"),
  [
    { pattern: /^\/lawyer\/?$/, open: () => new Desk(workspace, consent) },
    { pattern: /^\/lawyer\/room\/([^/]+)$/, open: id => openLawyerRoom(workspace, router, id) },
    { pattern: /^\/lawyer\/wrap-up\/([^/]+)$/, open: id => new WrapUp(workspace, router, id) },
  ],
  settle,
);

/** Where the lawyer must be by the server's word, whatever was asked for. @param {string} path */
function settle(path) {
  const consultation = live.consultation;
  if (!consultation) return path;
  const { id, state } = consultation;
  if (state === "active" || state === "interrupted") return `/lawyer/room/${id}`;
  if (path !== `/lawyer/room/${id}`) return path;
  if (state === "wrap_up" || state === "callback") return `/lawyer/wrap-up/${id}`;
  return state === "offered" ? path : "/lawyer";
}

new OfferDialog(workspace, consultation => {
  live.apply({ type: "consultation", consultation });
});
for (const news of /** @type {const} */ (["state", "consultation"])) live.on(news, () => router.check());
router.start();
