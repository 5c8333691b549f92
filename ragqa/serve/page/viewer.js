// The document beside the answer, with the cited words marked: the page of a PDF itself, else the text that is indexed.

import { bytes, get } from "./api.js";
import { button, el, fileName, iconButton } from "./dom.js";
import { tableOf, textOf } from "./document_text.js";
import { placeName } from "./passages.js";

const OTHER_INDEX = "The index is another one now: these words do not stand at this place any more, so nothing is marked.";
const OTHER_FILE = "The file is not the one that was indexed any more: this is the text that was indexed.";

export class Viewer {
  /** `place` is the element of the viewer, `work` the one around it that makes room for it. */
  constructor(place, work) {
    Object.assign(this, { place, work, opener: null, loading: null });
    this.narrow = matchMedia("(max-width: 56rem)");
    this.narrow.addEventListener("change", () => this.#cover());
    addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.isComposing && !this.place.hidden) this.close();
    });
    addEventListener("popstate", () => !this.place.hidden && this.#hide());
  }

  /** Show the document of a citation or a hit. `opener` gets the focus back when it is closed. */
  async open(citation, opener) {
    this.loading?.abort();
    this.loading = new AbortController();
    this.opener = opener;
    this.#frame(citation);
    try {
      await this.#show(citation, this.loading.signal);
    } catch (error) {
      if (error.name === "AbortError") return;
      this.note.textContent = error.status === 404 ? "This document is not in the index any more." : error.message;
    }
  }

  /** Close the document. Where it covers the page, the browser's way back closes it too. */
  close() {
    if (history.state?.document) history.back();
    else this.#hide();
  }

  #hide() {
    this.loading?.abort();
    this.place.hidden = true;
    this.work.classList.remove("beside");
    this.place.replaceChildren();
    this.#cover();
    this.opener?.focus();
  }

  /** On a narrow screen the document covers the rest, which then cannot be reached. */
  #cover() {
    const covered = this.narrow.matches && !this.place.hidden;
    for (const other of [document.querySelector(".top"), document.querySelector("main")]) other.inert = covered;
  }

  /** Make the empty frame: name, line of proof, note, and the place for the document. */
  #frame(citation) {
    this.title = el("h2", { tabindex: "-1" }, fileName(citation.source));
    this.proof = el("p", { id: "proof" });
    this.note = el("p", { id: "mark-note", role: "status" });
    this.switch = el("div", { class: "switch" });
    this.body = el("div", { class: "page", tabindex: "0", role: "group", "aria-label": "Text of the document" });
    const close = iconButton("close", "Close document", () => this.close());
    this.place.replaceChildren(el("header", {}, this.title, this.switch, close), this.proof, this.note, this.body);
    if (this.narrow.matches && this.place.hidden) history.pushState({ document: true }, "");
    this.place.hidden = false;
    this.work.classList.add("beside");
    this.#cover();
    this.title.focus({ preventScroll: true });
  }

  async #show(citation, signal) {
    const { document_id: id, start, end } = citation;
    if (/\.pdf$/i.test(citation.source)) import("./pdf_view.js").catch(() => {}); // it comes while the text is fetched
    const found = await get(`/api/documents/${id}?start=${start}&end=${end}`, { signal });
    const sound = found.segments.marked === citation.text;
    if (sound) this.#prove(citation, found);
    const asText = (note = sound ? "" : OTHER_INDEX) => this.#choose(1, note, textOf(found, sound));
    const table = sound && tableOf(found);
    if (table) {
      const asTable = () => this.#choose(0, "", table);
      this.switch.replaceChildren(button("Table", asTable), button("Text", () => asText()));
      return asTable();
    }
    if (found.media_type !== "application/pdf" || !sound) return asText();
    const asPage = () => this.#page(found, signal, asText).catch(unlessAborted);
    this.switch.replaceChildren(button("Page", asPage), button("Text", () => asText()));
    await asPage();
  }

  /** Say where the words stand, and which bytes have them. */
  #prove(citation, { segments, sha256 }) {
    const name = placeName(citation);
    const words = segments.marked ? "These words stand in" : "This is";
    const text = citation.stale ? `These words stood in ${name} when it was indexed; the file is another one now` : `${words} ${name}`;
    const hash = el("span", { class: "hash", title: `SHA-256 of the indexed file: ${sha256}` }, `SHA-256 ${sha256.slice(0, 12)}`);
    this.proof.replaceChildren(text, " \u00b7 ", hash);
  }

  /** Show the page or the table (0), or the text (1), at its mark, and say what is to be said about it. */
  #choose(view, note, content, isPage = false) {
    [...this.switch.children].forEach((each, i) => each.setAttribute("aria-pressed", i === view));
    this.note.textContent = note;
    this.body.classList.toggle("pdf", isPage);
    this.body.replaceChildren(content);
    this.body.querySelector("[data-span]")?.scrollIntoView({ block: "center" });
    this.body.scrollLeft = 0; // a row that is wider than the screen is read from its beginning
  }

  /** Show the page of a PDF; where its words cannot be marked there, the text with its mark, and why. */
  async #page({ id, page, segments: { before, marked, after } }, signal, asText) {
    const place = el("div", {}, el("p", { class: "status busy" }, "Opening the page"));
    this.#choose(0, "", place, true);
    let note;
    try {
      const [file, { showPdf }] = await Promise.all([bytes(`/api/documents/${id}/file`, signal), import("./pdf_view.js")]);
      place.replaceChildren();
      const shown = await showPdf(place, file, page, marked, signal, { before, after });
      if (shown.marked || !marked) return;
      note = shown.note || "The words cannot be found on the page: this is its text.";
    } catch (error) {
      if (error.name === "AbortError") throw error;
      note = error.status === 410 ? OTHER_FILE : `The page cannot be shown: this is its text. ${error.message}`;
    }
    if (this.body.contains(place)) asText(note);
  }
}

/** Throw an error again, unless another document or page is shown by now. */
function unlessAborted(error) {
  if (error.name !== "AbortError") throw error;
}
