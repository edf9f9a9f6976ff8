// ---- The table of listeners: search, sort, drain.
const state_signs = {listening: "●", draining: "◐", drained: "○", stopping: "■"};
const addresses_of = listener => listener.endpoints.map(each => each.address).join(", ");

// What the operator reads of a listener; `now` has the latest values of its track.
let listener_items = [];
function read_listeners(status, history) {
  const plugin_of = new Map(status.plugins.map(each => [each.listener, each]));
  listener_items = status.listeners.map((listener, order) => {
    const latest = measure => history.latest(listener.name, measure);
    const now = Object.fromEntries(measures.map(measure => [measure, latest(measure)]));
    const words = [listener.name, listener.plugin, plugin_of.get(listener.name)?.name ?? "",
      addresses_of(listener), listener.state];
    return {name: listener.name, listener, order, now, words: words.join(" ").toLowerCase()};
  });
}

function make_name_cell(cell, {name}) {
  make(cell, "span", {text: name, kind: "name"});
  const detail = make(cell, "span", {kind: "detail"});
  return ({listener}) => set_text(detail, `${listener.plugin} · ${addresses_of(listener)}`);
}

function make_shown_cell(cell, {name}) {
  const button = make(cell, "button", {type: "button", kind: "swatch_button",
    "aria-label": `Show ${name} in the charts`, title: "Show in the charts"});
  const swatch = make(button, "i", {kind: "swatch"});
  button.addEventListener("click", () => {
    toggle_shown(name);
    show_all();
  });
  return () => {
    set_attribute(button, "aria-pressed", String(is_shown(name)));
    set_attribute(swatch, "class", `swatch shade_${shade_of.get(name) ?? "none"}`);
  };
}

function make_state_cell(cell) {
  const badge = make(cell, "span", {kind: "badge"});
  return ({listener: {state}}) => {
    set_text(badge, `${state_signs[state] ?? "?"} ${state}`);
    set_attribute(badge, "class", `badge ${state}`);
  };
}

function make_action_cell(cell, {name}) {
  const drain = make_button(cell, "Drain…", () => drain_listener(name));
  const undo = make_button(cell, "Undo drain", () => undo_drain(name));
  const list = make_button(cell, "Connections", () => show_connections(name));
  drain.setAttribute("aria-label", `Drain ${name}`);
  undo.setAttribute("aria-label", `Undo the drain of ${name}`);
  list.setAttribute("aria-label", `Connections of ${name}`);
  return ({listener: {state}}) => {
    set_hidden(drain, state !== "listening");
    set_hidden(undo, state !== "draining" && state !== "drained");
  };
}

const sorted_column = (title, format, value) =>
  number_column(title, item => format(value(item)), {sort: value});
const listener_columns = [
  {title: "In the charts", is_untitled: true, kind: "shown", make: make_shown_cell},
  {title: "Listener", is_head: true, kind: "who", sort: item => item.name, make: make_name_cell},
  {title: "State", kind: "state", sort: item => item.listener.state, make: make_state_cell},
  number_column("Connections", ({listener: {connections}}) =>
    `${count(connections.open)} / ${count(connections.limit)}`,
    {sort: item => item.listener.connections.open}),
  sorted_column("Received", byte_rate, item => item.now.received),
  sorted_column("Sent", byte_rate, item => item.now.sent),
  sorted_column("Messages/s", rate, item => item.now.messages),
  sorted_column("Latency", latency, item => item.now[by("percentile").value]),
  sorted_column("Errors/s", rate, item => item.now.errors),
  sorted_column("Queued", bytes, item => item.listener.queued_bytes),
  {title: "Actions", is_untitled: true, kind: "actions", make: make_action_cell},
];

// Without a column the order is that of the configuration.
const order_of = {column: undefined, down: false};
function choose_order(column) {
  if (order_of.column !== column) {
    // Names rise; of numbers the highest are wanted first.
    Object.assign(order_of, {column, down: column?.kind === "number"});
  } else if (order_of.down === (column?.kind === "number")) {
    order_of.down = !order_of.down;
  } else {
    Object.assign(order_of, {column: undefined, down: false});
  }
  for (const each of listener_columns) {
    if (each.head) each.head.removeAttribute("aria-sort");
  }
  order_of.column?.head.setAttribute("aria-sort", order_of.down ? "descending" : "ascending");
  by("sort").value = order_of.column?.title ?? "";
  show_listeners(true);
}

const matching_listeners = () => {
  const words = by("search").value.toLowerCase().split(/\s+/).filter(word => word);
  return listener_items.filter(item => words.every(word => item.words.includes(word)));
};

// While somebody points at a row or works in it, the rows stay where they are, unless the order
// itself is `chosen` anew.
function show_listeners(chosen = false) {
  const place = by("listener_rows"), items = matching_listeners();
  const {column, down} = order_of;
  if (column) {
    items.sort((one, other) => (down ? -1 : 1) * compare(column.sort(one), column.sort(other)) ||
      one.order - other.order);
  }
  const in_use = place.matches(":hover") || place.contains(document.activeElement);
  keep_children(place, items, item => item.name, item => make_row(listener_columns, item),
    chosen || !in_use);
  set_text(by("matches"), items.length === listener_items.length ?
    plural(items.length, "listener", "listeners") : `${items.length} of ${listener_items.length}`);
  const states = new Set(listener_items.map(item => item.listener.state));
  set_hidden(by("drain_all"), !states.has("listening"));
  set_hidden(by("undo_all"), !states.has("draining") && !states.has("drained"));
}

async function drain_listener(name) {
  const {connections} = listener_items.find(item => item.name === name).listener;
  const text = `Its port closes now. ${connections.open === 0 ? "No connection is open." :
    `${plural(connections.open, "connection is", "connections are")} asked to end.`} ` +
    "Undo opens the port again.";
  if (!await agrees({title: `Drain ${name}?`, text, yes: "Drain"})) return;
  order("api/drain", {listener: name}, `${name} drains: its port is closed.`);
}

const undo_drain = name =>
  order("api/drain", {listener: name, undo: true}, `${name} listens again.`);

by("drain_all").addEventListener("click", async () => {
  const text = "Every port closes now, and the connections are asked to end. The process stays, " +
    "and undo opens the ports again.";
  if (!await agrees({title: "Drain all listeners?", text, yes: "Drain all"})) return;
  order("api/drain", {all: true}, "All listeners drain.");
});
by("undo_all").addEventListener("click", () =>
  order("api/drain", {all: true, undo: true}, "All listeners listen again."));

make_heads(by("listener_heads"), listener_columns, choose_order);
make(by("sort"), "option", {value: "", text: "as configured"});
for (const {title, sort} of listener_columns) {
  if (sort) make(by("sort"), "option", {value: title, text: title.toLowerCase()});
}
by("sort").addEventListener("change", () => {
  order_of.column = undefined;
  choose_order(listener_columns.find(column => column.title === by("sort").value));
});
by("search").addEventListener("input", () => show_all(true));
