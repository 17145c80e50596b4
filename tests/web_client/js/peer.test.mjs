import assert from "node:assert/strict";
import { test } from "node:test";
import { CONNECT_WITHIN_MS, Peer, REOPEN_AFTER_MS, RESTART_AFTER_MS } from "../../../web_client/static/js/lib/peer.js";
import { ManualTimers, settled } from "./fakes.mjs";

/** Keeps what RTCPeerConnection is asked to do; negotiates lines the way the worker offers them. */
class FakeConnection {
  iceConnectionState = "new";
  localDescription = null;
  lines = new Map();

  async setRemoteDescription({ sdp }) {
    for (const [mid, offered] of Object.entries(JSON.parse(sdp))) {
      if (this.lines.has(mid)) continue;
      const sender = { track: null, replaceTrack: async track => void (sender.track = track) };
      this.lines.set(mid, { mid, offered, direction: "recvonly", currentDirection: null, sender, receiver: { track: { id: `r${mid}` } } });
    }
  }

  async createAnswer() {
    return {};
  }

  async setLocalDescription() {
    for (const line of this.lines.values()) {
      const sends = line.offered === "recvonly" && line.direction === "sendonly";
      line.currentDirection = line.offered === "sendonly" ? "recvonly" : sends ? "sendonly" : "inactive";
    }
    this.localDescription = { sdp: JSON.stringify(Object.fromEntries([...this.lines].map(([mid, l]) => [mid, l.currentDirection]))) };
  }

  getTransceivers() {
    return [...this.lines.values()];
  }

  ice(state) {
    this.iceConnectionState = state;
    this.oniceconnectionstatechange?.();
  }

  close() {
    this.closed = true;
  }
}

const OWN = { 0: "recvonly", 1: "recvonly", 2: "recvonly", 3: "recvonly" };
const offer = (peer_id, version, extra = {}, tracks = {}) => ({ peer_id, version, sdp: JSON.stringify({ ...OWN, ...extra }), tracks });

function peer({ alive = true, open = async () => {} } = {}) {
  const timers = new ManualTimers();
  const asked = [];
  const made = [];
  const record = name => async (...args) => void asked.push([name, ...args]);
  const signal = {
    answer: record("answer"), restart: record("restart"), again: record("again"),
    open: async () => { asked.push(["open"]); return open(); },
    alive: async () => alive,
  };
  const subject = new Peer(signal, { create: () => made[made.push(new FakeConnection()) - 1], timers });
  return { subject, timers, asked, made, names: () => asked.map(([name]) => name) };
}

test("answers with the lines it uses, others inactive, each offer once and in order", async () => {
  const { subject, asked } = peer();
  await subject.setTrack("audio", { id: "a" });
  await subject.setTrack("camera", { id: "c" });
  await Promise.all([subject.offer(offer("p1", 1)), subject.offer(offer("p1", 2))]);
  assert.deepEqual(asked.map(([name, id, version]) => [name, id, version]), [["answer", "p1", 1], ["answer", "p1", 2]]);
  assert.deepEqual(JSON.parse(asked[1][3]), { 0: "sendonly", 1: "sendonly", 2: "inactive", 3: "inactive" });
});

test("a line coming into use asks for a new offer; another track on it does not", async () => {
  const { subject, asked, names, made } = peer();
  await subject.setTrack("camera", { id: "c" });
  await subject.offer(offer("p1", 1));
  await subject.setTrack("document", { id: "d" });
  assert.deepEqual(names(), ["answer", "again"]);
  await subject.offer(offer("p1", 2));
  assert.equal(JSON.parse(asked.at(-1)[3])[2], "sendonly");
  await subject.setTrack("camera", { id: "c2" });
  assert.deepEqual(names(), ["answer", "again", "answer"]);
  assert.equal(made[0].lines.get("1").sender.track.id, "c2");
});

test("a camera switched off keeps its line", async () => {
  const { subject, names, made } = peer();
  await subject.setTrack("camera", { id: "c" });
  await subject.offer(offer("p1", 1));
  await subject.setTrack("camera", null, true);
  assert.deepEqual(names(), ["answer"]);
  assert.equal(made[0].lines.get("1").sender.track, null);
  assert.equal(made[0].lines.get("1").direction, "sendonly");
});

