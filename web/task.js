// One task: how far it is, its batches, what failed and why, and what can be done about it.

import { h } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import htm from "htm";

import { download, get, post } from "./api.js";
import { Chart } from "./chart.js";
import { CELLS, Grid } from "./grid.js";
import { watch } from "./live.js";
import { Badge, Bar, finished, LiveStatus } from "./tasks.js";
import { moment, number, percent, rate, seconds, t } from "./words.js";

const html = htm.bind(h);

const PAGE = 500;
const EXAMPLES = 5;
/** The batches are many: they are fetched when the task changed, and not more often than this. */
const BATCHES_MS = 700;
const ENDED = ["completed", "completed_with_failures", "failed", "cancelled", "expired"];

export const isEnded = (task) => ENDED.includes(task.state);

async function batchesFrom(id, from, until) {
  const found = [];
  for (let cursor = from; cursor < until; ) {
    const page = await get(`/v1/tasks/${id}/batches?limit=${Math.min(PAGE, until - cursor)}&cursor=${cursor}`);
    found.push(...page.items);
    if (!page.next_cursor || page.items.length === 0) break;
    cursor = Number(page.next_cursor);
  }
  return found;
}

/** The batches of one page of the grid, fetched anew after each change of the task. */
function useBatches(task, from) {
  const [batches, setBatches] = useState([]);
  const state = useRef({ busy: false, again: false, last: 0 });
  const total = task?.batches.total ?? 0;
  const id = task?.id;
  // What changes when a batch does.
  const mark = task && [from, total, task.state, task.attempts, finished(task), task.batches.done, task.batches.dead].join();
  useEffect(() => {
    if (!id || total === 0) return;
    let current = true;
    const now = state.current;
    const fetchThem = async () => {
      if (now.busy) return (now.again = true);
      now.busy = true;
      await new Promise((done) => setTimeout(done, Math.max(0, now.last + BATCHES_MS - Date.now())));
      now.last = Date.now();
      try {
        const found = await batchesFrom(id, from, Math.min(total, from + CELLS));
        if (current) setBatches(found);
      } catch {
        // The next change asks again.
      }
      now.busy = false;
      if (now.again) {
        now.again = false;
        fetchThem();
      }
    };
    fetchThem();
    return () => {
      // A fetch under way still ends, and what it found is right for as long as the page is the same.
      current = state.current.from === from;
    };
  }, [mark]);
  useEffect(() => void (state.current.from = from), [from]);
  return batches;
}

function Facts({ task }) {
  const fact = (name, value, id) => html`<div><dt>${name}</dt><dd id=${id}>${value}</dd></div>`;
  return html`
    <dl class="facts">
      ${fact(t("rows"), number(task.total), "fact-rows")}
      ${fact(t("succeeded"), number(task.succeeded), "fact-succeeded")}
      ${fact(t("failedrows"), number(task.failed), "fact-failed")}
      ${fact(t("unprocessed"), number(task.unprocessed), "fact-unprocessed")}
      ${fact(t("rate"), rate(task.rows_per_second), "fact-rate")}
      ${fact(t("left"), isEnded(task) ? "–" : seconds(task.seconds_left), "fact-left")}
      ${fact(t("pipeline"), task.pipeline.name)}
      ${fact(t("created"), moment(task.created))}
    </dl>
  `;
}

