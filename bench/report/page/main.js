"use strict";

theme.start();
methods.start(data("methods"));
if (document.getElementById("figures") && window.Plotly) plots.start(data("figures"));
if (document.getElementById("data-rows")) rows.load(data("rows"));
if (document.getElementById("data-cases")) cases.start(data("cases"));
if (document.getElementById("data-rows")) rows.start();
addEventListener("beforeprint", () => document.querySelectorAll("details.written").forEach((each) => { each.open = true; }));
