// ---- One chart: lines over time, in SVG. All charts share a cursor.
const margin = {left: 66, right: 12, top: 10, bottom: 22};
const chart_height = 170;
const every_chart = [];

// Where the cursor stands, in milliseconds; undefined: there is none.
let cursor_time;
function move_cursor(time) {
  cursor_time = time;
  for (const chart of every_chart) chart.draw_cursor();
}

const round_steps = [1, 2, 4, 6, 8, 10]; // a quarter of each has few digits
function round_up(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return round_steps.find(step => step * power >= value * 0.9999) * power;
}

// The scales answer {place(value): 0 to 1 from the bottom, ticks}.
function linear_scale(values, least) {
  const high = round_up(Math.max(least, 1.05 * Math.max(...values, 0)));
  return {place: value => value / high, ticks: [0, high / 4, high / 2, high * 3 / 4, high]};
}
function decade_scale(values) {
  const some = values.filter(each => each > 0);
  const low = Math.floor(Math.log10(some.length > 0 ? Math.min(...some) : 1e-6));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(10 ** low, ...some)) - 1e-9));
  const every = Math.ceil((high - low) / 5), ticks = [];
  for (let power = low; power <= high; power += every) ticks.push(10 ** power);
  return {place: value => (Math.log10(value) - low) / (high - low), ticks};
}

// "M" where a line begins, after each gap. A value that stands alone becomes a dot.
function path_of(points, x, y) {
  let path = "", drawing = false;
  points.forEach(([time, value], index) => {
    const here = Number.isFinite(value);
    if (here) path += `${drawing ? "L" : "M"}${x(time).toFixed(1)} ${y(value).toFixed(1)}`;
    if (here && !drawing && !Number.isFinite(points[index + 1]?.[1])) path += "h0";
    drawing = here;
  });
  return path;
}

class Chart {
  #lines = [];
  #times = [];
  #told = undefined; // the time that the tip speaks of

