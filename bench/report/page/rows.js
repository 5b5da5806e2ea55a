"use strict";

const ROWS_A_PAGE = 50;

/** The table of rows: columns of numbers or of numbered names; sorting and filtering only orders row numbers. */
const rows = {
  sorted: { column: null, down: false },
  page: 0,

  load(columns) {
    this.columns = columns;
    this.byKey = Object.fromEntries(columns.map((each) => [each.key, each]));
  },

  start() {
    const { columns } = this;
    this.count = (columns[0].codes ?? columns[0].values).length;
    this.fill("row-method", this.byKey.method);
    this.fill("row-failure", this.byKey.failure);
    this.head();
    const filters = { "row-method": "change", "row-failure": "change", "row-text": "input", "row-least": "input" };
    for (const [id, event] of Object.entries(filters)) {
      document.getElementById(id).addEventListener(event, () => this.choose());
    }
    document.getElementById("row-previous").addEventListener("click", () => this.turn(-1));
    document.getElementById("row-next").addEventListener("click", () => this.turn(1));
    this.choose();
  },

  /** What a cell says; numbers as they are, an absent one as undefined. */
  value(column, row) {
    if (column.codes) return column.names[column.codes[row]];
    return column.values[row] ?? undefined;
  },

  /** The row of a case and a method, both by number. */
  find(number, series) {
    this.places ??= new Map(this.byKey.case_id.codes.map((code, row) => [code * methods.labels.length + this.byKey.method.codes[row], row]));
    return this.places.get(number * methods.labels.length + series);
  },

  fill(id, column) {
    const select = document.getElementById(id);
    column.names.forEach((name, code) => select.append(make("option", { value: code, textContent: shown(name, column) })));
  },

  head() {
    const cells = this.columns.map((column) => {
      const button = make("button", { type: "button", textContent: column.title, title: column.help ?? "" });
      button.addEventListener("click", () => this.sort(column));
      const cell = make("th", { scope: "col", className: column.codes ? "l" : "r" }, button);
      column.cell = cell;
      return cell;
    });
    document.querySelector("#row-table thead").replaceChildren(make("tr", {}, ...cells));
  },

  sort(column) {
    const down = this.sorted.column === column && !this.sorted.down;
    this.sorted = { column, down };
    for (const each of this.columns) each.cell.removeAttribute("aria-sort");
    column.cell.setAttribute("aria-sort", down ? "descending" : "ascending");
    this.order();
  },

  /** Rows that pass the filters. */
  choose() {
    const method = document.getElementById("row-method").value;
    const failure = document.getElementById("row-failure").value;
    const words = document.getElementById("row-text").value.trim().toLowerCase();
    const least = document.getElementById("row-least").valueAsNumber;
    const texts = ["case_id", "outcome", "error"].map((key) => this.byKey[key]).filter(Boolean);
    // A name is searched once, not once a row.
    const hits = texts.map(({ names }) => names.map((name) => name.toLowerCase().includes(words)));
    this.chosen = [];
    for (let row = 0; row < this.count; row++) {
      if (method !== "" && this.byKey.method.codes[row] !== Number(method)) continue;
      if (failure !== "" && this.byKey.failure.codes[row] !== Number(failure)) continue;
      // A missing error is larger than any other.
      if (!Number.isNaN(least) && (this.byKey.mtre_mm.values[row] ?? Infinity) < least) continue;
      if (words !== "" && !texts.some(({ codes }, number) => hits[number][codes[row]])) continue;
      this.chosen.push(row);
    }
    this.order();
  },

  order() {
    const { column, down } = this.sorted;
    if (column !== null) {
      // Names by their alphabet; absent values last either way.
      const ranks = column.codes && alphabetical(column.names);
      const key = (row) => (ranks ? ranks[column.codes[row]] : column.values[row]) ?? null;
      const sign = down ? -1 : 1;
      this.chosen.sort((a, b) => compared(key(a), key(b), sign) || a - b);
    } else {
      this.chosen.sort((a, b) => a - b);
    }
    this.page = 0;
    this.draw();
  },

  turn(step) {
    this.page += step;
    this.draw();
  },

  draw() {
    const first = this.page * ROWS_A_PAGE;
    const some = this.chosen.slice(first, first + ROWS_A_PAGE);
    document.querySelector("#row-table tbody").replaceChildren(...some.map((row) => this.line(row)));
    const last = first + some.length;
    const number = (value) => value.toLocaleString("en");
    document.getElementById("row-count").textContent = `${number(this.chosen.length)} of ${number(this.count)} rows`;
    document.getElementById("row-page").textContent = some.length ? `${number(first + 1)} to ${number(last)}` : "no rows";
    document.getElementById("row-previous").disabled = this.page === 0;
    document.getElementById("row-next").disabled = last >= this.chosen.length;
  },

  line(row) {
    const cells = this.columns.map((column) => {
      const text = shown(this.value(column, row), column);
      const cell = make("td", { className: column.codes ? "l" : "r", title: column.codes ? text : "" });
      if (column.key === "case_id" && cases.has(column.codes[row])) {
        const open = make("button", { type: "button", textContent: text });
        open.addEventListener("click", () => cases.open(column.codes[row], this.byKey.method.codes[row]));
        cell.append(open);
      } else {
        cell.textContent = text;
      }
      return cell;
    });
    return make("tr", {}, ...cells);
  },
};

function alphabetical(names) {
  const order = names.map((_, code) => code).sort((a, b) => names[a].localeCompare(names[b], "en", { numeric: true }));
  const ranks = new Array(names.length);
  order.forEach((code, rank) => { ranks[code] = rank; });
  return ranks;
}

function compared(a, b, sign) {
  if (a === null || b === null) return (a === null) - (b === null);
  return a < b ? -sign : a > b ? sign : 0;
}

/** A value as a cell prints it. */
function shown(value, column) {
  if (value === undefined) return "–";
  if (column.codes) return column.key === "failure" ? value.replaceAll("_", " ") : value;
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (Number.isInteger(value)) return value.toLocaleString("en");
  return Math.abs(value) >= 0.01 ? value.toFixed(2) : value.toPrecision(1);
}
