// ---- The charts: a line for each of a few listeners, and one for the others together.
const shades = 6; // how many lines can be told apart
const others = "others";
const ranking_seconds = 10;

const charts = {
  received: new Chart(by("figures"), {title: "Received", text: byte_rate, least: 1000}),
  sent: new Chart(by("figures"), {title: "Sent", text: byte_rate, least: 1000}),
  messages: new Chart(by("figures"), {title: "Messages/s", text: rate, least: 10}),
  open: new Chart(by("figures"), {title: "Open connections", text: count, least: 4}),
  latency: new Chart(by("figures"), {title: "Latency of callbacks", text: latency, decades: true}),
  errors: new Chart(by("figures"), {title: "Errors/s", text: rate, least: 1}),
};

// What the operator picked, oldest first. If that is nothing, the busiest are shown.
const picked = new Set();
let busiest = [], ranked_at = -Infinity, ranked_names = "";
const shade_of = new Map();

const is_shown = name => shade_of.has(name);

// Shows a listener, or no longer. What is shown now stays; the oldest goes if there are too many.
function toggle_shown(name) {
  if (picked.size === 0) for (const each of shade_of.keys()) picked.add(each);
  if (!picked.delete(name)) picked.add(name);
  while (picked.size > shades) picked.delete(picked.values().next().value);
}

// The ranking holds for some seconds, so that the lines do not come and go.
function rank(history, names) {
  const now = history.times.at(-1) ?? 0, key = JSON.stringify(names);
  if (key === ranked_names && now - ranked_at < ranking_seconds * 1000) return;
  [ranked_at, ranked_names] = [now, key];
  const traffic = new Map(names.map(name => [name, history.mean(name, "received", 60) +
    history.mean(name, "sent", 60) + history.mean(name, "open", 60) * 1e-6]));
  busiest = [...names].sort((one, other) => traffic.get(other) - traffic.get(one)).slice(0, shades);
}

function give_shades(names) {
  for (const name of shade_of.keys()) if (!names.includes(name)) shade_of.delete(name);
  const free = new Set(Array.from({length: shades}, (_, shade) => shade));
  for (const shade of shade_of.values()) free.delete(shade);
  for (const name of names) {
    if (shade_of.has(name)) continue;
    const [shade] = free;
    shade_of.set(name, shade);
    free.delete(shade);
  }
}

// A long history has more samples than the chart has places: of each few, the highest is drawn.
function thinned(points, every) {
  if (every === 0) return points;
  const groups = [];
  for (const [time, value] of points) {
    const last = groups.at(-1);
    if (last && Math.floor(last[0] / every) === Math.floor(time / every)) {
      if (!(last[1] >= value)) last[1] = Number.isFinite(value) ? value : last[1];
      last[0] = time;
    } else {
      groups.push([time, value]);
    }
  }
  return groups;
}

const selected_text = select => select.selectedOptions[0].textContent;
const sum_of = values => values.reduce((sum, each) =>
  Number.isFinite(each) ? (Number.isFinite(sum) ? sum + each : each) : sum, NaN);

// The charts reach back as far as there is something to see, in few steps.
function shown_seconds(history) {
  const most = Number(by("range").value), steps = [60, 120, 300, 900];
  const past = history.times.length === 0 ? 0 : (history.times.at(-1) - history.times[0]) / 1000;
  return Math.min(steps.find(step => step >= past) ?? most, most);
}

// names: of the listeners that match the search.
function draw_charts(history, names) {
  const seconds = shown_seconds(history), to = history.times.at(-1) ?? Date.now();
  const from = to - seconds * 1000, first = Math.max(history.first_after(from) - 1, 0);
  const times = history.times.slice(first), every = seconds > 300 ? 3000 : 0;
  for (const name of picked) if (!history.tracks.has(name)) picked.delete(name);
  rank(history, names);
  give_shades(picked.size > 0 ? [...picked] : busiest);
  const rest = names.filter(name => !is_shown(name) && history.tracks.has(name));
  const points = values =>
    thinned(times.map((time, index) => [time, values(first + index)]), every);
  for (const [key, chart] of Object.entries(charts)) {
    const measure = key === "latency" ? by("percentile").value : key;
    const known = [...shade_of].filter(([name]) => history.tracks.has(name));
    const lines = known.map(([name, shade]) => {
      const values = history.tracks.get(name)[measure];
      return {name, shade, points: points(index => values[index])};
    });
    // Quantiles have no sum: the line beside them is that of all calls.
    if (rest.length > 0 && history.tracks.has(null)) {
      const tracks = rest.map(name => history.tracks.get(name)[measure]);
      const all = history.tracks.get(null)[measure];
      lines.unshift({name: key === "latency" ? "all listeners" : others, shade: others,
        points: points(key === "latency" ? index => all[index] :
          index => sum_of(tracks.map(track => track[index])))});
    }
    const last = key === "latency" ? history.latest(null, measure) :
      sum_of(names.map(name => history.latest(name, measure)));
    const now = (key === "latency" ? `${selected_text(by("percentile"))}: ` : "") +
      chart.text(last);
    chart.draw({lines, times: times.filter(time => time >= from), from, to, now});
  }
  show_legend(rest.length);
}

function show_legend(rest) {
  const items = [...shade_of].map(([name, shade]) => ({name, shade}));
  if (rest > 0) items.push({name: plural(rest, "other", "others"), shade: others});
  keep_children(by("legend"), items, item => `${item.shade} ${item.name}`, item => {
    const element = document.createElement("li");
    make(element, "i", {kind: `swatch shade_${item.shade}`});
    make(element, "span", {text: item.name});
    return {element, update() {}};
  });
  set_hidden(by("busiest"), picked.size === 0);
}

by("busiest").addEventListener("click", () => {
  picked.clear();
  show_all();
});
for (const id of ["range", "percentile"]) by(id).addEventListener("change", () => show_all());
