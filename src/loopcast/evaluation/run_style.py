"""The look of a run's page, light and dark."""

from loopcast.evaluation.check_page import STYLE as CHECKS

STYLE = (
    CHECKS
    + """
:root{--good:#1a7f4b;--bad:#b3261e;--naive:#8b6f3d;--tint:#1769aa22}
@media(prefers-color-scheme:dark){:root{--good:#63d297;--bad:#ff8a80;--naive:#d6b16b;--tint:#6cb2ee26}}
body{padding:1.5rem 1.25rem 3rem}h1{font-size:1.9rem;letter-spacing:-.01em;margin:0}
h2{margin:2.6rem 0 .6rem;font-size:1.25rem}header .facts{margin:.3rem 0 1rem}
.verdict{border-radius:.5rem;padding:.8rem 1.1rem;font-size:1.05rem;font-weight:600;
background:var(--card);border-left:.4rem solid var(--note)}
.verdict.good{border-color:var(--good);color:var(--good)}
.verdict.bad{background:var(--bad);border-color:var(--bad);color:var(--back);font-size:1.2rem}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(10rem,1fr));gap:.8rem;margin:.8rem 0}
.tile{background:var(--card);border-radius:.5rem;padding:.7rem 1rem;display:flex;flex-direction:column}
.tile b{font-size:1.7rem;font-weight:600;line-height:1.25;font-variant-numeric:tabular-nums}
.tile span{color:var(--soft);font-size:.85rem}
.grid{grid-template-columns:repeat(auto-fill,minmax(min(100%,30rem),1fr));gap:1rem 1.5rem}
.grid.three{grid-template-columns:repeat(auto-fill,minmax(min(100%,20rem),1fr))}
figcaption{display:flex;flex-wrap:wrap;gap:.1rem .7rem;align-items:baseline;margin-bottom:.2rem}
figcaption b{font-weight:600}
svg.chart{height:auto;border:0;overflow:visible}.chart .rule{stroke:var(--rule);stroke-width:1}
.chart text{fill:var(--soft);font-size:11px;font-variant-numeric:tabular-nums}
.chart .line{stroke-width:1.8;vector-effect:none}
.chart .ours{stroke:var(--blue)}.chart circle.ours{fill:var(--blue);stroke:none}
.chart .naive{stroke:var(--naive);stroke-dasharray:4 3;stroke-width:1.4}
.chart circle.naive{fill:var(--naive);stroke:none}
.chart .actual{stroke:var(--ink);stroke-width:1.4}.chart circle.actual{fill:var(--ink);stroke:none}
.chart .band{fill:var(--tint);stroke:none}.chart .origin{stroke:var(--soft);stroke-dasharray:2 3;stroke-width:1}
.chart .aim{stroke:var(--soft);stroke-width:1;stroke-dasharray:1 3}
.chart .hover{fill:transparent}.chart .hover:hover{fill:var(--tint)}
.key.ours::before{height:.2em;vertical-align:.25em;width:1.1em}
.key.naive::before{height:.2em;vertical-align:.25em;width:1.1em;background:var(--naive)}
.key.actual::before{height:.2em;vertical-align:.25em;width:1.1em;background:var(--ink)}
.key.range::before{background:var(--tint);box-shadow:inset 0 0 0 1px var(--rule)}
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.9rem;margin:.4rem 0}
th,td{padding:.3rem .5rem;border-bottom:1px solid var(--rule);text-align:right;white-space:nowrap;
font-variant-numeric:tabular-nums}thead th{color:var(--soft);font-weight:500;font-size:.8rem}
th:first-child{text-align:left;font-weight:600}thead th:first-child{color:var(--ink)}
td.words,th.words{text-align:left;color:var(--soft);white-space:normal;width:40%}
.groups{table-layout:auto}.groups th:first-child{width:22%;white-space:normal}.groups td.words{width:18%}
.said{align-self:center;color:var(--soft)}.said b{color:var(--ink)}
td.bar b{display:inline-block;min-width:3.6rem;font-weight:400}
.gauge{display:inline-block;position:relative;width:6rem;height:.55rem;background:var(--card);
border-radius:.2rem;overflow:hidden;vertical-align:middle}
.gauge i{position:absolute;top:0;bottom:0;left:0;background:var(--blue)}
.gauge i.good{background:var(--blue)}.gauge i.bad{background:var(--bad)}
.gauge::after{content:"";position:absolute;left:50%;top:0;bottom:0;width:1px;background:var(--soft)}
b.bad{color:var(--bad)}
.tag{display:inline-block;line-height:1.3;
font-size:.75rem;border:1px solid var(--bad);color:var(--bad);border-radius:1rem;padding:0 .5rem}
dl.facts{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1.2rem;font-size:.9rem}
dl.facts dt{color:var(--soft);margin:0}dl.facts dd{display:block}
pre{background:var(--card);border-radius:.5rem;padding:.9rem 1.1rem;overflow-x:auto;
font:13px/1.5 ui-monospace,monospace}details{margin:.5rem 0}summary{cursor:pointer;color:var(--soft)}
code{font-family:ui-monospace,monospace}footer{margin-top:3rem;color:var(--soft);font-size:.8rem}
@media(max-width:46rem){td.words,th.words{display:none}.groups td.words{display:table-cell}}
@media print{body{max-width:none}details{display:none}}
"""
)
