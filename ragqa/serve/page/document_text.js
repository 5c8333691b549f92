// The text of a document around the cited words: as it is indexed, or as a table with the row marked.

import { get } from "./api.js";
import { button, el, own } from "./dom.js";

const STEP = 8_000;

// What is read line by line, so that its letters should have one width.
const FIXED = /^(application\/(json|xml|x-)|text\/(csv|tab-|x-))/;

/** Return a document that `/api/documents/ID` replied as a table; null where it is none, or where the cited words are of its head. */
export function tableOf({ table, segments }) {
  if (!table || (segments.marked && !table.rows.some((row) => row.marked))) return null;
  const head = el("tr", {}, ...table.columns.map((name) => own("th", name, { scope: "col" })));
  const rows = table.rows.map(({ cells, marked }) => {
    const shown = cells.map((cell) => (marked ? el("td", { dir: "auto" }, el("mark", {}, cell)) : own("td", cell)));
    return el("tr", marked ? { class: "marked", "data-span": "" } : {}, ...shown);
  });
  const part = table.rows.some((row) => row.marked) ? "the rows around the mark" : "its beginning";
  const note = table.cut ? el("p", { class: "muted" }, `This is a part of the table: ${part}.`) : null;
  return el("div", { class: "sheet" }, el("table", {}, el("thead", {}, head), el("tbody", {}, ...rows)), note);
}

/** Return the same as text; `sound` tells whether its words may be marked. */
export function textOf(found, sound) {
  const { before, marked, after } = found.segments;
  const middle = sound && marked ? el("mark", { "data-span": "" }, marked) : marked;
  const text = el("div", { class: FIXED.test(found.media_type) ? "text fixed" : "text", dir: "auto" }, before, middle, after);
  const whole = el("div", {}, text);
  const more = { low: found.start, high: found.end };

  const earlier = fetching("Earlier text", async () => {
    const part = await piece(found.id, Math.max(0, more.low - STEP), more.low);
    const height = whole.scrollHeight;
    text.prepend(part);
    whole.parentElement.scrollTop += whole.scrollHeight - height; // what was read stays where it was
    more.low = Math.max(0, more.low - STEP);
    earlier.hidden = more.low === 0;
  });
  const later = fetching("Later text", async () => {
    text.append(await piece(found.id, more.high, Math.min(found.size, more.high + STEP)));
    more.high = Math.min(found.size, more.high + STEP);
    later.hidden = more.high === found.size;
  });
  earlier.hidden = more.low === 0;
  later.hidden = more.high === found.size;
  whole.prepend(earlier);
  whole.append(later);
  return whole;
}

/** Return a button for work that waits for the server: pressed again meanwhile, it does nothing, and it says what fails. */
function fetching(name, work) {
  let busy = false;
  const made = button(name, async () => {
    if (busy) return;
    busy = true;
    try {
      await work();
      made.textContent = name;
      if (made.hidden) made.closest(".page")?.focus(); // there is no more text, and the button had the focus
    } catch (error) {
      made.textContent = `${name}: ${error.message}`;
    }
    busy = false;
  });
  return made;
}

/** Return the text of a span; the server cuts it, since it counts characters in another way than a browser. */
async function piece(id, start, end) {
  return (await get(`/api/documents/${id}?start=${start}&end=${end}&around=0`)).segments.marked;
}
