// Device check: runs the five probes, shows a word and a sentence for each, and files the result.
import * as probes from "../check/probes.js";
import * as api from "../lib/api.js";
import { t } from "../lib/i18n.js";
import { all, byId, facts, icon, stopNetworkProbe, setNetwork } from "../ui/shell.js";

/** @typedef {import("../check/probes.js").Finding} Finding */

const KINDS = ["camera", "microphone", "speaker", "document_camera", "network"];
const CHIPS = {
  ok: { style: "ok", icon: "check", word: () => t("正常") },
  warn: { style: "wait", icon: "info", word: () => t("要留意") },
  bad: { style: "bad", icon: "warn", word: () => t("要处理") },
  absent: { style: "off", icon: "half", word: () => t("没找到") },
};

/** @type {Record<string, Finding>} */
let findings = {};
/** @type {MediaStream | null} */
let cameraStream = null;
/** @type {MediaStream | null} */
let microphoneStream = null;
/** @type {MediaStream | null} */
let documentStream = null;
let endMeter = () => {};
/** A newer run makes the older one's late findings worthless. */
let run = 0;

/** @param {string} kind */
const row = (kind) => /** @type {HTMLElement} */ (document.querySelector(`[data-row="${kind}"]`));

/** @param {string} kind */
function showChecking(kind) {
  const place = row(kind);
  place.classList.remove("bad");
  const chip = all("[data-chip]", place)[0];
  chip.className = "chip";
  chip.replaceChildren(icon("clock"), kind === "speaker" ? t("等您回答") : t("检测中"));
  all("[data-detail]", place)[0].textContent = kind === "speaker" ? t("点「放铃声」，听听有没有声音。") : t("正在检测。");
}

/** @param {string} kind @param {Finding} finding */
function show(kind, finding) {
  findings[kind] = finding;
  const place = row(kind);
  const chip = CHIPS[finding.result];
  place.classList.toggle("bad", finding.result === "bad");
  const mark = all("[data-chip]", place)[0];
  mark.className = `chip ${chip.style}`;
  mark.replaceChildren(icon(chip.icon), chip.word());
  all("[data-detail]", place)[0].textContent = finding.detail;
  summarise();
}

function summarise() {
  const done = Object.values(findings);
  const bad = done.filter((f) => f.result === "bad").length;
  const fine = done.filter((f) => f.result === "ok").length;
  const left = KINDS.length - done.length;
  const onlySpeaker = left === 1 && !findings.speaker;
  byId("fallback").hidden = bad === 0;
  byId("summary").textContent = left > 0 && !onlySpeaker
    ? t("正在检测，还剩 {left} 项。", { left })
    : t("{fine} 项正常，{bad} 项要处理。", { fine, bad }) + (onlySpeaker ? t("喇叭等您回答。") : "");
}

/** @param {MediaStream | null} stream @param {string} caption */
function preview(stream, caption) {
  byId("preview").srcObject = stream;
  byId("no-preview").hidden = stream !== null;
  byId("caption").hidden = stream === null;
  byId("caption").textContent = caption;
}

/** @param {HTMLSelectElement} list @param {MediaDeviceInfo[]} devices @param {MediaStream | null} stream */
function fillList(list, devices, stream) {
  const used = stream?.getTracks()[0]?.getSettings().deviceId;
  const named = devices.filter((d) => d.deviceId);
  if (named.length === 0) return;
  list.replaceChildren(...named.map((d, n) => new Option(d.label || t("第 {n} 个", { n: n + 1 }), d.deviceId, false, d.deviceId === used)));
  list.disabled = false;
}

/** @param {number} level 0–1 */
function showLevel(level) {
  const percent = Math.round(level * 100);
  const meter = byId("level");
  meter.setAttribute("aria-valuenow", String(percent));
  meter.className = `meter ${level > 0.2 ? "ok" : "bad"}`;
  meter.firstElementChild.style.width = `${percent}%`;
}

