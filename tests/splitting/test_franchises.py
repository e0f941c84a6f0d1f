"""Titles that belong together share a group, and strangers do not."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.splitting.franchises import find_franchises
from tasks.splitting.titles import read_title

STRANGERS = ["Paper Lantern Harbor", "Quiet Engines", "Nine Bridges Down", "Otter & Sons"]


def families(titles: list[str | None], texts: list[str] | None = None) -> list[set[str | None]]:
    numbers = find_franchises(titles, texts or [""] * len(titles))
    assert sorted(set(numbers)) == list(range(numbers.max() + 1))
    return [
        {title for title, own in zip(titles, numbers, strict=True) if own == number}
        for number in range(numbers.max() + 1)
    ]


@pytest.mark.parametrize(
    "sequel",
    [
        "Moonlit Kiln 2",
        "Moonlit Kiln II",
        "Moonlit Kiln IV",
        "Moonlit Kiln Season 2",
        "Moonlit Kiln 2nd Season",
        "Moonlit Kiln: Second Season",
        "Moonlit Kiln S2",
        "Moonlit Kiln R2",
        "Moonlit Kiln Second Act",
        "Moonlit Kiln Part 2",
        "Moonlit Kiln 3rd Season Part 2",
        "Moonlit Kiln Movie",
        "Moonlit Kiln: The Movie",
        "Moonlit Kiln Movie 3: The Salt Road",
        "Moonlit Kiln Movie 3 Black - The Salt Road",
        "Moonlit Kiln OVA",
        "Moonlit Kiln (TV)",
        "Moonlit Kiln (2016)",
        "Moonlit Kiln Specials",
        "Moonlit Kiln Picture Drama",
        "Moonlit Kiln the Animation",
        "Moonlit Kiln!!",
        "Moonlit Kiln°",
        "MOONLIT KILN",
        "The Moonlit Kiln",
        "Moonlit Kiln: Ashes of June",
        "Moonlit Kiln - Ashes of June",
        "Moonlit Kiln ~Ashes of June~",
        "Moonlit Kiln Ever After",
        "Gekijouban Moonlit Kiln",
        "Shin Moonlit Kiln: Ashes of June",
    ],
)
def test_a_sequel_joins_its_series(sequel: str):
    assert {"Moonlit Kiln", sequel} in families(["Moonlit Kiln", *STRANGERS, sequel])


@pytest.mark.parametrize(
    "titles",
    [
        {"Brass Heron 2", "Brass Heron: The Movie"},
        {"Brass Heron: First Light", "Brass Heron: Low Tide"},
        {"Veyra/Zero", "Veyra/Grand March"},
        {"Veyra Season 2", "Veyra Movie 1: Low Tide", "Veyra 3rd Season"},
    ],
)
def test_a_series_is_found_where_its_first_title_is_missing(titles: set[str]):
    assert titles in families([*STRANGERS, *titles])


def test_a_name_of_one_word_gathers_its_series():
    titles = {"Karuma", "Karuma: Lost Summer", "Karuma Excellent", "Karuma II"}
    texts = ["Karuma walks home and the love of the city walks with her."] * 9
    assert titles in families([*STRANGERS, *titles, "Karo"], texts)


def test_an_ordinary_word_gathers_nothing():
    titles = ["Love", "Love: Paris by Night", "Captain", "Captain Marigold", "Love Engine"]
    texts = ["The captain fell in love with a song."] * len(titles)
    assert all(len(family) == 1 for family in families(titles, texts))


def test_a_word_that_stands_anywhere_in_titles_gathers_nothing():
    titles = ["Sora", "Sora: Winter", "Tooi Sora", "Boku no Sora", "Aoi Sora no Shita"]
    assert all(len(family) == 1 for family in families(titles))


def test_an_ordinary_word_still_has_numbered_sequels():
    texts = ["They say that love is love."] * 4
    assert {"Love", "Love 2", "Love Movie"} in families(
        ["Love", "Love 2", "Love Movie", "X"], texts
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Song of", "Song of Rivers"),  # the beginning of a phrase
        ("Sirena", "Sirena no Densetsu"),
        ("My First Year", "My Final Chapter"),  # no base is left without what look like markers
        ("Nine Bridges", "Nine Bridgekeepers"),  # words, not letters
        ("Re:Turn", "Re:Cover"),  # a colon inside a word is no break
        ("Iron Garden", "Garden"),
    ],
)
def test_strangers_stay_apart(one: str, other: str):
    assert families([one, other]) == [{one}, {other}]


def test_rows_without_a_title_are_groups_of_their_own():
    numbers = find_franchises([None, "", "!!!", float("nan"), "Quiet Engines", None], [""] * 6)
    assert len(set(numbers)) == 6


def test_titles_in_other_scripts_are_read():
    assert {"銀の庭", "銀の庭 2", "銀の庭 (TV)"} in families(
        ["銀の庭", "銀の庭 2", "銀の庭 (TV)", "夜"]
    )
    assert {"Träumerei", "Traumerei II"} in families(["Träumerei", "Traumerei II", "Other"])


def test_a_title_is_taken_apart():
    title = read_title("The Brass Heron: Low Tide 2nd Season")
    assert title is not None
    assert title.words == ("brass", "heron", "low", "tide", "2nd", "season")
    assert title.base == ("brass", "heron", "low", "tide")
    assert title.head == ("brass", "heron")
    assert read_title("Brass Heron (TV)") == read_title("Brass Heron TV")
    assert read_title("?!") is None


WORDS = st.sampled_from(["Moon", "Kiln", "of", "Veyra", "no", "Love", "2", "II", "Movie", "Season"])
TITLES = st.lists(
    st.tuples(
        st.lists(WORDS, min_size=1, max_size=5), st.sampled_from([" ", ": ", " - ", "/"])
    ).map(lambda drawn: drawn[1].join([drawn[0][0], " ".join(drawn[0][1:])]).strip()),
    min_size=1,
    max_size=15,
)


@given(titles=TITLES, data=st.data())
def test_the_order_of_the_rows_does_not_matter(titles: list[str], data: st.DataObject):
    shuffled = data.draw(st.permutations(titles))
    as_given, as_shuffled = ({frozenset(f) for f in families(t)} for t in (titles, shuffled))
    assert as_given == as_shuffled


@given(titles=TITLES)
def test_equal_titles_always_share_a_group(titles: list[str]):
    numbers = find_franchises([*titles, *titles], [""] * (2 * len(titles)))
    assert numbers[: len(titles)].tolist() == numbers[len(titles) :].tolist()


def test_families_of_the_real_list_are_found_and_stay_apart(real_data: Path):
    rows = pd.read_csv(real_data / "anime_synopses.csv")
    number = find_franchises(rows["title"].tolist(), rows["synopsis"].tolist())
    of = dict(zip(rows["title"], number, strict=True))
    together = [
        (
            "Naruto",
            "Naruto: Shippuuden",
            "Naruto Movie 3: Dai Koufun! Mikazuki Jima no Animaru Panikku Dattebayo!",
        ),
        ("Dragon Ball", "Dragon Ball Z", "Dragon Ball Super: Broly"),
        ("Fate/Zero", "Fate/stay night", "Fate/Extra: Last Encore"),
        ("Gintama", "Gintama°", "Gintama'", "Gintama.: Porori-hen"),
        ("Initial D First Stage", "Initial D Final Stage"),
    ]
    for family in together:
        assert len({of[title] for title in family}) == 1, family
    apart = [
        "Naruto",
        "Dragon Ball",
        "Captain Tsubasa",
        "Captain Future",
        "Monster",
        "Gintama",
        "Monster Strike",
        "Piano",
        "Piano no Mori",
        "Brave Story",
        "Brave 10",
    ]
    assert len({of[title] for title in apart}) == len(apart)
    sizes = pd.Series(number).value_counts()
    assert 40 <= sizes.max() <= 90  # Pokemon: 64; a chain of strangers would be larger
    assert 5_500 <= len(sizes) <= 6_200
