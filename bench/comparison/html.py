"""A page as one HTML file that needs no other: no script, no network; light or dark like the
reader's system."""
import html
import re

from . import blocks, svg

STYLE = """
:root {
  --paper: #fcfcfb; --card: #ffffff; --ink: #1b1f24; --soft: #5b6470; --line: #dde1e6;
  --grid: #e9ecef; --one: #8a94a0;
  --one-to-one: #6d7680; --threads: #c2570c; --iocp: #8250df; --portico: #1f6feb;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #111418; --card: #181c21; --ink: #e6e9ed; --soft: #9aa4af; --line: #2c333b;
    --grid: #252b32; --one: #77818c;
    --one-to-one: #9aa4af; --threads: #f0883e; --iocp: #bc8cff; --portico: #6aa8ff;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1060px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 26px; line-height: 1.25; margin: 0 0 10px; }
h2 { font-size: 20px; margin: 38px 0 8px; }
h3 { font-size: 14px; margin: 0; }
p, ul { margin: 0 0 12px; max-width: 44em; }
ul { padding-left: 20px; }
li { margin-bottom: 6px; }
.lead { font-size: 17px; color: var(--soft); }
code { font: 0.88em/1.5 ui-monospace, Consolas, monospace; overflow-wrap: anywhere; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 320px), 1fr));
  gap: 12px; margin: 4px 0 18px; }
figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  padding: 12px 12px 8px; }
figcaption span { color: var(--soft); font-size: 13px; }
svg { display: block; width: 100%; max-width: 460px; margin: 6px auto 0; }
svg text { fill: var(--soft); font-size: 11.5px; font-variant-numeric: tabular-nums; }
svg text.axis { font-size: 11px; }
svg .grid { stroke: var(--grid); }
svg .one { stroke: var(--one); stroke-width: 1.4; }
svg .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
svg .fill { stroke: var(--card); stroke-width: 1; }
.line.one_to_one { stroke: var(--one-to-one); } .line.threads { stroke: var(--threads); }
.line.iocp { stroke: var(--iocp); } .line.portico { stroke: var(--portico); }
.fill.one_to_one { fill: var(--one-to-one); } .fill.threads { fill: var(--threads); }
.fill.iocp { fill: var(--iocp); } .fill.portico { fill: var(--portico); }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 10px 0 6px; font-size: 14px;
  color: var(--soft); }
.legend svg { display: inline-block; width: 14px; height: 14px; margin: 0 6px 0 0;
  vertical-align: -2px; }
.wide { overflow-x: auto; margin: 4px 0 18px; background: var(--card);
  border: 1px solid var(--line); border-radius: 8px; }
table { border-collapse: collapse; width: 100%; font-size: 14px;
  font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: 10px 12px 4px; color: var(--soft); }
th, td { padding: 4px 12px; text-align: right; vertical-align: top; white-space: nowrap;
  font-weight: 400; }
th { color: var(--soft); vertical-align: bottom; }
tr.first > td { border-top: 1px solid var(--grid); }
.words { text-align: left; white-space: normal; min-width: 6em; }
@media (max-width: 560px) {
  table { font-size: 13px; }
  th, td { padding: 4px 7px; }
  th { white-space: normal; }
  .words { min-width: 4.5em; }
}
""".strip()


def inline(text):
    """Converts `code` and **bold**."""
    escaped = html.escape(text, quote=False)
    escaped = re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped)
    return re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", escaped)


def cell(text, tag, is_word, rows=1):
    span = f' rowspan="{rows}"' if rows > 1 else ""
    kind = ' class="words"' if is_word else ""
    return f"<{tag}{kind}{span}>{inline(text)}</{tag}>"


def grouped(rows):
    """(row, the number of rows that its first cell spans): 0 if a cell above spans it."""
    found = []
    for i, row in enumerate(rows):
        if i and row[0] == rows[i - 1][0]:
            found.append((row, 0))
        else:
            left = len(rows) - i
            span = next((n for n in range(1, left) if rows[i + n][0] != row[0]), left)
            found.append((row, span))
    return found


def table(block):
    def cells(row, tag, rows=1):
        return "".join(cell(text, tag, i < block.words, 1 if i else rows)
                       for i, text in enumerate(row) if i or rows)
    caption = f"<caption>{inline(block.title)}</caption>" if block.title else ""
    head = f"<thead><tr>{cells(block.head, 'th')}</tr></thead>" if any(block.head) else ""
    rows = "\n".join(("<tr class=first>" if span else "<tr>") + cells(row, "td", span) + "</tr>"
                     for row, span in grouped(block.rows))
    return (f'<div class="wide" tabindex="0"><table>{caption}{head}<tbody>\n{rows}\n'
            '</tbody></table></div>')


def figure(chart, titles):
    drawn = svg.lines(chart, titles) if isinstance(chart, blocks.Lines) else svg.ratios(chart)
    # Other charts have the note at their axis.
    note = f"<span>{inline(chart.note)}</span>" if isinstance(chart, blocks.Lines) else ""
    return (f"<figure><figcaption><h3>{inline(chart.title)}</h3>{note}</figcaption>{drawn}</figure>"
            if drawn else "")


def charts(block):
    titles = dict(block.names)
    legend = "".join('<span><svg viewBox="0 0 14 14" aria-hidden="true">'
                     f'{svg.marker(name, 7, 7, radius=5)}</svg>{inline(title)}</span>'
                     for name, title in block.names)
    return ((f'<div class="legend">{legend}</div>\n' if legend else "")
            + '<div class="charts">\n'
            + "\n".join(figure(chart, titles) for chart in block.charts) + "\n</div>")


def block_text(block):
    match block:
        case blocks.Heading():
            return f"<h2>{inline(block.text)}</h2>"
        case blocks.Paragraph():
            return f"<p>{inline(block.text)}</p>"
        case blocks.Bullets():
            return ("<ul>\n" + "\n".join(f"<li>{inline(text)}</li>" for text in block.texts)
                    + "\n</ul>")
        case blocks.Table():
            return table(block)
        case blocks.Charts():
            return charts(block)
    raise TypeError(f"a page has no {type(block).__name__}")


def written(page):
    body = "\n".join(block_text(block) for block in page.blocks)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>{html.escape(page.title)}</title>
<style>
{STYLE}
</style>
</head>
<body>
<main>
<h1>{inline(page.title)}</h1>
<p class="lead">{inline(page.lead)}</p>
{body}
</main>
</body>
</html>
"""