test("tells what is received and whose it is", async () => {
  const { subject } = peer();
  const heard = [];
  subject.on("remote", tracks => heard.push(tracks.map(({ mid, participant_id, source }) => [mid, participant_id, source])));
  const theirs = { publication_id: "x.camera", participant_id: "x", source: "camera" };
  await subject.offer(offer("p1", 1, { 4: "sendonly" }, { 4: theirs }));
  await subject.offer(offer("p1", 2, { 4: "sendonly" }, {}));
  assert.deepEqual(heard, [[["4", "x", "camera"]], []]);
});

test("another peer id means a new connection; the old one is closed", async () => {
  const { subject, made } = peer();
  await subject.offer(offer("p1", 1));
  await subject.offer(offer("p2", 1));
  assert.equal(made.length, 2);
  assert.ok(made[0].closed);
  assert.equal(subject.peer_id, "p2");
});

test("a lost path: restart after 2 s, a new peer 3 s later, nothing once it is back", async () => {
  const { subject, timers, made, names } = peer();
  await subject.offer(offer("p1", 1));
  made[0].ice("connected");
  made[0].ice("disconnected");
  await timers.pass(RESTART_AFTER_MS - 1);
  assert.deepEqual(names(), ["answer"]);
  await timers.pass(1);
  assert.deepEqual(names(), ["answer", "restart"]);
  await timers.pass(REOPEN_AFTER_MS);
  assert.deepEqual(names(), ["answer", "restart", "open"]);
  made[0].ice("connected");
  await timers.pass(60_000);
  assert.deepEqual(names(), ["answer", "restart", "open"]);
});

test("a blip under 2 s asks nothing", async () => {
  const { subject, timers, made, names } = peer();
  await subject.offer(offer("p1", 1));
  made[0].ice("connected");
  made[0].ice("disconnected");
  await timers.pass(1_500);
  made[0].ice("connected");
  await timers.pass(60_000);
  assert.deepEqual(names(), ["answer"]);
});

test("with signalling dead too it waits for the reconnect", async () => {
  const { subject, timers, made, names } = peer({ alive: false });
  await subject.offer(offer("p1", 1));
  made[0].ice("connected");
  made[0].ice("failed");
  await timers.pass(1_000);
  assert.deepEqual(names(), ["answer"]);
  subject.reconnected();
  assert.deepEqual(names(), ["answer", "restart"]);
});

test("a peer that never connects is replaced", async () => {
  const { subject, timers, names } = peer();
  await subject.offer(offer("p1", 1));
  await timers.pass(CONNECT_WITHIN_MS);
  assert.deepEqual(names(), ["answer", "open"]);
});

test("closed by the server: asks again, sooner when told how soon, never after the room has closed", async () => {
  const refusal = Object.assign(new Error(), { code: "unavailable", retry_after_s: 0.5 });
  const { subject, timers, made, names } = peer({ open: async () => { throw refusal; } });
  await subject.offer(offer("p1", 1));
  made[0].ice("connected");
  subject.closedByServer({ peer_id: "other", cause: "worker_lost" });
  assert.deepEqual(names(), ["answer"]);
  subject.closedByServer({ peer_id: "p1", cause: "worker_lost" });
  await timers.pass(1_600);
  assert.deepEqual(names(), ["answer", "open", "open", "open", "open"]);
  const after = peer();
  await after.subject.offer(offer("p1", 1));
  after.subject.closedByServer({ peer_id: "p1", cause: "room_closed" });
  assert.deepEqual(after.names(), ["answer"]);
});

test("after close() nothing is answered or asked", async () => {
  const { subject, timers, names } = peer();
  await subject.offer(offer("p1", 1));
  subject.close();
  await subject.offer(offer("p1", 2));
  subject.reconnected();
  await timers.pass(60_000);
  await settled();
  assert.deepEqual(names(), ["answer"]);
});
