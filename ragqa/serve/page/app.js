// The page of `ragqa serve`: it starts, asks for a token where there is none, and joins the parts.
//
//   ask              the conversation: turn, answer, passages, why and feedback are what it shows
//   viewer           the document beside it: document_text and pdf_view are its two ways to show one
//   search, filter   documents   conversations, export     the other tabs
//   conversation     the turns, and where they are kept
//   api, token       requests;  dom, tabs  elements, all of them made from text

import { get, onUnauthorized } from "./api.js";
import { Ask } from "./ask.js";
import { Conversations } from "./conversations.js";
import { Documents } from "./documents.js";
import { button, count, el } from "./dom.js";
import { Search } from "./search.js";
import { Tabs } from "./tabs.js";
import { askForToken, takeToken, token } from "./token.js";
import { Viewer } from "./viewer.js";

const at = (id) => document.getElementById(id);
let tabs;

function start() {
  takeToken();
  addEventListener("hashchange", () => takeToken() && location.reload()); // an address with a token, put into this tab
  tabs = new Tabs();
  onUnauthorized(() => gate(true));
  if (token()) begin();
  else gate(false);
}

/** Ask for a token. What the page shows stays as it is below it, so that nothing that was asked is lost. */
function gate(wrong) {
  tabs.hide();
  askForToken(at("gate"), wrong, () => (at("panel-ask").childElementCount ? tabs.show() : begin()));
}

/** Ask the server what it offers, and make the page. */
async function begin() {
  try {
    await show(await get("/api/page"));
  } catch (error) {
    if (error.status === 401) return; // the token is asked for
    const again = button("Try again", begin, { class: "main" });
    at("gate").replaceChildren(el("div", { class: "card" }, el("p", { role: "alert" }, error.message), again));
    at("gate").hidden = false;
  }
}

async function show(page) {
  at("gate").hidden = true;
  if (page.model_name !== "ragqa") document.title = `${page.model_name} \u00b7 ragqa`;
  const viewer = new Viewer(at("document"), at("work"));
  const app = {
    page,
    open: (citation, opener) => viewer.open(citation, opener),
    toAsk: () => tabs.choose("ask"),
    searchInstead: (question) => {
      tabs.choose("search");
      search.search(question, "");
      search.field.focus();
    },
    tell: (documents, generation) => {
      const name = page.token === "this-run" ? "" : `${page.token} \u00b7 `; // whose conversations these are
      at("facts").textContent = `${name}${count(documents, "document")} \u00b7 index version ${generation}`;
    },
  };
  app.tell(page.documents, page.generation);
  app.ask = new Ask(at("panel-ask"), app);
  const toQuestion = () => {
    app.toAsk();
    app.ask.field.focus();
  };
  document.body.prepend(button("Go to the question", toQuestion, { class: "skip" }));
  const search = new Search(at("panel-search"), app);
  const documents = new Documents(at("panel-documents"), app);
  const conversations = new Conversations(at("panel-conversations"), app);
  tabs.panels = { ask: app.ask, search, documents, conversations };
  tabs.choose(search.fromAddress() ? "search" : "ask");
  addEventListener("hashchange", () => search.fromAddress() && tabs.choose("search"));
  await app.ask.restore();
}

start();
