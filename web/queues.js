// How full the queues are, every second, dead letters included.

import { h } from "preact";
import { useEffect, useState } from "preact/hooks";
import htm from "htm";

import { get } from "./api.js";
import { number, t } from "./words.js";

const html = htm.bind(h);
const EVERY_MS = 1000;

export function QueuesPage() {
  const [queues, setQueues] = useState(null);
  const [error, setError] = useState(null);
  useEffect(() => {
    let timer = null;
    let ended = false;
    const look = async () => {
      try {
        // Nobody looks at a hidden page.
        if (!document.hidden) {
          setQueues((await get("/v1/queues")).queues);
          setError(null);
        }
      } catch (problem) {
        setError(problem.status ? problem.message : t("offline"));
      }
      if (!ended) timer = setTimeout(look, EVERY_MS);
    };
    look();
    return () => {
      ended = true;
      clearTimeout(timer);
    };
  }, []);
  const columns = ["visible", "in_flight", "delayed", "dead"];
  const names = { visible: t("visible"), in_flight: t("inflight"), delayed: t("delayed"), dead: t("dead") };
  return html`
    <section class="panel" aria-labelledby="queues-title">
      <h1 id="queues-title">${t("queues")}</h1>
      ${error && html`<p class="error" role="alert">${error}</p>`}
      ${queues && html`<div class="scroll" tabindex="0" role="group" aria-labelledby="queues-title"><table id="queues">
        <thead><tr><th scope="col">${t("queue")}</th>${columns.map((name) => html`<th scope="col" class="num">${names[name]}</th>`)}</tr></thead>
        <tbody>${queues.map((queue) => html`<tr key=${queue.name}>
          <th scope="row">${queue.name}</th>
          ${columns.map((name) => html`<td class="num ${name === "dead" && queue.dead > 0 ? "alarm" : ""}">${number(queue[name])}</td>`)}
        </tr>`)}</tbody></table></div>`}
    </section>
  `;
}
