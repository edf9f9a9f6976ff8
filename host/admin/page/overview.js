// ---- The head of the page: what the host is, all listeners together, and whether it answers.
const mean_of = values => values.reduce((sum, each) => sum + each, 0) / values.length;
const totals = [
  ["connections", latest => count(latest("open"))],
  ["accepted/s", latest => rate(latest("accepted"))],
  ["received", latest => byte_rate(latest("received"))],
  ["sent", latest => byte_rate(latest("sent"))],
  ["messages/s", latest => rate(latest("messages"))],
  ["latency, 99 %", latest => latency(latest("p99"))],
  ["errors/s", latest => rate(latest("errors"))],
  ["workers busy", (latest, workers) => percent(mean_of([...workers.values()]))],
].map(([title, text]) => {
  const tile = make(by("totals"), "div", {kind: "tile"});
  const value = make(tile, "b", {text: nothing});
  make(tile, "span", {text: title});
  return {text, value};
});

function show_totals(history, workers) {
  const latest = measure => history.latest(null, measure);
  for (const {text, value} of totals) set_text(value, text(latest, workers));
}

function show_state(state) {
  set_text(by("state"), state);
  set_attribute(by("state"), "class", `badge ${state}`);
}

function show_host({host, io, workers}) {
  show_state(host.state);
  set_text(by("facts"), [`version ${host.version}`, host.system, io.backend,
    plural(workers.length, "worker", "workers"), `process ${host.pid}`,
    `up ${span(host.uptime_seconds)}`, host.configuration].filter(each => each).join(" · "));
}

// What is on the page is old if the host does not answer; it stays, but looks so.
function show_trouble(text) {
  set_text(by("trouble"), text);
  set_hidden(by("trouble"), text === "");
  document.querySelector("main").classList.toggle("stale", text !== "");
  document.title = text === "" ? "Portico" : "(no answer) Portico";
}
