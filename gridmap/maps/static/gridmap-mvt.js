/* A worker: fetches vector tiles (MVT 2) and unpacks them into typed arrays, off the thread that draws.

   In:  {key, url} to fetch, {drop: key} to forget a tile nobody waits for any more.
   Out: {key, status, layers: [{name, extent, count, ids, kinds, first, rings, xy, boxes}]}; arrays are handed over, not copied.
   first[i]..first[i + 1] are the rings of feature i, rings[r]..rings[r + 1] the corners of ring r, xy holds x and y of
   each in tile units, boxes four numbers a feature. kinds: 1 points, 2 lines, 3 areas. */
(function (self) {
  "use strict";

  const waiting = new Map();

  self.onmessage = ({ data }) => {
    if (data.drop) {
      const control = waiting.get(data.drop);
      if (control) control.abort();
      return;
    }
    load(data.key, data.url);
  };

  async function load(key, url) {
    const control = new AbortController();
    waiting.set(key, control);
    let status = 0, layers = [];
    try {
      const answer = await fetch(url, { credentials: "same-origin", signal: control.signal });
      status = answer.status;
      if (status === 200) layers = tile(new Uint8Array(await answer.arrayBuffer()));
    } catch (problem) {
      status = problem.name === "AbortError" ? -1 : status === 200 ? -2 : 0; // -2: came, and is no tile
    }
    waiting.delete(key);
    const owned = layers.flatMap((l) => [l.ids, l.kinds, l.first, l.rings, l.xy, l.boxes].map((array) => array.buffer));
    self.postMessage({ key, status, layers }, owned);
  }

  /* ---- protocol buffers ---- */
  let bytes, at;

  function varint() {
    let value = bytes[at++];
    if (value < 128) return value;
    value &= 127;
    for (let factor = 128; ; factor *= 128) {
      const byte = bytes[at++];
      value += (byte & 127) * factor;
      if (byte < 128) return value;
    }
  }

  function skip(wire) {
    if (wire === 0) varint();
    else if (wire === 1) at += 8;
    else if (wire === 2) { const size = varint(); at += size; }
    else if (wire === 5) at += 4;
    else throw new Error(`no tile: wire type ${wire}`);
  }

  function tile(content) {
    bytes = content;
    at = 0;
    const layers = [];
    while (at < bytes.length) {
      const tag = varint();
      if (tag !== 26) { skip(tag & 7); continue; }
      const end = varint() + at;
      const layer = unpack(at, end);
      if (layer.count) layers.push(layer);
      at = end;
    }
    return layers;
  }

  /* Keys and values stand after the features: gather where those are first. */
  function unpack(start, end) {
    const features = [], keys = [], values = [];
    let name = "", extent = 4096;
    at = start;
    while (at < end) {
      const tag = varint();
      if (tag === 10) name = text();
      else if (tag === 18) { const size = varint(); features.push(at, at + size); at += size; }
      else if (tag === 26) keys.push(text());
      else if (tag === 34) { const size = varint(); values.push(number(at + size)); }
      else if (tag === 40) extent = varint();
      else skip(tag & 7);
    }
    const idKey = keys.indexOf("id");
    const count = features.length / 2;
    const ids = new Uint32Array(count), kinds = new Uint8Array(count), first = new Uint32Array(count + 1);
    const most = end - start; // each corner takes two bytes at least, each ring three
    const xy = new Int16Array(most + 4), rings = new Uint32Array(Math.ceil(most / 3) + count + 1);
    const boxes = new Int16Array(count * 4);
    const out = { xy, rings, corner: 0, ring: 0 };
    for (let i = 0; i < count; i++) {
      first[i] = out.ring;
      feature(features[2 * i], features[2 * i + 1], i, ids, kinds, boxes, out, idKey, values);
    }
    first[count] = out.ring;
    rings[out.ring] = out.corner;
    at = end;
    return { name, extent, count, ids, kinds, first, rings: rings.slice(0, out.ring + 1), xy: xy.slice(0, out.corner * 2), boxes };
  }

  function text() {
    const size = varint();
    const part = bytes.subarray(at, at + size);
    at += size;
    return new TextDecoder().decode(part);
  }

  function number(end) {
    let value = 0;
    while (at < end) {
      const tag = varint();
      if ((tag & 7) === 0) { value = varint(); if (tag === 48) value = value % 2 ? -(value + 1) / 2 : value / 2; } else skip(tag & 7);
    }
    return value;
  }

  function feature(start, end, i, ids, kinds, boxes, out, idKey, values) {
    at = start;
    let from = 0, to = 0;
    while (at < end) {
      const tag = varint();
      if (tag === 18) {
        const last = varint() + at;
        while (at < last) { const key = varint(), value = varint(); if (key === idKey) ids[i] = values[value]; }
      } else if (tag === 24) kinds[i] = varint();
      else if (tag === 34) { const size = varint(); from = at; to = at += size; }
      else skip(tag & 7);
    }
    geometry(from, to, kinds[i], i, boxes, out);
  }

  function geometry(from, to, kind, i, boxes, out) {
    const { xy, rings } = out;
    let x = 0, y = 0, corner = out.corner, ring = out.ring;
    let left = 32767, top = 32767, right = -32768, bottom = -32768;
    at = from;
    if (kind === 1) rings[ring++] = corner; // all points of a feature are one ring
    while (at < to) {
      const command = varint();
      const what = command & 7;
      if (what === 7) continue; // close: areas are closed when drawn
      for (let n = command >> 3; n > 0; n--) {
        const a = varint(), b = varint();
        x += a % 2 ? -(a + 1) / 2 : a / 2;
        y += b % 2 ? -(b + 1) / 2 : b / 2;
        if (what === 1 && kind !== 1) rings[ring++] = corner;
        xy[2 * corner] = x;
        xy[2 * corner + 1] = y;
        corner++;
        if (x < left) left = x;
        if (x > right) right = x;
        if (y < top) top = y;
        if (y > bottom) bottom = y;
      }
    }
    out.corner = corner;
    out.ring = ring;
    boxes.set([left, top, right, bottom], 4 * i);
  }
})(self);
