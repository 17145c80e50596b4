import assert from "node:assert/strict";
import { test } from "node:test";
import { faultOf, faultText, pickDocumentCamera, SILENT_FOR_MS, SilenceDetector } from "../../../web_client/static/js/lib/devices.js";

test("browser errors become one of five faults, each with its own sentence", () => {
  const fault = name => faultOf(new DOMException("", name));
  assert.deepEqual(["NotAllowedError", "NotFoundError", "OverconstrainedError", "NotReadableError", "UnknownError"].map(fault), ["blocked", "absent", "absent", "busy", "other"]);
  assert.equal(faultOf(new TypeError("no media devices")), "insecure");
  const sentences = ["blocked", "absent", "busy", "insecure", "other"].map(f => faultText("audio", f));
  assert.equal(new Set(sentences).size, 5);
  assert.ok(sentences.every(s => s.includes("麦克风")));
});

const cameras = [{ deviceId: "a", label: "USB Camera" }, { deviceId: "b", label: "Integrated" }, { deviceId: "c", label: "良田高拍仪" }];

test("papers go to the chosen camera, else the one so named, else the first free one, never the one in use", () => {
  assert.equal(pickDocumentCamera(cameras, { used: "a", chosen: "b" }), "b");
  assert.equal(pickDocumentCamera(cameras, { used: "a" }), "c");
  assert.equal(pickDocumentCamera(cameras.slice(0, 2), { used: "a" }), "b");
  assert.equal(pickDocumentCamera(cameras, { used: "c", chosen: "c" }), "a");
  assert.equal(pickDocumentCamera(cameras.slice(0, 1), { used: "a" }), null);
});

test("a microphone is silent after five seconds below −50 dB, unless muted", () => {
  const detector = new SilenceDetector();
  assert.equal(detector.push(-70, 0, false), false);
  assert.equal(detector.push(-70, SILENT_FOR_MS - 1, false), false);
  assert.equal(detector.push(-70, SILENT_FOR_MS, false), true);
  assert.equal(detector.push(-20, SILENT_FOR_MS + 1, false), false);
  assert.equal(detector.push(-70, SILENT_FOR_MS + 2, true), false);
  assert.equal(detector.push(-70, 2 * SILENT_FOR_MS, false), false);
});
