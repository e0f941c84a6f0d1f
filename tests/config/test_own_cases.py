"""What a user's own case names by path is found from wherever it is run."""

import hashlib
from pathlib import Path

import pytest
import yaml

from tasks.config.loading import load_case, on_each_base

CASE = """
title: Teams of tickets
task: single_label
strategies: [head]
data:
  {path: tickets.csv, required: [text, label], text_role: text, label_role: label, text: ["{text}"]}
"""


def test_a_model_beside_a_case_is_found_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("house/bert", "minilm", "small"):
        (tmp_path / "work" / name).mkdir(parents=True)
    here = tmp_path / "work"
    case = here / "mine.yaml"
    content = yaml.safe_load(CASE) | {"model": {"base": "house/bert"}}
    case.write_text(yaml.safe_dump(content, sort_keys=False))
    monkeypatch.chdir(tmp_path)
    assert load_case(str(case)).model.base == str(here / "house/bert")
    monkeypatch.chdir(here)
    given = ["model.base=house/bert", "grid.model.base=[minilm,./house/bert,owner/name]"]
    made = load_case(str(case), None, given)
    assert made.model.base == str(here / "house/bert")
    # A listed name comes before a folder, and what is no folder may be on the hub.
    bases = {given: each.model.base for given, each in on_each_base(made).items()}
    house = str(here / "house/bert")
    assert bases == {"minilm": "minilm", "./house/bert": house, "owner/name": "owner/name"}
    assert load_case("vqa", "sample", ["model.base=small"]).model.base == "small"


def test_a_copy_of_the_file_that_a_profile_downloads_is_its_own(tmp_path: Path) -> None:
    copy, other = tmp_path / "anime.csv", tmp_path / "other.csv"
    for path in (copy, other):
        path.write_text(f"Name,Genres\n{path.stem},Drama\n")
    told = {"columns": {"text": "Name"}, "rename_labels": {"Drama": "drama"}, "member": "a.csv"}
    digest = hashlib.sha256(copy.read_bytes()).hexdigest()
    source = {"url": "https://a.test/anime.csv", "sha256": digest}
    content = yaml.safe_load(CASE) | {"model": {"base": "minilm"}}
    del content["data"]["path"]
    content["profiles"] = {
        "sample": {"data": {"path": "tickets.csv"}},
        "book": {"data": {**source, **told}},
    }
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    case = str(tmp_path / "mine.yaml")
    made = load_case(case, "book", [f"data.path={copy}"])
    assert (made.profile, made.data.path, made.data.url) == ("book", copy, None)
    assert made.registry.name == "mine-book"
    assert made.data.columns == {"text": "Name"}
    assert (made.data.member, made.data.sha256) == ("a.csv", None)
    made = load_case(case, "book", [f"data.path={other}"])
    assert (made.profile, made.registry.name, dict(made.data.columns)) == ("own", None, {})
