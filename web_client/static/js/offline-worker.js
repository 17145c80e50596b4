// Shows the offline page when a page cannot be fetched. Nothing else is cached or intercepted.
const CACHE = "lawlink-offline-1";
const PAGE = "/offline";

const worker = /** @type {any} */ (self);

worker.addEventListener("install", (/** @type {any} */ event) => event.waitUntil(keepOfflinePage().then(() => worker.skipWaiting())));
worker.addEventListener("activate", (/** @type {any} */ event) => event.waitUntil(worker.clients.claim()));
worker.addEventListener("fetch", (/** @type {any} */ event) => {
  if (event.request.mode === "navigate") event.respondWith(fetch(event.request).catch(() => offlinePage(event.request)));
  else if (new URL(event.request.url).pathname.startsWith("/static/")) event.respondWith(fetch(event.request).catch(() => kept(event.request)));
});

/** Keeps the page and every file it names; hashed names make the copies safe to keep. */
async function keepOfflinePage() {
  const cache = await caches.open(CACHE);
  const page = await fetch(PAGE, { credentials: "omit", cache: "no-store" });
  const html = await page.clone().text();
  const files = [...html.matchAll(/"(\/static\/[^"\\]+\.[0-9a-f]{12}\.(?:css|svg))"/g)].map((found) => found[1]);
  const modules = ["/static/js/pages/offline.js", "/static/js/ui/shell.js", "/static/js/lib/api.js", "/static/js/lib/i18n.js"];
  const imports = JSON.parse(html.match(/<script type="importmap"[^>]*>(.*?)<\/script>/s)?.[1] ?? "{}").imports ?? {};
  await cache.put(PAGE, page);
  await cache.addAll([...new Set([...files, ...modules.map((path) => imports[path] ?? path)])]);
}

/** @param {Request} request */
async function offlinePage(request) {
  return (await caches.match(PAGE)) ?? fetch(request);
}

/** @param {Request} request */
async function kept(request) {
  return (await caches.match(request)) ?? Response.error();
}
