"use strict";
const byId = (id) => document.getElementById(id);
const NUMBERS = [
  ["Tilt about the horizontal", "deg"], ["Turn about the vertical", "deg"], ["Turn in the plane", "deg"],
  ["Right", "mm"], ["Down", "mm"], ["Depth, away from the source", "mm"],
];
const state = { pose: null, first: null, theta: [0, 0, 0, 0, 0, 0], views: [], active: 0, past: [], clicks: [],
  busy: false, queue: null, hidden: false, done: false };

function say(text, kind = "") {
  const status = byId("status");
  status.textContent = text;
  status.className = kind;
}

async function ask(name, content) {
  let answer;
  try {
    answer = await fetch(name, content === undefined ? {} : { method: "POST", body: JSON.stringify(content) });
  } catch {
    throw new Error("The command does not answer: it has ended, or was stopped. Start it again for a new page.");
  }
  const found = await answer.json();
  if (!answer.ok) throw new Error(found.error);
  return found;
}

function picture(url) {
  return new Promise((resolve, reject) => {
    const image = new Image();
    image.onload = () => {
      const canvas = document.createElement("canvas");
      canvas.width = image.width;
      canvas.height = image.height;
      const context = canvas.getContext("2d");
      context.drawImage(image, 0, 0);
      const bytes = context.getImageData(0, 0, image.width, image.height).data;
      const grey = new Uint8ClampedArray(image.width * image.height);
      for (let i = 0; i < grey.length; i += 1) grey[i] = bytes[4 * i];
      resolve(grey);
    };
    image.onerror = () => reject(new Error("The page could not read a picture."));
    image.src = url;
  });
}

function edgesOf(grey, width, height) {
  const across = new Float32Array(grey.length);
  const down = new Float32Array(grey.length);
  const strength = new Float32Array(grey.length);
  let sum = 0;
  for (let y = 1; y < height - 1; y += 1) {
    for (let x = 1; x < width - 1; x += 1) {
      const i = y * width + x;
      across[i] = 2 * (grey[i + 1] - grey[i - 1]) + grey[i + 1 - width] - grey[i - 1 - width] + grey[i + 1 + width] - grey[i - 1 + width];
      down[i] = 2 * (grey[i + width] - grey[i - width]) + grey[i + width - 1] - grey[i - width - 1] + grey[i + width + 1] - grey[i - width + 1];
      strength[i] = Math.hypot(across[i], down[i]);
      sum += strength[i];
    }
  }
  // Thin lines: of a ridge only its top is kept.
  const limit = Math.max(30, 2 * sum / grey.length);
  return strength.map((each, i) => {
    if (each < limit) return 0;
    const step = Math.abs(across[i]) > Math.abs(down[i]) ? 1 : width;
    return each >= strength[i - step] && each > strength[i + step] ? 1 : 0.15;
  });
}

function draw(view) {
  const { width, height, xray, drr, edges, context } = view;
  const mode = document.querySelector("input[name=show]:checked").value;
  const strength = state.hidden ? 0 : byId("strength").value / 100;
  const pixels = context.createImageData(width, height);
  const [dx, dy] = view.ahead.map(Math.round);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const i = y * width + x;
      const inside = x - dx >= 0 && x - dx < width && y - dy >= 0 && y - dy < height;
      const j = inside ? i - dy * width - dx : -1;
      const rendered = j < 0 ? 0 : drr[j];
      let rgb;
      if (mode === "fusion") {
        const cyan = xray[i] * (state.hidden ? 1 : Math.min(1, 2 - 2 * strength));
        rgb = [state.hidden ? cyan : rendered * Math.min(1, 2 * strength), cyan, cyan];
      } else if (mode === "edges") {
        const edge = (j < 0 ? 0 : edges[j]) * Math.min(1, 1.5 * strength);
        rgb = [xray[i] * (1 - edge) + 40 * edge, xray[i] * (1 - edge) + 255 * edge, xray[i] * (1 - edge) + 90 * edge];
      } else {
        const both = xray[i] * (1 - strength) + rendered * strength;
        rgb = [both, both, both];
      }
      pixels.data.set([rgb[0], rgb[1], rgb[2], 255], 4 * i);
    }
  }
  context.putImageData(pixels, 0, 0);
  context.font = "13px system-ui, sans-serif";
  for (const click of state.clicks.filter((each) => each.view === view.index)) {
    context.strokeStyle = context.fillStyle = "#ffd54a";
    context.lineWidth = 1.5;
    context.beginPath();
    context.arc(click.column, click.row, 5, 0, 2 * Math.PI);
    context.moveTo(click.column - 9, click.row);
    context.lineTo(click.column + 9, click.row);
    context.moveTo(click.column, click.row - 9);
    context.lineTo(click.column, click.row + 9);
    context.stroke();
    context.fillText(click.name, click.column + 8, click.row - 8);
  }
}

const drawAll = () => state.views.forEach(draw);

