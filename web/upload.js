// A file in: chosen or dropped, its first rows looked at, and then sent.

import { h } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import htm from "htm";

import { DIRECT_BYTES, get, postBytes, upload } from "./api.js";
import { number, percent, t } from "./words.js";

const html = htm.bind(h);

const ROWS_CHECKED = 20;
/** What ships with Filas, should the installation not list its pipelines. */
const SHIPPED = ["orders", "prices", "simulate"];
/** Of a text file that is too large for one call, this much is enough for the first rows. */
const BEGINNING = 256 * 1024;

export async function pipelineNames() {
  try {
    const { items } = await get("/v1/pipelines");
    return items.map(({ name, description }) => ({ name, description }));
  } catch (error) {
    if (!error.isMissing) throw error;
    return SHIPPED.map((name) => ({ name }));
  }
}

/** The part of a file that can be looked at before it is sent; null when that cannot be done. */
async function beginning(file) {
  if (file.size <= DIRECT_BYTES) return file;
  if (!/\.(csv|tsv|ndjson)$/i.test(file.name)) return null;
  const text = new Uint8Array(await file.slice(0, BEGINNING).arrayBuffer());
  // Whole lines only.
  return file.slice(0, text.lastIndexOf(10) + 1);
}

function useCheck(file, pipeline, sheet) {
  const [check, setCheck] = useState({ state: "none" });
  useEffect(() => {
    if (!file || !pipeline) return setCheck({ state: "none" });
    let current = true;
    const tell = (value) => current && setCheck(value);
    (async () => {
      tell({ state: "running" });
      const part = await beginning(file);
      if (!part) return tell({ state: "large" });
      const query = new URLSearchParams({ rows: ROWS_CHECKED, filename: file.name });
      if (sheet) query.set("sheet", sheet);
      try {
        tell({ state: "done", report: await postBytes(`/v1/pipelines/${encodeURIComponent(pipeline)}/check?${query}`, part) });
      } catch (error) {
        // An installation without a dry run: the file can be sent all the same.
        tell(error.isMissing ? { state: "none" } : { state: "error", message: error.message });
      }
    })();
    return () => (current = false);
  }, [file, pipeline, sheet]);
  return check;
}

function Check({ check }) {
  if (check.state === "none") return null;
  if (check.state === "running") return html`<p class="quiet" role="status">${t("checking")}</p>`;
  if (check.state === "large") return html`<p class="quiet">${t("checklarge")}</p>`;
  if (check.state === "error") return html`<p class="error" role="alert">${check.message}</p>`;
  const { report } = check;
  return html`
    <section id="check" aria-label=${t("outcome")}>
      <p role="status">
        <strong>${t("checked", { passed: number(report.passed), failed: number(report.failed) })}</strong>
        ${report.interrupted > 0 && html` ${t("interrupted", { rows: number(report.interrupted) })}`}
      </p>
      <div class="scroll" tabindex="0" role="group" aria-label=${t("values")}>
        <table>
          <thead><tr><th scope="col">${t("row")}</th><th scope="col">${t("outcome")}</th><th scope="col">${t("values")}</th></tr></thead>
          <tbody>
            ${report.rows.map((row) => html`
              <tr class=${row.outcome === "failed" ? "bad" : ""}>
                <td class="num">${row.row}</td>
                <td>${row.outcome === "failed" ? html`<strong>${t("failed")}</strong>: ${row.code} – ${row.message}` : row.outcome === "passed" ? t("passed") : `${t("unknown")}: ${row.reason}`}</td>
                <td class="values">${row.record ? Object.entries(row.record).map(([name, value]) => html`<span><b>${name}</b> ${typeof value === "object" && value !== null ? JSON.stringify(value) : String(value)}</span> `) : "–"}</td>
              </tr>`)}
          </tbody>
        </table>
      </div>
    </section>
  `;
}

export function UploadPanel() {
  const [pipelines, setPipelines] = useState([]);
  const [file, setFile] = useState(null);
  const [pipeline, setPipeline] = useState("");
  const [sheet, setSheet] = useState("");
  const [batchSize, setBatchSize] = useState("");
  const [sent, setSent] = useState(null);
  const [error, setError] = useState(null);
  const [over, setOver] = useState(false);
  const input = useRef(null);
  const check = useCheck(file, pipeline, sheet);

  useEffect(() => {
    pipelineNames().then((found) => {
      setPipelines(found);
      setPipeline((chosen) => chosen || found[0]?.name || "");
    }, (problem) => setError(problem.message));
  }, []);

  const choose = (files) => {
    setError(null);
    if (files?.length) setFile(files[0]);
  };
  const submit = async (event) => {
    event.preventDefault();
    setError(null);
    setSent(0);
    try {
      const task = await upload(file, { pipeline, sheet, batchSize }, setSent);
      location.hash = `#/task/${task.id}`;
    } catch (problem) {
      setError(problem.message);
      setSent(null);
    }
  };
  const dropped = (event) => {
    event.preventDefault();
    setOver(false);
    choose(event.dataTransfer.files);
  };
  const description = pipelines.find((known) => known.name === pipeline)?.description;
  return html`
    <section class="panel" aria-labelledby="upload-title">
      <h2 id="upload-title">${t("upload")}</h2>
      <form onSubmit=${submit}>
        <label class="drop ${over ? "over" : ""}" for="file"
          onDragOver=${(event) => { event.preventDefault(); setOver(true); }}
          onDragLeave=${() => setOver(false)} onDrop=${dropped}>
          <strong>${file ? file.name : t("drop")}</strong>
          <span class="quiet">${file ? `${number(file.size)} B` : t("formats")}</span>
          <input ref=${input} id="file" type="file" onChange=${(event) => choose(event.target.files)}
            accept=".xlsx,.xlsb,.xls,.ods,.csv,.tsv,.ndjson,.json" />
        </label>
        <div class="fields">
          <div>
            <label for="pipeline">${t("pipeline")}</label>
            <select id="pipeline" value=${pipeline} onChange=${(event) => setPipeline(event.target.value)}>
              ${pipelines.map(({ name }) => html`<option value=${name} selected=${name === pipeline}>${name}</option>`)}
            </select>
            ${description && html`<p class="quiet">${description}</p>`}
          </div>
          <details>
            <summary>${t("options")}</summary>
            <label for="sheet">${t("sheet")}</label>
            <input id="sheet" value=${sheet} onChange=${(event) => setSheet(event.target.value.trim())} />
            <label for="batch-size">${t("batchsize")}</label>
            <input id="batch-size" inputmode="numeric" pattern="[0-9]*" value=${batchSize} onInput=${(event) => setBatchSize(event.target.value.trim())} />
          </details>
        </div>
        <${Check} check=${check} />
        ${error && html`<p class="error" role="alert">${error}</p>`}
        <button id="send" class="main" disabled=${!file || !pipeline || sent !== null}>
          ${sent === null ? t("send") : t("sending", { percent: percent(sent) })}
        </button>
      </form>
    </section>
  `;
}
