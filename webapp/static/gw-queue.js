/* What a phone keeps of an account: reports that wait to be sent, and ticks of the day. The same text runs in the page
   and in the service worker. A report has a random key: however often it is sent, the desk takes it once. */
(function (self) {
  "use strict";
  const NAME = "gridmap-mine";
  const WAIT_MS = 60000;           // longest wait for an answer to a report with its photo
  const SENT_DAYS = 7;             // how long the list says that a report was sent
  const queue = {};
  self.gwQueue = queue;

  let opened = null;
  function open() {
    if (opened) return opened;
    opened = new Promise((resolve, reject) => {
      const asked = indexedDB.open(NAME, 1);
      asked.onupgradeneeded = () => {
        asked.result.createObjectStore("reports", { keyPath: "key" });
        asked.result.createObjectStore("ticks", { keyPath: "id" });
      };
      asked.onsuccess = () => resolve(asked.result);
      asked.onerror = () => reject(asked.error);
    });
    opened.catch(() => { opened = null; });
    return opened;
  }

  async function act(store, mode, deed) {
    const base = await open();
    return new Promise((resolve, reject) => {
      const task = base.transaction(store, mode);
      const asked = deed(task.objectStore(store));
      task.oncomplete = () => resolve(asked && asked.result);
      task.onerror = task.onabort = () => reject(task.error);
    });
  }

  /* A random key, also where the page came by http and the browser has no randomUUID. */
  queue.newKey = function () {
    if (self.crypto.randomUUID) return self.crypto.randomUUID();
    const bytes = self.crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 15) | 64;
    bytes[8] = (bytes[8] & 63) | 128;
    const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
  };

  /* report: {key, account, category, text, lon, lat, accuracy_m, made_at, photo: {bytes, type}|null, state} with state
     waiting, refused (then `problem` says why) or sent (then `code`). */
  queue.put = (report) => act("reports", "readwrite", (store) => store.put(report));
  queue.remove = (key) => act("reports", "readwrite", (store) => store.delete(key));
  queue.of = async (account) => {
    const all = await act("reports", "readonly", (store) => store.getAll());
    return all.filter((report) => report.account === account).sort((a, b) => (a.made_at < b.made_at ? -1 : 1));
  };

  queue.tick = (account, day, what, done) => act("ticks", "readwrite", (store) =>
    (done ? store.put({ id: `${account} ${day} ${what}`, account, day, what }) : store.delete(`${account} ${day} ${what}`)));
  queue.ticks = async (account, day) => {
    const all = await act("ticks", "readonly", (store) => store.getAll());
    for (const old of all.filter((tick) => tick.day !== day)) await act("ticks", "readwrite", (store) => store.delete(old.id));
    return new Set(all.filter((tick) => tick.day === day && tick.account === account).map((tick) => tick.what));
  };

  /* After a logout: nothing is left but reports that were not sent, and those are shown to their account alone. */
  queue.forget = async () => {
    const all = await act("reports", "readonly", (store) => store.getAll());
    for (const report of all.filter((one) => one.state === "sent")) await queue.remove(report.key);
    await act("ticks", "readwrite", (store) => store.clear());
  };

  /* Send what waits for the account that is logged in now. `where`: {session, send}. Gives {state, sent, left}; state
     is sent, offline (no network, or the desk is not to be reached), login (the session is over) or nothing. */
  queue.send = function (where) {
    if (self.navigator.locks) return self.navigator.locks.request("gridmap-send", () => run(where));
    const turn = (queue.last || Promise.resolve()).then(() => run(where), () => run(where));
    queue.last = turn;
    return turn;
  };

  async function run(where) {
    const all = await act("reports", "readonly", (store) => store.getAll());
    await tidy(all);
    if (!all.some((report) => report.state === "waiting")) return { state: "nothing", sent: [], left: 0 };
    const who = self.navigator.onLine === false ? "offline" : await session(where);
    if (typeof who === "string") return { state: who, sent: [], left: all.filter((report) => report.state === "waiting").length };
    const mine = all.filter((report) => report.state === "waiting" && report.account === who.account);
    mine.sort((a, b) => (a.made_at < b.made_at ? -1 : 1));
    const sent = [];
    let state = mine.length ? "sent" : "nothing";
    for (const report of mine) {
      const told = await post(where, report, who.csrf);
      if (told.code !== undefined) {
        await queue.put({ ...report, photo: null, state: "sent", code: told.code, sent_at: new Date().toISOString() });
        sent.push(told.code);
      } else if (told.problem !== undefined) {
        await queue.put({ ...report, state: "refused", problem: told.problem });
      } else {
        state = told.state;
        break;
      }
    }
    const left = (await queue.of(who.account)).filter((report) => report.state === "waiting").length;
    return { state, sent, left };
  }

  /* {csrf, account}, or "offline" or "login". */
  async function session(where) {
    try {
      const answer = await fetch(where.session, { credentials: "same-origin", cache: "no-store", headers: { Accept: "application/json" } });
      if (answer.status === 401 || answer.redirected) return "login";
      return answer.ok ? await answer.json() : "offline";
    } catch (problem) {
      return "offline";
    }
  }

  async function post(where, report, csrf) {
    const form = new FormData();
    const facts = { csrf_token: csrf, key: report.key, category: report.category, text: report.text, lon: report.lon, lat: report.lat,
                    accuracy_m: report.accuracy_m, made_at: report.made_at };
    for (const [name, value] of Object.entries(facts)) if (value !== null && value !== undefined) form.append(name, String(value));
    if (report.photo) form.append("photo", new Blob([report.photo.bytes], { type: report.photo.type }), "photo.jpg");
    const control = new AbortController();
    const late = setTimeout(() => control.abort(), WAIT_MS);
    try {
      const answer = await fetch(where.send, { method: "POST", body: form, credentials: "same-origin", redirect: "manual",
                                               signal: control.signal, headers: { Accept: "application/json" } });
      if (answer.type === "opaqueredirect" || answer.status === 401) return { state: "login" };
      if (answer.headers.get("X-Gridmap-Form") === "expired") return { state: "offline" }; // somebody logged in meanwhile
      const told = await answer.json().catch(() => null);
      if (answer.ok && told) return { code: told.code || "" };
      // the desk has looked at it and says why not; everything else is a reason to come again
      const looked = told && told.error && answer.status >= 400 && answer.status < 500 && ![408, 425, 429].includes(answer.status);
      return looked ? { problem: told.message || told.error } : { state: "offline" };
    } catch (problem) {
      return { state: "offline" };
    } finally {
      clearTimeout(late);
    }
  }

  async function tidy(all) {
    const oldest = new Date(Date.now() - SENT_DAYS * 86400000).toISOString();
    for (const report of all) if (report.state === "sent" && report.sent_at < oldest) await queue.remove(report.key);
  }
})(self);
