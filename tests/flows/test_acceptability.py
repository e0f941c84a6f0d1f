"""The case whose champion rewards clean sentences, through the command line."""

from pathlib import Path

from genre_runs import Store, options, thaw

from tasks.config.loading import load_case
from tasks.ingestion.ingest import ingest
from tasks.ingestion.prepare import prepare
from tasks.ingestion.usable import usable_examples
from tasks.kinds.kind import kind_of
from tasks.kinds.values import Rows


def test_the_sample_runs_end_to_end(tiny_bert: Path) -> None:
    answer = thaw(
        "run",
        "acceptability",
        *options(
            f"model.base={tiny_bert}",
            "model.max_length=32",
            "training.epochs=1",
            "top_seeds=1",
            "strategies=[full,head]",
            "evaluation.bootstrap=100",
            "evaluation.baseline_c=[1.0]",
            "registry.enabled=false",
        ),
    )
    assert answer.code == 0, answer.err
    (sweep,) = Store().sweeps()
    for arm in Store().children(sweep.info.run_id).values():
        assert {"test/balanced_accuracy", "test/roc_auc"} <= set(arm.data.metrics)


def test_a_corrupted_sentence_stays_with_the_clean_one() -> None:
    config = load_case("acceptability")
    examples, usable = usable_examples(prepare(ingest(config.data), config.data), config.data)
    assert usable.labels == {"acceptable": 243, "unacceptable": 177}
    (parts,) = kind_of(config.task).split(Rows(examples), config).folds
    where: dict[str, set[str]] = {}
    for name, part in parts.items():
        for pair in part.read()["pair"].dropna():
            where.setdefault(pair, set()).add(name)
    assert len(where) == 62
    assert all(len(names) == 1 for names in where.values())
