import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { clock, dateOf, duration, momentOf, t, timeOf, tn, use } from "../../../web_client/static/js/lib/i18n.js";

beforeEach(() => use("zh-CN", {}));

test("an unknown msgid is shown as it is, with its values", () => {
  assert.equal(t("还可以试 {n} 次。", { n: 3 }), "还可以试 3 次。");
  assert.equal(t("{left} 秒", {}), "{left} 秒");
});

test("a catalogue translates, plurals by number", () => {
  use("en", { 登录: "Log in", "{n} 人": ["{n} person", "{n} people"] });
  assert.equal(t("登录"), "Log in");
  assert.equal(tn("{n} 人", "{n} 人", 1), "1 person");
  assert.equal(tn("{n} 人", "{n} 人", 2), "2 people");
});

test("a value is never read as a placeholder", () => {
  assert.equal(t("{a} {b}", { a: "{b}", b: "x" }), "{b} x");
});

test("durations and clocks", () => {
  assert.equal(duration(8), "8 秒");
  assert.equal(duration(370), "6 分 10 秒");
  assert.equal(duration(1080), "18 分");
  assert.equal(duration(3725), "1 小时 2 分");
  assert.equal(clock(494), "8:14");
  assert.equal(clock(3725), "1:02:05");
});

test("times are the district's, wherever the computer thinks it is", () => {
  assert.equal(timeOf("2025-11-20T02:26:00Z"), "10:26");
  assert.equal(dateOf("2025-11-20T18:26:00Z"), "2025-11-21");
  const now = new Date("2025-11-21T03:00:00Z");
  assert.equal(momentOf("2025-11-20T18:26:00Z", now), "今天 02:26");
  assert.equal(momentOf("2025-11-18T07:02:00Z", now), "11-18 15:02");
  assert.equal(momentOf("2024-11-18T07:02:00Z", now), "2024-11-18 15:02");
});
