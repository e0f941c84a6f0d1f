"""Franchises from titles: sequels, seasons, films and specials of one series form a group.

A model that saw one season of a series knows the next by its names, so seasons on both sides of
a split flatter the test figure. No source names the franchise, but the title gives evidence:

1. **Marker.** "X 2", "X II", "X 2nd Season", "X Movie 3: Sub", "X (TV)", "X: The Animation"
   all have the base X (see `titles.py`). One base is one franchise, even where no title is
   plain "X".
2. **Break.** "X: Sub", "X - Sub", "X (Sub)", "X/Sub" join X where X is itself a base or a
   second title has X before its break.
3. **Leading word.** "Gekijouban X", "Shin X", "New X" join X where X is a base.
4. **Beginning.** "X Y Second Sky" joins "X Y", a base of two words or more.
5. **Beginning, one word.** "X Sky" joins the base "X".

What joins strangers are one-word bases that are ordinary words: "Love: Paris" is no sequel of
"Love", nor "Captain Future" of "Captain". A name tells itself from such a word twice: it stands
first in the titles that hold it, and in running text it is written with a capital. So ways 2
and 3 take a base of one word only if it *leads* (it begins three quarters of its titles) and,
unless five titles or more begin with it, is not *ordinary* (written small in one text of a
thousand and in two at least); way 5 takes no ordinary word at all.

What cannot be seen from titles (a sequel under a new name) is not found. A join too many costs
the split a little freedom, a join too few leaks; where the evidence is even, titles join.

Only counting and look-ups: linear in the words, and independent of the order of the rows.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from tasks.splitting.components import connected, number_distinct
from tasks.splitting.titles import HOLLOW_WORDS, Title, Words, read_title

_LEADING_WORDS = frozenset(("gekijouban", "eiga", "shin", "zoku", "new", "neo", "chou"))
_PHRASE_WORDS = HOLLOW_WORDS - {"the"}  # "X of Z", "X no Z": here X is part of a phrase
_LEADS_SHARE = 0.75
_LEADS_TITLES = 5
_ORDINARY_SHARE = 0.001
_ORDINARY_TEXTS = 2
_SHORTEST_NAME = 5  # letters: below it, way 5 meets initials and syllables, not names


def find_franchises(titles: Sequence[str | None], texts: Sequence[str]) -> np.ndarray:
    """Number the franchises of `titles`.

    Args:
        titles: one a row; a row without one (None, NaN, no word in it) is a franchise alone.
        texts: the rows' running texts, read for which words are ordinary.

    Returns:
        int64 array of one franchise number a row, from 0 without gaps.
    """
    read = [read_title(title) if isinstance(title, str) else None for title in titles]
    evidence = _Evidence([title for title in read if title], texts)
    links: list[tuple[int, Words]] = []
    for row, title in enumerate(read):
        if title:
            links.extend((row, base) for base in evidence.bases_of(title))
    rows = np.array([row for row, _ in links], dtype=np.int64)
    bases = number_distinct([base for _, base in links])
    return connected(len(read), rows, bases)


class _Evidence:
    """What all titles and texts together say about which base a title belongs to."""

    def __init__(self, titles: Sequence[Title], texts: Iterable[str]) -> None:
        distinct = set(titles)  # the same title twice is no second witness
        self._bases = {title.base for title in distinct}
        self._heads = Counter(title.head for title in distinct if title.head)
        self._first = Counter(title.words[0] for title in distinct)
        self._anywhere = Counter(word for title in distinct for word in set(title.words))
        single = {base[0] for base in [*self._bases, *self._heads] if len(base) == 1}
        self._ordinary = _ordinary_words(single, texts)

    def bases_of(self, title: Title) -> Iterator[Words]:
        """The bases that `title` joins; its own is the first."""
        yield title.base
        yield from self._joined_by(title)
        if title.words[0] in _LEADING_WORDS and len(title.base) > 1:
            rest = Title(title.words[1:], title.base[1:], title.head[1:])
            if rest.base in self._bases and self._may_join(rest.base):
                yield rest.base
            yield from self._joined_by(rest)

    def _joined_by(self, title: Title) -> Iterator[Words]:
        """Bases of other titles that the words of `title` begin with (ways 2, 4 and 5)."""
        words, head = title.words, title.head
        if head and (head in self._bases or self._heads[head] > 1) and self._may_join(head):
            yield head
        for end in range(2, len(words)):
            if words[:end] in self._bases and not _breaks_off(words[:end]):
                yield words[:end]
        if self._begins_with_name(words):
            yield words[:1]

    def _may_join(self, base: Words) -> bool:
        if len(base) > 1:
            return True
        often = self._first[base[0]] >= _LEADS_TITLES
        return self._leads(base[0]) and (often or base[0] not in self._ordinary)

    def _begins_with_name(self, words: Words) -> bool:
        return (
            len(words) > 1
            and words[:1] in self._bases
            and words[1] not in _PHRASE_WORDS
            and len(words[0]) >= _SHORTEST_NAME
            and self._leads(words[0])
            and words[0] not in self._ordinary
        )

    def _leads(self, word: str) -> bool:
        return self._first[word] >= _LEADS_SHARE * self._anywhere[word]


def _breaks_off(base: Words) -> bool:
    """Is it the start of a phrase ("Song of", "Bokura no") rather than a name?"""
    return base[-1] in HOLLOW_WORDS and sum(word not in HOLLOW_WORDS for word in base) < 2


def _ordinary_words(words: set[str], texts: Iterable[str]) -> set[str]:
    """Those of `words` that the texts write without a capital (scripts without case: none)."""
    texts_with: Counter[str] = Counter()
    count = 0
    for text in texts:
        texts_with.update(words.intersection(text.split()))
        count += 1
    enough = max(_ORDINARY_TEXTS, _ORDINARY_SHARE * count)
    return {word for word, found in texts_with.items() if found >= enough and word.islower()}
