"""A cell as the model is to see it: plain text, on one line unless the case keeps lines."""

import html
import re
import string

from tasks.config import DataConfig

UNPRINTABLE = re.compile(f"[^{re.escape(string.printable)}]+")

# Text holds "<" for its own purposes ("a < b", "<3", "<sigh>", "if x<y and y>z"), so only what
# is certainly markup counts: an element's name straight after the bracket, and then nothing but
# attributes with values. The first group breaks a line, so words on its two sides stay apart.
_BREAKING = (
    "address|article|aside|blockquote|br|caption|center|dd|div|dl|dt|fieldset|figcaption|figure|"
    "footer|form|h[1-6]|head|header|hr|html|body|li|main|nav|ol|p|pre|section|table|tbody|td|"
    "tfoot|th|thead|title|tr|ul"
)
_INLINE = (
    "a|abbr|acronym|audio|b|bdi|bdo|big|button|cite|code|del|dfn|em|font|i|iframe|img|input|ins|"
    "kbd|label|link|map|mark|meta|object|param|picture|q|s|samp|small|source|span|strike|strong|"
    "sub|sup|svg|time|tt|u|var|video|wbr"
)
_ATTRIBUTES = r"""(?:\s+[\w:-]+\s*=\s*(?:"[^"<>]*"|'[^'<>]*'|[^\s"'<>=]+))*\s*/?"""
_BREAKS = re.compile(rf"</?(?:{_BREAKING}){_ATTRIBUTES}>|<!--[^<>]*-->", re.IGNORECASE)
_TAGS = re.compile(rf"</?(?:{_INLINE}){_ATTRIBUTES}>", re.IGNORECASE)
# With its semicolon: HTML also reads "&copy2" as a sign, and texts say "R&not so B".
_ENTITIES = re.compile(r"&(?:#\d{1,7}|#[xX][\da-fA-F]{1,6}|[A-Za-z][A-Za-z\d]{1,31});")


def clean(cell: str | None, config: DataConfig) -> str:
    """`cell` with each run of white space, line breaks too, as one space, and none at its ends.

    With `keep_lines`, white space goes at the ends alone.

    With `html`, tags go and entities become characters first; with `printable_only`, characters
    outside `string.printable` go, as in the chapter. Texts to predict pass through here as well.
    """
    if not cell:
        return ""
    if config.html:
        cell = plain_text(cell)
    if config.printable_only:
        cell = UNPRINTABLE.sub("", cell)
    return cell.strip() if config.keep_lines else " ".join(cell.split())


def holds_markup(text: str) -> bool:
    """Whether a text has HTML's tags."""
    return "<" in text and bool(_BREAKS.search(text) or _TAGS.search(text))


def plain_text(markup: str) -> str:
    """`markup` without HTML's tags and comments, and with characters for its entities.

    A tag that breaks the line leaves a space behind, one within a line nothing. What an entity
    stands for is text, so `&lt;b&gt;` comes out as `<b>`.
    """
    if "<" in markup:
        markup = _TAGS.sub("", _BREAKS.sub(" ", markup))
    if "&" in markup:
        markup = _ENTITIES.sub(lambda found: html.unescape(found.group()), markup)
    return markup
