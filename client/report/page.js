// What the client's pages draw their charts and tables with. In the page's own script, after "use strict".
const by = id => document.getElementById(id);
const make = (name, text, parent, kind) => {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  if (kind) element.className = kind;
  if (parent) parent.append(element);
  return element;
};
const svgNames = "http://www.w3.org/2000/svg";
const draw = (name, attributes, parent, text) => {
  const element = document.createElementNS(svgNames, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  parent.append(element);
  return element;
};
const grouped = (value, decimals) => value.toLocaleString("en", {minimumFractionDigits: decimals, maximumFractionDigits: decimals});
const short = value => value >= 1e9 ? grouped(value / 1e9, 1) + " G" : value >= 1e6 ? grouped(value / 1e6, 1) + " M" :
  value >= 1e4 ? grouped(value / 1e3, 0) + " k" : grouped(value, 0);
const time = ns => ns >= 1e9 ? grouped(ns / 1e9, 2) + " s" : ns >= 1e6 ? grouped(ns / 1e6, ns >= 1e8 ? 0 : 1) + " ms" :
  ns >= 1e3 ? grouped(ns / 1e3, ns >= 1e5 ? 0 : 1) + " µs" : grouped(ns, 0) + " ns";
// Formats a figure for its unit; an undefined or empty unit is that of a count.
const valued = (value, unit) => grouped(value, !unit ? 0 : unit === "s" ? 3 : unit === "MiB/s" ? 2 : 1) + (unit ? " " + unit.replace("us", "µs") : "");
const instant = text => text.replace("T", " ").replace("Z", " UTC");
const command = words => ["client", ...words].map(each => /^[\w.,:\/=-]+$/.test(each) ? each : JSON.stringify(each)).join(" ");
const row_of = (table, ...cells) => {
  const row = make("tr", undefined, table);
  return cells.map(cell => make("td", cell, row));
};
// How a run has ended, by its exit code: in words, and good, bad or warn.
const verdict_of = code => ({0: ["passed", "good"], 1: ["could not run", "bad"], 3: ["replies were wrong or missing", "bad"], 4: ["a threshold failed", "bad"],
  5: ["the client lagged: these figures are invalid", "bad"], 130: ["interrupted", "warn"]})[code] || ["ended with " + code, "bad"];
// The counts of failures.
const failing = ["wrong", "lost", "duplicate", "reordered", "late", "crossed", "unexpected", "connections_failed", "connections_broken", "idle_broken"];

// ---- charts
const left = 64, right = 14, top_ = 12, bottom = 30;
const linear = (low, high, from, to) => value => from + (value - low) / (high - low || 1) * (to - from);
const logarithmic = (low, high, from, to) => {
  const scale = linear(Math.log10(low), Math.log10(high), from, to);
  return value => scale(Math.log10(Math.max(value, low)));
};
const round_up = value => {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 1.5, 2, 3, 5, 7.5, 10].find(step => step * power >= value * 0.9999) * power;
};
const decades = (low, high) => {
  const all = [];
  for (let at = 10 ** Math.floor(Math.log10(low)); at <= high * 1.001; at *= 10) all.push(at);
  return all;
};
// From the power of ten below the least of these times to the one above the largest, for a logarithmic axis.
const whole_decades = times => {
  const some = times.filter(each => each > 0), low = 10 ** Math.floor(Math.log10(some.length ? Math.min(...some) : 1e6));
  return [low, 10 ** Math.ceil(Math.log10(Math.max(...some, low * 1.01) * 1.0001))];
};
const steps = (high, count) => Array.from({length: count + 1}, (_, i) => high * i / count);
// The axis of time to `end` seconds.
const second_axis = end => {
  const step = round_up(end / 8);
  return {low: 0, high: end, ticks: Array.from({length: Math.floor(end / step + 1e-9) + 1}, (_, i) => i * step),
    text: value => grouped(value, Number.isInteger(step) ? 0 : step < 0.1 ? 2 : 1) + " s"};
};
// By percentile, on the axis 1 / (1 - p): 0, 90, 99, 99.9 % are equally far apart.
const curve = histogram => {
  const points = [];
  let seen = 0;
  for (const [value, count] of histogram.buckets) {
    points.push([histogram.count / (histogram.count - seen), value]);
    seen += count;
  }
  if (histogram.count > 0) points.push([histogram.count, histogram.max]);
  return points;
};
// A place on that axis in words.
const share = value => { const percent = 100 * (1 - 1 / value); return percent.toFixed(Math.max(0, Math.round(Math.log10(value)) - 2)) + " %"; };
// Draws all of it now, and again whenever the page has another width.
const keep_drawn = draw_all => {
  let waiting = 0;
  draw_all();
  window.addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(draw_all, 100); });
};
const path = (points, x, y) => points.map((point, i) => (i ? "L" : "M") + x(point[0]).toFixed(1) + " " + y(point[1]).toFixed(1)).join("");

