/** From WebRTC statistics (W3C webrtc-stats) to one of three words and its reason. */

import { t } from "./i18n.js";

/** @typedef {"good" | "fair" | "poor"} Word */
/**
 * Counters of one moment, summed over tracks.
 * @typedef {object} Sample
 * @property {number} at_ms
 * @property {number} received  packets
 * @property {number} lost
 * @property {number} jitter_ms  the worst track's
 * @property {number | null} rtt_ms
 * @property {number | null} uplink_loss  0-1, as the relay reports it
 * @property {number | null} fps  of the largest picture received
 * @property {number} frozen_s  total freezes
 * @property {number} concealed  audio samples made up, silence apart
 * @property {number} samples  audio samples in all
 * @property {number | null} sent_fps  of the slowest picture sent
 * @property {string} limitation  what limits our own picture: none, cpu, bandwidth, other
 */
/** @typedef {{word: Word, reason: string, rtt_ms: number | null, loss: number, fps: number | null}} Verdict */

/** @type {Omit<Sample, "at_ms">} */
const NOTHING = {
  received: 0, lost: 0, jitter_ms: 0, rtt_ms: null, uplink_loss: null, fps: null, frozen_s: 0, concealed: 0, samples: 0,
  sent_fps: null, limitation: "none",
};

/** @param {Iterable<Record<string, any>>} reports values of an RTCStatsReport @param {number} at_ms @returns {Sample} */
export function sample(reports, at_ms) {
  const found = { at_ms, ...NOTHING };
  for (const report of reports) {
    if (report.type === "inbound-rtp") addInbound(found, report);
    else if (report.type === "remote-inbound-rtp") addRemote(found, report);
    else if (report.type === "outbound-rtp" && report.kind === "video") addOutbound(found, report);
    else if (report.type === "candidate-pair" && report.nominated && report.currentRoundTripTime !== undefined) {
      found.rtt_ms ??= report.currentRoundTripTime * 1000;
    }
  }
  return found;
}

/** @param {Sample} found @param {Record<string, any>} report */
function addInbound(found, report) {
  found.received += report.packetsReceived ?? 0;
  found.lost += Math.max(0, report.packetsLost ?? 0);
  found.jitter_ms = Math.max(found.jitter_ms, (report.jitter ?? 0) * 1000);
  found.frozen_s += report.totalFreezesDuration ?? 0;
  found.concealed += (report.concealedSamples ?? 0) - (report.silentConcealedSamples ?? 0);
  found.samples += report.totalSamplesReceived ?? 0;
  if (report.kind === "video" && report.framesPerSecond !== undefined) found.fps = Math.max(found.fps ?? 0, report.framesPerSecond);
}

/** @param {Sample} found @param {Record<string, any>} report */
function addRemote(found, report) {
  if (report.fractionLost !== undefined) found.uplink_loss = Math.max(found.uplink_loss ?? 0, report.fractionLost);
  if (report.roundTripTime !== undefined) found.rtt_ms = report.roundTripTime * 1000;
}

/** @param {Sample} found @param {Record<string, any>} report */
function addOutbound(found, report) {
  const limitation = report.qualityLimitationReason ?? "none";
  if (limitation !== "none") found.limitation = limitation;
  if (report.framesPerSecond !== undefined) found.sent_fps = Math.min(found.sent_fps ?? Infinity, report.framesPerSecond);
}

/**
 * Judges what happened between two samples. Thresholds: ITU-T G.114 for delay; Opus with in-band FEC stays clear below
 * some 5 % loss and is hard to follow from 15 %.
 * @param {Sample} before @param {Sample} now @returns {Verdict}
 */
export function judge(before, now) {
  const received = Math.max(0, now.received - before.received);
  const lost = Math.max(0, now.lost - before.lost);
  const loss = received + lost > 0 ? lost / (received + lost) : 0;
  const seconds = Math.max(0.001, (now.at_ms - before.at_ms) / 1000);
  const frozen = Math.max(0, now.frozen_s - before.frozen_s) / seconds;
  const concealed = share(now.concealed - before.concealed, now.samples - before.samples);
  const uplink = now.uplink_loss ?? 0;
  const rtt = now.rtt_ms ?? 0;
  const figures = { rtt_ms: now.rtt_ms, loss, fps: now.fps };
  /** @type {[boolean, Word, string][]} */
  const rules = [
    [uplink > 0.15, "poor", t("本机网络不稳")],
    [loss > 0.15 || concealed > 0.15, "poor", t("网络不稳")],
    [rtt > 800, "poor", t("声音来得慢")],
    [frozen > 0.5, "poor", t("画面卡住")],
    [uplink > 0.05, "fair", t("本机上行偏慢")],
    [loss > 0.05 || concealed > 0.05, "fair", t("网络有点不稳")],
    [rtt > 400 || now.jitter_ms > 60, "fair", t("声音有点慢")],
    [frozen > 0.1, "fair", t("画面有点卡")],
    [now.limitation === "bandwidth" && now.sent_fps !== null && now.sent_fps < 8, "fair", t("本机上行偏慢")],
    [now.limitation === "cpu", "fair", t("电脑太忙")],
  ];
  const hit = rules.find(([applies]) => applies);
  return { word: hit ? hit[1] : "good", reason: hit ? hit[2] : "", ...figures };
}

/** @param {number} part @param {number} whole */
const share = (part, whole) => (whole > 0 ? Math.max(0, part) / whole : 0);

const RANK = { good: 0, fair: 1, poor: 2 };
const STEADY = 3;

/** Samples in, steady verdicts out: worse at once, better only after three better ones in a row, so the word does not flicker. */
export class QualityMeter {
  /** @type {Sample | null} */
  #before = null;
  /** @type {Verdict | null} */
  #shown = null;
  #better = 0;

  /** @param {Sample} now @returns {Verdict | null} null until two samples are there */
  push(now) {
    const before = this.#before;
    this.#before = now;
    // Fewer packets than before: a new peer began to count from nothing.
    if (!before || now.received < before.received) return this.#shown;
    const verdict = judge(before, now);
    const shown = this.#shown;
    if (!shown || RANK[verdict.word] >= RANK[shown.word] || ++this.#better >= STEADY) {
      this.#better = 0;
      this.#shown = verdict;
    } else {
      this.#shown = { ...verdict, word: shown.word, reason: shown.reason };
    }
    return this.#shown;
  }
}
