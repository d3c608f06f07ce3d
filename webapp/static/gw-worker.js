/* The service worker: the own micro-grid opens without network, and reports that wait are sent when it is back.

   The page says what to keep (its own shell, scripts, data, and the tiles around); everything stands in one cache that
   carries the account's key. There is never more than one: a login, a logout and another account remove it. */
(function (self) {
  "use strict";
  const PREFIX = "gridmap-mine-";
  const SLOW_MS = 5000;            // after so long the page that is kept is shown
  const AT_ONCE = 4;
  const WHERE = { session: "/mine/session", send: "/incidents" };
  const DATA = ["/mine/unit", "/tiles/", "/values/", "/feature/", "/base/", "/data/"];
  const FILES = ["/assets/", "/static/", "/bootstrap/static/"];
  let turn = 0;                    // grows with every wipe: what was being kept before it is not kept after it
  let empty = null;                // whether nothing is kept; null: not known yet

  self.addEventListener("install", () => self.skipWaiting());
  self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
  self.addEventListener("message", (event) => {
    if (event.data.keep) event.waitUntil(keep(event.data.keep, event.source));
  });
  self.addEventListener("sync", (event) => {
    if (event.tag === "gridmap-reports") event.waitUntil(sendAll());
  });

  self.addEventListener("fetch", (event) => {
    const { request } = event, url = new URL(request.url);
    if (url.origin !== self.location.origin) return;
    const path = url.pathname;
    if (request.method === "POST" && request.mode === "navigate" && (path === "/login" || path === "/logout")) {
      event.respondWith(atTheDoor(request, path, event.clientId));
    } else if (request.method !== "GET") {
      return;
    } else if (request.mode === "navigate") {
      if (path === "/mine") event.respondWith(page(request));
    } else if (path === "/mine/session") {
      return;
    } else if (empty !== true && [...DATA, ...FILES].some((start) => path.startsWith(start))) {
      event.respondWith(networkFirst(request, path.startsWith("/mine/")));
    }
  });

  /* Somebody comes or goes: what was kept is gone before they see the next page. */
  async function atTheDoor(request, path, from) {
    let answer = null;
    try {
      answer = await fetch(request);
    } catch (problem) {
      if (path === "/login") return plain(["没有网络，登录需要网络。", "No network. Logging in needs one."]);
    }
    if (path === "/logout" || answer.type === "opaqueredirect") await wipe(from);
    return answer || plain(["本机保存的内容已清除。没有网络，联网后请再点一次退出。",
                            "What this phone kept is gone. There is no network: log out once more when it is back."], 200);
  }

  async function wipe(from) {
    turn += 1;
    empty = true;
    for (const name of await caches.keys()) if (name.startsWith(PREFIX)) await caches.delete(name);
    await self.gwQueue.forget().catch(() => {});
    for (const client of await self.clients.matchAll({ includeUncontrolled: true })) if (client.id !== from) client.postMessage({ gone: true });
  }

  async function own() {
    const name = (await caches.keys()).find((one) => one.startsWith(PREFIX));
    empty = !name;
    return name ? caches.open(name) : null;
  }

  /* Where a request is kept: tiles by their place, whichever of their layers are asked for. */
  function place(address) {
    const url = new URL(address, self.location.origin);
    const tile = /^\/tiles\/([^/]+)\/([^/]+)\/(\d+\/\d+\/\d+)\.pbf$/.exec(url.pathname);
    return tile ? { at: `/tiles/${tile[1]}/kept/${tile[3]}`, names: tile[2].split(",") } : { at: url.pathname + (url.pathname === "/mine" ? "" : url.search), names: null };
  }

  async function kept(request) {
    const cache = await own();
    if (!cache) return null;
    const { at, names } = place(request.url);
    const found = await cache.match(at, { ignoreVary: true });
    if (!found) return null;
    if (names) {
      const there = (found.headers.get("X-Gridmap-Names") || "").split(",");
      if (!names.every((name) => there.includes(name))) return null;
    }
    return found;
  }

  async function networkFirst(request, hurry) {
    let answer = null;
    try {
      answer = await (hurry ? within(fetch(request)) : fetch(request));
      if (answer.status !== 404 && answer.status < 500) return answer;
    } catch (problem) {
      answer = null;
    }
    const found = await kept(request);
    if (found) return found;
    if (answer) return answer;
    // beyond what is kept the map is empty until the network is back
    return new URL(request.url).pathname.endsWith(".pbf") ? new Response(null, { status: 204, headers: { "X-Gridmap-Missing": "1" } }) : Response.error();
  }

  async function page(request) {
    const asked = fetch(request);
    asked.catch(() => {});
    try {
      const answer = await within(asked);
      if (answer.status < 500) return answer;
    } catch (problem) {
      // no network, or none to speak of
    }
    const found = await kept(request);
    if (found) return found;
    return asked.catch(() => plain(["没有网络，这部手机上也没有保存的微网格。请在有网络时打开一次。",
                                    "No network, and this phone keeps no micro-grid. Open the page once with network."]));
  }

  function within(promise) {
    return Promise.race([promise, new Promise((_, reject) => { setTimeout(() => reject(new Error("slow")), SLOW_MS); })]);
  }

  /* Fetch everything first, then put it in the place of what was kept before: {account, urls, must}. */
  async function keep({ account, urls, must }, client) {
    const begun = turn, name = PREFIX + account;
    for (const other of await caches.keys()) if (other.startsWith(PREFIX) && other !== name) await caches.delete(other);
    const cache = await caches.open(name);
    const got = new Map();
    const left = [...new Set([...must, ...urls])];
    const needed = new Set(must);
    let failed = 0;
    const one = async () => {
      while (left.length && begun === turn) {
        const address = left.shift(), { at, names } = place(address);
        const lasting = names || FILES.some((start) => at.startsWith(start));
        if (lasting && (await cache.match(at, { ignoreVary: true }))) { got.set(at, null); continue; }
        const answer = await fetch(address, { credentials: "same-origin" }).catch(() => null);
        const whose = answer && answer.headers.get("X-Gridmap-Account");
        if (whose && whose !== account) throw new Error("another account is logged in");
        if (!answer || !(answer.status === 200 || answer.status === 204) || answer.redirected) {
          if (needed.has(address)) throw new Error(`${at} cannot be kept`);
          failed += 1;
          continue;
        }
        got.set(at, await copy(answer, names));
      }
    };
    try {
      await Promise.all(Array.from({ length: AT_ONCE }, one));
    } catch (problem) {
      return tell(client, { kept: null });
    }
    if (begun !== turn) return undefined; // somebody left meanwhile
    for (const [at, answer] of got) if (answer) await cache.put(at, answer);
    for (const request of await cache.keys()) {
      const { pathname, search } = new URL(request.url);
      if (!got.has(pathname + search)) await cache.delete(request);
    }
    if (begun !== turn) await caches.delete(name);
    else empty = false;
    return tell(client, { kept: { at: new Date().toISOString(), things: got.size, failed } });
  }

  /* An answer as it is kept: unpacked, with the time and, of a tile, its layers. */
  async function copy(answer, names) {
    const headers = new Headers(answer.headers);
    for (const name of ["Content-Encoding", "Content-Length", "Vary", "Set-Cookie"]) headers.delete(name);
    headers.set("X-Gridmap-Kept", new Date().toISOString());
    if (names) headers.set("X-Gridmap-Names", names.join());
    return new Response(answer.status === 204 ? null : await answer.arrayBuffer(), { status: answer.status, headers });
  }

  async function sendAll() {
    const outcome = await self.gwQueue.send(WHERE);
    for (const client of await self.clients.matchAll()) client.postMessage({ sent: outcome });
    if (outcome.state === "offline") throw new Error("no network yet"); // the browser asks again later
  }

  function tell(client, what) {
    if (client) client.postMessage(what);
  }

  function plain(lines, status = 503) {
    const text = lines.map((line, i) => `<p lang="${i ? "en" : "zh-CN"}">${line}</p>`).join("");
    const body = `<!DOCTYPE html><html lang="zh-CN"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">`
      + `<meta name="color-scheme" content="light dark"><title>gridmap</title>${text}<p><a href="/mine">我的微网格 · My micro-grid</a></p></html>`;
    return new Response(body, { status, headers: { "Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": "default-src 'none'" } });
  }
})(self);
