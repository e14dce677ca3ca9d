// Opens the door's page without a network: the page and its files as they were last seen. The network comes first, so that nobody
// works with an old page while there is one. It keeps no answer that holds people: neither searches nor the list of tickets, which the
// page keeps itself.

const KEPT = "turnout-door-1";

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  const is_page = request.mode === "navigate" && /^\/console\/check-in\/[^/]+$/.test(pathname);
  if (request.method !== "GET" || origin !== self.location.origin || !(is_page || pathname.startsWith("/assets/"))) return;
  event.respondWith((async () => {
    const cache = await caches.open(KEPT);
    try {
      const answer = await fetch(request);
      if (answer.ok && !answer.redirected) await cache.put(request, answer.clone());
      return answer;
    } catch (error) {
      // A file of another version than the page's is better than none.
      const known = await cache.match(request, { ignoreSearch: true });
      if (known) return known;
      throw error;
    }
  })());
});
