// The tab where questions are asked: the conversation, and the field below it.

import { events, Lost } from "./api.js";
import { Conversation } from "./conversation.js";
import { button, count, el } from "./dom.js";
import { Turn } from "./turn.js";

export class Ask {
  /** `app` has `page`, what the server offers, and the functions `open` and `searchInstead`. */
  constructor(panel, app) {
    this.app = app;
    this.panel = panel;
    this.conversation = new Conversation(app.page.conversations);
    this.turns = [];
    this.editing = null;
    this.running = null;
    this.acts = {
      ...app,
      edit: (turn) => this.edit(turn),
      again: (turn) => this.ask(turn.question, this.turns.indexOf(turn)),
      history: (turn) => this.conversation.history(this.#before(turn)),
    };
    this.field = el("textarea", { id: "question", rows: "1", dir: "auto", placeholder: "Ask the documents", "aria-label": "Question" });
    this.go = el("button", { class: "main" }, "Ask");
    this.stop = button("Stop", () => this.running?.abort(), { class: "main", hidden: true });
    this.note = el("p", { class: "muted note" });
    this.list = el("div", { class: "turns" });
    this.empty = this.#empty();
    this.fresh = button("New conversation", () => this.startOver(), { class: "quiet", hidden: true });
    panel.replaceChildren(this.empty, this.list, this.#composer());
    this.#arrange();
  }

  /** Show the conversation of this tab again after a reload, unless a question is asked already. */
  async restore() {
    try {
      const conversation = await Conversation.restored(this.app.page.conversations);
      if (!this.turns.length) this.show(conversation);
    } catch (error) {
      this.note.textContent = `The conversation of this tab cannot be shown now: ${error.message}`;
    }
  }

  /** Show a conversation, and go on with it. */
  show(conversation) {
    this.running?.abort();
    if (this.editing) this.cancelEdit(); // of a turn that goes away now
    this.conversation = conversation;
    this.turns = [];
    this.list.replaceChildren();
    for (const { question, answer, stale } of conversation.turns) {
      const turn = this.#add(question);
      turn.finish(answer);
      if (stale) turn.outdated();
    }
    this.#arrange();
    this.turns.at(-1)?.element.scrollIntoView({ block: "start" });
  }

  /** Begin a new conversation. */
  startOver() {
    this.conversation.forget();
    this.cancelEdit();
    this.show(new Conversation(this.app.page.conversations));
    this.field.focus();
  }

  /** Put the question of a turn into the field: the turns from there on are replaced when it is asked. */
  edit(turn) {
    this.editing = turn;
    this.field.value = turn.question;
    const later = this.turns.length - 1 - this.turns.indexOf(turn);
    this.note.replaceChildren(
      later ? `The new question replaces this one and ${count(later, "later one")}. ` : "The new question replaces the last one. ",
      button("Cancel", () => this.cancelEdit(), { class: "link" }),
    );
    this.#grow();
    this.field.focus();
  }

  cancelEdit() {
    this.#endEdit();
    this.field.value = "";
    this.#grow();
  }

  #endEdit() {
    this.editing = null;
    this.note.replaceChildren();
  }

  /** Ask a question as turn `at`, in place of the turns from there on. */
  async ask(question, at = this.turns.length) {
    this.running?.abort();
    const inside = this.list.contains(document.activeElement); // on a button of a turn that goes away now
    this.turns.splice(at).forEach((turn) => turn.element.remove());
    if (this.editing && !this.turns.includes(this.editing)) this.#endEdit();
    const turn = this.#add(question);
    const running = (this.running = new AbortController());
    this.#arrange();
    if (inside) this.stop.focus({ preventScroll: true });
    turn.say("Searching the documents");
    turn.element.scrollIntoView({ block: "start" });
    try {
      await this.#stream(turn, this.#before(turn), running.signal);
    } catch (error) {
      this.#failed(turn, error);
    }
    if (this.running === running) this.running = null;
    this.#arrange();
  }

  /** Show the events of the answer as they come. */
  async #stream(turn, before, signal) {
    const body = await this.conversation.request(turn.question, before);
    const show = {
      waiting: (ahead) => turn.waiting(ahead),
      passages: ({ passages }) => turn.passages(passages),
      token: (sentence) => turn.add(sentence),
      answer: (answer) => {
        const outlives = this.conversation.answered(before, turn.question, answer);
        if (!outlives) this.note.textContent = "This conversation is too long to outlive a reload.";
        turn.finish(answer);
      },
    };
    for await (const { name, data } of events("/api/ask", body, signal)) show[name]?.(data);
  }

  #failed(turn, error) {
    if (turn.answer) return; // all of it is there, whatever ended the stream
    if (error.name === "AbortError") turn.stopped();
    else if (error instanceof Lost) turn.failed(`${error.message} The question is still here.`);
    else turn.failed(error.message, error.retryAfter);
  }

  /** Return the number of answers before a turn: questions that failed or were stopped are no part of the conversation. */
  #before(turn) {
    return this.turns.slice(0, this.turns.indexOf(turn)).filter((each) => each.answer).length;
  }

  #add(question) {
    const turn = new Turn(question, this.acts);
    this.turns.push(turn);
    this.list.append(turn.element);
    return turn;
  }

  #arrange() {
    const busy = Boolean(this.running);
    const focused = [this.go, this.stop].includes(document.activeElement);
    this.empty.hidden = this.turns.length > 0;
    this.panel.classList.toggle("fresh", !this.turns.length);
    this.fresh.hidden = !this.turns.length;
    this.go.hidden = busy;
    this.stop.hidden = !busy;
    if (focused) (busy ? this.stop : this.go).focus({ preventScroll: true });
  }

  #composer() {
    const submit = (event) => {
      event.preventDefault();
      const question = this.field.value.trim();
      if (!question || this.running) return;
      const at = this.editing ? this.turns.indexOf(this.editing) : this.turns.length;
      this.cancelEdit();
      this.ask(question, at);
    };
    const line = el("div", { class: "line" }, this.field, this.go, this.stop);
    const form = el("form", { class: "composer", onsubmit: submit }, this.note, line, this.fresh);
    this.field.addEventListener("input", () => this.#grow());
    this.field.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.editing) {
        event.stopPropagation();
        this.cancelEdit();
      }
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      form.requestSubmit();
    });
    return form;
  }

  /** Make the field as high as its text. */
  #grow() {
    this.field.rows = Math.min(6, this.field.value.split("\n").length + Math.floor(this.field.value.length / 90));
  }

  #empty() {
    const { documents } = this.app.page;
    const there = documents ? `${count(documents, "document")} can be asked.` : "Nothing is indexed yet.";
    return el(
      "div",
      { class: "empty" },
      el("h2", {}, "Ask your documents"),
      el("p", {}, `${there} Each sentence of an answer has a number: it opens the document at the words that it stands on.`),
      el("p", { class: "muted" }, "Where the documents give no answer, the page says so, and shows what comes nearest."),
    );
  }
}
