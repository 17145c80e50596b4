// The tiles: one video per picture, hidden audio elements, the watermark over every tile.
import { dateOf, t, timeOf } from "../lib/i18n.js";
import { all, byId, icon } from "../ui/shell.js";
import { TrackPlayer } from "./track.js";
import { pictureWord } from "./words.js";

const WATERMARK_MS = 30_000;
const PLACES = 4;
/** Faces first, paper last. */
const ORDER = ["lawyer", "clerk", "invited"];

/** @param {import("./manifest.js").Manifest} manifest @returns {TrackPlayer[]} */
export function buildStage(manifest) {
  const pictures = manifest.tracks.filter((track) => track.source !== "audio").sort((a, b) => rank(a) - rank(b));
  byId("tiles").dataset.count = String(Math.min(3, pictures.length));
  byId("no-pictures").hidden = pictures.length > 0;
  const players = manifest.tracks.filter((track) => track.source === "audio").map(sound);
  return [...players, ...pictures.map(picture)];
}

/** @param {import("./manifest.js").Track} track */
const rank = (track) => (track.source === "camera" ? 0 : 10) + ORDER.indexOf(track.role);

/** @param {import("./manifest.js").Track} track */
function sound(track) {
  const element = document.createElement("audio");
  byId("sounds").append(element);
  return new TrackPlayer(track, element, (state) => { if (state === "failed") byId("sound-failed").hidden = false; });
}

/** @param {import("./manifest.js").Track} track */
function picture(track) {
  const tile = /** @type {HTMLElement} */ (byId("tile").content.firstElementChild.cloneNode(true));
  const word = pictureWord(track);
  const video = /** @type {HTMLVideoElement} */ (tile.querySelector("video"));
  video.setAttribute("aria-label", word);
  all("[data-f=name]", tile)[0].textContent = track.source === "camera" && track.participant ? `${word} · ${track.participant}` : word;
  const zoom = all("[data-f=zoom]", tile)[0];
  zoom.addEventListener("click", () => {
    const large = tile.classList.toggle("large");
    zoom.setAttribute("aria-pressed", String(large));
  });
  byId("tiles").append(tile);
  return new TrackPlayer(track, video, (state) => showState(tile, state));
}

/** @param {HTMLElement} tile @param {"showing" | "gap" | "failed"} state */
function showState(tile, state) {
  const cover = all(".tile-empty", tile)[0];
  cover.hidden = state === "showing";
  const words = { showing: "", gap: t("这一段没有画面"), failed: t("这一路放不出来") };
  const line = document.createElement("p");
  line.textContent = words[state];
  cover.replaceChildren(icon(state === "failed" ? "warn" : "half"), line);
}

/** Name and time over every tile; moves every 30 s so that it cannot be cropped away. @param {string} name */
export function startWatermark(name) {
  let turn = 0;
  const paint = () => {
    const stamp = `${name} ${dateOf(new Date())} ${timeOf(new Date())}`;
    all(".wm").forEach((mark, n) => {
      mark.textContent = stamp;
      mark.dataset.place = String((turn + n) % PLACES);
    });
    turn += 1;
  };
  paint();
  setInterval(paint, WATERMARK_MS);
}
