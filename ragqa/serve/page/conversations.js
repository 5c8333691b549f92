// The tab of the conversations: those that the server keeps, or the one of this tab.

import { get } from "./api.js";
import { Conversation } from "./conversation.js";
import { button, count, day, el, own } from "./dom.js";
import { exported } from "./export.js";

export class Conversations {
  /** `app` has `page`, and `ask`, where a conversation is shown; `toAsk` chooses its tab. */
  constructor(panel, app) {
    this.app = app;
    this.line = el("p", { class: "muted", role: "status" });
    this.list = el("ul", { class: "rows", "aria-label": "Conversations" });
    this.fresh = button("New conversation", () => this.#go(() => app.ask.startOver()), { class: "main" });
    panel.replaceChildren(el("header", { class: "heading" }, el("h2", {}, "Conversations"), this.fresh), this.line, this.list);
  }

  /** Show what there is now; called when the tab is chosen. */
  async chosen() {
    if (!this.app.page.conversations) return this.#ofTab();
    this.line.textContent = "";
    try {
      const { conversations } = await get("/api/conversations");
      this.list.replaceChildren(...conversations.map((each) => this.#kept(each)));
      if (!conversations.length) this.line.textContent = "None yet. The first question begins one, and this server keeps it.";
    } catch (error) {
      this.line.textContent = error.message;
    }
  }

  #ofTab() {
    const { conversation } = this.app.ask;
    const keeps = "This server keeps no conversations: the one of this tab ends with the tab. Export it to keep it.";
    this.line.textContent = conversation.turns.length ? keeps : `${keeps} There is none yet.`;
    this.list.replaceChildren();
    if (!conversation.turns.length) return;
    const forget = () => this.#go(() => this.app.ask.startOver());
    this.list.append(this.#row(conversation.title, count(conversation.turns.length, "question"), conversation, () => this.#go(), forget));
  }

  #kept(found) {
    const about = el("span", {}, `${count(found.turns, "question")}, `, el("time", { datetime: found.updated }, day(found.updated)));
    const open = async () => {
      const conversation = await Conversation.opened(found.id);
      this.#go(() => this.app.ask.show(conversation));
    };
    const forget = async () => {
      await get(`/api/conversations/${found.id}`, { method: "DELETE" });
      if (this.app.ask.conversation.id === found.id) this.app.ask.startOver();
      await this.chosen();
      this.fresh.focus(); // its row is gone
    };
    return this.#row(found.title, about, found, open, forget);
  }

  /** Return the row of a conversation; what fails is said above the list. */
  #row(title, about, conversation, open, forget) {
    const tried = (work) => async () => {
      try {
        await work();
      } catch (error) {
        this.line.textContent = error.message;
      }
    };
    const opener = own("button", title, { type: "button", class: "link title", onclick: tried(open) });
    const exports = ["markdown", "json"].map((form) => {
      const name = form === "json" ? "JSON" : "Markdown";
      return button(name, tried(() => exported(conversation, form)), { class: "quiet", "aria-label": `Export as ${name}: ${title}` });
    });
    const acts = el("div", { class: "row" }, ...exports, this.#deletion(title, tried(forget)));
    return el("li", {}, el("div", { class: "what" }, opener, el("p", { class: "muted" }, about)), acts);
  }

  /** Return the button that deletes, after it is pressed a second time, and not by a double click. */
  #deletion(title, forget) {
    const wanted = button("Delete", ({ detail }) => (sure && detail < 2 ? forget() : ask(true)), { class: "quiet", onblur: () => ask(false) });
    let sure;
    const ask = (now) => {
      sure = now;
      wanted.textContent = sure ? "Delete for good?" : "Delete";
      wanted.setAttribute("aria-label", `${wanted.textContent} ${title}`);
      wanted.classList.toggle("warning", sure);
    };
    ask(false);
    return wanted;
  }

  /** Go to the tab where questions are asked, with the focus, and do something there. */
  #go(work = () => {}) {
    this.app.toAsk();
    document.getElementById("tab-ask").focus({ preventScroll: true });
    work();
  }
}
