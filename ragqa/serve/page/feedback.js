// Whether an answer was right, and what would be: kept by the server as questions for `ragqa eval`.

import { post } from "./api.js";
import { button, el, iconButton } from "./dom.js";

/** Return `row` with the two buttons, and below it the place for a better answer. `history` are the turns before. */
export function feedback(row, answer, history) {
  const line = el("p", { class: "muted", role: "status" });
  const form = correction((text) => send("down", text));
  const good = iconButton("good", "Good answer", () => choose("up"), { "aria-pressed": "false" });
  const bad = iconButton("bad", "Bad answer", () => choose("down"), { "aria-pressed": "false" });

  let busy = false;

  function choose(verdict) {
    form.hidden = verdict === "up";
    line.textContent = "";
    if (verdict === "up") send("up", null);
    else form.querySelector("textarea").focus();
  }

  /** Have a verdict kept, once; its button is pressed from then on. */
  async function send(verdict, text) {
    if (busy || (verdict === "up" && good.getAttribute("aria-pressed") === "true")) return;
    busy = true;
    const citations = answer.citations.map(({ document_id, start, end }) => ({ document_id, start, end }));
    try {
      const { question, text: given } = answer;
      await post("/api/feedback", { question, answer: given, verdict, correction: text, citations, history });
      good.setAttribute("aria-pressed", verdict === "up");
      bad.setAttribute("aria-pressed", verdict === "down");
      line.textContent = "Kept, thank you.";
      form.hidden = true;
    } catch (error) {
      line.textContent = `Not kept: ${error.message}`;
    }
    busy = false;
  }

  row.append(good, bad);
  return el("div", {}, row, line, form);
}

/** Return the form for a better answer, which may stay empty. */
function correction(send) {
  const field = el("textarea", { rows: "2", dir: "auto" });
  const label = el("label", {}, "What would be right? You may leave this empty.", field);
  const buttons = el("div", { class: "row" }, el("button", {}, "Send"), button("Cancel", () => (form.hidden = true), { class: "quiet" }));
  const submit = (event) => {
    event.preventDefault();
    send(field.value.trim() || null);
  };
  const form = el("form", { class: "correction", hidden: true, onsubmit: submit }, label, buttons);
  return form;
}
