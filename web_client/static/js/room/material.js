import { faultText, listDevices, pickDocumentCamera } from "../lib/devices.js";
import { t } from "../lib/i18n.js";
import { askOnce } from "../ui/dialog.js";
import { refs, show } from "../ui/dom.js";
import { toast } from "../ui/shell.js";

/** @typedef {import("../lib/local.js").LocalMedia} LocalMedia */

const PICTURE_FPS = 5;
const PICTURE_MAX = 1920;

/** 「展示材料」: the document camera; without one, a picture from this computer or the camera itself. @param {LocalMedia} local @param {HTMLInputElement} picker */
export async function toggleMaterial(local, picker) {
  if (local.tracks.document) {
    local.hideDocument();
    return;
  }
  const { cameras } = await listDevices();
  const camera = pickDocumentCamera(cameras, { used: local.inUse("camera"), chosen: local.chosen("document") });
  if (camera && (await local.showDocumentCamera(camera))) return;
  await offerOtherWays(local, picker);
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

/** A still picture as a video track, drawn again and again so that late joiners get frames. @param {File} file */
async function pictureTrack(file) {
  const bitmap = await createImageBitmap(file);
  const scale = Math.min(1, PICTURE_MAX / Math.max(bitmap.width, bitmap.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(bitmap.width * scale);
  canvas.height = Math.round(bitmap.height * scale);
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const draw = () => pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  draw();
  const track = canvas.captureStream(PICTURE_FPS).getVideoTracks()[0];
  track.contentHint = "detail";
  const timer = setInterval(() => (track.readyState === "live" ? draw() : clearInterval(timer)), 1000 / PICTURE_FPS);
  return track;
}
