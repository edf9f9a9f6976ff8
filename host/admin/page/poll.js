// ---- The loop: asks the host every second, and shows what it says.
const poller = {
  history: new History(),
  status: undefined,  // the last answers
  metrics: undefined,
  lost_at: undefined, // when the host stopped answering, in milliseconds
  timer: 0,
  asking: false,
  again: false,       // ask once more, at once
};
const poll_seconds = 1, lost_poll_seconds = 2;

function show_all(chosen = false) {
  const {status, metrics, history} = poller;
  if (!status) return;
  show_host(status);
  show_totals(history, metrics.workers);
  read_listeners(status, history);
  draw_charts(history, matching_listeners().map(item => item.name));
  show_listeners(chosen);
  show_workers(status, metrics.workers);
  show_plugins(status);
  show_warnings(status);
}

// Another process does not go on counting where the one before stopped.
const is_another = (one, other) => one.pid !== other.pid || one.started !== other.started;

async function ask_all() {
  const [status, text] = await Promise.all([ask_json("api/status"), ask("metrics")]);
  if (status.schema !== "portico-status" || status.version !== 1) {
    throw new Failure(200, `this page does not know version ${status.version} of its status; ` +
      "reload the page");
  }
  const at = performance.timeOrigin + performance.now();
  if (poller.status && is_another(poller.status.host, status.host)) {
    poller.history.add_gap(at);
    note(`The host was started anew at ${moment(status.host.started)}.`);
  }
  poller.status = status;
  poller.metrics = read_metrics(text);
  poller.history.add(at, poller.metrics.listeners);
  poller.lost_at = undefined;
}

// Answers in how many seconds to ask again.
async function poll() {
  const began = performance.now();
  try {
    await ask_all();
    show_trouble("");
    show_all();
    // A host with very many listeners is asked less often: a quarter of the time at most.
    return Math.max(poll_seconds, 4 * (performance.now() - began) / 1000) -
      (performance.now() - began) / 1000;
  } catch (problem) {
    if (problem.status === 401) {
      await ask_for_token();
      return 0;
    }
    if (!(problem instanceof Failure)) console.error(problem);
    lose(problem);
    return lost_poll_seconds;
  }
}

function lose(problem) {
  const now = performance.timeOrigin + performance.now();
  if (poller.lost_at === undefined) {
    poller.lost_at = now;
    poller.history.add_gap(now);
  }
  const ago = Math.round((now - poller.lost_at) / 1000);
  const since = `since ${clock(poller.lost_at)} (${span(ago)})`;
  if (problem.status === 0) {
    show_state("no answer");
    show_trouble(`The host has not answered ${since}. It may have ended, or its admin address ` +
      "may have changed. This page asks again every two seconds.");
  } else {
    show_state("refused");
    show_trouble(`The host has refused this page ${since}: ${problem.message}`);
  }
}

async function poll_now() {
  clearTimeout(poller.timer);
  if (poller.asking) {
    poller.again = true;
    return;
  }
  poller.asking = true;
  const seconds = await poll();
  poller.asking = false;
  poller.timer = setTimeout(poll_now, poller.again ? 0 : 1000 * seconds);
  poller.again = false;
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) poll_now();
});
window.addEventListener("resize", () => show_all());
poll_now();
