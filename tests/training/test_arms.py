"""An arm's key: equal for equal results, another for whatever changes one."""

from pathlib import Path
from typing import Any

import pytest
from tiny import MakeSpec

from tasks.config.loading import load_case
from tasks.config.strategies import strategy
from tasks.evaluation.outcomes import Outcome
from tasks.kinds.kind import kind_of
from tasks.kinds.values import Arms
from tasks.paths import store_dir
from tasks.splitting.shares import share_of
from tasks.storage import TableRef, put_table
from tasks.training import arms
from tasks.training.arms import ArmSpec, code_version, plan_arms
from tasks.training.building import read_spec


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 2},
        {"strategy": "full"},
        {"labels": ("Comedy", "Drama")},
        {"labels": ("Drama", "Comedy", "Fantasy")},
        {"task": "single_label"},
        {"base_digest": "another"},
        {"training": {"learning_rate": 2e-3}},
        {"training": {"epochs": 4}},
        {"training": {"extra": {"label_smoothing_factor": 0.1}}},
        {"model": {"max_length": 32}},
        {"model": {"head": "dense"}},
        {"rows": {"text": "Other texts."}},
    ],
    ids=str,
)
def test_whatever_changes_the_result_changes_the_key(
    make_spec: MakeSpec, change: dict[str, Any]
) -> None:
    assert make_spec(**change).key != make_spec().key


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_each_part_of_the_data_counts(make_spec: MakeSpec, part: str) -> None:
    spec = make_spec()
    fewer = put_table(getattr(spec, part).read().head(20), "fewer")
    assert spec.model_copy(update={part: fewer}).key != spec.key


def test_how_a_grid_point_is_called_and_where_files_lie_does_not_count(
    make_spec: MakeSpec, tmp_path: Path
) -> None:
    spec = make_spec()
    moved = spec.train.model_copy(update={"path": tmp_path / "moved.parquet", "origin": "there"})
    named = spec.model_copy(update={"point": {"training.learning_rate": 1e-3}, "train": moved})
    assert named.key == spec.key
    assert make_spec(training={"learning_rate": 0.001, "epochs": 3.0}).key == spec.key


