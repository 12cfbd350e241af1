// What changed, at once by a WebSocket, and by asking again and again where there is none.

import { get, post } from "./api.js";

const POLL_MS = 1500;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
/** API Gateway ends a connection that is silent for ten minutes. */
const PING_MS = 4 * 60_000;

const later = (one, other) => !other || one[0] > other[0] || (one[0] === other[0] && one[1] >= other[1]);

/**
 * Watches one task (`{task: id}`) or all (`{}`). `onTask(task)` gets every state of a task that is newer than the one
 * before; `onStatus` gets "connecting", "live" or "polling". Gives a function that ends it.
 */
export function watch({ task }, { onTask, onGone = () => {}, onStatus }) {
  const revisions = new Map();
  let ended = false;
  let socket = null;
  let timers = [];
  let wait = FIRST_WAIT_MS;
  let isLive = false;

  const soon = (action, ms) => timers.push(setTimeout(action, ms));

  const see = ({ revision, task: seen }) => {
    // Snapshots and changes come by different ways: what is older than what is known is passed over.
    if (!later(revision, revisions.get(seen.id))) return;
    revisions.set(seen.id, revision);
    onTask(seen);
  };

  const hear = (message) => {
    if (message.type === "task") see(message);
    if (message.type === "snapshot") [...message.tasks].reverse().forEach(see);
    if (message.type === "deleted" || message.type === "missing") onGone(message.task);
  };

  async function ask() {
    const found = task ? [await get(`/v1/tasks/${task}`)] : (await get("/v1/tasks?limit=50")).items.reverse();
    if (!ended && !isLive) found.forEach(onTask);
  }

  async function poll() {
    if (ended || isLive) return;
    try {
      await ask();
    } catch (error) {
      if (error.status === 404 && error.problem && task) return onGone(task);
    }
    soon(poll, POLL_MS);
  }

  function fall() {
    if (ended) return;
    const wasLive = isLive;
    isLive = false;
    onStatus("polling");
    if (wasLive) poll();
    soon(connect, wait * (0.5 + Math.random() / 2));
    wait = Math.min(wait * 2, LONGEST_WAIT_MS);
  }

  async function connect() {
    if (ended) return;
    let ticket;
    try {
      ticket = await post("/v1/tickets");
    } catch (error) {
      // Without a WebSocket API there is nothing to come back for.
      return error.isMissing ? onStatus("polling") : fall();
    }
    if (ended) return;
    socket = new WebSocket(`${ticket.url}?ticket=${ticket.ticket}`);
    const mine = socket;
    let pings = null;
    mine.onopen = () => {
      mine.send(JSON.stringify(task ? { action: "subscribe", task } : { action: "subscribe", tasks: "all" }));
      pings = setInterval(() => mine.send('{"action":"ping"}'), PING_MS);
    };
    mine.onmessage = (event) => {
      if (!isLive) {
        isLive = true;
        wait = FIRST_WAIT_MS;
        onStatus("live");
      }
      hear(JSON.parse(event.data));
    };
    mine.onclose = () => {
      clearInterval(pings);
      if (mine === socket) fall();
    };
  }

  onStatus("connecting");
  poll();
  connect();
  return () => {
    ended = true;
    timers.forEach(clearTimeout);
    socket?.close();
  };
}
