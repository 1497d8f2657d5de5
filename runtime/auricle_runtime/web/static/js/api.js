// Calls to the server. Every failure is an ApiError with words for people and a status for the program.

const TIMEOUT_MS = 8000;
const token = takeToken();

export class ApiError extends Error {
  /** status: the HTTP status, or 0 where no answer came. */
  constructor(status, words, retrySeconds = 0) {
    super(words);
    this.status = status;
    this.retrySeconds = retrySeconds;
  }
}

/** The token comes behind the address's '#', which browsers send to nobody, and is kept for this tab only. */
function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem("token", given);
    history.replaceState(null, "", location.pathname);
  }
  return given ?? sessionStorage.getItem("token");
}

export async function call(method, path, body, options = {}) {
  const headers = {};
  if (token) headers.Authorization = `Bearer ${token}`;
  if (typeof body === "string") headers["Content-Type"] = "application/json";
  let response;
  try {
    const signal = AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS);
    response = await fetch(path, { method, headers, body, signal, keepalive: options.keepalive ?? false });
  } catch {
    throw new ApiError(0, "The server does not answer.");
  }
  if (response.ok) return response;
  let words = `The server answered with ${response.status}.`;
  try {
    words = (await response.json()).error ?? words;
  } catch {
    // no JSON: something between us and the server answered
  }
  throw new ApiError(response.status, words, Number(response.headers.get("Retry-After") ?? 0));
}

export const getModelInfo = async () => (await call("GET", "/api/model")).json();
export const getModelFile = async () =>
  (await call("GET", "/api/model.onnx", undefined, { timeoutMs: 60000 })).arrayBuffer();
export const scoreClip = async (file) => (await call("POST", "/api/clips", file, { timeoutMs: 120000 })).json();
export const openSession = async (rateHz) =>
  (await call("POST", "/api/sessions", JSON.stringify({ rate_hz: rateHz }))).json();
export const sendBlock = async (session, number, samples) =>
  (await call("POST", `/api/sessions/${session}/blocks/${number}`, samples)).json();
export const closeSession = (session) => call("DELETE", `/api/sessions/${session}`, undefined, { keepalive: true });