function Commands({ task, onTask, say }) {
  const [busy, setBusy] = useState(false);
  const act = (action) => async () => {
    setBusy(true);
    say(null);
    try {
      await action();
    } catch (error) {
      say({ kind: "error", text: error.message });
    }
    setBusy(false);
  };
  const command = (name) => act(async () => onTask(await post(`/v1/tasks/${task.id}/${name}`)));
  const redrive = (wish) =>
    act(async () => {
      const { rows, task: now } = await post(`/v1/tasks/${task.id}/redrive`, wish);
      onTask(now);
      say({ kind: "status", text: t("again", { rows: number(rows) }) });
    });
  const fetchFile = (name, filename) =>
    act(async () => {
      say({ kind: "status", text: t("fetching") });
      await download(`/v1/tasks/${task.id}/${name}`, filename);
      say(null);
    });
  const cancel = () => confirm(t("cancelsure")) && command("cancel")();
  const is = (...states) => states.includes(task.state);
  const base = (task.filename || task.id).replace(/\.[^.]*$/, "");
  const canRedrive = is("completed", "completed_with_failures", "cancelled", "processing", "paused");
  const button = (id, label, onClick, look = "") =>
    html`<button id=${id} class=${look} disabled=${busy} onClick=${onClick}>${label}</button>`;
  return html`
    <div class="commands">
      ${is("processing") && button("pause", t("pause"), command("pause"))}
      ${is("paused") && button("resume", t("resume"), command("resume"), "main")}
      ${!isEnded(task) && !is("cancelling") && button("cancel", t("cancel"), cancel, "danger")}
      ${canRedrive && task.batches.dead > 0 && button("redrive-dead", t("redrivedead"), redrive({ dead: true }))}
      ${canRedrive && task.failed > 0 && button("redrive-failed", t("redrivefailed"), redrive({ failed: {} }))}
      ${task.links.failures && button("download-failed", t("downloadfailed"), fetchFile("failures", `${base}-failed.xlsx`), "main")}
      ${task.links.results && button("download-all", t("downloadall"), fetchFile("results", `${base}-outcomes.ndjson`))}
    </div>
  `;
}

function Attempts({ batch, onClose }) {
  return html`
    <section class="panel" id="attempts" aria-labelledby="attempts-title">
      <div class="titled">
        <h2 id="attempts-title">${t("batch", { number: number(batch.number) })}: ${t("attempts")}</h2>
        <button onClick=${onClose}>${t("close")}</button>
      </div>
      <p>${t("rows")} ${number(batch.first_row)}–${number(batch.last_row)} · ${t("succeeded")} ${number(batch.succeeded)} · ${t("failedrows")} ${number(batch.failed)} · ${t("unprocessed")} ${number(batch.unprocessed)}</p>
      ${batch.reason && html`<p><strong>${t("reason")}:</strong> ${batch.reason}</p>`}
      ${batch.attempts.length === 0
        ? html`<p class="quiet">${t("nobody")}</p>`
        : html`<div class="scroll" tabindex="0" role="group" aria-labelledby="attempts-title"><table>
            <thead><tr>${["attempt", "worker", "started", "ended", "result", "error"].map((name) => html`<th scope="col">${t(name)}</th>`)}</tr></thead>
            <tbody>${batch.attempts.map((attempt) => html`<tr>
              <td class="num">${attempt.number}</td><td class="code">${attempt.worker}</td><td>${moment(attempt.started)}</td>
              <td>${moment(attempt.ended)}</td><td>${attempt.result ?? "–"}</td><td>${attempt.error ?? "–"}</td>
            </tr>`)}</tbody></table></div>`}
    </section>
  `;
}

/** Whether this installation tells of single rows; asked until it says no. */
let tellsRows = true;

function Examples({ task, code }) {
  const [rows, setRows] = useState(undefined);
  useEffect(() => {
    if (!tellsRows) return setRows(null);
    let current = true;
    const query = new URLSearchParams({ outcome: "failed", code, limit: EXAMPLES });
    get(`/v1/tasks/${task.id}/rows?${query}`).then(
      (page) => current && setRows(page.items),
      (error) => {
        tellsRows &&= !error.isMissing;
        if (current) setRows(error.isMissing ? null : []);
      },
    );
    return () => (current = false);
  }, [task.id, code, task.failed_by_code[code]]);
  if (rows === undefined) return html`<span class="quiet">${t("loading")}</span>`;
  if (rows === null) return html`<span class="quiet">${t("notavailable")}</span>`;
  return html`<ul class="examples">${rows.map((row) => html`<li><a href="#/task/${task.id}/row/${row.row}">${t("rowtitle", { row: number(row.row) })}</a>: ${row.message}</li>`)}</ul>`;
}

