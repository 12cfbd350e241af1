// What `store` pipelines kept, each with the task and the row that made it.

import { h } from "preact";
import { useEffect, useState } from "preact/hooks";
import htm from "htm";

import { get } from "./api.js";
import { pipelineNames } from "./upload.js";
import { moment, number, t } from "./words.js";

const html = htm.bind(h);
const PAGE = 50;

export function RecordsPage({ pipeline }) {
  const [name, setName] = useState(pipeline || "");
  const [page, setPage] = useState(null);
  const [error, setError] = useState(null);
  const [pipelines, setPipelines] = useState([]);

  const load = async (cursor) => {
    setError(null);
    try {
      const query = new URLSearchParams({ limit: PAGE });
      if (cursor) query.set("cursor", cursor);
      const found = await get(`/v1/records/${encodeURIComponent(name)}?${query}`);
      setPage((before) => ({ ...found, items: cursor ? [...before.items, ...found.items] : found.items }));
    } catch (problem) {
      setPage(null);
      setError(problem.isMissing ? t("notavailable") : problem.message);
    }
  };
  useEffect(() => {
    if (pipeline) load();
    // A name can be typed all the same.
    pipelineNames().then(setPipelines, () => {});
  }, []);
  const submit = (event) => {
    event.preventDefault();
    history.replaceState(null, "", `#/records/${encodeURIComponent(name)}`);
    load();
  };
  return html`
    <section class="panel" aria-labelledby="records-title">
      <h1 id="records-title">${t("records")}</h1>
      <form class="inline" onSubmit=${submit}>
        <label for="records-pipeline">${t("pipeline")}</label>
        <input id="records-pipeline" list="records-pipelines" value=${name} required onInput=${(event) => setName(event.target.value.trim())} />
        <datalist id="records-pipelines">${pipelines.map((known) => html`<option value=${known.name}></option>`)}</datalist>
        <button class="main">${t("open")}</button>
      </form>
      ${error && html`<p class="error" role="alert">${error}</p>`}
      ${page && page.items.length === 0 && html`<p class="quiet">${t("norecords")}</p>`}
      ${page && page.items.length > 0 && html`
        <div class="scroll" tabindex="0" role="group" aria-labelledby="records-title"><table id="records">
          <thead><tr>${["key", "source", "stored", "record"].map((column) => html`<th scope="col">${t(column)}</th>`)}</tr></thead>
          <tbody>${page.items.map((item) => html`<tr key=${item.key}>
            <th scope="row" class="code">${item.key}</th>
            <td><a href="#/task/${item.task}/row/${item.row}">${t("sourcerow", { task: item.task.slice(0, 13), row: number(item.row) })}</a></td>
            <td>${moment(item.stored)}</td>
            <td class="code values">${JSON.stringify(item.record)}</td>
          </tr>`)}</tbody>
        </table></div>
        ${page.next_cursor && html`<button onClick=${() => load(page.next_cursor)}>${t("more")}</button>`}`}
    </section>
  `;
}
