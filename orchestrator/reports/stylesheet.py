"""The style sheet of the HTML report.

A colour means the same wherever it is: `--good` is the ink of a badge, the fill of a bar and of a mark. A test computes
from these values that texts and graphics stand out from their grounds.
"""

from orchestrator.domain.outcomes import Outcome

_RULES = """
:root {
  --ground: #ffffff; --panel: #f6f8fa; --line: #d0d7de; --ink: #1f2328; --quiet: #57606a; --link: #0550ae;
  --good: #116329; --good-ground: #dafbe1; --bad: #b3122c; --bad-ground: #ffebe9;
  --warn: #7d4e00; --warn-ground: #fff1c2; --doubt: #6639ba; --doubt-ground: #f3ebff;
  --idle: #6e7781; --work: #0969da; --check: #0e7490; --ended: #3d4752;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --ground: #0d1117; --panel: #161b22; --line: #30363d; --ink: #e6edf3; --quiet: #9ea7b3; --link: #79b8ff;
    --good: #7ee787; --good-ground: #12301b; --bad: #ff9389; --bad-ground: #471018;
    --warn: #e3b341; --warn-ground: #362806; --doubt: #d2a8ff; --doubt-ground: #2d1b4d;
    --idle: #7d8590; --work: #4493f8; --check: #39c5cf; --ended: #c9d1d9;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-padding-top: 5rem; }
body {
  margin: 0 auto; max-width: 64rem; padding: 1.5rem 1rem 4rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere;
}
h1 { margin: 0; font-size: 1.9rem; line-height: 1.2; }
h2 { margin: 2.5rem 0 .75rem; font-size: 1.25rem; }
h3 { display: inline; font-size: 1.05rem; }
p { margin: .5rem 0; max-width: 48rem; }
a { color: var(--link); }
code, .state, .execution, .moments { font-family: ui-monospace, Consolas, monospace; font-size: .85em; }
header { border-left: .4rem solid; padding: .25rem 0 .25rem 1.1rem; }
header.succeeded { border-color: var(--good); }
header.failed { border-color: var(--bad); }
.succeeded h1 { color: var(--good); }
.failed h1 { color: var(--bad); }
.circumstances { max-width: none; }
.circumstances span + span::before { content: " · "; }
.tally { font-size: 1.1rem; }
.quiet { color: var(--quiet); font-size: .875rem; font-weight: 400; }
.notice { padding: .6rem .9rem; border-radius: .4rem; background: var(--warn-ground); color: var(--warn); }
.notice.bad { background: var(--bad-ground); color: var(--bad); }
.problems { margin: .75rem 0; padding: 0; list-style: none; max-width: 56rem; }
.problems li { padding: .3rem 0; }
.problems a { font-weight: 600; }
.problems .badge { margin: 0 .3rem; }
.facts {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); gap: .6rem 1.5rem; margin: 1rem 0 0;
}
.facts dt { color: var(--quiet); font-size: .8rem; }
.facts dd { margin: 0; }
.tiles {
  position: sticky; top: 0; z-index: 2; display: flex; flex-wrap: wrap; gap: .4rem; margin: 1.5rem 0 0;
  min-height: 3.25rem;
  padding: .6rem 0; border: 0; border-bottom: 1px solid var(--line); background: var(--ground); min-inline-size: 0;
}
.tile {
  display: inline-flex; align-items: center; gap: .35rem; padding: .15rem .65rem; border-radius: .5rem; cursor: pointer;
  font-size: .85rem;
}
.tile strong { font-size: 1.15rem; line-height: 1.5; }
.tile input { accent-color: currentcolor; margin: 0; }
.tile:has(:checked) { box-shadow: inset 0 0 0 2px; }
.tile:has(:focus-visible) { outline: 2px solid var(--link); outline-offset: 2px; }
table { width: 100%; border-collapse: collapse; font-size: .925rem; }
th, td { padding: .5rem .6rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
thead th { color: var(--quiet); font-size: .8rem; font-weight: 600; white-space: nowrap; }
tbody th { font-weight: 600; }
.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
.badge, .tile { font-weight: 600; white-space: nowrap; }
.badge { display: inline-block; padding: .05rem .55rem; border-radius: 1rem; font-size: .8rem; }
:is(.badge, .tile).succeeded { background: var(--good-ground); color: var(--good); }
:is(.badge, .tile):is(.failed, .timed_out) { background: var(--bad-ground); color: var(--bad); }
:is(.badge, .tile):is(.cancelled, .blocked) { background: var(--warn-ground); color: var(--warn); }
:is(.badge, .tile).unknown { background: var(--doubt-ground); color: var(--doubt); }
:is(.badge, .tile).skipped { background: var(--panel); color: var(--quiet); box-shadow: inset 0 0 0 1px var(--idle); }
.tile.skipped:has(:checked) { box-shadow: inset 0 0 0 2px; }
.picture { margin: 1.25rem 0 0; padding: .5rem 1rem .75rem; border-radius: .5rem; background: var(--panel); }
.picture > svg { display: block; overflow: visible; font-size: 12px; fill: var(--ink); }
/* The names stand to the left of what the picture's width stands for. */
.picture > .labelled { margin-left: 150px; width: calc(100% - 150px); }
.labelled text:is(.name, .wave) { transform: translateX(-150px); }
.picture .name, .picture .wave { fill: var(--ink); }
.picture .wave { font-weight: 600; }
text.tick { fill: var(--quiet); }
line.tick { stroke: var(--line); }
line.wave { stroke: var(--idle); stroke-dasharray: 2 3; }
line.halt { stroke: var(--bad); stroke-width: 2; }
line.window { stroke: var(--warn); stroke-width: 2; stroke-dasharray: 7 4; }
text.halt { fill: var(--bad); font-weight: 600; }
text.window { fill: var(--warn); font-weight: 600; }
.around { text-anchor: middle; }
.to-here { text-anchor: end; }
line.quota, line.lock, line.busy { stroke: var(--idle); stroke-width: 2; }
line.quota { stroke-dasharray: 1.5 3.5; }
line.lock { stroke-dasharray: 7 4; }
rect.submitted, rect.restarting { fill: var(--work); }
rect.verifying { fill: var(--panel); stroke: var(--check); stroke-width: 1.5; }
rect.others { fill: var(--panel); stroke: var(--ended); stroke-dasharray: 3 2; }
rect.watched { fill: var(--work); }
.mark { stroke: var(--panel); stroke-width: 1; paint-order: stroke; }
.mark.succeeded { fill: var(--good); }
.mark.failed, .mark.timed_out { fill: var(--bad); }
.mark.cancelled, .mark.blocked { fill: var(--warn); }
.mark.unknown { fill: var(--doubt); }
.mark.skipped { fill: var(--panel); }
.mark .stroke { stroke-width: 2.5; }
.mark.failed .stroke { stroke: var(--bad); }
.mark.skipped .stroke { stroke: var(--idle); stroke-width: 1.5; }
.swatch { margin-right: .4rem; vertical-align: -2px; overflow: visible; }
.group, .rest { margin: .75rem 0; }
.group > summary, .rest > summary { padding: .25rem 0; font-size: .9rem; }
.overview { table-layout: fixed; }
.overview th:nth-child(1) { width: 36%; }
.overview th:nth-child(3), .overview th:nth-child(4) { width: 11%; }
.overview th:nth-child(5) { width: 14%; }
.overview :is(th, td) { padding: .25rem .6rem; }
.on-paper { display: none; }
.environment { margin: .75rem 0; border: 1px solid var(--line); border-radius: .5rem; padding: .6rem 1rem; }
.environment[open] { padding-bottom: 1rem; }
.many .environment, .rest .environment { margin: .3rem 0; padding-block: .3rem; }
.environment:target { border-color: var(--link); box-shadow: 0 0 0 1px var(--link); }
summary { cursor: pointer; }
summary .badge { margin: 0 .4rem; }
.services { margin-top: .75rem; table-layout: fixed; }
.services th:nth-child(1) { width: 22%; }
.services th:nth-child(2) { width: 19%; }
.services th:nth-child(3) { width: 19%; }
.services tr:last-child > * { border-bottom: 0; }
.checks { margin: .75rem 0; padding: 0; list-style: none; }
.checks li { padding: .2rem 0; }
.bar {
  display: flex; height: .75rem; margin: .35rem 0; padding-right: .5rem; border-radius: .2rem; background: var(--panel);
}
.bar i { flex: none; height: 100%; }
.bar .last { width: .5rem; margin-right: -.5rem; }
i.queued { background: var(--idle); }
i.running { background: var(--work); }
i.good { background: var(--good); }
i.bad { background: var(--bad); }
i.stopped { background: var(--warn); }
i.ended { background: var(--ended); }
i.doubt { background: var(--doubt); }
i.anothers { background: repeating-linear-gradient(135deg, var(--ended) 0 2px, transparent 2px 5px); }
.moments { display: flex; flex-wrap: wrap; gap: 0 1rem; margin: 0; padding: 0; list-style: none; font-size: .75rem; }
.moments span { color: var(--quiet); }
.legend {
  display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: 0; padding: 0;
  list-style: none; color: var(--quiet); font-size: .85rem;
}
.legend i { display: inline-block; width: 1rem; height: .7rem; margin-right: .4rem; border-radius: .15rem; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (min-width: 66rem) {
  /* Here all tiles have room in one line, so it is known how high they are. */
  .overview thead th { position: sticky; top: 3.25rem; z-index: 1; background: var(--ground); }
}
@media (max-width: 42rem) {
  .facts { grid-template-columns: repeat(auto-fill, minmax(8rem, 1fr)); column-gap: 1rem; }
  .tiles { position: static; }
  .picture { padding-inline: .6rem; }
  .picture > svg { font-size: 10px; }
  .picture > .labelled { margin-left: 115px; width: calc(100% - 115px); }
  .labelled text:is(.name, .wave) { transform: translateX(-115px); }
  .tile { padding: .1rem .6rem; font-size: .8rem; }
  .tile strong { font-size: 1rem; }
  .overview :is(th, td):is(:nth-child(2), :nth-child(3)) { display: none; }
  .overview th:nth-child(1) { width: 50%; }
  .overview th:nth-child(4), .overview th:nth-child(5) { width: 25%; }
  .services, .services tbody, .services tr, .services th, .services td { display: block; width: auto; border: 0; }
  .services thead { display: none; }
  .services tr { padding: .6rem 0; border-top: 1px solid var(--line); }
  .services th:nth-child(n), .services td { width: auto; padding: .1rem 0; }
  .services br { display: none; }
}
@page { margin: 10mm; }
@media print {
  :root { color-scheme: light; }
  html { font-size: 7.5pt; }
  body { max-width: none; padding: 0; line-height: 1.35; }
  p { margin: .25rem 0; max-width: none; }
  h2 { margin: .8rem 0 .3rem; }
  h2, h3, summary, .legend { break-after: avoid; }
  tr, .problems li, .checks li { break-inside: avoid; }
  thead { display: table-header-group; }
  th, td { padding: .15rem .4rem; }
  .overview :is(th, td) { padding: .1rem .4rem; }
  .overview thead th { position: static; }
  .on-paper { display: block; }
  .many .overview th:nth-child(1) { width: 20%; }
  .many .overview :is(th:nth-child(3), th:nth-child(4), th:nth-child(5)) { width: 8%; }
  .facts { grid-template-columns: repeat(auto-fill, minmax(11.5rem, 1fr)); gap: .3rem 1rem; margin-top: .5rem; }
  .circumstances span:has(a) { display: none; }
  .tiles { position: static; min-height: 0; margin: .5rem 0; padding: 0; border: 0; }
  .tile input { display: none; }
  .picture { margin-top: .5rem; padding-block: .25rem; }
  .picture > .labelled { zoom: .8; }
  .picture > .thin { zoom: .55; font-size: 16px; }
  .group { margin: .3rem 0; }
  .environment { margin: .4rem 0; padding: .3rem .6rem; }
  .environment[open] { padding-bottom: .4rem; }
  .services { margin-top: .25rem; }
  .services br { display: none; }
  .services th:nth-child(1) { width: 18%; }
  .services th:nth-child(2) { width: 24%; }
  .services th:nth-child(3) { width: 12%; }
  .checks { margin: .25rem 0; }
  :is(.environment, .group)::details-content { content-visibility: visible; block-size: auto; }
  .rest, .many .environment:not([open]) { display: none; }
  .bar { height: .5rem; margin: .15rem 0; }
  .picture, .bar, .bar i, .legend i, .badge, .tile, .notice {
    print-color-adjust: exact; -webkit-print-color-adjust: exact;
  }
}
"""


def _filter(outcome: Outcome) -> str:
    """Return the rules that leave out an outcome if others are ticked, and fade it in the picture."""
    others = f'body:has(.tiles :checked):not(:has(#only-{outcome.value}:checked)) [data-outcome="{outcome.value}"]'
    return f"{others}:not(.lane) {{ display: none; }}\n{others}.lane {{ opacity: .15; }}\n"


STYLESHEET = _RULES + "".join(map(_filter, Outcome))
