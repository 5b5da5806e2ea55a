"use strict";

/** The case browser; pictures are decoded as they are looked at. */
const cases = {
  found: new Map(),

  start({ cases: list, best }) {
    this.found = new Map(list.map((each) => [each.case, each]));
    this.select = document.getElementById("case");
    this.method = document.getElementById("answer");
    this.slider = document.getElementById("slider");
    this.viewer = document.getElementById("viewer");
    const names = rows.byKey.case_id.names;
    for (const number of this.found.keys()) this.select.append(make("option", { value: number, textContent: names[number] }));
    methods.labels.forEach((label, series) => this.method.append(make("option", { value: series, textContent: label })));
    this.method.value = best ?? 0;
    for (const select of [this.select, this.method]) select.addEventListener("change", () => this.draw());
    document.getElementById("previous").addEventListener("click", () => this.step(-1));
    document.getElementById("next").addEventListener("click", () => this.step(1));
    for (const radio of document.querySelectorAll("input[name=mode]")) radio.addEventListener("change", () => this.setMode(radio.value));
    this.slider.addEventListener("input", () => this.cut());
    this.viewer.addEventListener("pointermove", (event) => { if (event.buttons) this.drag(event); });
    this.viewer.addEventListener("pointerdown", (event) => this.drag(event));
    this.viewer.addEventListener("dragstart", (event) => event.preventDefault());
    theme.listeners.push(() => this.draw());
    this.setMode("edges");
  },

  has(number) { return this.found.has(number); },

  open(number, series) {
    this.select.value = number;
    this.method.value = series;
    this.draw();
    document.getElementById("cases").scrollIntoView();
    this.select.focus({ preventScroll: true });
  },

  step(by) {
    const count = this.select.options.length;
    this.select.selectedIndex = (this.select.selectedIndex + by + count) % count;
    this.draw();
  },

  setMode(mode) {
    this.mode = mode;
    this.viewer.dataset.mode = mode;
    const { name, value } = MODES[mode];
    document.getElementById("slider-name").textContent = name;
    this.slider.value = value;
    this.draw();
  },

  cut() {
    this.viewer.style.setProperty("--cut", `${this.slider.value}%`);
    this.viewer.style.setProperty("--tile", `${4 + (46 * this.slider.value) / 100}%`);
  },

  drag(event) {
    if (this.mode !== "slide" && this.mode !== "before") return;
    const box = this.viewer.getBoundingClientRect();
    this.slider.value = (100 * (event.clientX - box.left)) / box.width;
    this.cut();
  },

  draw() {
    const number = Number(this.select.value);
    const series = Number(this.method.value);
    const found = this.found.get(number);
    const { picture: result = null, edges = null, phases = {}, trace = null } = found.results[series] ?? {};
    const label = methods.labels[series];
    const under = this.mode === "before" ? found.start : found.target;
    const over = this.mode === "edges" ? edges : result;
    show(document.getElementById("under"), under, "webp", this.mode === "before" ? "Rendering at the start" : "Target X-ray");
    show(document.getElementById("over"), over, this.mode === "edges" ? "png" : "webp", `${MODES[this.mode].over} ${label}`);
    const missing = document.getElementById("missing");
    missing.hidden = result !== null;
    missing.textContent = `No picture of ${label}: it gave no pose, or one that cannot be rendered.`;
    document.getElementById("reading").textContent = MODES[this.mode].reading;
    const thumbs = [["Target", found.target], ["Start", found.start], [`Result of ${label}`, result]];
    document.getElementById("thumbs").replaceChildren(...thumbs.map(([title, picture]) => thumb(title, picture)));
    this.cut();
    this.outcome(number, series, phases);
    this.trace(trace);
  },

  outcome(number, series, phases) {
    const row = rows.find(number, series);
    const list = document.getElementById("outcome");
    list.replaceChildren();
    if (row === undefined) return;
    for (const column of rows.columns) {
      const value = rows.value(column, row);
      if (value === undefined && column.key === "error") continue;
      list.append(make("dt", { textContent: column.title }), make("dd", { textContent: shown(value, column) }));
    }
    for (const [phase, seconds] of Object.entries(phases)) {
      const words = `${phase.replaceAll("_", " ")}, as the method states it (s)`;
      list.append(make("dt", { textContent: words }), make("dd", { textContent: shown(seconds ?? undefined, {}) }));
    }
  },

  /** The best value so far against the number of rendered images; nothing where the method states none. */
  trace(steps) {
    const place = document.getElementById("trace");
    place.hidden = steps === null;
    if (steps === null) return;
    const [x, y] = steps;
    const line = { type: "scatter", mode: "lines", x, y, line: { shape: "hv" }, meta: { series: Number(this.method.value) } };
    const layout = { title: { text: "Search: best value so far, by level" }, xaxis: { title: { text: "DRRs" } }, yaxis: {}, height: 210 };
    Plotly.react(place, [{ ...coloured(line), visible: true }], { ...laidOut(layout, 1), width: undefined, autosize: true }, PLAIN);
  },
};

const MODES = {
  edges: { name: "Strength of the edges", value: 100, over: "Edges of the result of",
    reading: "Green: edges of the moving content rendered at the result. The pose is right where they lie on the edges of the target." },
  slide: { name: "Boundary", value: 50, over: "Result of", reading: "Left of the boundary the target, right of it the rendering at the result." },
  before: { name: "Boundary", value: 50, over: "Result of", reading: "Left of the boundary the rendering at the start, right of it at the result." },
  checker: { name: "Size of the tiles", value: 25, over: "Result of", reading: "Tiles of the target and of the rendering at the result in turn." },
};

function show(image, picture, kind, text) {
  image.hidden = !picture;
  image.alt = picture ? text : "";
  image.decoding = "async";
  if (picture) image.src = `data:image/${kind};base64,${picture}`;
  else image.removeAttribute("src");
}

function thumb(title, picture) {
  const image = make("img");
  show(image, picture, "webp", title);
  return make("figure", {}, image, make("figcaption", { textContent: picture ? title : `${title}: none` }));
}
