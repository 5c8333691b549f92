/* A PDF with a quote marked on its page.

   pdf.js reads and draws the file. The scripts of a PDF are not run: what would run them is not shipped, and forms and
   links are drawn as pictures. The mark is a highlight of the ranges in which the words of the quote stand, so that it
   covers these words and no others; where they cannot be told, there is none, and the reply says why. */

import { getDocument, PDFWorker } from "./vendor/pdfjs/pdf.min.mjs";
import { addPage } from "./pdf_page.js";
import { findQuote } from "./pdf_quote.js";

const HOME = new URL("vendor/pdfjs/", import.meta.url).href;
const SECONDS = 30; // for opening a file and marking its quote
const MARK = "quote"; // the name of the highlight in pdf_view.css
const policy = trustedTypes.createPolicy("ragqa", { createScriptURL: () => `${HOME}pdf.worker.min.mjs` });
let reader = started(); // the worker that reads files, kept from one to the next
let shown = null; // the file that is shown

/** Draw a page of a PDF and mark a quote on it. The file that was shown before is closed.

    @param {HTMLElement} container - emptied first; its `data-marked` is the text below the mark
    @param {ArrayBuffer|Uint8Array} bytes - the file, which is handed over to the worker
    @param {number} number - the page on which the quote begins, from 1
    @param {string} quote - the text as it was indexed; a form feed in it is the end of a page
    @param {AbortSignal} signal - ends the work, and closes the file
    @param {{before?: string, after?: string}} context - the indexed text around the quote
    @returns {Promise<{marked: boolean, note: string}>} `note` says why there is no mark */
export async function showPdf(container, bytes, number, quote, signal, context = {}) {
  signal.throwIfAborted();
  clear(container);
  const task = (shown = open(bytes));
  const [stopped, settle] = stop(signal, task);
  try {
    return await Promise.race([stopped, draw(container, await Promise.race([stopped, task.promise]), number, quote, context)]);
  } catch (error) {
    if (signal.aborted) throw error;
    if (shown !== task) throw new DOMException("another file is shown now", "AbortError");
    clear(container);
    return { marked: false, note: `The page cannot be drawn: ${error.message}` };
  } finally {
    settle();
  }
}

function clear(container) {
  shown?.destroy();
  shown = null;
  CSS.highlights.delete(MARK);
  container.replaceChildren();
  container.classList.add("pdf-pages");
  delete container.dataset.marked;
}

function started() {
  return new Worker(policy.createScriptURL(""), { type: "module" });
}

/** Begin to read a file. */
function open(bytes) {
  const port = (reader ??= started());
  return getDocument({
    data: new Uint8Array(bytes),
    worker: PDFWorker.create({ port, verbosity: 0 }),
    BinaryDataFactory: Files,
    cMapUrl: `${HOME}cmaps/`,
    wasmUrl: `${HOME}decoders/`,
    useWasm: false, // the Content-Security-Policy forbids to compile it
    useWorkerFetch: false,
    disableWorkerRendering: true,
    enableXfa: false,
    maxImageSize: 2 ** 26,
    verbosity: 0,
  });
}

/** Files that pdf.js asks for: tables of characters, and the two fonts of symbols. */
class Files {
  async fetch({ kind, filename }) {
    const folder = { cMapUrl: "cmaps", standardFontDataUrl: "standard_fonts" }[kind];
    const reply = await fetch(`${HOME}${folder}/${filename}`);
    if (!reply.ok) throw new Error(`${filename}: ${reply.status}`);
    return new Uint8Array(await reply.arrayBuffer());
  }
}

/** Return a promise that fails when the work must end, and a function that says that it has ended by itself.

    A worker that has not ended in time, or cannot run, is not used again. */
function stop(signal, task) {
  const { promise, reject } = Promise.withResolvers();
  const port = reader;
  const drop = (error) => {
    port.terminate();
    if (reader === port) reader = null;
    reject(error);
  };
  const late = setTimeout(() => drop(new Error(`it was not ready after ${SECONDS} seconds`)), SECONDS * 1000);
  const broken = () => drop(new Error("this browser cannot run pdf.js"));
  let ended = false;
  port.addEventListener("error", broken);
  signal.addEventListener("abort", () => {
    if (ended) task.destroy();
    else drop(signal.reason);
  }, { once: true });
  const settle = () => {
    ended = true;
    clearTimeout(late);
    port.removeEventListener("error", broken);
  };
  return [promise, settle];
}

/** Draw the pages of the quote and mark it. */
async function draw(container, file, number, quote, context) {
  const parts = quote.split("\f").slice(0, file.numPages - number + 1);
  const pages = [];
  for (const part of parts.keys()) pages.push(addPage(container, await file.getPage(number + part)));
  const texts = await Promise.all(pages.map((page) => page.texts));
  const ranges = quote && marks(texts, parts, context);
  if (ranges) {
    CSS.highlights.set(MARK, new Highlight(...ranges));
    container.dataset.marked = ranges.join("");
    ranges[0].startContainer.parentElement.scrollIntoView({ block: "center" });
  }
  await Promise.all(pages.map((page) => page.drawn));
  offer(container, file, number - 1, -1);
  offer(container, file, number + parts.length, 1);
  return { marked: Boolean(ranges), note: ranges || !quote ? "" : why(texts) };
}

/** Return the ranges of a quote whose parts stand on pages that follow one another, or null. */
function marks(texts, parts, context) {
  const ranges = [];
  for (const [page, part] of parts.entries()) {
    const before = page ? "" : context.before, after = page < parts.length - 1 ? "" : context.after;
    const spans = findQuote(texts[page].strings, part, { before, after }, texts[page].rows);
    if (!spans) return null;
    for (const { index, start, end } of spans) {
      const range = document.createRange();
      range.setStart(texts[page].nodes[index], start);
      range.setEnd(texts[page].nodes[index], end);
      ranges.push(range);
    }
  }
  return ranges;
}

function why(texts) {
  const words = texts.some(({ strings }) => strings.some((each) => each.trim()));
  if (!words) return "The page is a picture without text, so that its words cannot be marked on it.";
  return "The words cannot be told apart on the page itself, so that they are not marked on it.";
}

/** Offer the page before or after those that are shown, by a button in its place. */
function offer(container, file, number, step) {
  if (number < 1 || number > file.numPages) return;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = `Show page ${number}`;
  button.addEventListener("click", async () => {
    const page = await file.getPage(number);
    const { element } = addPage(container, page, button);
    offer(container, file, number + step, step);
    button.remove();
    element.tabIndex = -1;
    element.focus({ preventScroll: step < 0 });
  });
  if (step < 0) container.prepend(button);
  else container.append(button);
}
