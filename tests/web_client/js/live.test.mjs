import assert from "node:assert/strict";
import { test } from "node:test";
import { WindowIdentity } from "../../../web_client/static/js/lib/identity.js";
import { dropKey, keptKey } from "../../../web_client/static/js/lib/keys.js";
import { Live } from "../../../web_client/static/js/lib/live.js";
import { FakeStorage } from "./fakes.mjs";

test("keeps the server's latest word, and forgets what a new whole state does not name", () => {
  const live = new Live();
  const heard = [];
  for (const name of ["state", "line", "consultation", "offer", "offer_ended", "room"]) live.on(name, () => heard.push(name));
  live.apply({ type: "offer", offer: { offer_id: "o1" } });
  live.apply({ type: "offer.ended", offer_id: "o0", cause: "missed" });
  assert.equal(live.offer.offer_id, "o1");
  live.apply({ type: "offer.ended", offer_id: "o1", cause: "missed" });
  assert.equal(live.offer, null);
  live.apply({ type: "line", line: { ahead: 1 }, rows: [{ position: 1 }] });
  live.apply({ type: "line", line: { ahead: 2 } });
  assert.equal(live.line.ahead, 2);
  assert.equal(live.rows.length, 1);
  live.apply({ type: "consultation", consultation: { id: "c", state: "waiting" } });
  live.apply({ type: "room", room: { consultation_id: "c" } });
  live.apply({ type: "media.offer" });
  live.apply({ type: "state", line: { ahead: 0 }, consultation: null });
  assert.deepEqual([live.consultation, live.room, live.line.ahead, live.known], [null, null, 0, true]);
  assert.deepEqual(heard, ["offer", "offer_ended", "offer_ended", "line", "line", "consultation", "room", "state"]);
});

test("a reload keeps the window's identity, a duplicated tab gets its own", () => {
  const storage = new FakeStorage();
  const first = new WindowIdentity(storage);
  first.resume = "token";
  const duplicate = new WindowIdentity(new FakeStorage());
  assert.notEqual(duplicate.window, first.window);
  first.leave();
  const reloaded = new WindowIdentity(storage);
  assert.deepEqual([reloaded.window, reloaded.resume], [first.window, "token"]);
  assert.equal(storage.size, 0);
});

test("a form's key outlives a reload and ends with its work", () => {
  const storage = new FakeStorage();
  const key = keptKey(storage, "call:v1");
  assert.match(key, /^[0-9a-f]{32}$/);
  assert.equal(keptKey(storage, "call:v1"), key);
  assert.notEqual(keptKey(storage, "call:v2"), key);
  dropKey(storage, "call:v1");
  assert.notEqual(keptKey(storage, "call:v1"), key);
});
