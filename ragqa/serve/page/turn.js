// A question and all that is shown for it, from waiting to the answer.

import { abstention, asText, remarks, showSentences } from "./answer.js";
import { announce, button, copy, count, el, iconButton, own, sentence } from "./dom.js";
import { feedback } from "./feedback.js";
import { Numbering, passageList } from "./passages.js";
import { why } from "./why.js";

/**
 * The element of a turn.
 *
 * `acts` are what a person can do: `open(citation, opener)`, `edit(turn)`, `again(turn)`, `searchInstead(question)`;
 * `history(turn)` are the turns before it as a request has them, and `page` is what the server offers.
 */
export class Turn {
  constructor(question, acts) {
    this.question = question;
    this.answer = null;
    this.acts = acts;
    this.numbering = new Numbering();
    this.sentences = [];
    this.nearest = [];
    this.status = el("p", { class: "status", role: "status" });
    this.flow = el("div", { class: "sentences" });
    this.region = el("section", { class: "answer", "aria-label": "Answer", "aria-live": "polite" }, this.flow);
    this.below = el("div", { class: "below" });
    this.found = el("div", { class: "found" });
    this.listed = "";
    const edit = iconButton("edit", "Edit and ask again", () => acts.edit(this));
    const asked = el("header", { class: "question" }, own("h2", question), edit);
    this.element = el("article", { class: "turn" }, asked, this.status, this.region, this.below, this.found);
  }

  /** Say what is going on; empty for nothing. */
  say(text, busy = true) {
    this.status.textContent = text;
    this.status.classList.toggle("busy", busy && Boolean(text));
  }

  waiting(ahead) {
    this.say(ahead ? `Waiting: ${count(ahead, "question")} before this one` : "Waiting for the question before this one");
  }

  /** Show the passages that were found; those of a later event replace the ones before. */
  passages(citations) {
    this.nearest = citations;
    this.say(citations.length ? `Reading ${count(citations.length, "passage")}` : "Reading");
    this.#list();
  }

  /** Show the next sentence of the answer. */
  add(next) {
    this.say("Answering");
    this.sentences.push(next);
    showSentences(this.flow, this.sentences, this.numbering, this.acts.open);
    this.#list();
  }

  /** Show the whole answer, in place of what was streamed. */
  finish(answer) {
    this.answer = answer;
    if (answer.nearest.length) this.nearest = answer.nearest;
    this.say(searchedFor(answer), false);
    this.numbering = new Numbering();
    this.region.dataset.kind = answer.abstained ? "none" : answer.kind;
    showSentences(this.flow, answer.abstained ? [] : answer.sentences, this.numbering, this.acts.open);
    if (answer.abstained) this.region.append(abstention(answer, this.acts.searchInstead));
    this.#list();
    this.below.replaceChildren(...(answer.abstained ? [] : [remarks(answer)]), this.#actions());
    this.found.append(why(answer, this.acts.open));
    if (answer.not_kept) this.below.prepend(own("p", `This turn is not kept: ${answer.not_kept}`, { class: "warning" }));
  }

  stopped() {
    this.say("Stopped", false);
    this.below.replaceChildren(this.#again(""));
  }

  /** Show an error; `seconds` says after how many it makes sense to ask again. */
  failed(text, seconds = null) {
    this.say("", false);
    const when = seconds ? ` Ask again in ${count(seconds, "second")}.` : "";
    this.below.replaceChildren(own("p", sentence(text) + when, { class: "error", role: "alert" }), this.#again("", seconds));
  }

  /** Say that the documents are others now than when the answer was made. */
  outdated() {
    this.below.prepend(el("p", { class: "warning" }, "The documents have changed since this answer."));
  }

  #list() {
    const cited = this.numbering.places;
    if (!cited.length && !this.nearest.length) return;
    const words = this.answer?.kind === "span" ? this.answer.text : "";
    const title = cited.length ? "Where it stands" : "Nearest passages";
    const key = `${cited.length} ${words} ${JSON.stringify(this.nearest)}`;
    if (key === this.listed) return; // it stays as it is, and so does the focus in it
    this.listed = key;
    this.found.replaceChildren(el("h3", {}, title), passageList(cited, this.nearest, this.acts.open, words));
  }

  #actions() {
    const answer = this.answer;
    const copied = async () => announce((await copy(asText(answer, this.numbering))) ? "Copied with its sources" : "Not copied");
    const row = el("div", { class: "actions" }, iconButton("copy", "Copy with sources", copied));
    const whole = this.acts.page.feedback ? feedback(row, answer, this.acts.history(this)) : row;
    row.append(this.#again());
    return whole;
  }

  #again(kind = "quiet", seconds = null) {
    const again = button("Ask again", () => this.acts.again(this), { class: kind });
    countDown(again, seconds);
    return again;
  }
}

/** Say what was searched for, where it is not the question itself. */
function searchedFor(answer) {
  return answer.searched && answer.searched !== answer.question ? `Searched for \u201c${answer.searched}\u201d` : "";
}

/** Show on a button how many seconds are left, until it makes sense to press it. */
function countDown(again, seconds) {
  if (!seconds) return;
  again.textContent = `Ask again in ${seconds} s`;
  again.disabled = true;
  const timer = setInterval(() => {
    seconds -= 1;
    again.textContent = seconds > 0 ? `Ask again in ${seconds} s` : "Ask again";
    again.disabled = seconds > 0;
    if (seconds <= 0) clearInterval(timer);
  }, 1000);
}
