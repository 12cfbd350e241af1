// Rows a second over time, with and without success. What is drawn comes from the attempts of the batches, so it is the
// whole story also for who looks at it afterwards.

import { h } from "preact";
import { useEffect, useRef } from "preact/hooks";
import htm from "htm";

import { number, seconds, t } from "./words.js";

const html = htm.bind(h);
const MOST_POINTS = 60;

/** When a batch got its outcomes, in seconds; null while it has none. */
function endOf(batch) {
  const ended = batch.attempts.map((attempt) => attempt.ended).filter(Boolean);
  return ended.length && batch.succeeded + batch.failed > 0 ? Date.parse(ended.at(-1)) / 1000 : null;
}

/** [times, rows a second, failed rows a second] in even steps from the first start to the last end. */
export function series(task, batches) {
  const ends = batches.map((batch) => ({ end: endOf(batch), batch })).filter(({ end }) => end !== null);
  if (!task.split_ended || ends.length === 0) return null;
  const start = Date.parse(task.split_ended) / 1000;
  const last = Math.max(...ends.map(({ end }) => end), start + 0.1);
  // A second or more each: a batch ends in one moment, and less would only show that.
  const points = Math.min(MOST_POINTS, Math.max(2, Math.floor(last - start)));
  const step = (last - start) / points;
  const all = new Array(points).fill(0);
  const failed = new Array(points).fill(0);
  for (const { end, batch } of ends) {
    const at = Math.min(points - 1, Math.max(0, Math.floor((end - start) / step)));
    all[at] += (batch.succeeded + batch.failed) / step;
    failed[at] += batch.failed / step;
  }
  return { data: [all.map((_, at) => (at + 1) * step), all, failed], duration: last - start };
}

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function options(width) {
  const axis = { stroke: color("--text"), grid: { stroke: color("--line") }, ticks: { stroke: color("--line") } };
  return {
    width,
    height: 200,
    legend: { show: false },
    cursor: { drag: { x: false, y: false } },
    scales: { x: { time: false } },
    axes: [
      { ...axis, values: (_, values) => values.map((value) => seconds(value)) },
      { ...axis, size: 70, values: (_, values) => values.map((value) => number(value)) },
    ],
    series: [
      {},
      { label: t("alltime"), stroke: color("--good"), fill: `${color("--good")}33`, width: 2 },
      { label: t("failuretime"), stroke: color("--bad"), width: 2, dash: [6, 4] },
    ],
  };
}

export function Chart({ task, batches }) {
  const place = useRef(null);
  const plot = useRef(null);
  const found = series(task, batches);

  useEffect(() => {
    // The page may have been left before this runs.
    if (!found || !place.current) return;
    if (plot.current) return plot.current.setData(found.data);
    // The library is a classic script.
    plot.current = new window.uPlot(options(place.current.clientWidth), found.data, place.current);
    // A task changes more often than its batches are fetched, and drawing is dear.
  }, [batches, task.split_ended]);
  useEffect(() => {
    const fit = () => place.current && plot.current?.setSize({ width: place.current.clientWidth, height: 200 });
    addEventListener("resize", fit);
    return () => {
      removeEventListener("resize", fit);
      plot.current?.destroy();
      plot.current = null;
    };
  }, []);

  const done = batches.reduce((sum, batch) => sum + batch.succeeded + batch.failed, 0);
  const failed = batches.reduce((sum, batch) => sum + batch.failed, 0);
  return html`
    <figure class="chart" hidden=${!found}>
      <div ref=${place} aria-hidden="true"></div>
      <figcaption>
        <span class="key"><span class="line good" aria-hidden="true"></span>${t("alltime")}</span>
        <span class="key"><span class="line bad" aria-hidden="true"></span>${t("failuretime")}</span>
        <span class="quiet">${found && t("chartsummary", { rows: number(done), seconds: seconds(found.duration), failed: number(failed) })}</span>
      </figcaption>
    </figure>
  `;
}
