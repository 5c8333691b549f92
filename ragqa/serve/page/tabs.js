// The tabs: arrow keys move between them, and one panel is shown.

export class Tabs {
  constructor() {
    this.panels = {}; // by name, what fills the panel: `chosen` is called when it is shown, `left` when another one is
    this.chosen = "";
    this.tabs = [...document.querySelectorAll("[role=tab]")];
    this.list = this.tabs[0].parentElement;
    this.tabs.forEach((tab) => tab.addEventListener("click", () => this.choose(nameOf(tab))));
    this.list.addEventListener("keydown", (event) => this.#move(event));
  }

  /** Show the panel of a tab. */
  choose(name) {
    this.panels[this.chosen]?.left?.();
    this.chosen = name;
    this.show();
    this.panels[name]?.chosen?.();
  }

  /** Show the tabs and the panel that is chosen. */
  show() {
    this.list.hidden = false;
    for (const tab of this.tabs) {
      const chosen = nameOf(tab) === this.chosen;
      tab.setAttribute("aria-selected", chosen);
      tab.tabIndex = chosen ? 0 : -1;
      panelOf(tab).hidden = !chosen;
    }
  }

  /** Hide the tabs and all panels. */
  hide() {
    this.list.hidden = true;
    this.tabs.forEach((tab) => (panelOf(tab).hidden = true));
  }

  #move(event) {
    const at = this.tabs.indexOf(document.activeElement);
    const last = this.tabs.length - 1;
    const next = { ArrowRight: at === last ? 0 : at + 1, ArrowLeft: at ? at - 1 : last, Home: 0, End: last }[event.key];
    if (at < 0 || next === undefined) return;
    event.preventDefault();
    this.tabs[next].focus();
    this.tabs[next].click();
  }
}

function nameOf(tab) {
  return tab.id.slice("tab-".length);
}

function panelOf(tab) {
  return document.getElementById(tab.getAttribute("aria-controls"));
}
