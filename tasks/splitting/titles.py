"""Read one title: which words name the series, which only say "season 2" or "the movie".

Nothing here compares titles; `franchises.py` does.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

Words = tuple[str, ...]

# A number with its fraction, a word, or a sign that a subtitle may follow.
_TOKEN = re.compile(r"\d+(?:[.⁄]\d+)+|\w+(?:['’]\w+)*|[:：/(\[~〜―—|]|[-–](?=\s)")
_WORD = re.compile(r"\w")
_BREAK = ":"


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


_ARTICLES = _set("the a an")
_NUMBER = re.compile(r"\d+|[ivx]+")
_SHORT_NUMBER = re.compile(r"[1-9]|(?:19|20)\d\d|\d+(?:st|nd|rd|th)")
_ROMAN = _set("ii iii iv vi vii viii ix")  # not v and x: they are names too
_SHORT_SEASON = re.compile(r"[sr]\d{1,2}")
_ORDINAL = re.compile(
    r"\d+(?:st|nd|rd|th)|first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|final"
)
_COUNTED = _set(
    "season series stage act part cour chapter half term year volume book gig movie film ova"
)
_NUMBERED = _COUNTED | _set(
    "vol episode episodes ep oad ona special specials phase collection tv gekijouban"
)
_FORMATS = _set(
    "tv ova ovas oav oad ona movie movies film special specials recap recaps pilot pv cm omake "
    "bangaihen soushuuhen gekijouban animation series extra extras short shorts digest remake "
    "remastered zenpen kouhen prologue epilogue zoku gaiden edition season preview promo "
    "trailer"
)
_BEFORE_FORMAT = _set("the original final mini new")
_FORMAT_PAIRS = {("picture", "drama"), ("music", "video"), ("mini", "anime")}
# Words that name nothing by themselves, English and Japanese.
HOLLOW_WORDS = _set(
    "a an and at by for from her his in is it its my no of on or our that the their this to with "
    "your de ga ka mo na ni wa wo"
)


class Title(NamedTuple):
    """A title taken apart; all words are casefolded and without accents."""

    words: Words
    """Every word, a leading article left out."""
    base: Words
    """The words without markers: what a sequel called "… 2" has in common with the first."""
    head: Words
    """Where a subtitle follows a break: the words before it, without markers; else empty."""


def read_title(title: str) -> Title | None:
    """Take `title` apart; None where it holds no word."""
    tokens = _tokens(title)
    if len(tokens) > 1 and tokens[0] in _ARTICLES and tokens[1] != _BREAK:
        del tokens[0]
    words = tuple(token for token in tokens if token != _BREAK)
    if not words:
        return None
    before = tokens[: tokens.index(_BREAK)] if _BREAK in tokens else tokens
    after = [token for token in tokens[len(before) :] if token != _BREAK]
    head = without_markers(before)
    # "X (TV)" and "X: The Movie": what follows the break is a marker itself, no subtitle.
    if len(without_markers(["name", *after])) == 1:
        return Title(words, head, ())
    return Title(words, without_markers(words), head)


def without_markers(words: Sequence[str]) -> Words:
    """The words that are left when markers of sequels and formats go.

    A numbered marker ends the name wherever it stands ("X Movie 3 Black" is X); a bare number
    or format counts only at the end ("X 2", "X the Movie"). Where nothing but hollow words
    would be left ("My Final Year"), what looked like a marker is the name: all words stay.
    """
    end = next((at for at in range(1, len(words)) if _is_numbered_marker(words, at)), len(words))
    while end > 1:
        if tuple(words[end - 2 : end]) in _FORMAT_PAIRS and end > 2:
            end -= 2
        elif words[end - 1] in _FORMATS:
            end -= 1
            while end > 1 and words[end - 1] in _BEFORE_FORMAT:
                end -= 1
        elif _is_short_number(words[end - 1]):
            end -= 1
        else:
            break
    hollow = all(word in HOLLOW_WORDS for word in words[:end])
    return tuple(words) if hollow else tuple(words[:end])


def _is_numbered_marker(words: Sequence[str], at: int) -> bool:
    word, following = words[at], words[at + 1] if at + 1 < len(words) else ""
    return (
        bool(_SHORT_SEASON.fullmatch(word))
        or (word in _NUMBERED and bool(_NUMBER.fullmatch(following)))
        or (bool(_ORDINAL.fullmatch(word)) and following in _COUNTED)
    )


def _is_short_number(word: str) -> bool:
    return word in _ROMAN or bool(_SHORT_NUMBER.fullmatch(word))


def _tokens(title: str) -> list[str]:
    """Words and breaks of `title` in order, with no break at either end."""
    text = title.casefold()
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text)
        text = "".join(char for char in text if not unicodedata.combining(char))
    tokens = []
    for match in _TOKEN.finditer(text):
        found = match.group()
        if _WORD.match(found):
            tokens.append(re.sub("['’_]", "", found) or found)
        elif found != ":" or not text[match.end() : match.end() + 1].strip():
            # A colon inside a word ("Re:Start") is no break.
            tokens.append(_BREAK)
    while tokens and tokens[0] == _BREAK:
        del tokens[0]
    while tokens and tokens[-1] == _BREAK:
        del tokens[-1]
    return tokens