async function show(found) {
  const drrs = await Promise.all(found.drrs.map(picture));
  state.pose = found.pose;
  state.theta = found.theta;
  state.views.forEach((view, index) => {
    view.drr = drrs[index];
    view.edges = edgesOf(drrs[index], view.width, view.height);
    view.ahead = [0, 0];
  });
  drawAll();
  found.theta.forEach((value, index) => {
    const field = byId(`number-${index}`);
    if (document.activeElement !== field) field.value = value.toFixed(2);
  });
}

async function request(name, content, words = "") {
  if (state.done) return null;
  state.busy = true;
  try {
    const found = await ask(name, content);
    await show(found);
    say(words);
    return found;
  } catch (error) {
    state.views.forEach((view) => { view.ahead = [0, 0]; });
    drawAll();
    say(error.message, "error");
    return null;
  } finally {
    state.busy = false;
    next();
  }
}

function next() {
  if (state.busy || state.queue === null) return;
  const { view, turn, shift } = state.queue;
  state.queue = null;
  request("move", { pose: state.pose, view, turn_deg: turn, shift_mm: shift });
}

function keep() {
  state.past.push(state.pose);
  if (state.past.length > 200) state.past.shift();
}

function move(view, turn, shift) {
  if (state.queue !== null && state.queue.view !== view) next();
  const before = state.queue ?? { view, turn: [0, 0, 0], shift: [0, 0, 0] };
  state.queue = { view, turn: before.turn.map((each, i) => each + turn[i]), shift: before.shift.map((each, i) => each + shift[i]) };
  const shown = state.views[view];
  shown.ahead = [shown.ahead[0] + shift[0] / shown.mm, shown.ahead[1] + shift[1] / shown.mm];
  if (shift[0] !== 0 || shift[1] !== 0) draw(shown);
  next();
}

function place(pose, words) {
  if (pose !== undefined) request("render", { pose }, words);
}

function activate(index) {
  state.active = index;
  state.views.forEach((view, each) => view.figure.classList.toggle("active", each === index));
}

const toolOf = (event) => event.shiftKey ? "tilt" : event.ctrlKey || event.metaKey ? "spin"
  : document.querySelector("input[name=tool]:checked").value;

function listen(view) {
  const { canvas, index } = view;
  let from = null;
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    const scale = Math.min(box.width / view.width, box.height / view.height);
    return [(event.clientX - box.left - (box.width - scale * view.width) / 2) / scale - 0.5,
      (event.clientY - box.top - (box.height - scale * view.height) / 2) / scale - 0.5];
  };
  canvas.addEventListener("pointerdown", (event) => {
    activate(index);
    view.figure.focus({ preventScroll: true });
    const tool = toolOf(event);
    if (tool === "landmark") {
      addClick(index, at(event));
      return;
    }
    canvas.setPointerCapture(event.pointerId);
    keep();
    from = { tool, place: at(event) };
  });
  canvas.addEventListener("pointermove", (event) => {
    if (from === null) return;
    const [x, y] = at(event);
    const [dx, dy] = [x - from.place[0], y - from.place[1]];
    if (from.tool === "move") move(index, [0, 0, 0], [dx * view.mm, dy * view.mm, 0]);
    if (from.tool === "tilt") move(index, [0.4 * -dy, 0.4 * dx, 0], [0, 0, 0]);
    if (from.tool === "depth") move(index, [0, 0, 0], [0, 0, dy]);
    if (from.tool === "spin") {
      const [cx, cy] = [view.width / 2, view.height / 2];
      const turned = Math.atan2(y - cy, x - cx) - Math.atan2(from.place[1] - cy, from.place[0] - cx);
      move(index, [0, 0, 180 / Math.PI * Math.atan2(Math.sin(turned), Math.cos(turned))], [0, 0, 0]);
    }
    from.place = [x, y];
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { from = null; });
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    activate(index);
    keep();
    move(index, [0, 0, 0], [0, 0, 5 * Math.sign(event.deltaY)]);
  }, { passive: false });
}

function addClick(view, [column, row]) {
  const name = byId("name").value;
  state.clicks = state.clicks.filter((each) => each.view !== view || each.name !== name);
  state.clicks.push({ view, name, column, row });
  const names = byId("name");
  if (names.selectedIndex < names.options.length - 1) names.selectedIndex += 1;
  listClicks();
}

function listClicks() {
  byId("clicks").replaceChildren(...state.clicks.map((click) => {
    const item = document.createElement("li");
    const remove = document.createElement("button");
    remove.type = "button";
    remove.textContent = "Remove";
    remove.addEventListener("click", () => {
      state.clicks = state.clicks.filter((each) => each !== click);
      listClicks();
    });
    item.append(`${click.name}, view ${click.view + 1}`, remove);
    return item;
  }));
  byId("solve").disabled = state.clicks.length < 2;
  drawAll();
}

async function solve() {
  keep();
  const found = await request("solve", { clicks: state.clicks, keep_view: byId("keep").checked, pose: state.pose });
  byId("warnings").replaceChildren(...(found?.warnings ?? []).map((text) => {
    const item = document.createElement("li");
    item.textContent = text;
    return item;
  }));
  if (found) say(`Placed by ${state.clicks.length} clicks: they miss their landmarks by ${found.rms_mm.toFixed(1)} mm (rms).`);
}

