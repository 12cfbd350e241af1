// A cell for each batch. One cell takes part in the order of the tab key; arrows move between cells.

import { h } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import htm from "htm";

import { number, t } from "./words.js";

const html = htm.bind(h);

/** Cells on one page: more would be neither readable nor quick. */
export const CELLS = 1000;

const KINDS = ["queued", "processing", "parked", "done", "donefailed", "deadbatch", "cancelledbatch"];

export function kind(batch) {
  if (batch.state === "done") return batch.failed > 0 ? "donefailed" : "done";
  if (batch.state === "dead") return "deadbatch";
  if (batch.state === "cancelled") return "cancelledbatch";
  return batch.state;
}

/** How many cells one row of the grid has, as it is laid out. */
function columns(cells) {
  const top = cells[0]?.offsetTop;
  const next = cells.findIndex((cell) => cell.offsetTop !== top);
  return next === -1 ? cells.length : next;
}

export function Grid({ batches, total, from, onFrom, chosen, onChoose }) {
  const list = useRef(null);
  const [current, setCurrent] = useState(0);
  useEffect(() => setCurrent((at) => Math.min(at, Math.max(0, batches.length - 1))), [batches.length]);

  const move = (event) => {
    const cells = [...list.current.querySelectorAll("button")];
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns(cells), ArrowUp: -columns(cells) };
    const ends = { Home: 0, End: cells.length - 1 };
    if (!(event.key in steps) && !(event.key in ends)) return;
    event.preventDefault();
    const to = event.key in ends ? ends[event.key] : current + steps[event.key];
    if (to < 0 || to >= cells.length) return;
    setCurrent(to);
    cells[to].focus();
  };

  const counts = {};
  for (const batch of batches) counts[kind(batch)] = (counts[kind(batch)] || 0) + 1;
  const size = batches.length > 400 ? "small" : batches.length > 100 ? "medium" : "large";
  return html`
    <div>
      <ul class="legend">
        ${KINDS.filter((name) => counts[name]).map((name) => html`<li><span class="cell ${name}" aria-hidden="true"></span>${t(name)} <b>${number(counts[name])}</b></li>`)}
      </ul>
      <p class="quiet">${t("choosebatch")}</p>
      <ul class="grid ${size}" ref=${list} onKeyDown=${move} aria-label=${t("batches")}>
        ${batches.map((batch, at) => html`
          <li key=${batch.number}>
            <button class="cell ${kind(batch)}" tabindex=${at === current ? 0 : -1}
              aria-pressed=${chosen === batch.number ? "true" : "false"}
              aria-label=${t("batchcell", { number: number(batch.number), state: t(kind(batch)), first: number(batch.first_row), last: number(batch.last_row) })}
              title=${t("batchcell", { number: number(batch.number), state: t(kind(batch)), first: number(batch.first_row), last: number(batch.last_row) })}
              onClick=${() => { setCurrent(at); onChoose(batch.number); }}></button>
          </li>`)}
      </ul>
      ${total > CELLS && html`<p class="pager">
        <button disabled=${from === 0} onClick=${() => onFrom(from - CELLS)}>${t("earlier")}</button>
        <span>${number(from)}–${number(Math.min(from + CELLS, total) - 1)} / ${number(total)}</span>
        <button disabled=${from + CELLS >= total} onClick=${() => onFrom(from + CELLS)}>${t("later")}</button>
      </p>`}
    </div>
  `;
}
