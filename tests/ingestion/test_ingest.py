"""From a file with names of its own to a stored table of roles."""

from pathlib import Path
from typing import Any

import pytest

from tasks.config import DataConfig
from tasks.config.loading import load_case
from tasks.errors import RequestError
from tasks.ingestion.ingest import ingest

CSV = "Name,plot,Genre Names,score\nHarbour,A quiet town.,Drama,7\nOrbit,,Sci-Fi,8\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "anime.csv"
    path.write_text(CSV)
    return path


def config(path: Path, **changes: Any) -> DataConfig:
    fields: dict[str, Any] = {
        "path": path,
        "required": ("title", "synopsis", "genres"),
        "optional": ("id", "studio"),
        "columns": {"title": "Name", "synopsis": "plot", "genres": "Genre Names"},
        **changes,
    }
    return DataConfig.model_validate(fields)


def test_a_file_with_other_names_is_read_by_override_alone(path: Path) -> None:
    ref = ingest(config(path))
    assert ref.columns == ("row", "id", "title", "synopsis", "genres")
    assert ref.rows == 2
    assert ref.origin == f"file {path}"
    rows = ref.read()
    assert rows["row"].tolist() == [1, 2]
    assert rows["id"].tolist() == ["row-1", "row-2"]
    assert rows["synopsis"].isna().tolist() == [False, True]


def test_a_renamed_column_says_which_columns_there_are_and_how_to_map_it(path: Path) -> None:
    columns = {"title": "title", "synopsis": "synopsis"}
    with pytest.raises(RequestError) as caught:
        ingest(config(path, columns=columns))
    assert str(caught.value) == (
        f"{path} has no column title and no column synopsis and no column genres; its columns are "
        "Name, plot, Genre Names, score: map with data.columns.title=COLUMN "
        "data.columns.synopsis=COLUMN data.columns.genres='Genre Names'."
    )


@pytest.mark.parametrize(
    ("columns", "hint"),
    [
        ({"title": "Name", "genres": "score", "synopsis": "plots"}, "synopsis=Plot"),
        ({"title": "Name", "genres": "score", "synopsis": "blurb"}, "synopsis=COLUMN"),
        ({"title": "naam", "genres": "score", "synopsis": "Plot"}, "title=Name"),
    ],
)
def test_the_nearest_name_is_found_whatever_its_capitals(
    path: Path, columns: dict[str, str], hint: str
) -> None:
    path.write_text(CSV.replace("plot", "Plot"))
    with pytest.raises(RequestError, match=rf"map with data\.columns\.{hint}\.$"):
        ingest(config(path, columns=columns))


def test_a_mapped_column_of_an_optional_role_may_be_absent(path: Path) -> None:
    mapped = {**config(path).columns, "studio": "Studios"}
    assert "studio" not in ingest(config(path, columns=mapped)).columns


def test_a_role_that_the_case_does_not_have_is_refused(path: Path) -> None:
    mapped = {**config(path).columns, "titel": "Name"}
    with pytest.raises(RequestError, match=r"no role titel \(did you mean title\?\); its"):
        ingest(config(path, columns=mapped))


def test_a_file_with_none_of_the_optional_columns_is_refused(path: Path) -> None:
    with pytest.raises(RequestError, match="none of the columns body, tags"):
        ingest(DataConfig(path=path, optional=("body", "tags")))


def test_given_ids_are_kept_and_empty_ones_filled(path: Path) -> None:
    path.write_text("id,text\na7,x\n,y\n")
    ref = ingest(DataConfig(path=path, required=("text",), optional=("id",)))
    assert ref.read()["id"].tolist() == ["a7", "row-2"]


def test_one_column_can_play_two_roles(path: Path) -> None:
    ref = ingest(config(path, columns={"title": "Name", "synopsis": "Name", "genres": "score"}))
    rows = ref.read()
    assert rows["title"].tolist() == rows["synopsis"].tolist()


def test_a_limit_takes_a_seeded_sample_that_keeps_record_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,n\n" + "".join(f"t{i},{i}\n" for i in range(1, 501)))
    limited = DataConfig(path=path, required=("text",), limit=50)
    first, again, other = ingest(limited), ingest(limited), ingest(limited, seed=7)
    assert first.digest == again.digest != other.digest
    rows = first.read()
    assert len(rows) == 50
    assert rows["row"].is_monotonic_increasing
    assert rows["row"].is_unique
    assert (rows["text"] == "t" + rows["row"].astype(str)).all()
    assert rows["row"].max() > 250  # a sample, not the head
    assert ingest(limited.model_copy(update={"limit": 9999})).rows == 500


def test_the_real_synopses_arrive_whole(real_data: Path) -> None:
    case = load_case("genre", "sample", [f"data.path={real_data / 'anime_synopses.csv'}"])
    ref = ingest(case.data)
    rows = ref.read()
    assert ref.rows == 8582
    assert rows["genres"].isna().sum() == 23
    assert rows["title"].iloc[0] == "Cowboy Bebop"
    assert rows["synopsis"].iloc[0].endswith("[Written by MAL Rewrite]")
    assert "\n \nMellow and carefree" in rows["synopsis"].iloc[0]
