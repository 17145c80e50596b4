import assert from "node:assert/strict";
import { test } from "node:test";
import { LiveSocket, SILENCE_MS } from "../../../web_client/static/js/lib/socket.js";
import { FakeWebSocket, ManualTimers, settled } from "./fakes.mjs";

const NOW = "2026-03-02T01:00:00Z";

function started({ resume = null } = {}) {
  const timers = new ManualTimers();
  const made = [];
  const connect = () => made[made.push(new FakeWebSocket()) - 1];
  const wallClock = () => Date.parse(NOW) - 90_000;
  const socket = new LiveSocket({ url: "ws://x/ws", workspace: "station", window: "w1", resume, connect, timers, wallClock });
  socket.start();
  return { socket, timers, made, latest: () => made.at(-1) };
}

function welcome(ws, extra = {}) {
  ws.open();
  ws.say({ re: "hello", ok: true, session_id: "s", resume: "r1", heartbeat_s: 5, now: NOW, resumed: false, ...extra });
}

test("says hello with window and resume token, and learns the server's clock", () => {
  const { socket, latest } = started({ resume: "old" });
  latest().open();
  assert.deepEqual(latest().last, { v: 1, id: "hello", type: "hello", workspace: "station", window: "w1", resume: "old" });
  assert.equal(socket.state, "connecting");
  welcome(latest());
  assert.equal(socket.state, "open");
  assert.equal(socket.resume, "r1");
  assert.equal(socket.skew_ms, 90_000);
});

test("a request made before the connection waits for it, and its reply resolves it", async () => {
  const { socket, latest } = started();
  const reply = socket.request("room.join", { consultation_id: "c" });
  assert.equal(latest().sent.length, 0);
  welcome(latest());
  const { id, type } = latest().last;
  assert.equal(type, "room.join");
  latest().say({ re: id, ok: true, room: 1 });
  assert.equal((await reply).room, 1);
});

test("a refusal rejects with code, text and fields", async () => {
  const { socket, latest } = started();
  welcome(latest());
  const reply = socket.request("offer.accept", { offer_id: "o", key: "k".repeat(8) });
  latest().say({ re: latest().last.id, ok: false, error: { code: "conflict", text: "已经转给别人。", fields: { a: "b" } } });
  await assert.rejects(reply, { code: "conflict", text: "已经转给别人。", fields: { a: "b" } });
});

test("without an answer a request ends with timeout", async () => {
  const { socket, timers, latest } = started();
  welcome(latest());
  const reply = socket.request("media.state", {}, { timeout_ms: 3_000 });
  const ended = assert.rejects(reply, { code: "timeout" });
  await timers.pass(3_000);
  await ended;
});

test("a keyed request is sent again after a reconnect, an unkeyed one fails", async () => {
  const { socket, timers, latest, made } = started();
  welcome(latest());
  const keyed = socket.request("chat.send", { key: "k".repeat(8), text: "好" });
  const lost = assert.rejects(socket.request("media.restart", { peer_id: "p" }), { code: "offline" });
  latest().drop();
  await lost;
  await timers.pass(400);
  assert.equal(made.length, 2);
  welcome(latest(), { resumed: true });
  const again = latest().sent.filter(message => message.type === "chat.send");
  assert.equal(again.length, 1);
  latest().say({ re: again[0].id, ok: true, message: { id: "m" } });
  assert.equal((await keyed).message.id, "m");
});

test("retries grow from 0.3 s to 5 s, to 1 s in a consultation, and kick() tries at once", async () => {
  const { socket, timers, made, latest } = started();
  const waits = [];
  for (let n = 0; n < 8; n++) {
    latest().drop();
    const before = timers.now();
    const count = made.length;
    while (made.length === count) await timers.pass(20);
    waits.push(timers.now() - before);
  }
  assert.ok(waits[0] <= 400, `first ${waits[0]}`);
  assert.ok(waits.at(-1) > 3_900 && waits.at(-1) <= 6_020, `last ${waits.at(-1)}`);
  socket.hurried = true;
  latest().drop();
  const count = made.length;
  await timers.pass(1_220);
  assert.equal(made.length, count + 1);
  latest().drop();
  socket.kick();
  assert.equal(made.length, count + 2);
});

test("pings every heartbeat, answers the server's, and gives up after 12 s of silence", async () => {
  const { socket, timers, latest } = started();
  welcome(latest());
  latest().say({ type: "ping", t: 7 });
  assert.deepEqual(latest().last, { v: 1, type: "pong", t: 7 });
  await timers.pass(5_000);
  assert.equal(latest().last.type, "ping");
  const silent = latest();
  const states = [];
  socket.on("status", state => states.push(state));
  await timers.pass(SILENCE_MS);
  assert.ok(silent.closed);
  assert.equal(states[0], "waiting");
});

test("a hung connection attempt is given up and made anew", async () => {
  const { timers, made } = started();
  await timers.pass(6_000);
  assert.ok(made[0].closed);
  assert.ok(made.length >= 2);
});

test("replaced by another window: stays away, fails what waits, and takes over with a fresh hello", async () => {
  const { socket, timers, made, latest } = started();
  welcome(latest());
  const waiting = assert.rejects(socket.request("chat.send", { key: "k".repeat(8), text: "x" }), { code: "offline" });
  latest().say({ type: "replaced" });
  await waiting;
  await timers.pass(60_000);
  assert.equal(socket.state, "replaced");
  assert.equal(made.length, 1);
  await assert.rejects(socket.request("media.state", {}), { code: "offline" });
  socket.takeOver();
  latest().open();
  assert.equal(latest().last.resume, null);
});

test("an ended log-in ends the connection for good, by close code or by refused hello", async () => {
  for (const end of [ws => ws.drop(4401), ws => { ws.open(); ws.say({ re: "hello", ok: false, error: { code: "unauthenticated" } }); }]) {
    const { socket, timers, made, latest } = started();
    end(latest());
    await timers.pass(30_000);
    assert.equal(socket.state, "ended");
    assert.equal(made.length, 1);
  }
});

test("probe tells a live server from a dead one and reconnects past the dead one", async () => {
  const { socket, timers, made, latest } = started();
  welcome(latest());
  await timers.pass(10);
  const alive = socket.probe(1_000);
  await timers.pass(50);
  latest().say({ type: "pong", t: 1 });
  await timers.pass(1_000);
  assert.equal(await alive, true);
  const dead = socket.probe(1_000);
  await timers.pass(1_000);
  assert.equal(await dead, false);
  await timers.pass(1);
  assert.equal(made.length, 2);
});

test("events go out as they come; a late close of an old connection is nobody's business", async () => {
  const { socket, timers, made, latest } = started();
  welcome(latest());
  const events = [];
  socket.on("event", event => events.push(event.type));
  latest().say({ type: "line", line: {} });
  assert.deepEqual(events, ["line"]);
  const old = made[0];
  const onclose = old.onclose;
  old.drop();
  await timers.pass(400);
  welcome(latest());
  onclose({ code: 1006 });
  await settled();
  assert.equal(socket.state, "open");
});
