"""How every picture looks, and how it becomes an SVG that a page colours, or PNG bytes.

Figures are made without pyplot, whose global state is not safe where arms run in threads.
"""

import hashlib
import io
import re
from collections.abc import Mapping
from xml.sax.saxutils import escape

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from tasks.evaluation.wording import lower_is_better

# Okabe and Ito's palette, which colour-blind readers can tell apart, less its pale yellow.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#333333")
INK, FAINT, OTHERS, GRID = "#333333", "#8a8a8a", "#a6a6a6", "#e6e6e6"
# What `page.css.j2` sets anew where a reader's screen is dark.
_VARIABLES = {colour.lower(): f"--series-{number}" for number, colour in enumerate(PALETTE)} | {
    INK: "--ink",
    FAINT: "--faint",
    OTHERS: "--others",
    GRID: "--line",
}
_DPI = 96  # of CSS: an inch of a figure is as wide on a page
_NARROW = 440  # pixels below which a picture scrolls instead of shrinking further
mpl.rcParams["svg.fonttype"] = "none"  # text stays text: small, sharp, and found by a search


def clean(axes: Axes) -> Axes:
    """Axes without a frame, with a faint horizontal grid; returns them."""
    axes.patch.set_visible(False)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=INK, labelsize=9)
    axes.xaxis.label.set_color(INK)
    axes.yaxis.label.set_color(INK)
    axes.title.set_color(INK)
    axes.grid(axis="y", color=GRID, lw=0.8)
    axes.set_axisbelow(True)
    return axes


def colours_of(selection: Mapping[str, float], select_by: str) -> dict[str, str]:
    """Arms, best on validation first, with a colour each; those beyond the palette are grey."""
    sign = 1 if lower_is_better(select_by) else -1
    order = sorted(selection, key=lambda name: np.nan_to_num(sign * selection[name], nan=np.inf))
    return {name: PALETTE[i] if i < len(PALETTE) else OTHERS for i, name in enumerate(order)}


def to_svg(picture: Figure, seen: str = "") -> bytes:
    """The picture as an SVG element that stands in a page or alone.

    Its colours are CSS variables with the colours that were drawn behind them, so that a page's
    dark mode reaches them; its text is text.

    Args:
        picture: drawn.
        seen: what there is to see, for who cannot; by default the title that stands above.
    """
    _settle(picture)
    buffer = io.StringIO()
    told = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    picture.savefig(buffer, format="svg", transparent=True, metadata=told)
    drawn = buffer.getvalue()
    drawn = drawn[drawn.index("<svg") :]
    drawn = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", drawn, flags=re.DOTALL)
    # Names that nothing refers to go; the others are told apart from those of other pictures.
    tag = hashlib.sha256(drawn.encode()).hexdigest()[:6]
    drawn = re.sub(r' id="(?![mp][0-9a-f]{10}")[^"]*"', "", drawn)
    drawn = re.sub(r'(id="|#)([mp][0-9a-f]{10})\b', rf"\g<1>\g<2>{tag}", drawn)
    drawn = re.sub(r"'DejaVu Sans'[^;\"]*", "system-ui, sans-serif", drawn)
    drawn = re.sub(r"(?<=: )#[0-9a-f]{6}\b", _coloured, drawn)
    drawn = re.sub(r"\s*\n\s*", "\n", drawn)
    title = picture.get_suptitle()
    width, height = (float(side) * _DPI for side in picture.get_size_inches())
    said = escape(re.sub(r"\s+", " ", seen or title).strip(), {'"': "&quot;"})
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'role="img" aria-label="{said}" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width * 72 / _DPI:g} {height * 72 / _DPI:g}" '
        f'style="min-width: {min(width, _NARROW):.0f}px; background: var(--paper, #fff); '
        f'fill: var(--ink, {INK})">'
    )
    return (opening + drawn[drawn.index(">") + 1 :].strip()).encode()


def to_png(picture: Figure) -> bytes:
    """The picture as PNG bytes, where what is drawn is no text or line."""
    _settle(picture)
    buffer = io.BytesIO()
    picture.savefig(buffer, format="png", dpi=150)
    return buffer.getvalue()


def _settle(picture: Figure) -> None:
    engine = picture.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        engine.set(w_pad=0.08, h_pad=0.08)  # inches


def _coloured(found: re.Match[str]) -> str:
    variable = _VARIABLES.get(found[0])
    return f"var({variable}, {found[0]})" if variable else found[0]
