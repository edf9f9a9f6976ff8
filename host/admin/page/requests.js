// ---- Requests to the host, with the token if it asks for one.

// The host did not answer, or answered with something else than 2xx (`status`; 0: no answer).
class Failure extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const answer_seconds = 5;

// The token is kept for this tab alone. Storage may be forbidden.
const token_store = {
  value: "",
  load() {
    try { this.value = sessionStorage.getItem("portico-token") ?? ""; } catch { /* not kept */ }
  },
  save(value) {
    this.value = value;
    try { sessionStorage.setItem("portico-token", value); } catch { /* not kept */ }
  },
};
token_store.load();

// GET, or POST if there is a body. Answers the text.
async function ask(path, body) {
  const options = {headers: {}, cache: "no-store", credentials: "omit", redirect: "error",
    signal: AbortSignal.timeout(answer_seconds * 1000)};
  if (token_store.value) options.headers.Authorization = "Bearer " + token_store.value;
  if (body !== undefined) {
    options.method = "POST";
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  let answer, text;
  try {
    answer = await fetch(path, options);
    text = await answer.text();
  } catch {
    throw new Failure(0, "the host does not answer");
  }
  if (!answer.ok) throw new Failure(answer.status, sentence_of(answer, text));
  return text;
}

// The sentence of the host's answer, or what HTTP calls it.
function sentence_of(answer, text) {
  try {
    const {error} = JSON.parse(text);
    if (typeof error === "string") return error;
  } catch { /* it is not JSON */ }
  return `${answer.status} ${answer.statusText}`.trim();
}

const ask_json = async (path, body) => JSON.parse(await ask(path, body));
