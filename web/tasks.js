// The tasks, newest first, as they change.

import { h } from "preact";
import { useEffect, useState } from "preact/hooks";
import htm from "htm";

import { watch } from "./live.js";
import { moment, number, percent, stateName, t } from "./words.js";
import { UploadPanel } from "./upload.js";

const html = htm.bind(h);

export const finished = (task) => task.succeeded + task.failed + task.unprocessed;

export const Badge = ({ state }) => html`<span class="badge ${state}">${stateName(state)}</span>`;

export const LiveStatus = ({ status }) =>
  html`<span class="connection ${status}" role="status"><span class="dot" aria-hidden="true"></span>${t(status)}</span>`;

export function Bar({ task }) {
  const done = finished(task);
  const part = task.total ? done / task.total : 0;
  const share = (count) => `${task.total ? (100 * count) / task.total : 0}%`;
  return html`
    <div class="bar" role="progressbar" aria-label=${t("progress")} aria-valuemin="0" aria-valuemax="100"
      aria-valuenow=${Math.round(100 * part)} aria-valuetext=${t("of", { done: number(done), total: number(task.total) })}>
      <span class="good" style=${{ width: share(task.succeeded) }}></span>
      <span class="bad" style=${{ width: share(task.failed) }}></span>
      <span class="none" style=${{ width: share(task.unprocessed) }}></span>
    </div>
  `;
}

export function TasksPage() {
  const [tasks, setTasks] = useState(new Map());
  const [status, setStatus] = useState("connecting");
  useEffect(
    () =>
      watch({}, {
        onTask: (task) => setTasks((known) => new Map(known).set(task.id, task)),
        onGone: (id) =>
          setTasks((known) => {
            const rest = new Map(known);
            rest.delete(id);
            return rest;
          }),
        onStatus: setStatus,
      }),
    [],
  );
  // Ids are in the order of creation.
  const sorted = [...tasks.values()].sort((one, other) => (one.id < other.id ? 1 : -1));
  return html`
    <h1 class="hidden">${t("tasks")}</h1>
    <${UploadPanel} />
    <section class="panel" aria-labelledby="tasks-title">
      <div class="titled"><h2 id="tasks-title">${t("tasks")}</h2><${LiveStatus} status=${status} /></div>
      ${sorted.length === 0
        ? html`<p class="quiet">${t("none")}</p>`
        : html`<div class="scroll" tabindex="0" role="group" aria-labelledby="tasks-title">
            <table id="tasks">
              <thead><tr>
                <th scope="col">${t("file")}</th><th scope="col">${t("state")}</th><th scope="col">${t("progress")}</th>
                <th scope="col" class="num">${t("rows")}</th><th scope="col" class="num">${t("failedrows")}</th>
                <th scope="col">${t("pipeline")}</th><th scope="col">${t("created")}</th>
              </tr></thead>
              <tbody>
                ${sorted.map((task) => html`
                  <tr key=${task.id}>
                    <th scope="row"><a href="#/task/${task.id}">${task.filename || task.id}</a></th>
                    <td><${Badge} state=${task.state} /></td>
                    <td><${Bar} task=${task} /> <span class="quiet">${task.total ? percent(finished(task) / task.total) : ""}</span></td>
                    <td class="num">${number(task.total)}</td>
                    <td class="num">${number(task.failed)}</td>
                    <td>${task.pipeline.name}</td>
                    <td>${moment(task.created)}</td>
                  </tr>`)}
              </tbody>
            </table>
          </div>`}
    </section>
  `;
}
