// ---- What the page has seen: rates and quantiles of the last minutes, computed from counters.
const counted = ["received", "sent", "messages", "accepted", "errors"];
const quantiles = {p50: 0.5, p90: 0.9, p99: 0.99};
const measures = [...counted, "open", ...Object.keys(quantiles)];
const history_seconds = 960;
// The host times only some of the calls, so a second has too few of them for a quantile.
const quantile_seconds = 10;

// The value that the share `q` of the calls did not exceed, as PromQL's histogram_quantile has it:
// within a bucket the calls are thought to be spread evenly. buckets: [bound, calls up to it], by
// rising bound, the last one infinite. NaN without a call.
function quantile(buckets, q) {
  const calls = buckets.length > 0 ? buckets[buckets.length - 1][1] : 0;
  if (!(calls > 0)) return NaN;
  const at = buckets.findIndex(each => each[1] >= q * calls);
  const [low, below] = at > 0 ? buckets[at - 1] : [0, 0], [high, upto] = buckets[at];
  return high === Infinity ? low : low + (high - low) * (q * calls - below) / (upto - below || 1);
}

// How much each counter grew in a second, between two readings that are `seconds` apart.
const rates_between = (before, now, seconds) => Object.fromEntries(
  counted.map(name => [name, (now[name] - before[name]) / seconds]));

function quantiles_between(before, now) {
  const buckets = [...now.buckets].sort((one, other) => one[0] - other[0])
    .map(([bound, calls]) => [bound, calls - (before.buckets.get(bound) ?? 0)]);
  return Object.fromEntries(
    Object.entries(quantiles).map(([name, q]) => [name, quantile(buckets, q)]));
}

// Samples in the order of their time. Each listener has a track: an array for each measure, NaN if
// there is no value. The track of null is that of all listeners.
class History {
  times = [];
  tracks = new Map();
  recent = []; // the readings of the last quantile_seconds, {at, listeners}

  // at: milliseconds; listeners: of read_metrics().
  add(at, listeners) {
    const last = this.recent.at(-1);
    this.recent.push({at, listeners});
    if (!last) return;
    while (this.recent[1].at < at - quantile_seconds * 1000) this.recent.shift();
    this.#append(at, name => {
      const now = listeners.get(name), before = last.listeners.get(name);
      if (!before) return undefined;
      const first = this.recent.find(each => each.listeners.has(name)).listeners.get(name);
      return {open: now.open, ...rates_between(before, now, (at - last.at) / 1000),
        ...quantiles_between(first, now)};
    }, listeners.keys());
  }

  // The host did not answer, or it is another process now: the lines have a gap here, and nothing
  // is computed across it.
  add_gap(at) {
    if (this.recent.length === 0) return;
    this.recent = [];
    this.#append(at, () => undefined, this.tracks.keys());
  }

  // The last value; NaN without one.
  latest(name, measure) {
    return this.tracks.get(name)?.[measure].at(-1) ?? NaN;
  }

  // The mean of the values of the last `seconds`; 0 without one.
  mean(name, measure, seconds) {
    const values = this.tracks.get(name)?.[measure] ?? [];
    const from = this.first_after(this.times.at(-1) - seconds * 1000);
    const some = values.slice(from).filter(Number.isFinite);
    return some.length === 0 ? 0 : some.reduce((sum, each) => sum + each, 0) / some.length;
  }

  // The index of the first sample after this time.
  first_after(time) {
    let index = this.times.length;
    while (index > 0 && this.times[index - 1] > time) index -= 1;
    return index;
  }

  #append(at, values_of, names) {
    const length = this.times.length;
    this.times.push(at);
    const seen = new Set(names);
    for (const name of this.tracks.keys()) if (!seen.has(name)) this.tracks.delete(name);
    for (const name of seen) {
      if (!this.tracks.has(name)) {
        this.tracks.set(name, Object.fromEntries(measures.map(
          measure => [measure, new Array(length).fill(NaN)])));
      }
      const track = this.tracks.get(name), values = values_of(name);
      for (const measure of measures) track[measure].push(values?.[measure] ?? NaN);
    }
    this.#forget(this.first_after(at - history_seconds * 1000));
  }

  #forget(samples) {
    if (samples === 0) return;
    this.times.splice(0, samples);
    for (const track of this.tracks.values()) {
      for (const measure of measures) track[measure].splice(0, samples);
    }
  }
}
