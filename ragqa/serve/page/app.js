// The page of `ragqa serve`: starts, asks for a token where there is none, and joins the parts.
//
//   ask            the conversation; turn, answer, passages, why and feedback are what it shows
//   viewer         the document beside it; document_text and pdf_view are its two ways to show one
//   search, documents, conversations   the other tabs
//   conversation   the turns, and where they are kept
//   api, token     requests; dom  elements, all of them made from text

import { get, onUnauthorized } from "./api.js";
import { Ask } from "./ask.js";
import { el, count } from "./dom.js";
import { Tabs } from "./tabs.js";
import { askForToken, takeToken, token } from "./token.js";
import { Viewer } from "./viewer.js";

const at = (id) => document.getElementById(id);

// What a server without a page's state can do: it answers.
const BARE = { model_name: "ragqa", version: "", generation: null, documents: null, conversations: false, feedback: false, indexing: false };

async function start() {
  takeToken();
  const tabs = new Tabs(() => {});
  onUnauthorized(() => {
    tabs.hide();
    askForToken(at("gate"), true, () => begin(tabs));
  });
  if (token()) await begin(tabs);
  else askForToken(at("gate"), false, () => begin(tabs));
}

async function begin(tabs) {
  let page;
  try {
    page = await get("/api/page");
  } catch (error) {
    if (error.status === 401) return;
    if (error.status !== 404) throw error;
    page = BARE;
  }
  const viewer = new Viewer(at("document"), at("work"));
  const app = { page, open: (citation, opener) => viewer.open(citation, opener), searchInstead: () => {} };
  const ask = new Ask(at("panel-ask"), app);
  tabs.choose("ask");
  await ask.restore();
}

start();
