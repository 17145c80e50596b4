import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";
import * as api from "../../../web_client/static/js/lib/api.js";

/** @type {any[]} */
let calls = [];
let visited = "";

beforeEach(() => {
  calls = [];
  visited = "";
  globalThis.location = /** @type {any} */ ({ pathname: "/audit", search: "?q=x", assign: (/** @type {string} */ to) => { visited = to; } });
});
afterEach(() => mock.restoreAll());

/** @param {number} status @param {unknown} body */
function answer(status, body) {
  mock.method(globalThis, "fetch", async (/** @type {string} */ path, /** @type {any} */ options) => {
    calls.push([path, options]);
    return new Response(typeof body === "string" ? body : JSON.stringify(body), { status });
  });
}

test("JSON goes out and comes back", async () => {
  answer(200, { a: 1 });
  assert.deepEqual(await api.post("/api/x", { b: 2 }), { a: 1 });
  assert.equal(calls[0][1].method, "POST");
  assert.equal(calls[0][1].body, '{"b":2}');
  assert.equal(calls[0][1].headers["Content-Type"], "application/json");
});

test("an error carries everything the server said", async () => {
  answer(422, { error: { code: "invalid", text: "选一个。", fields: { category: "选一个事项类别" } } });
  await assert.rejects(api.post("/api/x"), (error) => {
    assert.ok(error instanceof api.ApiError);
    assert.deepEqual([error.status, error.code, error.text, error.fields.category], [422, "invalid", "选一个。", "选一个事项类别"]);
    return true;
  });
});

test("a proxy's error page is an error with words, too", async () => {
  answer(502, "<html>Bad gateway</html>");
  await assert.rejects(api.get("/api/x"), (error) => error instanceof api.ApiError && error.status === 502 && error.text.length > 0);
});

test("no answer is `offline`", async () => {
  mock.method(globalThis, "fetch", async () => { throw new TypeError("Failed to fetch"); });
  await assert.rejects(api.get("/api/x"), (error) => error instanceof api.ApiError && error.offline && error.code === "offline");
});

test("an ended log-in leads to the log-in page and back", async () => {
  answer(401, { error: { code: "unauthenticated", text: "请先登录。" } });
  await assert.rejects(api.get("/api/x"));
  assert.equal(visited, "/login?expired=1&next=%2Faudit%3Fq%3Dx");
});

test("wrong credentials stay where they are", async () => {
  answer(401, { error: { code: "bad_credentials", text: "不对。", tries_left: 4 } });
  await assert.rejects(api.post("/api/login", {}), (error) => error instanceof api.ApiError && error.tries_left === 4);
  assert.equal(visited, "");
});

test("slowness is said after 8 s, and not when the answer was quick", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  let release = () => {};
  mock.method(globalThis, "fetch", () => new Promise((resolve) => { release = () => resolve(new Response("{}")); }));
  let slow = 0;
  const call = api.get("/api/x", { onSlow: () => { slow += 1; } });
  mock.timers.tick(7999);
  assert.equal(slow, 0);
  mock.timers.tick(1);
  assert.equal(slow, 1);
  release();
  await call;
  answer(200, {});
  await api.get("/api/x", { onSlow: () => { slow += 1; } });
  mock.timers.tick(9000);
  assert.equal(slow, 1);
  mock.timers.reset();
});

test("keys are long, and never the same", () => {
  const keys = new Set(Array.from({ length: 100 }, () => api.newKey()));
  assert.equal(keys.size, 100);
  for (const key of keys) assert.match(key, /^[0-9a-f]{32}$/);
});
