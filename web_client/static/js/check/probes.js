// What the device check measures. Each probe resolves with {result, detail}; none touches the page.
import { t } from "../lib/i18n.js";
import { InsecureContextError, deviceFault } from "./faults.js";

/** @typedef {{result: "ok" | "warn" | "bad" | "absent", detail: string}} Finding */

/** Louder than this within SILENCE_MS, or the microphone counts as silent (UX.md, device check). */
const SILENCE_DB = -50;
const SILENCE_MS = 5000;
const LEVEL_EVERY_MS = 100;
/** Mean brightness (0–255) under which a picture is a closed lens or a dark room. */
const DARK = 16;
const DOCUMENT_LABEL = /高拍|文档|实物|doc|scan|visual/i;
const ROUND_TRIPS = 8;
const FAIR_MS = 150;
const POOR_MS = 400;

/** @param {MediaStreamConstraints} constraints */
export function open(constraints) {
  if (!navigator.mediaDevices) return Promise.reject(new InsecureContextError());
  return navigator.mediaDevices.getUserMedia(constraints);
}

/** @param {MediaStream | null} stream */
export function stop(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

/** @returns {Promise<MediaDeviceInfo[]>} */
export async function devices() {
  return navigator.mediaDevices ? navigator.mediaDevices.enumerateDevices() : [];
}

/**
 * The camera that looks at paper: by its name, never a guess about an unnamed second one.
 * @param {MediaDeviceInfo[]} found
 */
export function documentCamera(found) {
  return found.find((d) => d.kind === "videoinput" && DOCUMENT_LABEL.test(d.label)) ?? null;
}

/** @param {string} [id] @returns {Promise<{stream: MediaStream | null, finding: Finding}>} */
export async function probeCamera(id) {
  try {
    const stream = await open({ video: { deviceId: id ? { exact: id } : undefined, width: { ideal: 1280 }, height: { ideal: 720 } } });
    return { stream, finding: await judgePicture(stream) };
  } catch (error) {
    return { stream: null, finding: failed("camera", error) };
  }
}

/** @param {MediaStream} stream @returns {Promise<Finding>} */
async function judgePicture(stream) {
  const video = document.createElement("video");
  video.muted = true;
  video.srcObject = stream;
  await video.play();
  const { videoWidth: w, videoHeight: h } = video;
  const bright = brightness(video);
  video.srcObject = null;
  const size = `${w}×${h}`;
  if (bright < DARK) return { result: "warn", detail: t("画面是黑的（{size}）。看看镜头盖打开没有、屋里灯亮没亮。", { size }) };
  if (h < 360) return { result: "warn", detail: t("画面偏小，{size}，对方看不太清。", { size }) };
  return { result: "ok", detail: t("有画面，{size}。", { size }) };
}

/** @param {HTMLVideoElement} video */
function brightness(video) {
  const canvas = document.createElement("canvas");
  canvas.width = 32;
  canvas.height = 18;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) return 255;
  context.drawImage(video, 0, 0, canvas.width, canvas.height);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  let sum = 0;
  for (let i = 0; i < data.length; i += 4) sum += (data[i] + data[i + 1] + data[i + 2]) / 3;
  return sum / (data.length / 4);
}

/**
 * Listens until something was heard, or for SILENCE_MS.
 * @param {string | undefined} id @param {(level: number) => void} onLevel 0–1, ten times a second
 * @returns {Promise<{stream: MediaStream | null, finding: Finding, quiet: () => void}>} `quiet` ends the level meter
 */
export async function probeMicrophone(id, onLevel) {
  try {
    const stream = await open({ audio: { deviceId: id ? { exact: id } : undefined } });
    const meter = new LevelMeter(stream, onLevel);
    const heard = await meter.heard(SILENCE_MS);
    /** @type {Finding} */
    const finding = heard
      ? { result: "ok", detail: t("有声音，音量合适。") }
      : { result: "bad", detail: t("听不到声音。请说一句话；还没有，就看麦克风的开关和插头。") };
    return { stream, finding, quiet: () => meter.close() };
  } catch (error) {
    return { stream: null, finding: failed("microphone", error), quiet: () => {} };
  }
}

class LevelMeter {
  /** @param {MediaStream} stream @param {(level: number) => void} onLevel */
  constructor(stream, onLevel) {
    this.context = new AudioContext();
    this.analyser = this.context.createAnalyser();
    this.context.createMediaStreamSource(stream).connect(this.analyser);
    this.samples = new Float32Array(this.analyser.fftSize);
    this.loudest = -Infinity;
    this.timer = setInterval(() => onLevel(this.measure()), LEVEL_EVERY_MS);
  }

