/** Cameras and microphones: opening, listing, and what is wrong with them in words. */

import { t } from "./i18n.js";

/** @typedef {"blocked" | "absent" | "busy" | "insecure" | "other"} DeviceFault */

/** @param {unknown} error @returns {DeviceFault} */
export function faultOf(error) {
  const name = error instanceof Error || error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError" || name === "SecurityError") return "blocked";
  if (name === "NotFoundError" || name === "OverconstrainedError") return "absent";
  if (name === "NotReadableError" || name === "AbortError") return "busy";
  if (name === "TypeError") return "insecure";
  return "other";
}

/** What happened and what to do next. @param {"audio" | "camera" | "document" | "screen"} source @param {DeviceFault} fault */
export function faultText(source, fault) {
  const device = { audio: t("麦克风"), camera: t("摄像头"), document: t("高拍仪"), screen: t("屏幕") }[source];
  const texts = {
    blocked: t("浏览器不让用{device}。点地址栏左边的锁，改成「允许」。", { device }),
    absent: t("没找到{device}。看看线插好没有。", { device }),
    busy: t("{device}被别的程序占着。关掉那个程序再试。", { device }),
    insecure: t("这个网址不能用{device}。请用 https 网址打开。", { device }),
    other: t("{device}没打开。拔下来重插一次再试。", { device }),
  };
  return texts[fault];
}

const AUDIO = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
const VIDEO = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } };
const DOCUMENT = { width: { ideal: 1920 }, height: { ideal: 1080 }, frameRate: { ideal: 15, max: 30 } };

/** @returns {MediaDevices} @throws {TypeError} where the page is not a secure context */
function mediaDevices() {
  if (!navigator.mediaDevices) throw new TypeError("no media devices outside a secure context");
  return navigator.mediaDevices;
}

/** @param {string | null} deviceId */
const exactly = deviceId => (deviceId ? { deviceId: { exact: deviceId } } : {});

/** @param {string | null} [deviceId] @returns {Promise<MediaStreamTrack>} */
export async function openMicrophone(deviceId = null) {
  const stream = await mediaDevices().getUserMedia({ audio: { ...AUDIO, ...exactly(deviceId) } });
  return stream.getAudioTracks()[0];
}

/** @param {string | null} [deviceId] @returns {Promise<MediaStreamTrack>} */
export async function openCamera(deviceId = null) {
  const stream = await mediaDevices().getUserMedia({ video: { ...VIDEO, ...exactly(deviceId) } });
  return stream.getVideoTracks()[0];
}

/** A camera pointed at paper: sharpness before smoothness. @param {string} deviceId @returns {Promise<MediaStreamTrack>} */
export async function openDocumentCamera(deviceId) {
  const stream = await mediaDevices().getUserMedia({ video: { ...DOCUMENT, ...exactly(deviceId) } });
  const track = stream.getVideoTracks()[0];
  track.contentHint = "detail";
  return track;
}

/** @returns {Promise<MediaStreamTrack>} */
export async function openScreen() {
  const stream = await mediaDevices().getDisplayMedia({ video: { frameRate: { ideal: 10, max: 15 } }, audio: false });
  const track = stream.getVideoTracks()[0];
  track.contentHint = "detail";
  return track;
}

/**
 * Both at once (one permission question), each alone when that fails, so that a missing camera leaves the voice.
 * @param {{camera_id?: string | null, microphone_id?: string | null}} [wanted]
 * @returns {Promise<{audio: MediaStreamTrack | null, camera: MediaStreamTrack | null,
 *   faults: {audio?: DeviceFault, camera?: DeviceFault}}>}
 */
export async function openBoth({ camera_id = null, microphone_id = null } = {}) {
  try {
    const constraints = { audio: { ...AUDIO, ...exactly(microphone_id) }, video: { ...VIDEO, ...exactly(camera_id) } };
    const stream = await mediaDevices().getUserMedia(constraints);
    return { audio: stream.getAudioTracks()[0], camera: stream.getVideoTracks()[0], faults: {} };
  } catch (error) {
    if (faultOf(error) === "insecure") return { audio: null, camera: null, faults: { audio: "insecure", camera: "insecure" } };
  }
  const audio = await tried(openMicrophone, microphone_id);
  const camera = await tried(openCamera, camera_id);
  const faults = { ...(audio.fault && { audio: audio.fault }), ...(camera.fault && { camera: camera.fault }) };
  return { audio: audio.track, camera: camera.track, faults };
}

/** The remembered device first, any other when it has gone.
 * @param {(deviceId: string | null) => Promise<MediaStreamTrack>} open @param {string | null} deviceId
 * @returns {Promise<{track: MediaStreamTrack | null, fault: DeviceFault | null}>} */
async function tried(open, deviceId) {
  try {
    return { track: await open(deviceId), fault: null };
  } catch (error) {
    if (deviceId && faultOf(error) === "absent") return tried(open, null);
    return { track: null, fault: faultOf(error) };
  }
}

/** @returns {Promise<{cameras: MediaDeviceInfo[], microphones: MediaDeviceInfo[], speakers: MediaDeviceInfo[]}>} */
export async function listDevices() {
  const all = navigator.mediaDevices ? await navigator.mediaDevices.enumerateDevices() : [];
  return {
    cameras: all.filter(d => d.kind === "videoinput"),
    microphones: all.filter(d => d.kind === "audioinput"),
    speakers: all.filter(d => d.kind === "audiooutput"),
  };
}

const DOCUMENT_CAMERA = /高拍|文档|扫描|document|scan|visuali[sz]er|overhead/i;

/**
 * The camera to show papers with: the one chosen before, else one that calls itself so, else the first that is not in use.
 * @param {Pick<MediaDeviceInfo, "deviceId" | "label">[]} cameras
 * @param {{used: string | null, chosen?: string | null}} known
 * @returns {string | null} device id
 */
export function pickDocumentCamera(cameras, { used, chosen = null }) {
  const free = cameras.filter(camera => camera.deviceId && camera.deviceId !== used);
  const best = free.find(c => c.deviceId === chosen) ?? free.find(c => DOCUMENT_CAMERA.test(c.label)) ?? free[0];
  return best?.deviceId ?? null;
}

export const SILENT_DB = -50;
export const SILENT_FOR_MS = 5_000;

/** Notices a microphone that is open but gives nothing: no level above −50 dB for 5 s while unmuted. */
export class SilenceDetector {
  /** @type {number | null} */
  #since = null;

  /** @param {number} level_db @param {number} now_ms @param {boolean} muted @returns {boolean} silent for too long */
  push(level_db, now_ms, muted) {
    if (muted || level_db > SILENT_DB) {
      this.#since = null;
      return false;
    }
    this.#since ??= now_ms;
    return now_ms - this.#since >= SILENT_FOR_MS;
  }
}

/**
 * Reads a track's level without playing it. An AudioContext that may not run yet (no press so far) reads null.
 * @param {AudioContext} context
 * @param {MediaStreamTrack} track
 * @returns {{level: () => number | null, close: () => void}} peak level in dBFS
 */
export function levelMeter(context, track) {
  const source = context.createMediaStreamSource(new MediaStream([track]));
  const analyser = context.createAnalyser();
  // A third of a second: longer than the time between two looks, so that a short sound is not missed.
  analyser.fftSize = 16_384;
  source.connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  return {
    level() {
      if (context.state !== "running") return null;
      analyser.getFloatTimeDomainData(samples);
      const peak = samples.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      return 20 * Math.log10(peak + 1e-6);
    },
    close: () => source.disconnect(),
  };
}
