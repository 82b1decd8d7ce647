// Draws every [data-chart] with uPlot: lines by role, ranges as bands, the origin as a mark.
"use strict";
(() => {
  const ROOT = document.documentElement;
  const colour = (name) => getComputedStyle(ROOT).getPropertyValue(`--${name}`).trim();
  const FONT = "12px system-ui, sans-serif";
  const LINES = {
    actual: { stroke: "ink", width: 1.8, points: true },
    median: { stroke: "blue", width: 2 },
    edge: { quiet: true },
    override: { stroke: "override", width: 0, dots: 9 },
    naive: { stroke: "naive", width: 1.5, dash: [5, 4] },
    aim: { stroke: "soft", width: 1.2, dash: [2, 4] },
  };

  function written(value, percent) {
    if (value == null) return "";
    if (percent) return `${(100 * value).toFixed(1)}\u202f%`;
    const size = Math.abs(value);
    const digits = size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : 3;
    return value.toLocaleString("en", { maximumFractionDigits: digits }).replaceAll(",", "\u202f");
  }

  function ranged(value, spec, i) {
    const band = (spec.bands ?? [])[0];
    if (value == null || !band) return written(value);
    const [low, high] = [band.low, band.high].map((at) => written(spec.lines[at].values[i]));
    return `${written(value)} (${low} to ${high})`;
  }

  function look(line, spec) {
    const percent = spec.percent;
    const role = LINES[line.role] ?? { stroke: line.role, width: 2, points: true };
    const stroke = role.stroke ? colour(role.stroke) : "transparent";
    const many = line.values.filter((v) => v != null).length > 60;
    return {
      label: line.label,
      ...(role.quiet && { class: "quiet" }),
      stroke,
      width: role.width ?? 0,
      dash: role.dash,
      spanGaps: false,
      points: { show: Boolean(role.dots || (role.points && !many)), size: role.dots ?? 4.5, fill: stroke, stroke, width: 0 },
      value: (_, v, __, i) => (i == null || line.role !== "median" ? written(v, percent) : ranged(v, spec, i)),
    };
  }

  function marked(marks) {
    return {
      hooks: {
        drawAxes: (plot) => {
          const { ctx, bbox } = plot;
          for (const mark of marks) {
            const x = Math.round(plot.valToPos(mark, "x", true));
            ctx.save();
            ctx.strokeStyle = colour("soft");
            ctx.setLineDash([3, 4]);
            ctx.beginPath();
            ctx.moveTo(x, bbox.top);
            ctx.lineTo(x, bbox.top + bbox.height);
            ctx.stroke();
            ctx.restore();
          }
        },
      },
    };
  }

  function options(spec, holder) {
    const small = holder.classList.contains("small");
    const axis = { stroke: colour("soft"), font: FONT, ticks: { show: false }, grid: { stroke: colour("rule"), width: 1 } };
    const lines = spec.lines.map((line) => look(line, spec));
    const stamp = spec.time ? (_, v) => (v == null ? "" : day(v, spec)) : (_, v) => v ?? "";
    return {
      width: holder.clientWidth,
      height: small ? 150 : Math.min(Math.max(holder.clientWidth * 0.42, 220), 340),
      padding: [10, 22, 0, 0],
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1e3), "Etc/UTC"),
      scales: { x: { time: spec.time }, y: spec.percent ? { range: (_, low, high) => [Math.max(0, Math.min(low, 0.5) - 0.05), Math.min(1.02, Math.max(high, 0.9) + 0.05)] } : {} },
      axes: [
        { ...axis, grid: { show: false }, space: small ? 70 : 64, size: small ? 40 : 50 },
        { ...axis, size: 54, space: small ? 26 : 44, values: (_, ticks) => ticks.map((v) => (spec.percent ? `${Math.round(100 * v)}\u202f%` : written(v))) },
      ],
      series: [{ label: spec.time ? "time" : "step", value: stamp }, ...lines],
      bands: (spec.bands ?? []).map((band) => ({ series: [band.high + 1, band.low + 1], fill: colour("tint") })),
      plugins: [marked(spec.marks ?? [])],
      cursor: { show: !small, drag: { x: false, y: false }, points: { size: 7 } },
      legend: { show: !small, markers: { width: 0, fill: (_, i) => lines[i - 1]?.stroke ?? "" } },
    };
  }

  function day(seconds, spec) {
    const text = new Date(seconds * 1e3).toISOString();
    const short = spec.x.length > 1 && spec.x[1] - spec.x[0] < 86400;
    return short ? text.slice(0, 16).replace("T", " ") : text.slice(0, 10);
  }

  function draw(holder) {
    const spec = JSON.parse(holder.dataset.chart);
    holder.replaceChildren();
    if (!holder.clientWidth) return;
    new uPlot(options(spec, holder), [spec.x, ...spec.lines.map((line) => line.values)], holder);
    holder.dataset.drawn = String(holder.clientWidth);
  }

  const sized = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      if (target.dataset.drawn !== String(target.clientWidth)) draw(target);
    }
  });

  function all(root) {
    for (const holder of root.querySelectorAll("[data-chart]")) sized.observe(holder);
  }

  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const holder of document.querySelectorAll("[data-chart]")) draw(holder);
  });
  all(document);
  document.querySelector("nav [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
  document.addEventListener("htmx:after:swap", () => all(document));
})();
