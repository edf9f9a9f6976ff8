// ---- GET /metrics: the Prometheus text format, and what the page takes from it.

// Calls take(name, labels, value) for each sample whose name `wanted` has.
function read_samples(text, wanted, take) {
  for (const line of text.split("\n")) {
    const brace = line.indexOf("{");
    const space = line.indexOf(" ", brace < 0 ? 0 : line.lastIndexOf("}"));
    const name = line.slice(0, brace < 0 ? Math.max(space, 0) : brace);
    if (!wanted.has(name)) continue;
    const [value] = line.slice(space + 1).split(" ");
    const labels = brace < 0 ? no_labels : labels_of(line.slice(brace + 1, space - 1));
    take(name, labels, value === "+Inf" ? Infinity : Number(value));
  }
}

// The labels of a series are the same every second, and reading them is most of the work: so what
// was read is kept.
const no_labels = Object.create(null);
const known_labels = new Map(), known_labels_max = 100000;
function labels_of(text) {
  let labels = known_labels.get(text);
  if (labels) return labels;
  labels = Object.create(null);
  for (const [, name, value] of text.matchAll(/([\w:]+)="((?:[^"\\]|\\.)*)"/g)) {
    labels[name] = unescaped(value);
  }
  if (known_labels.size >= known_labels_max) known_labels.clear();
  known_labels.set(text, labels);
  return labels;
}

const unescaped = text => text.replace(/\\(.)/g, (_, each) => each === "n" ? "\n" : each);

// Every end of a connection counts as an error, but an end in order, and that by a callback's
// error, which is counted already.
const no_errors = new Set(["plugin", "peer", "idle", "drain", "plugin_error"]);

const sums = new Map([
  ["portico_received_bytes_total", "received"],
  ["portico_sent_bytes_total", "sent"],
  ["portico_messages_total", "messages"],
  ["portico_connections_open", "open"],
  ["portico_connections_accepted_total", "accepted"],
  ["portico_callback_errors_total", "errors"],
  ["portico_stuck_callbacks_total", "errors"],
]);
const wanted_samples = new Set([...sums.keys(), "portico_connections_closed_total",
  "portico_callback_seconds_bucket", "portico_worker_busy_ratio"]);

class Counters {
  received = 0;
  sent = 0;
  messages = 0;
  open = 0;
  accepted = 0;
  errors = 0;
  endings = new Map(); // by reason
  buckets = new Map(); // calls that took at most the key, in seconds
}

// The counters of each listener, and of all of them under the name null; how busy each worker is.
function read_metrics(text) {
  const listeners = new Map([[null, new Counters()]]), workers = new Map();
  const add = (map, key, value) => map.set(key, (map.get(key) ?? 0) + value);
  read_samples(text, wanted_samples, (name, labels, value) => {
    if (name === "portico_worker_busy_ratio") {
      if (labels.worker !== "accept") workers.set(Number(labels.worker), value);
      return;
    }
    if (labels.listener === undefined) return;
    if (!listeners.has(labels.listener)) listeners.set(labels.listener, new Counters());
    for (const counters of [listeners.get(labels.listener), listeners.get(null)]) {
      if (sums.has(name)) {
        counters[sums.get(name)] += value;
      } else if (name === "portico_connections_closed_total") {
        add(counters.endings, labels.reason, value);
        if (!no_errors.has(labels.reason)) counters.errors += value;
      } else {
        add(counters.buckets, labels.le === "+Inf" ? Infinity : Number(labels.le), value);
      }
    }
  });
  return {listeners, workers};
}
