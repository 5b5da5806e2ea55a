"use strict";

/** Methods by their place in the run: colours first, then other dashes and markers, as in the printed figures. */
const methods = {
  labels: [],
  shown: [],
  listeners: [],

  start(labels) {
    this.labels = labels;
    this.shown = labels.map(() => true);
    const choices = document.getElementById("choices");
    if (choices === null) return;
    this.boxes = labels.map((label, series) => {
      const box = make("input", { type: "checkbox", checked: true });
      box.addEventListener("change", () => this.show(series, box.checked));
      choices.append(make("label", {}, box, swatch(series), label));
      return box;
    });
    document.getElementById("all").addEventListener("click", () => this.showAll(true));
    document.getElementById("none").addEventListener("click", () => this.showAll(false));
  },

  show(series, shown) {
    this.shown[series] = shown;
    for (const listener of this.listeners) listener();
  },

  showAll(shown) {
    this.shown.fill(shown);
    for (const box of this.boxes) box.checked = shown;
    for (const listener of this.listeners) listener();
  },
};

const DASHES = ["solid", "dash", "dot", "dashdot"];
const STROKES = ["", "6 4", "2 3", "6 3 2 3"];
const MARKERS = ["circle", "diamond", "triangle-up", "square"];
const COLOURS = 8;

function look(series) {
  const turn = Math.floor(series / COLOURS) % DASHES.length;
  return { colour: `s${series % COLOURS}`, dash: DASHES[turn], marker: MARKERS[turn], stroke: STROKES[turn] };
}

/** A short line as the figures draw it. */
function swatch(series) {
  const { colour, stroke } = look(series);
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  const line = document.createElementNS(space, "line");
  const attributes = { x1: 0, x2: 26, y1: 5, y2: 5, "stroke-width": 2.5, "stroke-dasharray": stroke };
  for (const [key, value] of Object.entries(attributes)) line.setAttribute(key, value);
  line.style.stroke = `var(--${colour})`;
  svg.setAttribute("width", 26);
  svg.setAttribute("height", 10);
  svg.setAttribute("aria-hidden", "true");
  svg.append(line);
  return svg;
}
