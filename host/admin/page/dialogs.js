// ---- Questions, and short notes of what came of a request.

// Answers true if the operator agrees.
function agrees({title, text, yes}) {
  const dialog = by("question");
  by("question_title").textContent = title;
  by("question_text").textContent = text;
  by("question_yes").textContent = yes;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise(resolve => dialog.addEventListener("close",
    () => resolve(dialog.returnValue === "yes"), {once: true}));
}

// Asks for the token until there is one. The dialog cannot be dismissed: behind it is nothing yet.
let token_asked; // the promise, while the dialog is open
function ask_for_token() {
  token_asked ??= new Promise(resolve => {
    const dialog = by("token");
    by("token_text").textContent = token_store.value ?
      "The host refused the token. The file that \"token_file\" names has the right one." :
      "It is in the file that \"token_file\" of the configuration names.";
    by("token_value").value = "";
    const keep_open = event => event.preventDefault();
    dialog.addEventListener("cancel", keep_open);
    dialog.addEventListener("close", () => {
      dialog.removeEventListener("cancel", keep_open);
      token_store.save(by("token_value").value.trim());
      by("token_value").value = "";
      token_asked = undefined;
      resolve();
    }, {once: true});
    dialog.showModal();
  });
  return token_asked;
}

const note_seconds = 8;
function note(text, kind = "") {
  // A modal dialog hides what is outside it.
  const place = by("connections").open ? by("connections_note") : by("notes");
  for (const same of [...place.children].filter(each => each.textContent === text)) same.remove();
  const line = make(place, "p", {text, kind: "note " + kind});
  while (place.children.length > 3) place.firstElementChild.remove();
  setTimeout(() => line.remove(), note_seconds * 1000);
}

// Sends a request and says what came of it. Answers true if the host did it.
async function order(path, body, done) {
  try {
    await ask(path, body);
    note(done);
    return true;
  } catch (problem) {
    if (problem.status === 401) {
      await ask_for_token();
      return order(path, body, done);
    }
    note(`It was not done: ${problem.message}`, "bad");
    return false;
  } finally {
    poll_now();
  }
}
