"""The look of the page for people: one style sheet, light and dark, for screens, phones and paper."""

from typing import Final

CSS: Final = """
:root{color-scheme:light dark;--paper:#f6f7f9;--card:#fff;--ink:#1b1f24;--soft:#57606a;--line:#d5dae1;--link:#0550ae;--code:#eef1f4;
--good:#116329;--good-back:#e6f6ea;--bad:#a40e26;--bad-back:#ffebe9;--warn:#7d4e00;--warn-back:#fff6d9;
--critical:#8e0b3c;--high:#b3261e;--medium:#935200;--low:#0a5fa8;--informational:#4d5761;--ungraded:#6b3fa0}
@media(prefers-color-scheme:dark){:root{--paper:#0f1318;--card:#171c23;--ink:#e6eaef;--soft:#9da7b3;--line:#303842;--link:#79b8ff;
--code:#222932;--good:#7ee2a0;--good-back:#12291b;--bad:#ffa198;--bad-back:#361519;--warn:#f2c860;--warn-back:#2d240c;
--critical:#c2255c;--high:#c9443b;--medium:#a1640d;--low:#2b78c5;--informational:#66727f;--ungraded:#8a5cd0}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main,header>div{max-width:68rem;margin:0 auto;padding:0 1.25rem}
header{border-bottom:1px solid var(--line);border-top:.4rem solid;background:var(--card);padding:1.5rem 0 1.25rem}
header.pass{border-top-color:var(--good)}header.findings,header.tool-error{border-top-color:var(--bad)}
header.no-evidence{border-top-color:var(--warn)}
h1{font-size:1.85rem;line-height:1.2;margin:0 0 .35rem;letter-spacing:-.01em}
.pass h1{color:var(--good)}.findings h1,.tool-error h1{color:var(--bad)}.no-evidence h1{color:var(--warn)}
header p{margin:.15rem 0;overflow-wrap:anywhere}.scan{color:var(--soft);font-weight:600}
h2{font-size:1.2rem;margin:2.25rem 0 .75rem}h2 span{color:var(--soft);font-weight:400}
h3{font-size:1rem;line-height:1.4;margin:0;overflow-wrap:anywhere}
a{color:var(--link)}
code,.mono{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:.86em;overflow-wrap:anywhere}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(17rem,1fr));gap:.6rem 2rem;margin:1.5rem 0 0}
.facts div{min-width:0}dt{color:var(--soft);font-size:.8rem}dd{margin:0;overflow-wrap:anywhere}
.counts{border-collapse:separate;border-spacing:.4rem 0;margin:1.5rem -.4rem 0;width:calc(100% + .8rem);table-layout:fixed}
.counts td{background:var(--card);border:1px solid var(--line);border-bottom:0;border-top:.25rem solid var(--line);
border-radius:.4rem .4rem 0 0;text-align:center;font-size:1.5rem;font-weight:650;padding:.35rem .2rem 0;font-variant-numeric:tabular-nums}
.counts th{background:var(--card);border:1px solid var(--line);border-top:0;border-radius:0 0 .4rem .4rem;color:var(--soft);
font-weight:500;font-size:.8rem;padding:0 .2rem .35rem}
.counts .zero{color:var(--soft);font-weight:400}
td.critical{border-top-color:var(--critical)}td.high{border-top-color:var(--high)}td.medium{border-top-color:var(--medium)}
td.low{border-top-color:var(--low)}td.informational{border-top-color:var(--informational)}td.ungraded{border-top-color:var(--ungraded)}
.notes{margin:1.25rem 0 0;padding:.75rem 1rem;background:var(--warn-back);border-radius:.4rem;list-style-position:inside}
.notes li{white-space:pre-wrap;overflow-wrap:anywhere}
article{background:var(--card);border:1px solid var(--line);border-left:.3rem solid;border-radius:.4rem;padding:.7rem 1rem;
margin:0 0 .6rem;overflow-wrap:anywhere;content-visibility:auto;contain-intrinsic-size:auto 7rem}
article.critical{border-left-color:var(--critical)}article.high{border-left-color:var(--high)}
article.medium{border-left-color:var(--medium)}article.low{border-left-color:var(--low)}
article.informational{border-left-color:var(--informational)}article.ungraded{border-left-color:var(--ungraded)}
.badge{display:inline-block;color:#fff;border-radius:.25rem;padding:.05rem .45rem;font-size:.75rem;font-weight:650;
text-transform:uppercase;letter-spacing:.03em;margin-right:.45rem;vertical-align:.08em}
.badge.critical{background:var(--critical)}.badge.high{background:var(--high)}.badge.medium{background:var(--medium)}
.badge.low{background:var(--low)}.badge.informational{background:var(--informational)}.badge.ungraded{background:var(--ungraded)}
article p{margin:.3rem 0 0;overflow-wrap:anywhere}.soft{color:var(--soft)}
article ul{margin:.3rem 0 0;padding-left:1.1rem}
.fix{color:var(--good);font-weight:600}.waived{background:var(--good-back);border-radius:.25rem;padding:.25rem .55rem}
details{margin:.4rem 0 0}summary{cursor:pointer;color:var(--link);font-size:.88rem;width:fit-content}
.text{white-space:pre-wrap;background:var(--code);border-radius:.3rem;padding:.6rem .75rem;margin:.4rem 0 0;font-size:.9rem;overflow-wrap:anywhere}
.empty{background:var(--card);border:1px dashed var(--line);border-radius:.4rem;padding:1.25rem;color:var(--soft);text-align:center}
footer{color:var(--soft);font-size:.8rem;border-top:1px solid var(--line);margin:2.5rem 0 0;padding:1rem 0 2.5rem;overflow-wrap:anywhere}
@media(max-width:40rem){body{font-size:16px}h1{font-size:1.5rem}main,header>div{padding:0 .9rem}
.counts,.counts tbody{display:block;width:auto;margin-left:0;margin-right:0}
.counts tbody{display:grid;grid-auto-flow:column;grid-template-rows:repeat(7,auto);grid-template-columns:auto 1fr;gap:.3rem 0}
.counts tr{display:contents}.counts td{order:0;font-size:1.1rem;border:1px solid var(--line);border-left:.25rem solid var(--line);border-right:0;
border-radius:.3rem 0 0 .3rem;padding:.15rem .8rem;min-width:3.5rem}
.counts th{border:1px solid var(--line);border-left:0;border-radius:0 .3rem .3rem 0;text-align:left;padding:.3rem .5rem;font-size:.9rem}
td.critical{border-left-color:var(--critical)}td.high{border-left-color:var(--high)}td.medium{border-left-color:var(--medium)}
td.low{border-left-color:var(--low)}td.informational{border-left-color:var(--informational)}td.ungraded{border-left-color:var(--ungraded)}}
@media print{:root{color-scheme:light;--paper:#fff}body{font-size:10pt}article{break-inside:avoid;content-visibility:visible}
.badge{print-color-adjust:exact;-webkit-print-color-adjust:exact}a{color:inherit}
details>*{display:block}details::details-content{content-visibility:visible;display:block}summary{display:none}}
"""
