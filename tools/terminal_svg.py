#!/usr/bin/env python3
"""Draws text as a terminal would: terminal_svg.py < TEXT > PICTURE.svg. So the README shows what a command really
printed. A line that begins with `>` or `$` is shown as typed."""

import html
import sys

COLUMN, LINE, MARGIN = 8.4, 19, 16  # of 14-pixel type, in pixels


def draw(lines):
    """The lines of the SVG."""
    width = 2 * MARGIN + COLUMN * max(map(len, lines))
    height = 2 * MARGIN + LINE * len(lines)
    yield (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" '
           f'viewBox="0 0 {width:.0f} {height}">')
    yield f'<rect width="{width:.0f}" height="{height}" rx="8" fill="#16181d"/>'
    yield '<g font-family="ui-monospace, Menlo, monospace" font-size="14" xml:space="preserve" fill="#d7dae0">'
    for number, line in enumerate(lines):
        typed = ' fill="#7fd1b9" font-weight="bold"' if line[:1] in (">", "$") else ""
        # The length is given, so that columns stay columns in any font.
        length = f' textLength="{COLUMN * len(line):.1f}"' if line.strip() else ""
        yield f'<text x="{MARGIN}" y="{MARGIN + LINE * number + 14}"{length}{typed}>{html.escape(line)}</text>'
    yield "</g></svg>"


if __name__ == "__main__":
    print("\n".join(draw([line.rstrip() for line in sys.stdin])))