// lines: [{name, color, points: [[x, y]], area, bars, dash}]; axes: {x, y: {low, high, ticks, text, log}}; all: the x that the pointer stops at; label(which of them): the
// tooltip's text.
function chart(id, lines, axes, height, label, all = lines[0].points.map(point => point[0])) {
  const place = by(id);
  place.replaceChildren();
  const width = Math.max(place.clientWidth, 260);
  const svg = draw("svg", {viewBox: `0 0 ${width} ${height}`, role: "img"}, place);
  draw("title", {}, svg, lines.map(line => line.name).join(", "));
  const scale = (axis, from, to) => (axis.log ? logarithmic : linear)(axis.low, axis.high, from, to);
  const x = scale(axes.x, left, width - right), y = scale(axes.y, height - bottom, top_);
  for (const tick of axes.y.ticks) {
    draw("line", {x1: left, x2: width - right, y1: y(tick), y2: y(tick), stroke: "var(--grid)"}, svg);
    draw("text", {x: left - 8, y: y(tick) + 4, "text-anchor": "end"}, svg, axes.y.text(tick));
  }
  let last = -Infinity;
  for (const tick of axes.x.ticks) {
    if (x(tick) - last < 52) continue;
    last = x(tick);
    draw("line", {x1: last, x2: last, y1: height - bottom, y2: height - bottom + 4, stroke: "var(--line)"}, svg);
    draw("text", {x: last, y: height - 8, "text-anchor": last > width - 40 ? "end" : "middle"}, svg, axes.x.text(tick));
  }
  for (const line of lines) {
    if (line.points.length === 0) continue;
    if (line.area) {
      const ends = line.points;
      draw("path", {d: path(ends, x, y) + `L${x(ends[ends.length - 1][0])} ${y(axes.y.low)}L${x(ends[0][0])} ${y(axes.y.low)}Z`, fill: line.color,
        opacity: 0.14}, svg);
    }
    if (line.bars) {
      for (const [at, value] of line.points) if (value > 0) {
        draw("line", {x1: x(at), x2: x(at), y1: y(axes.y.low), y2: Math.min(y(value), y(axes.y.low) - 6), stroke: line.color, "stroke-width": 3}, svg);
      }
    } else if (line.points.length === 1) {
      draw("circle", {cx: x(line.points[0][0]), cy: y(line.points[0][1]), r: 3, fill: line.color}, svg);
    } else {
      draw("path", {d: path(line.points, x, y), fill: "none", stroke: line.color, "stroke-width": line.dash ? 1.5 : 2, "stroke-linejoin": "round",
        "stroke-dasharray": line.dash ? "5 4" : "none"}, svg);
    }
  }
  const legend = make("div", undefined, place, "legend");
  for (const line of lines) {
    const item = make("span", undefined, legend);
    const sample = make("i", undefined, item);
    sample.style.borderColor = line.color;
    if (line.dash) sample.style.borderTopStyle = "dashed";
    item.append(line.name);
  }
  const cursor = draw("line", {y1: top_, y2: height - bottom, stroke: "var(--soft)", "stroke-dasharray": "3 3", visibility: "hidden"}, svg);
  const tip = make("div", undefined, place, "tip");
  svg.addEventListener("pointermove", event => {
    const at = (event.clientX - svg.getBoundingClientRect().left) * width / svg.clientWidth;
    const nearest = all.reduce((best, each, i) => Math.abs(x(each) - at) < Math.abs(x(all[best]) - at) ? i : best, 0);
    if (all.length === 0) return;
    cursor.setAttribute("x1", x(all[nearest]));
    cursor.setAttribute("x2", x(all[nearest]));
    cursor.setAttribute("visibility", "visible");
    tip.textContent = label(nearest);
    tip.style.display = "block";
    tip.style.left = Math.min(Math.max(x(all[nearest]) + 12, 0), width - tip.offsetWidth - 4) + "px";
    tip.style.top = "14px";
  });
  svg.addEventListener("pointerleave", () => { tip.style.display = "none"; cursor.setAttribute("visibility", "hidden"); });
}
