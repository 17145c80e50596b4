import assert from "node:assert/strict";
import { test } from "node:test";
import { DraftKeeper, KEPT_MS, keptForms, SAVE_AFTER_MS } from "../../../web_client/static/js/lib/drafts.js";
import { FakeStorage, ManualTimers } from "./fakes.mjs";

function keeper({ save = async () => {}, storage = new FakeStorage(), account = "station01", now = () => 0 } = {}) {
  const timers = new ManualTimers();
  const states = [];
  const saved = [];
  const drafts = new DraftKeeper({
    save: async fields => { await save(fields); saved.push(fields); },
    storage, account, form: "visit.new", changed: state => states.push(state), timers, wallClock: now,
  });
  return { drafts, timers, states, saved, storage };
}

test("saves once, one second after typing stops", async () => {
  const { drafts, timers, saved, states } = keeper();
  drafts.touch({ name: "张" });
  await timers.pass(SAVE_AFTER_MS - 1);
  drafts.touch({ name: "张桂兰" });
  await timers.pass(SAVE_AFTER_MS - 1);
  assert.deepEqual(saved, []);
  await timers.pass(1);
  assert.deepEqual(saved, [{ name: "张桂兰" }]);
  assert.deepEqual(states, ["saving", "saved"]);
  assert.equal(drafts.dirty, false);
});

test("without the server it is kept here, but never an identity number, and uploaded later", async () => {
  let online = false;
  const storage = new FakeStorage();
  const { drafts, timers, states } = keeper({ storage, save: async () => { if (!online) throw new Error("offline"); } });
  drafts.touch({ name: "张桂兰", id_number: "11010519491231002X" });
  await timers.pass(SAVE_AFTER_MS);
  assert.deepEqual(states, ["saving", "local"]);
  assert.ok(drafts.dirty);
  assert.deepEqual(keeper({ storage }).drafts.kept(), { name: "张桂兰" });
  online = true;
  await drafts.flush();
  assert.equal(storage.size, 0);
  assert.equal(drafts.dirty, false);
});

test("a page going away keeps what was typed a moment ago", () => {
  const { drafts, storage } = keeper();
  drafts.keepHere();
  assert.equal(storage.size, 0);
  drafts.touch({ facts: "邻居不还钱" });
  drafts.keepHere();
  assert.deepEqual(keeper({ storage }).drafts.kept(), { facts: "邻居不还钱" });
});

test("belongs to the account and lasts a day", () => {
  const { drafts, storage } = keeper();
  drafts.touch({ facts: "x" });
  drafts.keepHere();
  assert.equal(keeper({ storage, account: "station02" }).drafts.kept(), null);
  assert.notEqual(keeper({ storage, now: () => KEPT_MS }).drafts.kept(), null);
  assert.equal(keeper({ storage, now: () => KEPT_MS + 1 }).drafts.kept(), null);
  assert.equal(storage.size, 0);
});

test("what is typed while saving stays to be saved; saves never overtake each other", async () => {
  const releases = [];
  const order = [];
  const save = fields => new Promise(resolve => { order.push(fields.n); releases.push(resolve); });
  const { drafts, timers } = keeper({ save });
  drafts.touch({ n: 1 });
  await timers.pass(SAVE_AFTER_MS);
  drafts.touch({ n: 2 });
  const flushed = drafts.flush();
  await timers.pass(0);
  assert.deepEqual(order, [1]);
  releases[0]();
  await timers.pass(0);
  assert.deepEqual(order, [1, 2]);
  assert.ok(drafts.dirty);
  releases[1]();
  await flushed;
  assert.equal(drafts.dirty, false);
});

test("discard forgets both copies", async () => {
  const { drafts, timers, storage, saved } = keeper();
  drafts.touch({ n: 1 });
  drafts.keepHere();
  drafts.discard();
  await timers.pass(10_000);
  assert.equal(storage.size, 0);
  assert.deepEqual(saved, []);
});

test("lists what is kept for an account, and moves with a form that gets its real name", () => {
  const storage = new FakeStorage();
  const { drafts } = keeper({ storage });
  drafts.touch({ n: 1 });
  drafts.keepHere();
  keeper({ storage, account: "station02" }).drafts.keepHere({ n: 2 });
  assert.deepEqual(keptForms(storage, "station01"), ["visit.new"]);
  drafts.rename("station01", "visit.v1");
  assert.deepEqual(keptForms(storage, "station01"), []);
  drafts.keepHere();
  assert.deepEqual(keptForms(storage, "station01"), ["visit.v1"]);
});
