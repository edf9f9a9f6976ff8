// ---- Elements. Text from the host only ever goes in as text, never as markup.
const by = id => document.getElementById(id);

// Makes an element below `parent`. `text` and `kind` (its class) stand out; the rest are its
// attributes.
function make(parent, name, {text, kind, ...attributes} = {}) {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  if (kind) element.className = kind;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  parent?.append(element);
  return element;
}

function draw(parent, name, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  parent.append(element);
  return element;
}

// These change the document only if something is different: it is called every second.
const set_text = (element, text) => {
  if (element.textContent !== text) element.textContent = text;
};
const set_attribute = (element, name, value) => {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
};
const set_hidden = (element, hidden) => {
  if (element.hidden !== hidden) element.hidden = hidden;
};

// Gives `place` one child for each item. make_child(item) answers {element, update(item)}; the
// child of an item that stays is kept, with its focus. Unless `reorder`, known children stay where
// they are.
const children_of = new WeakMap();
function keep_children(place, items, key_of, make_child, reorder = true) {
  const known = children_of.get(place) ?? new Map(), now = new Map();
  for (const item of items) {
    const key = key_of(item);
    const child = known.get(key) ?? make_child(item);
    child.update(item);
    now.set(key, child);
  }
  for (const [key, child] of known) if (!now.has(key)) child.element.remove();
  let at = place.firstElementChild;
  for (const [key, {element}] of now) {
    if (element === at) at = at.nextElementSibling;
    else if (reorder || !known.has(key)) place.insertBefore(element, at);
  }
  children_of.set(place, now);
}
