// ---- Workers, plugins and warnings.

function make_worker({index}) {
  const element = document.createElement("li");
  make(element, "span", {text: `worker ${index}`, kind: "who"});
  const meter = make(element, "span", {kind: "meter", role: "meter", "aria-valuemin": "0",
    "aria-valuemax": "100", "aria-label": `worker ${index} is busy`});
  const bar = make(meter, "i");
  const busy = make(element, "span", {kind: "number"});
  const call = make(element, "span", {kind: "detail"});
  const update = worker => {
    const share = Number.isFinite(worker.busy) ? Math.min(Math.max(worker.busy, 0), 1) : 0;
    bar.style.width = `${100 * share}%`;
    set_attribute(meter, "aria-valuenow", String(Math.round(100 * share)));
    set_attribute(meter, "class", `meter ${share > 0.9 ? "high" : ""}`);
    set_text(busy, percent(worker.busy));
    set_text(call, worker.callback ? `${worker.callback.name} of ${worker.callback.listener}` : "");
  };
  return {element, update};
}

function show_workers(status, busy_of) {
  const workers = status.workers.map(each => ({...each, busy: busy_of.get(each.index) ?? NaN}));
  keep_children(by("worker_list"), workers, each => each.index, make_worker);
}

// Instances of the same plugin are one row.
const names_shown = 6;
const plugin_columns = [
  text_column("Plugin", item => `${item.name} ${item.version}`.trim(),
    {is_head: true, kind: "who"}),
  text_column("State", item => [...item.states].map(([state, number]) =>
    item.states.size === 1 ? state : `${number} ${state}`).join(", ")),
  text_column("Listeners", ({listeners}) => listeners.slice(0, names_shown).join(", ") +
    (listeners.length > names_shown ? ` and ${listeners.length - names_shown} more` : ""),
    {kind: "wide"}),
  text_column("Flags", item => item.flags.join(", ") || nothing),
  text_column("File", item => item.file, {kind: "file"}),
];

function show_plugins(status) {
  const plugins = new Map();
  for (const each of status.plugins) {
    const key = JSON.stringify([each.name, each.version, each.file, each.flags]);
    if (!plugins.has(key)) plugins.set(key, {...each, key, listeners: [], states: new Map()});
    const {listeners, states} = plugins.get(key);
    listeners.push(each.listener);
    states.set(each.state, (states.get(each.state) ?? 0) + 1);
  }
  keep_children(by("plugin_rows"), [...plugins.values()], each => each.key,
    each => make_row(plugin_columns, each));
}

function make_warning(warning) {
  const element = document.createElement("li");
  make(element, "time", {text: moment(warning.time), datetime: warning.time});
  make(element, "span", {text: warning.level, kind: `badge ${warning.level}`});
  if (warning.listener) make(element, "b", {text: warning.listener});
  make(element, "span", {text: warning.text, kind: "text"});
  return {element, update() {}};
}

// The newest first. Two lines may be the same in everything.
function show_warnings(status) {
  const seen = new Map(), lines = status.warnings.map(warning => {
    const text = JSON.stringify(warning), number = (seen.get(text) ?? 0) + 1;
    seen.set(text, number);
    return {...warning, key: `${number} ${text}`};
  });
  keep_children(by("warning_list"), lines.reverse(), line => line.key, make_warning);
  set_hidden(by("no_warnings"), lines.length > 0);
  if (document.activeElement !== by("level")) by("level").value = status.log.level;
}

by("level").addEventListener("change", () => {
  const level = by("level").value;
  order("api/log-level", {level}, `The log's level is ${level}.`);
});
by("reopen").addEventListener("click", () =>
  order("api/reopen-log", {}, "The log files were opened again."));
make_heads(by("plugin_heads"), plugin_columns);