  // text(value): what the axis and the cursor say. least: the axis reaches this value at least.
  constructor(place, {title, text, least = 1, decades = false}) {
    this.title = title;
    this.text = text;
    this.scale_of = decades ? decade_scale : values => linear_scale(values, least);
    const figure = make(place, "figure", {tabindex: "0", role: "group"});
    this.figure = figure;
    const caption = make(figure, "figcaption");
    make(caption, "b", {text: title});
    this.now = make(caption, "span");
    this.svg = draw(figure, "svg", {role: "img", height: chart_height});
    this.plot = draw(this.svg, "g", {});
    this.cursor = draw(this.svg, "line", {class: "cursor", visibility: "hidden"});
    this.tip = make(figure, "div", {kind: "tip"});
    set_attribute(figure, "aria-label", `${title}. Left and right arrow: values in time.`);
    this.svg.addEventListener("pointermove", event => this.#point(event));
    this.svg.addEventListener("pointerleave", () => move_cursor(undefined));
    figure.addEventListener("keydown", event => this.#step(event));
    figure.addEventListener("blur", () => move_cursor(undefined));
    every_chart.push(this);
  }

  // lines: [{name, shade, points: [[time, value]]}]; times: where the cursor may stand; now: what
  // the chart's head says.
  draw({lines, times, from, to, now}) {
    if (lines.length !== this.#lines.length ||
      lines.some((line, index) => line.name !== this.#lines[index].name)) this.#told = undefined;
    this.#lines = lines;
    this.#times = times;
    set_text(this.now, now);
    const width = Math.max(this.svg.clientWidth, 200), {left, right, top, bottom} = margin;
    const scale = this.scale_of(lines.flatMap(line => line.points.map(point => point[1])
      .filter(Number.isFinite)));
    this.x = time => left + (time - from) / (to - from) * (width - left - right);
    this.time = x => from + (x - left) / (width - left - right) * (to - from);
    const y = value => chart_height - bottom - scale.place(value) * (chart_height - bottom - top);
    set_attribute(this.svg, "viewBox", `0 0 ${width} ${chart_height}`);
    this.plot.replaceChildren();
    for (const tick of scale.ticks) {
      const height = y(tick);
      draw(this.plot, "line", {class: "grid", x1: left, x2: width - right, y1: height, y2: height});
      draw(this.plot, "text", {x: left - 8, y: height + 4, "text-anchor": "end"})
        .textContent = without_zeros(this.text(tick));
    }
    this.#draw_times(from, to, width);
    for (const line of lines) {
      const path = path_of(line.points.filter(point => point[0] >= from), this.x, y);
      if (path) draw(this.plot, "path", {class: `line shade_${line.shade}`, d: path});
    }
    set_attribute(this.svg, "aria-label", `${this.title}: ` + lines.map(line =>
      `${line.name} ${this.text(line.points.at(-1)?.[1] ?? NaN)}`).join(", "));
    this.draw_cursor();
  }

  #draw_times(from, to, width) {
    const seconds = (to - from) / 1000, step = seconds / (seconds % 300 === 0 ? 5 : 4);
    const every = width < 420 ? seconds / 2 : step;
    for (let ago = 0; ago <= seconds; ago += every) {
      const x = this.x(to - ago * 1000);
      const anchor = ago === 0 ? "end" : ago === seconds ? "start" : "middle";
      draw(this.plot, "text", {x, y: chart_height - 6, "text-anchor": anchor})
        .textContent = ago === 0 ? "now" : "-" + (ago < 60 ? `${ago} s` : `${ago / 60} min`);
    }
  }

  // The cursor stands at the sample nearest to the shared time.
  draw_cursor() {
    const at = this.#nearest(cursor_time);
    const active = at !== undefined && (this.figure.matches(":hover") ||
      this.figure === document.activeElement);
    set_attribute(this.cursor, "visibility", at === undefined ? "hidden" : "visible");
    this.tip.classList.toggle("seen", active);
    if (at === undefined) return;
    const x = this.x(at);
    for (const [name, value] of [["x1", x], ["x2", x], ["y1", margin.top],
      ["y2", chart_height - margin.bottom]]) set_attribute(this.cursor, name, String(value));
    if (!active) return;
    if (at !== this.#told) this.#fill_tip(at);
    const room = this.svg.clientWidth - this.tip.offsetWidth - 4;
    const beside = x + 14 > room ? x - 14 - this.tip.offsetWidth : x + 14;
    this.tip.style.left = `${Math.max(Math.min(beside, room), 0)}px`;
  }

  #fill_tip(at) {
    this.#told = at;
    this.tip.replaceChildren();
    make(this.tip, "b", {text: clock(at)});
    for (const line of this.#lines) {
      const value = line.points.find(point => point[0] >= at)?.[1];
      const row = make(this.tip, "div");
      make(row, "i", {kind: `swatch shade_${line.shade}`});
      make(row, "span", {text: line.name});
      make(row, "span", {text: this.text(value ?? NaN), kind: "number"});
    }
  }

  #nearest(time) {
    if (time === undefined || this.#times.length === 0) return undefined;
    return this.#times.reduce((best, each) =>
      Math.abs(each - time) < Math.abs(best - time) ? each : best);
  }

  #point(event) {
    const place = this.svg.getBoundingClientRect();
    this.tip.removeAttribute("aria-live");
    move_cursor(this.time(event.clientX - place.left));
  }

  // A step with the keyboard: then the tip is read out.
  #step(event) {
    const way = {ArrowLeft: -1, ArrowRight: 1}[event.key];
    if (!way || this.#times.length === 0) return;
    event.preventDefault();
    const at = this.#times.indexOf(this.#nearest(cursor_time ?? this.#times.at(-1)));
    const to = cursor_time === undefined ? at : at + way;
    this.tip.setAttribute("aria-live", "polite");
    move_cursor(this.#times[Math.min(Math.max(to, 0), this.#times.length - 1)]);
  }
}
