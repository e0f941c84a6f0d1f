"""What a served model is asked: texts, and rows of the columns that its case has."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow.pyfunc.scoring_server import invocations
from packages import label_package

from tasks.config import DataConfig
from tasks.errors import RequestError
from tasks.kinds.labels.kind import single_label
from tasks.registry.asked import model_inputs
from tasks.registry.promotion import log_model
from tasks.tracking import Tracker

DATA = DataConfig(
    path=Path("tickets.csv"),
    columns={"subject": "Subject line"},
    required=("subject", "message", "team"),
    text_role="message",
    label_role="team",
    text=("{subject}", "{message}"),
    may_be_empty=("subject",),
    time_column="received",
)
ROWS = [{"Subject line": "On fire", "message": "It  burns."}, {"message": "It rains."}]
READ = ["On fire\nIt burns.", "It rains."]


def test_records_frames_and_texts_come_to_the_texts_that_are_read() -> None:
    assert model_inputs(ROWS, DATA) == READ
    assert model_inputs(pd.DataFrame(ROWS), DATA) == READ
    assert model_inputs([{"text": "It  rains.", "id": 7, "other": None}], DATA) == ["It rains."]
    assert model_inputs(["It  rains."], DATA) == model_inputs(np.array(["It rains."]), DATA)
    assert model_inputs(pd.DataFrame({0: ["It rains."]}), DATA) == ["It rains."]
    assert model_inputs(["as \n it is"], DATA, rendered=True) == ["as \n it is"]
    assert model_inputs([], DATA) == []


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ([{"subject": "On fire"}], "The request has no column message"),
        ([{"message": None, "subject": "On fire"}], "Record 1 of the request has no message"),
        (["It rains.", {"message": "It rains."}], "mixes texts and records"),
    ],
)
def test_what_cannot_be_asked_is_a_sentence(given: Any, wanted: str) -> None:
    with pytest.raises(RequestError, match=wanted):
        model_inputs(given, DATA)


def test_mlflow_serves_rows_of_several_columns(
    tiny_bert: Path, tmp_path: Path, isolated_store: Path, migrated_store: Path
) -> None:
    package = label_package(tiny_bert, "single_label", thresholds=(), data=DATA.without_source())
    database = shutil.copy(migrated_store, tmp_path / "mlflow.db")
    tracker = Tracker(f"sqlite:///{database}")
    experiment = tracker.client.create_experiment("served", str(tmp_path / "artifacts"))
    run = tracker.client.create_run(experiment)
    best = type("Best", (), {"run_id": run.info.run_id})
    uri, _ = log_model(tracker, best, package.save(tmp_path / "p"), READ, single_label.packaging)
    model = tracker.load_pyfunc(uri)
    wanted = package.predict(READ, rendered=True)
    assert model.predict(READ) == model.predict(ROWS) == wanted
    assert model.predict(READ, params={"rendered": True}) == wanted

    def served(body: dict[str, Any]) -> Any:
        answer = invocations(
            json.dumps(body), "application/json", model, model.metadata.get_input_schema()
        )
        assert answer.status == 200, answer.response
        return json.loads(answer.response)["predictions"]

    split = pd.DataFrame(ROWS).to_dict("split")
    for body in (
        {"dataframe_split": {name: split[name] for name in ("columns", "data")}},
        {"dataframe_records": ROWS},
        {"instances": [ROWS[0], {**ROWS[1], "Subject line": ""}]},
        {"inputs": READ},
    ):
        found = served(body)
        assert [each["labels"] for each in found] == [each["labels"] for each in wanted], body
        for one, other in zip(found, wanted, strict=True):
            assert one["scores"] == pytest.approx(other["scores"], abs=1e-6)
