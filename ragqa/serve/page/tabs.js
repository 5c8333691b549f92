// The tabs: arrow keys move between them, and one panel is shown.

export class Tabs {
  /** `shown` is called with the name of a tab when it is chosen. */
  constructor(shown) {
    this.shown = shown;
    this.tabs = [...document.querySelectorAll("[role=tab]")];
    this.list = this.tabs[0].parentElement;
    this.tabs.forEach((tab) => tab.addEventListener("click", () => this.choose(tab.id.slice("tab-".length))));
    this.list.addEventListener("keydown", (event) => this.#move(event));
  }

  /** Show the panel of a tab. */
  choose(name) {
    this.list.hidden = false;
    for (const tab of this.tabs) {
      const chosen = tab.id === `tab-${name}`;
      tab.setAttribute("aria-selected", chosen);
      tab.tabIndex = chosen ? 0 : -1;
      document.getElementById(tab.getAttribute("aria-controls")).hidden = !chosen;
    }
    this.shown(name);
  }

  hide() {
    this.list.hidden = true;
    this.tabs.forEach((tab) => (document.getElementById(tab.getAttribute("aria-controls")).hidden = true));
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
