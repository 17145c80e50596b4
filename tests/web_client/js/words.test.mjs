import assert from "node:assert/strict";
import { test } from "node:test";
import * as format from "../../../web_client/static/js/lib/format.js";

const line = { open: true, reason: null, lawyers_on_duty: 4, ahead: 2, estimate: { low_min: 8, high_min: 11 }, at: "" };

test("nobody ahead is said so", () => {
  assert.equal(format.waitWords({ ...line, ahead: 0, estimate: { low_min: 0, high_min: 1 } }), "前面没有人，约等 1 分钟。");
});

test("waits are said as ranges, never as 0, and unknown as unknown", () => {
  assert.equal(format.waitWords(line), "前面 2 人，约等 8–11 分钟。");
  assert.equal(format.waitWords({ ...line, estimate: { low_min: 0, high_min: 3 } }), "前面 2 人，约等 3 分钟。");
  assert.equal(format.waitWords({ ...line, estimate: { low_min: 0, high_min: 0 } }), "现在没人排队，马上能接通。");
  assert.equal(format.waitWords({ ...line, estimate: null }), "前面 2 人，要等多久现在算不准。");
  assert.match(format.waitWords({ ...line, open: false }), /没有律师值班/);
});

test("a shown range changes only when it moved by two minutes", () => {
  const shown = { low_min: 8, high_min: 11 };
  assert.equal(format.estimateMoved(shown, { low_min: 7, high_min: 12 }), false);
  assert.equal(format.estimateMoved(shown, { low_min: 8, high_min: 13 }), true);
  assert.equal(format.estimateMoved(shown, null), true);
  assert.equal(format.estimateMoved(null, null), false);
});

test("the four words of the recording", () => {
  const word = state => format.recordingWord({ state, cause: null });
  assert.deepEqual(["recording", "paused", "stopped", "none", "idle", "starting"].map(s => word(s).word), ["录制中", "录制已暂停", "录制已停止", "未录制", "未录制", "未录制"]);
  assert.equal(word("recording").look, "on");
});

test("a halted recording says why, a running or ended one says nothing", () => {
  assert.match(format.recordingCause({ state: "stopped", cause: "withdrawn" }), /改变了主意/);
  assert.match(format.recordingCause({ state: "stopped", cause: "disk_full" }), /存储满了/);
  assert.equal(format.recordingCause({ state: "recording", cause: "withdrawn" }), "");
  assert.equal(format.recordingCause({ state: "stopped", cause: "ended" }), "");
});

test("ages turn on the birthday", () => {
  assert.equal(format.ageOn("2012-03-02", new Date(2026, 2, 1)), 13);
  assert.equal(format.ageOn("2012-03-02", new Date(2026, 2, 2)), 14);
  assert.equal(format.ageOn("2030-01-01", new Date(2026, 2, 2)), null);
  assert.equal(format.ageOn("", new Date()), null);
});

test("an identity number tells birth date and sex only when its check digit is right", () => {
  assert.deepEqual(format.readIdNumber(" 11010519491231002x "), { birth_date: "1949-12-31", sex: "female" });
  assert.equal(format.readIdNumber("110105194912310021"), null);
  assert.equal(format.readIdNumber("1101051949123100"), null);
});

test("a lawyer is called one once", () => {
  assert.equal(format.lawyerName("王立新"), "王立新律师");
  assert.equal(format.lawyerName("王立新律师"), "王立新律师");
});
