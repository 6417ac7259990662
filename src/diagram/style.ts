import { sizes } from "./layout.js";

/** Readable on light and dark pages: it brings its own ground. No script, nothing to load. */
export const style = `
svg { font-family: Inter, system-ui, -apple-system, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }
.page { fill: #f8fafc; } .title { font-size: 24px; font-weight: 700; fill: #0f172a; }
.subtitle { font-size: 13px; fill: #475569; } .name { font-size: ${sizes.title}px; font-weight: 650; fill: #0f172a; }
.text { font-size: ${sizes.text}px; fill: #475569; } .small { font-size: ${sizes.small}px; fill: #475569; }
.strong { fill: #0f172a; font-weight: 600; } .port { fill: #0369a1; font-weight: 600; }
.box { fill: #ffffff; stroke: #cbd5e1; } .service { fill: #eef2ff; stroke: #c7d2fe; } .service-text, .stateful-text { font-size: ${sizes.text}px; } .service-text { fill: #312e81; }
.stateful { fill: #fef3c7; stroke: #fcd34d; } .stateful-text { fill: #78350f; } .disk { fill: none; stroke: #b45309; stroke-width: 1.2; }
.machine { fill: #f1f5f9; stroke: #e2e8f0; } .public { fill: #059669; }
.line { stroke: #64748b; stroke-width: 1.6; } .tip { fill: #64748b; }
.buyers { fill: #0ea5e9; } .edge, .balancer { fill: #0ea5e9; } .app { fill: #6366f1; } .data { fill: #d97706; } .events { fill: #e11d48; } .control { fill: #64748b; }
.planned { fill: #fde68a; } .planned-text { fill: #78350f; font-size: 12px; font-weight: 650; }
@media (prefers-color-scheme: dark) {
  .page { fill: #0b1220; } .subtitle, .text, .small { fill: #a8b5c7; } .title, .name, .strong { fill: #f1f5f9; } .port { fill: #7dd3fc; }
  .box { fill: #131d30; stroke: #31415a; } .service { fill: #232b52; stroke: #3f4a86; } .service-text { fill: #c7d2fe; }
  .stateful { fill: #3b2a0c; stroke: #7c5a14; } .stateful-text { fill: #fde68a; } .disk { stroke: #fbbf24; }
  .machine { fill: #1c2940; stroke: #31415a; } .public { fill: #34d399; } .line { stroke: #8496ae; } .tip { fill: #8496ae; }
  .planned { fill: #4a3a0a; } .planned-text { fill: #fde68a; }
}`;

/** What a picture of a change has beside it. */
export const changeStyle = `
.machine.new { stroke: #047857; stroke-width: 2; } .machine.old { stroke: #b91c1c; stroke-width: 1.6; stroke-dasharray: 4 3; } .stateful.moves { stroke: #b45309; stroke-width: 2.4; }
.mark-new { fill: #047857; font-weight: 650; } .mark-old { fill: #b91c1c; font-weight: 650; }
@media (prefers-color-scheme: dark) {
  .machine.new { stroke: #34d399; } .machine.old { stroke: #fca5a5; } .stateful.moves { stroke: #fbbf24; } .mark-new { fill: #34d399; } .mark-old { fill: #fca5a5; }
}`;
