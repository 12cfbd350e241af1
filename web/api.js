// The HTTP API of Filas. The page is served by it, so its root is one folder up.

export const ROOT = new URL("..", location.href.split("#")[0]).href.replace(/\/$/, "");

/** The largest file that may be the body of a call; larger ones go to the storage by a presigned request. */
export const DIRECT_BYTES = 4_500_000;

const KEY = "filas.key";

/** The key comes by hand or in the address's fragment, which is never sent to a server, and stays in this tab. */
export function takeKeyFromAddress() {
  const found = /^#key=(.+)$/.exec(location.hash);
  if (!found) return;
  setKey(decodeURIComponent(found[1]));
  history.replaceState(null, "", location.pathname + location.search + "#/");
}

export const getKey = () => sessionStorage.getItem(KEY);
export const setKey = (key) => (key ? sessionStorage.setItem(KEY, key) : sessionStorage.removeItem(KEY));

/** The gateway answers within half a minute; a connection that is silent for longer has been forgotten by somebody. */
const ANSWER_MS = 40_000;
/** Files take longer, on a slow line. */
const FILE_MS = 15 * 60_000;
/** How often a file that is being written is asked for, and the time between. */
const LOOKS = 60;
const LOOK_MS = 2_000;

/** An answer that says no. `isMissing` when the installation has no such call at all. */
export class ApiError extends Error {
  constructor(status, problem, text) {
    super(problem ? `${problem.title}: ${problem.detail}` : `HTTP ${status} ${text || ""}`.trim());
    this.status = status;
    this.problem = problem;
    const noSuchCall = problem?.detail === "There is no such call.";
    this.isMissing = noSuchCall || (!problem && (status === 404 || status === 403));
  }
}

async function request(method, path, { body, headers = {}, patience = ANSWER_MS } = {}) {
  const url = path.startsWith("http") ? path : ROOT + path;
  const answer = await fetch(url, {
    method,
    body,
    signal: AbortSignal.timeout(patience),
    headers: { authorization: `Bearer ${getKey()}`, ...headers },
  });
  if (answer.ok) return answer;
  const text = await answer.text();
  let problem = null;
  try {
    const parsed = JSON.parse(text);
    if (parsed && parsed.title && parsed.detail) problem = parsed;
  } catch {
    // A gateway's own words.
  }
  throw new ApiError(answer.status, problem, text.slice(0, 200));
}

export async function get(path, options) {
  return (await request("GET", path, options)).json();
}

export async function post(path, value, options = {}) {
  const json = value === undefined ? {} : { body: JSON.stringify(value) };
  const headers = value === undefined ? {} : { "content-type": "application/json" };
  return (await request("POST", path, { ...options, ...json, headers: { ...headers, ...options.headers } })).json();
}

/** Sends bytes as they are. */
export async function postBytes(path, bytes, headers = {}) {
  const options = { body: bytes, headers: { "content-type": "application/octet-stream", ...headers }, patience: FILE_MS };
  const answer = await request("POST", path, options);
  return answer.json();
}

/** The files of a task are written in the minute after its end; until then the call says when to come again. */
async function whenWritten(path) {
  for (let looks = 1; ; looks += 1) {
    try {
      return await request("GET", path, { patience: FILE_MS });
    } catch (error) {
      if (error.status !== 503 || looks === LOOKS) throw error;
      await new Promise((done) => setTimeout(done, LOOK_MS));
    }
  }
}

/** Follows a call that leads to the storage, and saves what is there. The browser takes the key off on the way. */
export async function download(path, filename) {
  const answer = await whenWritten(path);
  const address = URL.createObjectURL(await answer.blob());
  const link = Object.assign(document.createElement("a"), { href: address, download: filename });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/** Sends a file in and gives its task. `told` gets the part that is sent, from 0 to 1. */
export async function upload(file, { pipeline, sheet, batchSize }, told) {
  const key = { "idempotency-key": crypto.randomUUID() };
  if (file.size <= DIRECT_BYTES) {
    const query = new URLSearchParams({ pipeline, filename: file.name });
    if (sheet) query.set("sheet", sheet);
    if (batchSize) query.set("batch_size", batchSize);
    return postBytes(`/v1/tasks?${query}`, file, key);
  }
  const wish = { filename: file.name, size: file.size, pipeline };
  if (sheet) wish.sheet = sheet;
  if (batchSize) wish.batch_size = Number(batchSize);
  const { task, upload: put } = await post("/v1/uploads", wish, { headers: key });
  await new Promise((resolve, reject) => {
    const sending = new XMLHttpRequest();
    sending.open(put.method, put.url);
    for (const [name, value] of put.headers) {
      // The browser sets these two itself, to the same values.
      if (!/^(content-length|host)$/i.test(name)) sending.setRequestHeader(name, value);
    }
    sending.upload.onprogress = (event) => told(event.loaded / file.size);
    sending.onload = () =>
      sending.status < 300 ? resolve() : reject(new ApiError(sending.status, null, sending.responseText.slice(0, 200)));
    sending.onerror = () => reject(new ApiError(0, null, "the storage does not answer"));
    sending.send(file);
  });
  return task;
}
