// Requests to the server. Every one carries the token in its header, so that streams are read by fetch, too.

import { token } from "./token.js";

/** A reply that is an error: what the server says, and after how many seconds it makes sense to ask again. */
export class Refused extends Error {
  constructor(status, message, retryAfter = null) {
    super(message);
    Object.assign(this, { status, retryAfter });
  }
}

/** The server cannot be reached, or the connection ended in the middle of a reply. */
export class Lost extends Error {}

let whenUnauthorized = () => {};

/** Name the function that is called where the server does not accept the token. */
export function onUnauthorized(listener) {
  whenUnauthorized = listener;
}

/** Return the JSON of a GET, or of another method. */
export async function get(path, { signal, method = "GET" } = {}) {
  return whole((await send(path, { method, signal })).json());
}

/** Return the JSON that the server replies to a body. */
export async function post(path, body, signal) {
  return whole((await send(path, jsonOf(body, signal))).json());
}

/** Return the bytes of a file. */
export async function bytes(path, signal) {
  return whole((await send(path, { signal })).arrayBuffer());
}

/** Return a reply as text. */
export async function text(path) {
  return whole((await send(path, {})).text());
}

/**
 * Yield the events of a stream as `{name, data}`. The comment `: waiting N` is the event `waiting`.
 * An event `error` is thrown. The stream must end with `answer`, or the connection was lost.
 */
export async function* events(path, body, signal) {
  const asked = jsonOf(body, signal);
  asked.headers.Accept = "text/event-stream";
  const reply = await send(path, asked);
  let answered = false;
  for await (const block of blocks(reply.body.pipeThrough(new TextDecoderStream()))) {
    const found = parsed(block);
    if (!found) continue;
    if (found.name === "error") throw new Refused(500, found.data.error.message);
    answered ||= found.name === "answer";
    yield found;
  }
  if (!answered) throw new Lost("The connection ended before the answer was there.");
}

function jsonOf(body, signal) {
  return { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body), signal };
}

async function send(path, options) {
  const headers = { ...options.headers, Authorization: `Bearer ${token()}` };
  const reply = await whole(fetch(path, { ...options, headers, cache: "no-store", credentials: "omit" }));
  if (reply.ok) return reply;
  const message = await reply.json().then((body) => body.error.message, () => `The server replied ${reply.status}.`);
  if (reply.status === 401) whenUnauthorized();
  const seconds = Number.parseInt(reply.headers.get("Retry-After") ?? "", 10);
  throw new Refused(reply.status, message, Number.isNaN(seconds) ? null : seconds);
}

/** Return what a promise of fetch returns. Its errors other than a stop mean that the connection was lost. */
async function whole(promise) {
  try {
    return await promise;
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Lost("The server cannot be reached.");
  }
}

/** Yield the blocks of a stream, which end with an empty line. */
async function* blocks(stream) {
  const reader = stream.getReader();
  let rest = "";
  try {
    while (true) {
      const { value, done } = await whole(reader.read());
      if (done) return;
      const parts = (rest + value).split("\n\n");
      rest = parts.pop();
      yield* parts;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function parsed(block) {
  const waiting = /^: waiting (\d+)$/m.exec(block);
  if (waiting) return { name: "waiting", data: Number(waiting[1]) };
  const [, name, data] = /^event: (\w+)\ndata: ([^\n]*)/.exec(block) ?? [];
  return name && { name, data: JSON.parse(data) };
}
