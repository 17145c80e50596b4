import { faultText, listDevices, pickDocumentCamera } from "../lib/devices.js";
import { t } from "../lib/i18n.js";
import { askOnce } from "../ui/dialog.js";
import { refs, show } from "../ui/dom.js";
import { toast } from "../ui/shell.js";

/** @typedef {import("../lib/local.js").LocalMedia} LocalMedia */

const PICTURE_FPS = 5;
const REDRAWN_FPS = 10;
const PICTURE_MAX = 1920;
const DELIVER_WITHIN_MS = 1_500;

/**
 * 「展示材料」: the document camera; without one, a picture from this computer or the camera itself.
 * @param {LocalMedia} local @param {HTMLInputElement} picker @param {import("../lib/peer.js").Peer} peer
 */
export async function toggleMaterial(local, picker, peer) {
  if (local.tracks.document) {
    local.hideDocument();
    return;
  }
  const { cameras } = await listDevices();
  const camera = pickDocumentCamera(cameras, { used: local.inUse("camera"), chosen: local.chosen("document") });
  if (camera && (await local.showDocumentCamera(camera))) void redrawUnlessDelivered(local, peer);
  else await offerOtherWays(local, picker);
}

/** Depth and infrared cameras (Y16) show in a <video>, but WebRTC gets nothing of them: drawn anew, they arrive. @param {LocalMedia} local @param {import("../lib/peer.js").Peer} peer */
async function redrawUnlessDelivered(local, peer) {
  const track = local.tracks.document;
  if (!track || (await peer.delivers(track, DELIVER_WITHIN_MS)) || local.tracks.document !== track) return;
  const source = track.clone();
  const video = document.createElement("video");
  video.muted = true;
  video.srcObject = new MediaStream([source]);
  await video.play();
  const redrawn = drawnTrack(video, video.videoWidth, video.videoHeight, REDRAWN_FPS, () => source.stop());
  if (local.tracks.document === track) local.showDocumentTrack(redrawn);
  else redrawn.stop();
}

/** @param {LocalMedia} local @param {HTMLInputElement} picker */
async function offerOtherWays(local, picker) {
  const fault = local.faults.document;
  const way = await askOnce("dialog-document", dialog => {
    const at = refs(dialog);
    show(at.fault, Boolean(fault));
    if (fault) at.fault.textContent = faultText("document", fault);
    show(at.camera, local.tracks.camera !== null);
  });
  if (way === "file") await showPicture(local, picker);
  // The same camera twice: larger for the other side, and sharp rather than smooth.
  else if (way === "camera" && local.tracks.camera) showCameraItself(local, local.tracks.camera);
}

/** @param {LocalMedia} local @param {MediaStreamTrack} camera */
function showCameraItself(local, camera) {
  const copy = camera.clone();
  copy.contentHint = "detail";
  local.showDocumentTrack(copy);
}

/** @param {LocalMedia} local @param {HTMLInputElement} picker */
async function showPicture(local, picker) {
  picker.value = "";
  const chosen = new Promise(resolve => {
    picker.onchange = () => resolve(picker.files?.[0] ?? null);
    picker.oncancel = () => resolve(null);
  });
  picker.click();
  const file = /** @type {File | null} */ (await chosen);
  if (!file) return;
  try {
    local.showDocumentTrack(await pictureTrack(file));
  } catch {
    toast(t("这个文件不是图片，打不开。请选照片或截图。"), { icon: "warn" });
  }
}

/** @param {File} file */
async function pictureTrack(file) {
  const bitmap = await createImageBitmap(file);
  const scale = Math.min(1, PICTURE_MAX / Math.max(bitmap.width, bitmap.height));
  return drawnTrack(bitmap, Math.round(bitmap.width * scale), Math.round(bitmap.height * scale), PICTURE_FPS);
}

/**
 * A video track drawn again and again, so that whoever joins later gets frames too.
 * @param {CanvasImageSource} source @param {number} width @param {number} height @param {number} fps @param {() => void} [ended]
 */
function drawnTrack(source, width, height, fps, ended = () => {}) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const track = canvas.captureStream(fps).getVideoTracks()[0];
  track.contentHint = "detail";
  const draw = () => {
    if (track.readyState === "live") {
      pen.drawImage(source, 0, 0, width, height);
      return;
    }
    clearInterval(timer);
    ended();
  };
  const timer = setInterval(draw, 1000 / fps);
  draw();
  return track;
}
