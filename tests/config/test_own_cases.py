"""What a user's own case names by path is found from wherever it is run."""

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
    case.write_text(yaml.safe_dump(content))
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