function Failures({ task }) {
  const codes = Object.entries(task.failed_by_code).sort((one, other) => other[1] - one[1]);
  return html`
    <section class="panel" aria-labelledby="failures-title">
      <h2 id="failures-title">${t("failures")}</h2>
      ${codes.length === 0
        ? html`<p class="quiet">${t("nofailures")}</p>`
        : html`<div class="scroll" tabindex="0" role="group" aria-labelledby="failures-title"><table id="failures">
            <thead><tr><th scope="col">${t("code")}</th><th scope="col" class="num">${t("count")}</th><th scope="col">${t("examples")}</th></tr></thead>
            <tbody>${codes.map(([code, count]) => html`<tr key=${code}>
              <th scope="row" class="code">${code}</th><td class="num">${number(count)} (${percent(count / Math.max(1, task.failed))})</td>
              <td><${Examples} task=${task} code=${code} /></td></tr>`)}</tbody></table></div>`}
    </section>
  `;
}

/** One row with what the file says in it, where the installation tells. */
function Row({ task, row }) {
  const [found, setFound] = useState(null);
  useEffect(() => {
    setFound(null);
    get(`/v1/tasks/${task}/rows/${row}`).then(setFound, (error) => setFound({ error: error.isMissing ? t("notavailable") : error.message }));
  }, [task, row]);
  if (!found) return null;
  return html`
    <section class="panel" id="row" aria-labelledby="row-title">
      <div class="titled"><h2 id="row-title">${t("rowtitle", { row: number(Number(row)) })}</h2><a href="#/task/${task}">${t("close")}</a></div>
      ${found.error
        ? html`<p class="quiet">${found.error}</p>`
        : html`<p>${found.state} ${found.code && html`<strong class="code">${found.code}</strong>`} ${found.message}</p>
          <pre tabindex="0">${JSON.stringify(found.record ?? found.kept ?? {}, null, 2)}</pre>`}
    </section>
  `;
}

export function TaskPage({ id, row }) {
  const [task, setTask] = useState(null);
  const [gone, setGone] = useState(false);
  const [status, setStatus] = useState("connecting");
  const [said, say] = useState(null);
  const [from, setFrom] = useState(0);
  const [chosen, setChosen] = useState(null);
  useEffect(() => watch({ task: id }, { onTask: setTask, onGone: () => setGone(true), onStatus: setStatus }), [id]);
  const batches = useBatches(task, from);
  const batch = batches.find((one) => one.number === chosen);
  const title = task ? task.filename || task.id : id;
  useEffect(() => void (document.title = `${title} – Filas`), [title]);

  const back = html`<p><a href="#/">← ${t("back")}</a></p>`;
  if (gone) return html`${back}<h1>${id}</h1><p class="error" role="alert">${t("missing")}</p>`;
  if (!task) return html`${back}<h1>${id}</h1><p class="quiet" role="status">${t("loading")}</p>`;
  return html`
    ${back}
    <section class="panel" aria-labelledby="task-title">
      <div class="titled"><h1 id="task-title">${title}</h1><${Badge} state=${task.state} /><${LiveStatus} status=${status} /></div>
      <p class="quiet code">${task.id}</p>
      <${Bar} task=${task} />
      <p class="quiet">${t("of", { done: number(finished(task)), total: number(task.total) })}</p>
      ${task.reason && html`<p class="reason"><strong class="code">${task.reason.code}</strong> ${task.reason.message}</p>`}
      <${Facts} task=${task} />
      <${Commands} task=${task} onTask=${setTask} say=${say} />
      ${said && html`<p class=${said.kind} role=${said.kind === "error" ? "alert" : "status"}>${said.text}</p>`}
    </section>
    ${row && html`<${Row} task=${id} row=${row} />`}
    ${batches.length > 0 && html`
      <section class="panel" aria-labelledby="batches-title">
        <h2 id="batches-title">${t("batches")}</h2>
        <${Grid} batches=${batches} total=${task.batches.total} from=${from} onFrom=${setFrom} chosen=${chosen} onChoose=${setChosen} />
      </section>
      ${batch && html`<${Attempts} batch=${batch} onClose=${() => setChosen(null)} />`}
      <section class="panel" aria-labelledby="chart-title">
        <h2 id="chart-title">${t("throughput")}</h2>
        <${Chart} task=${task} batches=${batches} />
      </section>`}
    <${Failures} task=${task} />
  `;
}