async function checkCamera() {
  probes.stop(cameraStream);
  const { stream, finding } = await probes.probeCamera(byId("camera").value || undefined);
  cameraStream = stream;
  preview(stream, t("看得见两个人的脸就好"));
  return finding;
}

async function checkMicrophone() {
  endMeter();
  probes.stop(microphoneStream);
  const { stream, finding, quiet } = await probes.probeMicrophone(byId("microphone").value || undefined, showLevel);
  microphoneStream = stream;
  endMeter = quiet;
  return finding;
}

async function checkDocumentCamera() {
  probes.stop(documentStream);
  const { stream, finding } = await probes.probeDocumentCamera(await probes.devices());
  documentStream = stream;
  byId("document-look").hidden = stream === null;
  return finding;
}

async function checkNetwork() {
  const finding = await probes.probeNetwork();
  setNetwork(finding.result === "ok" ? "good" : finding.result === "warn" ? "fair" : "poor");
  return finding;
}

async function checkAll() {
  run += 1;
  const mine = run;
  findings = {};
  KINDS.forEach(showChecking);
  for (const id of ["heard", "not-heard"]) byId(id).setAttribute("aria-pressed", "false");
  summarise();
  /** @param {string} kind @param {Promise<Finding>} work */
  const settle = async (kind, work) => {
    const finding = await work;
    if (mine === run) show(kind, finding);
  };
  const network = settle("network", checkNetwork());
  // One permission question at a time, and device names are known only after the first was answered.
  await settle("camera", checkCamera());
  await settle("microphone", checkMicrophone());
  await settle("document_camera", checkDocumentCamera());
  await network;
  if (mine !== run) return;
  const found = await probes.devices();
  fillList(byId("camera"), found.filter((d) => d.kind === "videoinput"), cameraStream);
  fillList(byId("microphone"), found.filter((d) => d.kind === "audioinput"), microphoneStream);
  await file();
}

/** Files the results with the server; without log-in there is nobody to file them for. */
async function file() {
  if (!facts.viewer) return;
  const speaker = findings.speaker ?? { result: "warn", detail: t("没有回答听没听到铃声。") };
  try {
    await api.post("/api/device-checks", { key: api.newKey(), ...findings, speaker });
    byId("summary").append(" ", t("结果已记下。"));
  } catch {
    byId("summary").append(" ", t("结果没记上，不影响使用。"));
  }
}

/** @param {boolean} heard */
async function answerSpeaker(heard) {
  byId("heard").setAttribute("aria-pressed", String(heard));
  byId("not-heard").setAttribute("aria-pressed", String(!heard));
  const detail = heard ? t("听得到铃声。") : t("没听到铃声。看看音箱插电没有、音量开没开。");
  show("speaker", { result: heard ? "ok" : "bad", detail });
  if (Object.keys(findings).length === KINDS.length) await file();
}

/** Changing a device checks just that one again. @param {"camera" | "microphone"} kind @param {() => Promise<Finding>} check */
async function recheck(kind, check) {
  const mine = run;
  showChecking(kind);
  const finding = await check();
  if (mine === run) show(kind, finding);
}

byId("again").addEventListener("click", checkAll);
byId("camera").addEventListener("change", () => recheck("camera", checkCamera));
byId("microphone").addEventListener("change", () => recheck("microphone", checkMicrophone));
byId("heard").addEventListener("click", () => answerSpeaker(true));
byId("not-heard").addEventListener("click", () => answerSpeaker(false));
byId("ring").addEventListener("click", () => probes.ring().catch(() => answerSpeaker(false)));
byId("document").addEventListener("click", () => {
  const shown = byId("document").getAttribute("aria-pressed") !== "true";
  byId("document").setAttribute("aria-pressed", String(shown));
  if (shown) preview(documentStream, t("放一张纸，看看字清不清楚"));
  else preview(cameraStream, t("看得见两个人的脸就好"));
});
addEventListener("pagehide", () => {
  endMeter();
  for (const stream of [cameraStream, microphoneStream, documentStream]) probes.stop(stream);
});

stopNetworkProbe();
checkAll();
