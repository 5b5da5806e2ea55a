"use strict";

/** Light or dark: the system's choice until the reader makes one. Listeners draw again what CSS does not reach. */
const theme = {
  listeners: [],

  start() {
    const system = matchMedia("(prefers-color-scheme: dark)");
    const button = document.getElementById("theme");
    button.hidden = false;
    this.set(system.matches ? "dark" : "light");
    system.addEventListener("change", () => this.set(system.matches ? "dark" : "light"));
    button.addEventListener("click", () => this.set(this.name === "dark" ? "light" : "dark"));
    let before = null;
    addEventListener("beforeprint", () => { before = this.name; this.set("light"); });
    addEventListener("afterprint", () => this.set(before));
  },

  set(name) {
    this.name = name;
    document.documentElement.dataset.theme = name;
    document.getElementById("theme").textContent = name === "dark" ? "Light page" : "Dark page";
    for (const listener of this.listeners) listener();
  },

  /** The value of a colour of page.css. */
  colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  },
};

/** The content of a data block of the page; null where it has none. */
function data(name) {
  const element = document.getElementById(`data-${name}`);
  return element === null ? null : JSON.parse(element.textContent);
}

/** An element with properties and children. */
function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}
