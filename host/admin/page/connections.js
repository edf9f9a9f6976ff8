// ---- The connections of one listener, in a dialog; they can be closed one by one.
const connections_step = 100, connections_most = 1000; // the host answers with 1,000 at most
const connections_seconds = 2;
let connections_of, connections_limit = 0, connections_timer = 0;

function make_close_cell(cell, {id, peer}) {
  const button = make_button(cell, "", () => {
    const abort = button.textContent === "Reset";
    order(`api/connections/${encodeURIComponent(id)}/close`, abort ? {abort: true} : {},
      `${peer || id} ${abort ? "is reset" : "closes"}.`).then(fill_connections);
  });
  // A close in order waits for the peer; what waits can be reset.
  return ({state}) => {
    const text = state === "closing" ? "Reset" : "Close";
    set_text(button, text);
    set_attribute(button, "aria-label", `${text} the connection ${peer || id}`);
  };
}

const connection_columns = [
  text_column("Peer", item => item.peer || nothing, {is_head: true, kind: "who"}),
  text_column("State", item =>
    item.state + (item.direction === "outbound" ? ", outbound" : "")),
  number_column("Age", item => span(item.age_seconds)),
  number_column("Received", item => bytes(item.received_bytes)),
  number_column("Sent", item => bytes(item.sent_bytes)),
  number_column("Queued", item => bytes(item.queued_bytes) + (item.queue_full ? ", full" : "")),
  {title: "Actions", is_untitled: true, kind: "actions", make: make_close_cell},
];

function show_connections(name) {
  [connections_of, connections_limit] = [name, connections_step];
  set_text(by("connections_title"), `Connections of ${name}`);
  by("connections_note").replaceChildren();
  keep_children(by("connection_rows"), [], () => "", () => {});
  by("connections").showModal();
  fill_connections();
}

function show_endings(name) {
  const endings = poller.history.recent.at(-1)?.listeners.get(name)?.endings ?? new Map();
  const some = [...endings].filter(([, number]) => number > 0)
    .sort((one, other) => other[1] - one[1]);
  set_text(by("endings"), some.length === 0 ? "None has ended so far." : "Ended so far: " +
    some.map(([reason, number]) => `${reason} ${count(number)}`).join(", ") + ".");
}

async function fill_connections() {
  clearTimeout(connections_timer);
  const name = connections_of;
  if (!by("connections").open) return;
  try {
    const answer = await ask_json(`api/connections?listener=${encodeURIComponent(name)}` +
      `&limit=${connections_limit}`);
    if (connections_of !== name) return;
    keep_children(by("connection_rows"), answer.connections, item => item.id,
      item => make_row(connection_columns, item));
    set_text(by("connections_title"), `Connections of ${name}` + (answer.connections.length === 0 ?
      ": none is open" : answer.next === null ? "" : `: the first ${connections_limit}`));
    set_hidden(by("more"), answer.next === null || connections_limit >= connections_most);
    show_endings(name);
  } catch (problem) {
    note(`The list is old: ${problem.message}`, "bad");
  }
  connections_timer = setTimeout(fill_connections, connections_seconds * 1000);
}

make_heads(by("connection_heads"), connection_columns);
by("connections_done").addEventListener("click", () => by("connections").close());
by("connections").addEventListener("close", () => clearTimeout(connections_timer));
by("more_connections").addEventListener("click", () => {
  connections_limit = Math.min(connections_limit * 2, connections_most);
  fill_connections();
});
