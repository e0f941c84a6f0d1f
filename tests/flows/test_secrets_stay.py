"""Eight kinds of secrets in real runs, and everything that those leave behind is searched for them.

What is searched: MLflow's database and artifacts, the data store and the cache, Prefect's
database, all that was printed, and the arguments of every process that was started.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from genre_runs import Store, options, run_genre, thaw
from network.loopback import serving
from prefect.settings import PREFECT_API_DATABASE_CONNECTION_URL

DATA = "sesame-of-the-data"
QUERY = "querytoken-4711"
PARAMETER = "31.4159265358"  # of the database: a time-out, so that SQLite takes it
TRACKING = "sesame-of-tracking"
CLUSTER = "sesame-of-the-cluster"
ADDRESS_KEY = "sk-of-the-address"
KEY = "sk-of-the-environment"
PROXY = "sesame-of-the-proxy"
VARIABLE = "sesame-of-a-variable"
SECRETS = (DATA, QUERY, PARAMETER, TRACKING, CLUSTER, ADDRESS_KEY, KEY, PROXY, VARIABLE)
LEARNS = ("training.epochs=2", "training.batch_size=8", "training.head_learning_rate=5.0e-2")

_started: list[str] = []
_watching = False


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching and event == "subprocess.Popen":
        _started.append(repr(arguments[:2]))


@pytest.fixture
def processes() -> Iterator[list[str]]:
    """The arguments of all processes that this one starts; an audit hook hears of every one."""
    global _watching
    if not hasattr(sys, "_thaw_hears"):
        sys.addaudithook(_hear)
        sys._thaw_hears = True  # type: ignore[attr-defined]
    _started.clear()
    _watching = True
    yield _started
    _watching = False


def found_in(content: bytes) -> set[str]:
    return {secret for secret in SECRETS if secret.encode() in content}


def prefect_files() -> list[Path]:
    database = Path(PREFECT_API_DATABASE_CONNECTION_URL.value().partition("///")[2])
    assert database.is_file()
    return sorted(database.parent.glob(f"{database.name}*"))


def betrayed(folder: Path, printed: list[str]) -> dict[str, set[str]]:
    """Where secrets stand -> which."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert any(path.name == "mlflow.db" for path in files)
    assert any(path.name == "config.json" for path in files)
    places = {str(path): found_in(path.read_bytes()) for path in (*files, *prefect_files())}
    places |= {text[:80]: found_in(text.encode()) for text in printed}
    return {place: secrets for place, secrets in places.items() if secrets}


@pytest.mark.slow
def test_no_secret_stays_behind_and_no_figure_depends_on_one(
    prefect_told: None,
    small: tuple[str, ...],
    small_csv: Path,
    own_home: Path,
    processes: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    printed: list[str] = []

    def ran(*overrides: str) -> str:
        answer = run_genre(*overrides)
        printed.extend((answer.out, answer.err))
        assert answer.code == 0, answer.err
        return answer.out

    database = f"sqlite:///{own_home / 'mlruns' / 'mlflow.db'}"
    plain = [each for each in small if not each.startswith("data.path")]
    common = [
        *plain,
        "strategies=[head]",
        "top_seeds=1",
        f"tracking.uri='{database}?timeout={PARAMETER}'",
        f"execution.address=tcp://me:{CLUSTER}@127.0.0.1:1",
        f"hosted.base_url=https://127.0.0.1:1/v1?key={ADDRESS_KEY}",
    ]
    with serving() as site:
        site.files["/films.csv"] = small_csv.read_bytes()
        host = site.url.removeprefix("http://")
        url = f"data.url='http://me:{DATA}@{host}/films.csv?token={QUERY}'"
        ran(*common, url, "registry.enabled=true", "registry.beats=floor", *LEARNS)
        asked = [headers.get("Authorization", "") for _, headers in site.seen]
        assert asked[0].startswith("Basic ")
        assert site.seen[0][0].endswith(f"?token={QUERY}")  # they were used
        # Another password and another token: the same sweep, found again.
        other = f"data.url='http://me:another-pass@{host}/films.csv?token=another-token'"
        again = ran(*common, other, "registry.enabled=true", "registry.beats=floor", *LEARNS)
        assert "nothing was trained" in again
        # By the name of a variable, which may stand anywhere.
        monkeypatch.setenv("DATA_PASS", VARIABLE)
        named = "http://me:${DATA_PASS}@" + host + "/films.csv?token=${DATA_PASS}"
        ran(*common, f"data.url='{named}'", "split.seed=7")
        assert site.seen[-1][0].endswith(f"?token={VARIABLE}")

    (first, _) = Store().sweeps()
    assert first.data.params["source"].startswith(f"http://***@{host}/films.csv?token=***")
    assert "${DATA_PASS}" in Store().sweeps()[1].data.params["source"]
    shown = thaw("show", "genre", *options(url, *common[-2:]))
    printed.append(shown.out)
    assert "***@" in shown.out
    assert any("fresh_child.py" in started for started in processes)
    assert betrayed(own_home, [*printed, *processes]) == {}


@pytest.mark.slow
def test_a_run_that_fails_says_no_secret(
    prefect_told: None,
    small: tuple[str, ...],
    own_home: Path,
    processes: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    printed: list[str] = []
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
    monkeypatch.setenv("HF_TOKEN", KEY)
    tracking = f"me:{TRACKING}@127.0.0.1:1"
    data = f"me:{DATA}@127.0.0.1:1"
    requests: list[tuple[int, list[str]]] = [
        (2, [f"hosted.base_url=https://{ADDRESS_KEY}@host/v1"]),
        (2, [f"hosted.base_url=me:{ADDRESS_KEY}@host/v1"]),
        (2, [f"data.url='ftp://{data}/f.csv'"]),
        (1, [f"data.url='http://{data}/f.csv?token={QUERY}'"]),
        (1, [f"tracking.uri=postgresql+nosuch://{tracking}/mlflow", *small]),
        (1, [f"tracking.uri=http://{tracking}", *small]),
        (2, ["data.url='http://${NOT_SET}@127.0.0.1:1/f.csv'"]),
    ]
    for code, overrides in requests:
        answer = run_genre(*overrides)
        printed += [answer.out, answer.err]
        assert answer.code == code, (overrides, answer.err)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")  # of which one is Prefect's own server
    monkeypatch.setenv("HTTP_PROXY", f"http://me:{PROXY}@127.0.0.1:1")
    answer = run_genre(f"data.url='http://{data}/f.csv'".replace("127.0.0.1:1", "films.invalid"))
    printed += [answer.out, answer.err]
    assert answer.code == 1
    (own_home / "config.json").touch()  # nothing was kept of these runs: no sweep was opened
    assert betrayed(own_home, [*printed, *processes]) == {}