  /** Level now, 0 (−60 dB and less) to 1 (0 dB). */
  measure() {
    this.analyser.getFloatTimeDomainData(this.samples);
    const power = this.samples.reduce((sum, x) => sum + x * x, 0) / this.samples.length;
    const db = 10 * Math.log10(power || 1e-12);
    this.loudest = Math.max(this.loudest, db);
    return Math.min(1, Math.max(0, 1 + db / 60));
  }

  /** @param {number} within ms @returns {Promise<boolean>} */
  async heard(within) {
    // Without a press in the page the context may start suspended; it measures nothing until it runs.
    if (this.context.state === "suspended") this.context.resume().catch(() => {});
    const until = performance.now() + within;
    while (this.loudest <= SILENCE_DB && performance.now() < until) await pause(LEVEL_EVERY_MS);
    return this.loudest > SILENCE_DB;
  }

  close() {
    clearInterval(this.timer);
    this.context.close().catch(() => {});
  }
}

/** @param {MediaDeviceInfo[]} found @returns {Promise<{stream: MediaStream | null, finding: Finding}>} */
export async function probeDocumentCamera(found) {
  const device = documentCamera(found);
  if (!device) {
    const others = found.filter((d) => d.kind === "videoinput").length > 1;
    const detail = others ? t("没有名字像高拍仪的摄像头。有的话，展示材料时再选。") : t("没找到高拍仪。不用它就不用管；要用，看看 USB 线插好没有。");
    return { stream: null, finding: { result: "absent", detail } };
  }
  try {
    const stream = await open({ video: { deviceId: { exact: device.deviceId }, width: { ideal: 1920 }, height: { ideal: 1080 } } });
    const { width = 0, height = 0 } = stream.getVideoTracks()[0].getSettings();
    const size = `${width}×${height}`;
    /** @type {Finding} */
    const finding = height >= 1000
      ? { result: "ok", detail: t("有画面，{size}，够看清 A4 纸上的小字。", { size }) }
      : { result: "warn", detail: t("画面只有 {size}，小字要放近些。", { size }) };
    return { stream, finding };
  } catch (error) {
    return { stream: null, finding: failed("document_camera", error) };
  }
}

/** Two rising notes, 0.6 s. @returns {Promise<void>} rejects when the browser lets nothing sound */
export async function ring() {
  const context = new AudioContext();
  try {
    await context.resume();
    const gain = context.createGain();
    gain.gain.value = 0.25;
    gain.connect(context.destination);
    [660, 880].forEach((hertz, n) => {
      const note = context.createOscillator();
      note.frequency.value = hertz;
      note.connect(gain);
      note.start(context.currentTime + n * 0.3);
      note.stop(context.currentTime + n * 0.3 + 0.28);
    });
    await pause(700);
  } finally {
    await context.close();
  }
}

/** Round trips to the server over HTTP; says nothing about the media port, which only a consultation uses. @returns {Promise<Finding>} */
export async function probeNetwork() {
  const times = [];
  let lost = 0;
  for (let n = 0; n < ROUND_TRIPS; n += 1) {
    const begun = performance.now();
    try {
      await fetch("/healthz", { cache: "no-store", signal: AbortSignal.timeout(3000) });
      times.push(performance.now() - begun);
    } catch {
      lost += 1;
    }
  }
  times.sort((a, b) => a - b);
  if (times.length === 0) return { result: "bad", detail: t("连不上服务器。看看网线插好没有。") };
  const ms = Math.max(1, Math.round(times[Math.floor(times.length / 2)]));
  if (lost > 0) return { result: "warn", detail: t("网络时断时续：{all} 次里丢了 {lost} 次，延迟 {ms} 毫秒。", { all: ROUND_TRIPS, lost, ms }) };
  if (ms > POOR_MS) return { result: "bad", detail: t("网络太慢，延迟 {ms} 毫秒。先用电话更稳当。", { ms }) };
  if (ms > FAIR_MS) return { result: "warn", detail: t("网络偏慢，延迟 {ms} 毫秒，画面可能不清。", { ms }) };
  return { result: "ok", detail: t("到服务器的延迟 {ms} 毫秒，没有丢失。", { ms }) };
}

/** @param {"camera" | "microphone" | "document_camera"} kind @param {unknown} error @returns {Finding} */
function failed(kind, error) {
  const absent = error instanceof Error && error.name === "NotFoundError";
  return { result: absent ? "absent" : "bad", detail: deviceFault(kind, error) };
}

/** @param {number} ms */
const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
