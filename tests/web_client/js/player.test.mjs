import assert from "node:assert/strict";
import { test } from "node:test";
import { MasterClock } from "../../../web_client/static/js/player/clock.js";
import { CLOSE_S, JUMP_S, MOST, correction } from "../../../web_client/static/js/player/drift.js";
import { nextRecorded, partAt, recordedSeconds, shownGaps, unite } from "../../../web_client/static/js/player/manifest.js";
import { spread } from "../../../web_client/static/js/player/spread.js";
import { Watched } from "../../../web_client/static/js/player/watched.js";

const track = (...parts) => ({ publication_id: "p", participant: "x", role: "clerk", source: "camera", parts: parts.map(([from_s, to_s], part) => ({ part, url: "", from_s, to_s })) });

test("the clock runs at its rate, stands while halted and stays inside the recording", () => {
  const clock = new MasterClock(100);
  clock.run(10);
  assert.equal(clock.position(14), 4);
  clock.setRate(2, 14);
  assert.equal(clock.position(16), 8);
  clock.halt(16);
  assert.equal(clock.position(60), 8);
  clock.seek(99, 60);
  clock.run(60);
  assert.equal(clock.position(70), 100);
  clock.seek(-5, 70);
  assert.equal(clock.position(70), 0);
});

test("a seek while running goes on from there", () => {
  const clock = new MasterClock(100);
  clock.run(0);
  clock.seek(50, 5);
  assert.equal(clock.position(6), 51);
});

test("small drift is left, medium drift is corrected by at most 5 %, large drift jumps", () => {
  assert.deepEqual(correction(CLOSE_S / 2, 1), { jump: false, rate: 1 });
  for (const drift of [-0.29, -0.1, -0.03, 0.03, 0.1, 0.29]) {
    const { jump, rate } = correction(drift, 1.5);
    assert.equal(jump, false);
    assert.ok(Math.abs(rate / 1.5 - 1) <= MOST + 1e-9);
    assert.equal(Math.sign(1.5 - rate), Math.sign(drift), "a track that is ahead slows down");
  }
  assert.deepEqual(correction(JUMP_S + 0.01, 2), { jump: true, rate: 2 });
  assert.deepEqual(correction(-JUMP_S - 0.01, 2), { jump: true, rate: 2 });
});

test("a corrected track comes back to the clock", () => {
  let ahead = 0.28;
  for (let n = 0; n < 300; n += 1) ahead += (correction(ahead, 1).rate - 1) * 0.1;
  assert.ok(Math.abs(ahead) <= CLOSE_S + 0.001, String(ahead));
});

test("parts are half-open, so that a moment belongs to one", () => {
  const t = track([0, 10], [10, 20], [25, 30]);
  assert.equal(partAt(t, 0)?.part, 0);
  assert.equal(partAt(t, 10)?.part, 1);
  assert.equal(partAt(t, 20), null);
  assert.equal(partAt(t, 30), null);
});

test("recorded seconds count a moment once, however many tracks have it", () => {
  assert.equal(recordedSeconds([track([0, 10]), track([5, 12], [20, 21])]), 13);
  assert.deepEqual(unite([{ from_s: 3, to_s: 4 }, { from_s: 1, to_s: 3 }]), [{ from_s: 1, to_s: 4 }]);
});

test("where nothing is recorded the next recorded moment is offered", () => {
  const tracks = [track([0, 10], [30, 40]), track([0, 12])];
  assert.equal(nextRecorded(tracks, 5), null);
  assert.equal(nextRecorded(tracks, 15), 30);
  assert.equal(nextRecorded(tracks, 45), null);
});

test("the same gap on several tracks is shown once; silence is no gap", () => {
  const gap = (publication_id, from_s, to_s, cause) => ({ publication_id, from_s, to_s, cause });
  const shown = shownGaps([gap("a", 10, 20, "disconnect"), gap("b", 10.4, 21, "disconnect"), gap("a", 40, 60, "dtx"), gap("a", 70, 70.1, "loss"), gap("a", 80, 90, "pause")]);
  assert.deepEqual(shown.map((g) => [g.from_s, g.to_s, g.cause]), [[10, 21, "disconnect"], [80, 90, "pause"]]);
});

test("watched spans follow playing, break at jumps and are handed over once", () => {
  const watched = new Watched();
  for (const at of [0, 0.1, 0.2, 0.3]) watched.tick(at, true, 1);
  for (const at of [50, 50.1]) watched.tick(at, true, 1);
  assert.deepEqual(watched.take(), [{ from_s: 0, to_s: 0.3 }, { from_s: 50, to_s: 50.1 }]);
  assert.deepEqual(watched.take(), []);
  watched.tick(50.3, true, 1);
  watched.tick(50.3, false, 1);
  assert.deepEqual(watched.take(), [{ from_s: 50.1, to_s: 50.3 }]);
});

test("a pause and a jump back are not watching", () => {
  const watched = new Watched();
  watched.tick(10, true, 1);
  watched.tick(11, true, 1);
  watched.tick(11, false, 1);
  watched.tick(3, true, 1);
  watched.tick(4, true, 1);
  assert.deepEqual(watched.take(), [{ from_s: 10, to_s: 11 }, { from_s: 3, to_s: 4 }]);
});

test("spans that could not be sent are sent with the next", () => {
  const watched = new Watched();
  watched.tick(0, true, 1);
  watched.tick(1, true, 1);
  watched.giveBack(watched.take());
  watched.tick(2, true, 1);
  assert.deepEqual(watched.take(), [{ from_s: 0, to_s: 1 }, { from_s: 1, to_s: 2 }]);
});

test("marks stay apart, in order, inside the line, and near their places", () => {
  assert.deepEqual(spread([0, 5, 200], 400, 30), [0, 30, 200]);
  assert.deepEqual(spread([390, 395, 400], 400, 30), [340, 370, 400]);
  assert.deepEqual(spread([], 400, 30), []);
  assert.deepEqual(spread([0, 0, 0], 40, 30), [0, 20, 40], "a short line shares what it has");
});
