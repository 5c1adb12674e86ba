// The service, asked with the token if it has one, and never waited for without an end.

const KEY = "headstart-token";
const TIMEOUT_S = 60;

export class ServiceError extends Error {
  constructor(message, { code = "", status = 0, retryAfterS = null } = {}) {
    super(message);
    this.code = code;
    this.status = status;
    this.retryAfterS = retryAfterS;
  }

  // Whether it is the image's own fault, so that asking again is of no use.
  get isOfTheImage() {
    return [413, 415, 422].includes(this.status);
  }
}

let token = stored();

function stored() {
  try {
    return sessionStorage.getItem(KEY) ?? "";
  } catch {
    return ""; // no storage in this browser: the token lives as long as the page
  }
}

export function keepToken(given) {
  token = given;
  try {
    if (given) sessionStorage.setItem(KEY, given);
    else sessionStorage.removeItem(KEY);
  } catch {
    // likewise
  }
}

export const hasToken = () => token !== "";

export async function ask(path, { body, signal, timeoutS = TIMEOUT_S } = {}) {
  const ending = new AbortController();
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    ending.abort();
  }, 1000 * timeoutS);
  const cancel = () => ending.abort();
  signal?.addEventListener("abort", cancel);
  try {
    const answer = await fetch(path, {
      method: body ? "POST" : "GET",
      body,
      headers: token ? { Authorization: `Bearer ${token}` } : {},
      signal: ending.signal,
      cache: "no-store",
      credentials: "omit",
    });
    if (!answer.ok) throw await refusal(answer);
    return { headers: answer.headers, content: await content(answer) };
  } catch (error) {
    if (error instanceof ServiceError || signal?.aborted) throw error;
    if (late) throw new ServiceError(`no answer in ${timeoutS} seconds: the service is slow, or has too much to do`);
    throw new ServiceError("the service cannot be reached: is it still running?");
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", cancel);
  }
}

const content = (answer) =>
  answer.headers.get("content-type")?.startsWith("application/json") ? answer.json() : answer.blob();

async function refusal(answer) {
  const wait = Number.parseFloat(answer.headers.get("retry-after"));
  const facts = { status: answer.status, retryAfterS: Number.isFinite(wait) ? wait : null };
  try {
    const { error } = await answer.json();
    return new ServiceError(error.message, { ...facts, code: error.code });
  } catch {
    return new ServiceError(`the service answered ${answer.status}`, facts);
  }
}

// An image as a form; further fields beside it.
export function form(file, fields) {
  const made = new FormData();
  for (const [name, value] of Object.entries(fields)) made.append(name, value);
  made.append("files", file, "image"); // its name is nobody's business
  return made;
}
