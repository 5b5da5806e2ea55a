"use strict";

/** The interactive figures: traces and layouts come with the page, colours from the theme. */
const plots = {
  // Pixels of a printed page, which does not resize what is drawn.
  printed: null,

  start(figures) {
    this.figures = figures.map((figure) => new Figure(figure));
    theme.listeners.push(() => this.draw());
    methods.listeners.push(() => this.draw());
    addEventListener("beforeprint", () => { this.printed = 680; this.draw(); });
    addEventListener("afterprint", () => { this.printed = null; this.draw(); });
    this.draw();
  },

  draw() {
    for (const figure of this.figures) figure.draw();
  },
};

const PLAIN = { responsive: true, displaylogo: false, displayModeBar: false };

class Figure {
  constructor({ key, variants }) {
    this.variants = variants;
    this.chosen = 0;
    this.panels = document.querySelector(`#figure-${key} .panels`);
    const select = document.getElementById(`variant-${key}`);
    if (select !== null) {
      select.addEventListener("change", () => { this.chosen = Number(select.value); this.draw(); });
    }
  }

  draw() {
    const { panels } = this.variants[this.chosen];
    while (this.panels.children.length > panels.length) this.panels.lastChild.remove();
    while (this.panels.children.length < panels.length) this.panels.append(make("div"));
    panels.forEach(({ traces, layout }, number) => {
      Plotly.react(this.panels.children[number], traces.map(coloured), laidOut(layout, panels.length, traces), PLAIN);
    });
  }
}

/** A trace in the colour, dash and marker of its method. */
function coloured(trace) {
  const { series } = trace.meta;
  if (series < 0) return { ...trace, line: { ...trace.line, color: theme.colour("dim") }, showlegend: false };
  const { colour, dash, marker } = look(series);
  const ink = theme.colour(colour);
  return {
    ...trace,
    name: plain(methods.labels[series]),
    visible: methods.shown[series],
    showlegend: false,
    line: { width: 1.8, ...trace.line, color: ink, dash },
    marker: { symbol: marker, ...trace.marker, color: ink },
    fillcolor: "rgba(0,0,0,0)",
    textfont: { color: theme.colour("text"), size: 11 },
  };
}

function laidOut(layout, count, traces = []) {
  const many = count > 2;
  const axis = {
    gridcolor: theme.colour("line"), linecolor: theme.colour("dim"), zerolinecolor: theme.colour("line"),
    ticks: "outside", tickcolor: theme.colour("dim"), ticklen: 4, automargin: true, tickfont: { size: 11 },
  };
  const logarithmic = (given, key) =>
    given.type !== "log" ? given : { dtick: decades(traces, key) > 1.5 ? 1 : undefined, exponentformat: "none", ...given };
  const titled = (given, key) => ({ ...axis, ...logarithmic(given, key), title: { font: { size: 12 }, standoff: 8, ...given.title } });
  const height = layout.height ?? (layout.rows ? 90 + 26 * layout.rows : many ? 230 : 360);
  const heading = layout.title ? { title: { ...layout.title, font: { size: 12.5 }, x: 0.5, y: 0.97 } } : {};
  return {
    ...heading,
    height,
    width: plots.printed === null ? undefined : plots.printed / Math.min(count, 2),
    autosize: plots.printed === null,
    xaxis: { ...titled(layout.xaxis, "x"), showgrid: Boolean(layout.rows) },
    yaxis: titled(layout.yaxis, "y"),
    margin: { l: 50, r: 14, t: layout.title ? 30 : 12, b: 44 },
    font: { family: getComputedStyle(document.body).fontFamily, color: theme.colour("text"), size: 12 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    hovermode: "closest",
    hoverlabel: { bgcolor: theme.colour("soft"), bordercolor: theme.colour("line"), font: { color: theme.colour("text") } },
  };
}

/** A text that plotly prints as it stands: it takes tags for markup. */
function plain(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}

/** How many decades the values of some traces span along an axis. */
function decades(traces, key) {
  const values = traces.flatMap((trace) => trace[key] ?? []).filter((value) => value > 0);
  return Math.log10(Math.max(...values) / Math.min(...values));
}