async function save() {
  try {
    await ask("save", { pose: state.pose });
    state.done = true;
    document.querySelectorAll("button, input, select").forEach((each) => { each.disabled = true; });
    say("Saved. The command has ended; this page can be closed.", "done");
  } catch (error) {
    say(error.message, "error");
  }
}

function pressed(event) {
  if (["INPUT", "SELECT"].includes(event.target.tagName) && event.target.type !== "radio") return;
  if (event.metaKey || event.altKey || (event.ctrlKey && event.key !== "z") || state.pose === null) return;
  const [mm, deg] = event.shiftKey ? [10, 5] : [1, 1];
  const moves = {
    ArrowLeft: [[0, 0, 0], [-mm, 0, 0]], ArrowRight: [[0, 0, 0], [mm, 0, 0]],
    ArrowUp: [[0, 0, 0], [0, -mm, 0]], ArrowDown: [[0, 0, 0], [0, mm, 0]],
    w: [[deg, 0, 0], [0, 0, 0]], s: [[-deg, 0, 0], [0, 0, 0]],
    a: [[0, -deg, 0], [0, 0, 0]], d: [[0, deg, 0], [0, 0, 0]],
    q: [[0, 0, -deg], [0, 0, 0]], e: [[0, 0, deg], [0, 0, 0]],
    "+": [[0, 0, 0], [0, 0, -5]], "=": [[0, 0, 0], [0, 0, -5]], "-": [[0, 0, 0], [0, 0, 5]],
  };
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (key in moves) {
    keep();
    move(state.active, ...moves[key]);
  } else if (key === "u" || key === "z") {
    place(state.past.pop(), "One step back.");
  } else if (key === "r") {
    reset();
  } else if (key === " ") {
    state.hidden = true;
    drawAll();
  } else if ("12345".includes(key) && document.querySelectorAll("input[name=tool]")[key - 1]) {
    document.querySelectorAll("input[name=tool]")[key - 1].click();
  } else {
    return;
  }
  event.preventDefault();
}

function reset() {
  keep();
  place(state.first, "Back at the first pose.");
}

function build(found) {
  byId("case").textContent = found.case;
  found.views.forEach((each, index) => {
    const figure = document.createElement("figure");
    const canvas = document.createElement("canvas");
    const caption = document.createElement("figcaption");
    figure.tabIndex = 0;
    figure.setAttribute("aria-label", `View ${index + 1}: X-ray and rendering`);
    figure.addEventListener("focus", () => activate(index));
    caption.textContent = found.views.length > 1 ? `View ${index + 1}` : "X-ray and rendering";
    canvas.width = each.width;
    canvas.height = each.height;
    figure.append(canvas, caption);
    byId("views").append(figure);
    state.views.push({ index, figure, canvas, context: canvas.getContext("2d"), width: each.width, height: each.height,
      mm: each.mm_per_px, ahead: [0, 0] });
  });
  NUMBERS.forEach(([label, unit], index) => {
    const row = document.createElement("label");
    row.className = "number";
    const field = document.createElement("input");
    Object.assign(field, { type: "number", step: unit === "deg" ? 0.5 : 1, id: `number-${index}` });
    field.addEventListener("change", () => {
      const theta = NUMBERS.map((_, each) => Number(byId(`number-${each}`).value));
      keep();
      request("place", { theta });
    });
    const name = document.createElement("span");
    name.textContent = label;
    const short = document.createElement("em");
    short.textContent = unit === "deg" ? "\u00b0" : unit;
    row.append(name, field, short);
    byId("numbers").append(row);
  });
  byId("landmarks").hidden = byId("landmark-tool").hidden = found.names.length === 0;
  byId("name").replaceChildren(...found.names.map((name) => new Option(name, name)));
}

async function begin() {
  try {
    const found = await ask("begin");
    build(found);
    const xrays = await Promise.all(found.views.map((each) => picture(each.xray)));
    state.views.forEach((view, index) => { view.xray = xrays[index]; });
    await show(found);
    state.first = found.pose;
    state.views.forEach(listen);
    activate(0);
    say("Drag the rendering (red) until it covers the X-ray (cyan), then press Save pose.");
  } catch (error) {
    say(error.message, "error");
  }
}

document.addEventListener("keydown", pressed);
document.addEventListener("keyup", (event) => {
  if (event.key === " " && state.hidden) {
    state.hidden = false;
    drawAll();
  }
});
document.querySelectorAll("input[name=show], #strength").forEach((each) => each.addEventListener("input", drawAll));
document.querySelectorAll("input[name=tool]").forEach((each) => each.addEventListener("input", () => {
  state.views.forEach((view) => view.canvas.classList.toggle("landmark", each.value === "landmark"));
}));
byId("undo").addEventListener("click", () => place(state.past.pop(), "One step back."));
byId("reset").addEventListener("click", reset);
byId("solve").addEventListener("click", solve);
byId("save").addEventListener("click", save);
byId("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
});
begin();
