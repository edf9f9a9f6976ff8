// ---- Tables. On a narrow screen each row is a card, and a cell says its column's title. So the
// roles are written out: other ways of laying out take them away.

// columns: [{title, kind, sort(item), make(cell, item)}]; sort is absent if it makes no sense.
// make() answers update(item), or nothing if the cell never changes.
function make_heads(row, columns, choose) {
  for (const column of columns) {
    const head = make(row, "th", {scope: "col", role: "columnheader", kind: column.kind});
    if (!column.sort) {
      make(head, "span", {text: column.title, kind: column.is_untitled ? "unseen" : ""});
      continue;
    }
    const button = make(head, "button", {type: "button", text: column.title, kind: "sort"});
    button.addEventListener("click", () => choose(column));
    column.head = head;
  }
}

// The row of an item: {element, update(item)}.
function make_row(columns, item) {
  const element = document.createElement("tr");
  element.setAttribute("role", "row");
  const updates = columns.map(column => {
    const cell = make(element, column.is_head ? "th" : "td", {kind: column.kind,
      role: column.is_head ? "rowheader" : "cell"});
    if (column.is_head) cell.scope = "row";
    if (!column.is_untitled) cell.dataset.title = column.title;
    return column.make(cell, item) ?? (() => {});
  });
  return {element, update: newer => updates.forEach(update => update(newer))};
}

// A column that is a text alone.
const text_column = (title, text, rest = {}) => ({title, ...rest,
  make: cell => item => set_text(cell, text(item))});
const number_column = (title, text, rest = {}) =>
  text_column(title, text, {kind: "number", ...rest});

const compare = (one, other) => typeof one === "string" ? one.localeCompare(other, "en",
  {numeric: true}) : (Number.isFinite(one) ? one : -1) - (Number.isFinite(other) ? other : -1);

function make_button(parent, text, action) {
  const button = make(parent, "button", {type: "button", text});
  button.addEventListener("click", action);
  return button;
}
