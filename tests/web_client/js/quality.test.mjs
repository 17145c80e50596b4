import assert from "node:assert/strict";
import { test } from "node:test";
import { judge, QualityMeter, sample } from "../../../web_client/static/js/lib/quality.js";

const REPORTS = [
  { type: "inbound-rtp", kind: "audio", packetsReceived: 90, packetsLost: 10, jitter: 0.02, concealedSamples: 500, silentConcealedSamples: 100, totalSamplesReceived: 4000 },
  { type: "inbound-rtp", kind: "video", packetsReceived: 300, packetsLost: -2, jitter: 0.01, framesPerSecond: 29, totalFreezesDuration: 0.4 },
  { type: "remote-inbound-rtp", kind: "video", fractionLost: 0.03, roundTripTime: 0.12 },
  { type: "outbound-rtp", kind: "video", qualityLimitationReason: "bandwidth", framesPerSecond: 6 },
  { type: "outbound-rtp", kind: "video", qualityLimitationReason: "none", framesPerSecond: 30 },
  { type: "candidate-pair", nominated: true, currentRoundTripTime: 0.5 },
  { type: "codec" },
];

test("sums a report over its tracks", () => {
  assert.deepEqual(sample(REPORTS, 7), {
    at_ms: 7, received: 390, lost: 10, jitter_ms: 20, rtt_ms: 120, uplink_loss: 0.03, fps: 29, frozen_s: 0.4,
    concealed: 400, samples: 4000, sent_fps: 6, limitation: "bandwidth",
  });
});

const still = { at_ms: 0, received: 0, lost: 0, jitter_ms: 5, rtt_ms: 40, uplink_loss: 0, fps: 30, frozen_s: 0, concealed: 0, samples: 0, sent_fps: 30, limitation: "none" };
const later = { ...still, at_ms: 2000, received: 400, samples: 96_000 };

for (const [what, change, word] of [
  ["a quiet line", {}, "good"],
  ["6 % lost", { received: 376, lost: 24 }, "fair"],
  ["16 % lost", { received: 336, lost: 64 }, "poor"],
  ["our own 6 % lost", { uplink_loss: 0.06 }, "fair"],
  ["our own 20 % lost", { uplink_loss: 0.2 }, "poor"],
  ["half a second there and back", { rtt_ms: 500 }, "fair"],
  ["a second there and back", { rtt_ms: 1000 }, "poor"],
  ["jitter of 80 ms", { jitter_ms: 80 }, "fair"],
  ["frozen a quarter of the time", { frozen_s: 0.5 }, "fair"],
  ["frozen most of the time", { frozen_s: 1.5 }, "poor"],
  ["a fifth of the sound made up", { concealed: 20_000 }, "poor"],
  ["sending six pictures a second for want of bandwidth", { limitation: "bandwidth", sent_fps: 6 }, "fair"],
  ["limited by bandwidth, yet fluent", { limitation: "bandwidth", sent_fps: 25 }, "good"],
  ["a computer too busy", { limitation: "cpu" }, "fair"],
]) {
  test(`${what}: ${word}`, () => {
    const verdict = judge(still, { ...later, ...change });
    assert.equal(verdict.word, word);
    assert.equal(verdict.reason === "", word === "good");
  });
}

test("gets worse at once, better only after three better looks, and counts anew after a reconnect", () => {
  const meter = new QualityMeter();
  const words = [];
  let at = { ...still };
  const look = change => {
    at = { ...at, at_ms: at.at_ms + 2000, received: at.received + 400, rtt_ms: 40, ...change };
    words.push(meter.push(at)?.word ?? null);
  };
  look({});
  look({});
  look({ rtt_ms: 900 });
  look({});
  look({});
  look({});
  look({});
  assert.deepEqual(words, [null, "good", "poor", "poor", "poor", "good", "good"]);
  at = { ...still, received: -300 };
  look({ rtt_ms: 900 });
  assert.equal(words.at(-1), "good");
});
