// The token: taken from the address, kept for this tab, asked for where it is missing or wrong.

import { el } from "./dom.js";

const KEY = "ragqa-token";

/** Return the token of this tab; empty for none. */
export function token() {
  return sessionStorage.getItem(KEY) ?? "";
}

/** Keep the token of the address for this tab, and clear it from the address; return whether there was one. */
export function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1));
  if (!given.has("token")) return false;
  keep(given.get("token"));
  given.delete("token");
  const rest = given.toString();
  history.replaceState(null, "", location.pathname + (rest ? `#${rest}` : ""));
  return true;
}

/** Ask for a token in `place`, and call `go` when one is given. `wrong` says that the one before was not accepted. */
export function askForToken(place, wrong, go) {
  const field = el("input", { id: "token", type: "password", autocomplete: "off", spellcheck: "false", required: true });
  const submit = (event) => {
    event.preventDefault();
    keep(field.value.trim());
    place.hidden = true;
    go();
  };
  const form = el(
    "form",
    { class: "card", onsubmit: submit },
    el("h2", {}, "Who is asking?"),
    wrong && token() ? el("p", { class: "warning", role: "alert" }, "The server does not accept this token.") : null,
    el("p", { class: "muted" }, "ragqa serve prints a token, or an address that ends with one. It stays in this tab."),
    el("label", { for: "token" }, "Token"),
    field,
    el("button", { class: "main" }, "Go on"),
  );
  place.replaceChildren(form);
  place.hidden = false;
  field.focus();
}

/** Keep a token. A header has ASCII alone: with a sign for any other character, the server says that the token is wrong. */
function keep(value) {
  sessionStorage.setItem(KEY, value.replace(/[^\x21-\x7e]/g, "?"));
}
