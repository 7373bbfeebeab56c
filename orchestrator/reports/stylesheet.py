"""The style sheet of the HTML report."""

STYLESHEET = """
:root {
  --ground: #ffffff; --panel: #f6f8fa; --line: #d0d7de; --ink: #1f2328; --quiet: #57606a; --link: #0550ae;
  --good: #116329; --good-ground: #dafbe1; --bad: #a40e26; --bad-ground: #ffebe9;
  --warn: #6f4400; --warn-ground: #fff1c2; --doubt: #6639ba; --doubt-ground: #f3ebff;
  --bar-queued: #c6cfd8; --bar-running: #54a3ff; --bar-good: #1f883d; --bar-bad: #cf222e; --bar-other: #8250df;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --ground: #0d1117; --panel: #161b22; --line: #30363d; --ink: #e6edf3; --quiet: #9ea7b3; --link: #79b8ff;
    --good: #7ee787; --good-ground: #12301b; --bad: #ffa198; --bad-ground: #471018;
    --warn: #e3b341; --warn-ground: #362806; --doubt: #d2a8ff; --doubt-ground: #2d1b4d;
    --bar-queued: #545d68; --bar-running: #388bfd; --bar-good: #3fb950; --bar-bad: #f85149; --bar-other: #a371f7;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
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
header.succeeded { border-color: var(--bar-good); }
header.failed { border-color: var(--bar-bad); }
.succeeded h1 { color: var(--good); }
.failed h1 { color: var(--bad); }
.circumstances { max-width: none; }
.tally { font-size: 1.1rem; }
.quiet { color: var(--quiet); font-size: .875rem; font-weight: 400; }
.notice { padding: .6rem .9rem; border-radius: .4rem; background: var(--warn-ground); color: var(--warn); }
.notice.bad { background: var(--bad-ground); color: var(--bad); }
.facts {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); gap: .6rem 1.5rem; margin: 1rem 0 0;
}
.facts dt { color: var(--quiet); font-size: .8rem; }
.facts dd { margin: 0; }
table { width: 100%; border-collapse: collapse; font-size: .925rem; }
th, td { padding: .5rem .6rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
thead th { color: var(--quiet); font-size: .8rem; font-weight: 600; white-space: nowrap; }
tbody th { font-weight: 600; }
.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
.badge {
  display: inline-block; padding: .05rem .55rem; border-radius: 1rem;
  font-size: .8rem; font-weight: 600; white-space: nowrap;
}
.badge.succeeded { background: var(--good-ground); color: var(--good); }
.badge.failed, .badge.timed_out { background: var(--bad-ground); color: var(--bad); }
.badge.cancelled, .badge.blocked { background: var(--warn-ground); color: var(--warn); }
.badge.unknown { background: var(--doubt-ground); color: var(--doubt); }
.badge.skipped { background: var(--panel); color: var(--quiet); box-shadow: inset 0 0 0 1px var(--line); }
.environment { margin: .75rem 0; border: 1px solid var(--line); border-radius: .5rem; padding: .6rem 1rem; }
.environment[open] { padding-bottom: 1rem; }
.environment:target { border-color: var(--link); box-shadow: 0 0 0 1px var(--link); }
summary { cursor: pointer; }
summary .badge { margin: 0 .4rem; }
.services { margin-top: .75rem; table-layout: fixed; }
.services th:nth-child(1) { width: 22%; }
.services th:nth-child(2) { width: 19%; }
.services th:nth-child(3) { width: 19%; }
.services tr:last-child > * { border-bottom: 0; }
.bar {
  display: flex; height: .75rem; margin: .35rem 0; padding-right: .5rem; border-radius: .2rem; background: var(--panel);
}
.bar i { flex: none; height: 100%; }
.bar .last { width: .5rem; margin-right: -.5rem; }
i.queued { background: var(--bar-queued); }
i.running { background: var(--bar-running); }
i.good { background: var(--bar-good); }
i.bad { background: var(--bar-bad); }
i.other { background: var(--bar-other); }
.moments { display: flex; flex-wrap: wrap; gap: 0 1rem; margin: 0; padding: 0; list-style: none; font-size: .75rem; }
.moments span { color: var(--quiet); }
.legend {
  display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: 0; padding: 0;
  list-style: none; color: var(--quiet); font-size: .85rem;
}
.legend i { display: inline-block; width: 1rem; height: .7rem; margin-right: .4rem; border-radius: .15rem; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
@media (max-width: 42rem) {
  .overview :is(th, td):is(:nth-child(3), :nth-child(4)) { display: none; }
  .services, .services tbody, .services tr, .services th, .services td { display: block; width: auto; border: 0; }
  .services thead { display: none; }
  .services tr { padding: .6rem 0; border-top: 1px solid var(--line); }
  .services th:nth-child(n), .services td { width: auto; padding: .1rem 0; }
  .services br { display: none; }
}
@media print {
  :root { color-scheme: light; }
  body { max-width: none; padding: 0; font-size: .8rem; }
  .environment, tr { break-inside: avoid; }
  .environment::details-content { content-visibility: visible; block-size: auto; }
  .bar, .bar i, .legend i, .badge, .notice { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""
"""Every colour has a contrast of at least 4.5 against its background, in light and dark mode."""
