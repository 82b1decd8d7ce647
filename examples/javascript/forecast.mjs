// Forecasts from raw monthly rows: node forecast.mjs MODEL.onnx ROWS.csv [FUTURE.csv]
// The graph does all feature engineering; what is left to do here is to put rows on the grid.
// One row a series and month, comma-separated without quotes; `aggregate` is left out for brevity.
import { readFileSync } from "node:fs";
import * as ort from "onnxruntime-node";
import { taskOf } from "./artifact.mjs";

const [model, rows, future] = process.argv.slice(2);
const bytes = readFileSync(model);
const task = taskOf(bytes);
if (task.frequency !== "MS") throw new Error(`this example counts months, not ${task.frequency}`);

const series = gather(read(rows), future ? read(future) : []);
const origin = Math.max(...series.flatMap(({ past }) => [...past.keys()]));
const session = await ort.InferenceSession.create(bytes);
const { quantiles } = await session.run(feeds());
console.log(JSON.stringify(records(quantiles), null, 1));

function read(path) {
  const [names, ...lines] = readFileSync(path, "utf8").trim().split(/\r?\n/).map((l) => l.split(","));
  return lines.map((cells) => Object.fromEntries(names.map((name, i) => [name, cells[i]])));
}

/** Rows by series and grid step: months since 1970 began. */
function gather(history, ahead) {
  const found = new Map();
  const one = (row) => {
    const keys = task.series.map((name) => row[name]);
    const id = JSON.stringify(keys);
    if (!found.has(id)) found.set(id, { keys, past: new Map(), known: new Map(), latest: {} });
    return found.get(id);
  };
  for (const row of history) {
    const { past, known } = Object.assign(one(row), { latest: row });
    if (row[task.target] !== "") past.set(step(row), row);
    known.set(step(row), row);
  }
  for (const row of ahead) one(row).known.set(step(row), row);
  return [...found.values()];
}

function step(row) {
  const [year, month] = row[task.time].split("-").map(Number);
  return (year - 1970) * 12 + month - 1;
}

/** The artifact's inputs, docs/artifact.md; a graph may leave some out. */
function feeds() {
  const H = task.history, F = task.history + task.horizon;
  const all = {
    target: numbers([H], (one, s) => one.past.get(s)?.[task.target]),
    origin: new ort.Tensor("int64", BigInt64Array.from(series, () => BigInt(origin)), [series.length]),
    past: numbers([H, task.past.numeric], (one, s, name) => s <= origin ? one.known.get(s)?.[name] : ""),
    future: numbers([F, task.future.numeric], (one, s, name) => one.known.get(s)?.[name]),
    static: numbers([0, task.static.numeric], (one, s, name) => one.latest[name]),
  };
  for (const name of task.static.categorical) all[`static.${name}`] = texts(0, (one) => one.latest[name]);
  for (const name of task.past.categorical) all[`past.${name}`] = texts(H, (one, s) => one.known.get(s)?.[name]);
  for (const name of task.future.categorical) all[`future.${name}`] = texts(F, (one, s) => one.known.get(s)?.[name]);
  return Object.fromEntries(session.inputNames.map((name) => [name, all[name]]));
}

/** float32 [series, steps, column]; NaN where a cell is missing. */
function numbers([steps, names], cell) {
  const values = cells(steps, names ?? [""], cell).map((text) => text === "" ? NaN : Number(text));
  const shape = [series.length, steps, names?.length].filter((size) => size);
  return new ort.Tensor("float32", Float32Array.from(values), shape);
}

/** string [series, steps]; "" where a cell is missing. */
function texts(steps, cell) {
  return new ort.Tensor("string", cells(steps, [""], cell), [series.length, steps].filter((size) => size));
}

function cells(steps, names, cell) {
  const first = origin - task.history + 1;
  const each = Array.from({ length: steps || 1 }, (_, i) => first + i);
  return series.flatMap((one) => each.flatMap((s) => names.map((name) => cell(one, s, name) ?? "")));
}

/** One record a series and month of the horizon. */
function records({ data }) {
  const levels = task.quantiles;
  return series.flatMap(({ keys }, i) =>
    Array.from({ length: task.horizon }, (_, k) => ({
      ...Object.fromEntries(task.series.map((name, j) => [name, keys[j]])),
      [task.time]: new Date(Date.UTC(1970, origin + 1 + k)).toISOString().slice(0, 10),
      ...Object.fromEntries(levels.map((q, j) => [`q${q}`, data[(i * task.horizon + k) * levels.length + j]])),
    })));
}
