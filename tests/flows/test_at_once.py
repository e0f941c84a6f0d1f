"""Eight flows at once on one new store: all come to their end, and none trains what another has."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from genre_runs import ROOT, Store, options
from prefect.settings import PREFECT_API_URL

# Two cases, four seeds, and each of the two smallest sweeps twice: the second waits for the first.
SWEEPS = [("genre", seed) for seed in (1, 2, 3)] + [("imdb", seed) for seed in (1, 2, 3)]
FLOWS = [*SWEEPS, ("genre", 1), ("imdb", 1)]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_eight_flows_share_a_new_store(
    quick: tuple[str, ...], small_csv: Path, tmp_path: Path, forked_python: str
) -> None:
    home = tmp_path / "team"
    places = {"THAW_RUNS": home / "mlruns", "THAW_STORE": home / "store"}
    environment = os.environ | {name: str(place) for name, place in places.items()}
    environment |= {"PREFECT_API_URL": str(PREFECT_API_URL.value()), "OMP_NUM_THREADS": "1"}
    common = [each for each in quick if not each.startswith(("data.", "strategies"))]
    of_case = {"genre": [f"data.path={small_csv}", "data.min_label_count=5"], "imdb": []}

    def start(case: str, seed: int, number: int) -> subprocess.Popen[bytes]:
        wanted = options(*common, *of_case[case], f"seeds=[{seed}]", "strategies=[head,last_1]")
        return subprocess.Popen(
            [forked_python, "-m", "flows.cli", "run", case, *wanted],
            cwd=ROOT,
            env=environment,
            stdout=(tmp_path / f"out{number}.txt").open("wb"),
            stderr=subprocess.STDOUT,
        )

    running = [start(case, seed, number) for number, (case, seed) in enumerate(FLOWS)]
    codes = [process.wait(timeout=1500) for process in running]
    said = {number: (tmp_path / f"out{number}.txt").read_text() for number in range(len(FLOWS))}
    assert codes == [0] * len(FLOWS), {n: said[n][-1500:] for n, code in enumerate(codes) if code}
    assert not [number for number, text in said.items() if "database is locked" in text]

    with pytest.MonkeyPatch.context() as patch:
        for name, place in places.items():
            patch.setenv(name, str(place))
        store = Store()
        sweeps = store.sweeps()
        assert len(sweeps) == len(SWEEPS)  # the two that came twice found the first one's
        assert {run.info.status for run in store.runs()} == {"FINISHED"}
        arms = [arm for sweep in sweeps for arm in store.children(sweep.info.run_id).values()]
    assert len(arms) == 2 * len(SWEEPS)
    assert len({arm.data.tags["thaw.arm"] for arm in arms}) == len(arms)
    for arm in arms:  # trained once: no step of its curve is logged twice, none is missing
        steps = [p.step for p in store.client.get_metric_history(arm.info.run_id, "train/loss")]
        assert steps == sorted(set(steps))
    outcomes = list(home.glob("store/arms/*/outcome.json"))
    assert len(outcomes) == len(arms)
    assert {json.loads(path.read_text())["run_id"] for path in outcomes} == {
        arm.info.run_id for arm in arms
    }