def test_a_change_in_the_code_of_training_retrains(
    make_spec: MakeSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = make_spec().key
    monkeypatch.setattr(arms, "code_version", lambda: "another")
    assert make_spec().key != before


def test_only_code_that_an_arm_runs_is_in_its_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [name if name.endswith(".py") else f"{name}/a.py" for name in arms.CODE_OF_AN_ARM]
    for file in (*files, "training/b.py", "evaluation/report.py"):
        path = tmp_path / "tasks" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x = 1\n")
    monkeypatch.setattr(arms.tasks, "__file__", str(tmp_path / "tasks" / "__init__.py"))

    def version_after(file: str) -> str:
        (tmp_path / "tasks" / file).write_text(f"changed = {file!r}\n")
        code_version.cache_clear()
        return code_version()

    try:
        code_version.cache_clear()
        first = code_version()
        assert version_after("evaluation/report.py") == first
        seen = {first, *map(version_after, ("models/a.py", "training/b.py", "training/c.py"))}
        assert len(seen | {version_after("evaluation/metrics.py")}) == 5
    finally:
        code_version.cache_clear()


def test_an_arm_lives_under_its_key_and_survives_json(make_spec: MakeSpec) -> None:
    spec = make_spec(point={"training.learning_rate": 1e-3})
    assert spec.folder == store_dir() / "arms" / spec.key
    back = ArmSpec.model_validate_json(spec.model_dump_json())
    assert back == spec
    assert back.key == spec.key


def test_an_arm_is_called_by_strategy_point_and_seed(make_spec: MakeSpec) -> None:
    assert make_spec(strategy="full").title == "full seed=1"
    named = make_spec(point={"training.learning_rate": 1e-05, "model.head": "dense"})
    assert named.name == "freeze_2 learning_rate=1e-05 head=dense"


def test_a_sweep_is_strategies_times_grid_times_seeds(parts: dict[str, TableRef]) -> None:
    config = load_case(
        "genre",
        "sample",
        [
            "strategies=[full,head]",
            "seeds=[1,2]",
            "top_seeds=1",
            "grid.training.learning_rate=[1e-5,5e-5]",
        ],
    )
    planned = plan_arms(config, "digest", ["Comedy"], parts)
    assert [(str(s.strategy), s.training.learning_rate, s.seed) for s in planned] == [
        (name, rate, seed) for name in ("full", "head") for rate in (1e-5, 5e-5) for seed in (1, 2)
    ]
    assert len({spec.key for spec in planned}) == 8
    assert planned[0].strategy == strategy("full")


def test_arms_that_train_the_top_alone_get_more_seeds(parts: dict[str, TableRef]) -> None:
    wanted = ["strategies=[full,freeze_4,last_2,head]", "top_seeds=3"]
    seeds: dict[str, list[int]] = {}
    for spec in plan_arms(load_case("genre", "sample", wanted), "digest", ["Comedy"], parts):
        seeds.setdefault(str(spec.strategy), []).append(spec.seed)
    three = [42, 43, 44]
    assert seeds == {"full": [42], "freeze_4": [42], "last_2": three, "head": three}
    assert load_case("genre", "sample").top_seeds == 3
    assert load_case("genre", "book").top_seeds == 1
    enough = load_case("genre", "sample", [*wanted, "seeds=[7,1,2,5]"])
    assert enough.seeds_of(strategy("head")) == (7, 1, 2, 5)


@pytest.mark.parametrize(
    ("grid", "named"),
    [
        (
            "grid.training.learning_rate=[1e-5,5e-5]",
            ["full learning_rate=1e-05", "full learning_rate=5e-05", "lora_8", "head"],
        ),
        (
            "grid.training.lora_learning_rate=[1e-5,5e-5]",
            ["full", "lora_8 lora_learning_rate=1e-05", "lora_8 lora_learning_rate=5e-05", "head"],
        ),
        (
            "grid.training.start_from_head=[false,true]",
            [
                *("full start_from_head=False", "full start_from_head=True"),
                *("lora_8 start_from_head=False", "lora_8 start_from_head=True", "head"),
            ],
        ),
        (
            "grid.training.solve_head=[false,true]",
            ["full", "lora_8", "head solve_head=False", "head solve_head=True"],
        ),
        (
            "grid.model.prompt_text=[a,b]",
            ["full", "prompt_3 prompt_text=a", "prompt_3 prompt_text=b", "head"],
        ),
        (
            "grid.model.dropout=[0.0,0.1]",
            [f"{name} dropout={p}" for name in ("full", "lora_8", "head") for p in (0.0, 0.1)],
        ),
    ],
)
def test_points_of_a_grid_that_do_not_touch_an_arm_are_one_arm(
    grid: str, named: list[str], parts: dict[str, TableRef]
) -> None:
    middle = "prompt_3" if "prompt_text" in grid else "lora_8"
    strategies = f"strategies=[full,{middle},head]"
    config = load_case("genre", "sample", [strategies, "top_seeds=1", grid])
    idle = kind_of(config.task).idle
    planned = plan_arms(config, "digest", ["Comedy"], parts, idle=idle)
    assert [spec.name for spec in planned] == named
    assert len({spec.key for spec in planned}) == len(named)
    plain = load_case("genre", "sample", [strategies, "top_seeds=1"])
    alone = {spec.name: spec.key for spec in plan_arms(plain, "digest", ["Comedy"], parts)}
    for spec in planned:  # what it is without the grid, and so it is not trained again
        assert spec.point or spec.key == alone[spec.name]


def test_references_learn_from_the_largest_share(parts: dict[str, TableRef]) -> None:
    fields = ["strategies=[full]", "grid.training.share=[0.25,1.0,0.5]"]
    config = load_case("genre", "sample", fields)

    def share(train: TableRef, size: float) -> TableRef:
        return share_of(train, size, None, 1)

    planned = plan_arms(config, "digest", ["Comedy"], parts, share=share)
    assert [(spec.name, spec.train.rows) for spec in planned] == [
        ("full share=0.25", 12),
        ("full share=1.0", 48),
        ("full share=0.5", 24),
    ]
    assert {spec.test.digest for spec in planned} == {parts["test"].digest}
    outcome = Outcome(name="", kind="arm", metrics={}, validation=parts["test"], test=parts["test"])
    arms = Arms(tuple(planned), (), outcome)
    assert [spec.train for spec in arms.first] == [parts["train"]]
    assert arms.rows["full share=0.25"] == 12


STORED = """{
  "case": "spam", "task": "single_label", "strategy": "prompt_4", "seed": 42, "point": {},
  "model": {"base": "minilm", "pooling": null, "head": "linear", "dropout": 0.1,
    "backbone_dropout": 0.0, "max_length": 64, "prompt_end": ""},
  "training": {"backend": "local", "epochs": 1.0, "batch_size": 8, "eval_batch_size": 64,
    "gradient_accumulation": 1, "learning_rate": 0.0002, "head_learning_rate": 0.002,
    "prompt_learning_rate": 0.01, "lora_learning_rate": 0.001, "weight_decay": 0.01,
    "warmup": 0.1, "schedule": "linear", "max_grad_norm": 1.0, "patience": null,
    "select_by": "val/average_precision", "keep": "best", "class_weights": false,
    "balance": false, "precision": "auto", "padding": "dynamic", "packing": false,
    "shuffle": true, "trunk": "auto", "trunk_limit_gb": 8.0, "extra": {}},
  "base_digest": "b9a0018dff090c14", "labels": ["ham", "spam"], "positive": 1, "scale": null,
  "calibrate": false, "language": null, "preference": null, "rl": null, "rewards": [],
  "reward_digests": [], "vqa": null, "fold": null,
  "train": {"path": "a.parquet", "digest": "a", "rows": 282, "columns": ["id"], "origin": "x"},
  "validation": {"path": "b.parquet", "digest": "b", "rows": 70, "columns": [], "origin": "y"},
  "test": {"path": "c.parquet", "digest": "c", "rows": 117, "columns": [], "origin": "z"}
}"""
"""An `arm.json` as version 0.1.0 wrote it, with other tables."""


@pytest.mark.parametrize(
    "name", ["full", "freeze_4", "last_1", "head", "prompt_20", "lora_8", "encoders"]
)
def test_an_arm_that_an_earlier_release_stored_is_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "arm.json").write_text(STORED.replace("prompt_4", name), encoding="utf-8")
    spec = read_spec(tmp_path)
    assert spec.strategy == strategy(name)
    assert spec.title == f"{name} seed=42"
    assert (spec.training.lora_learning_rate, spec.test.rows) == (1e-3, 117)
