"""The command line: `thaw`. Heavy libraries are imported only by the commands that need them."""

import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

import flows  # noqa: F401 - switches telemetry off
from flows.cancel_command import cancel
from flows.export_command import export
from flows.importing import importing
from flows.new_command import new
from flows.options import OVERRIDE, PROFILE
from flows.predict_command import predict
from flows.score_command import score
from tasks.config import CaseConfig
from tasks.config.case_files import proper_name, read_case_file
from tasks.config.chains import ChainConfig, answering_case, load_any
from tasks.errors import RequestError, ThawError
from tasks.limits import require_flow_parameters

if TYPE_CHECKING:
    from rich.console import Console


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="thaw", message="%(prog)s %(version)s")
@click.option("-q", "--quiet", "loudness", flag_value="quiet", help="Say results and faults alone.")
@click.option("-v", "--verbose", "loudness", flag_value="verbose", help="Say what libraries say.")
@click.pass_context
def cli(context: click.Context, loudness: str | None) -> None:
    """Fine-tune pretrained transformers and learn how much of the model is worth training.

    \b
    Examples:
      thaw new tickets.csv
      thaw run tickets.yaml
      thaw run genre -o training.epochs=3 -o strategies=full,freeze_4,head
      thaw compare genre
      thaw predict genre "A retired swordsman opens a noodle bar for ghosts."
    """
    context.obj = loudness


@cli.command("list")
def list_cases() -> None:
    """The cases, one line each.

    \b
    Example:
      thaw list
    """
    from flows.catalogue import own_cases, runnable_cases, runnable_chains

    for case in (*runnable_cases(), *runnable_chains(), *own_cases()):
        click.echo(f"{case:<14} {read_case_file(case).get('title', '')}")


def look_at(config: CaseConfig | ChainConfig) -> None:
    """Refuse files that cannot be read, and servers that cannot be asked."""
    from tasks.config.running import store_address

    for stage in config.stages.values() if isinstance(config, ChainConfig) else (config,):
        store_address(stage.tracking.uri)
        if stage.training.backend == "hosted":
            from tasks.hosted.checking import check_hosted

            check_hosted(stage)
        if stage.data.path is not None:
            from tasks.ingestion.looking import look

            look(stage)


@cli.command()
@click.argument("case")
@PROFILE
@OVERRIDE
def show(case: str, profile: str | None, overrides: tuple[str, ...]) -> None:
    """The resolved configuration of CASE, as YAML.

    \b
    Example:
      thaw show genre -o training.learning_rate=1e-4
    """
    import yaml

    from flows.overrides import overrides_of

    config = load_any(case, profile, overrides)
    overrides_of(overrides, case)  # refuses what `thaw run` would refuse, and so does a look
    look_at(config)
    shown = config.model_dump(mode="json")
    click.echo(yaml.safe_dump(shown, sort_keys=False, allow_unicode=True, width=100), nl=False)


@cli.command()
@click.argument("case")
@PROFILE
@OVERRIDE
@click.option("--force", is_flag=True, help="Train finished arms anew.")
@click.pass_obj
def run(
    loudness: str | None, case: str, profile: str | None, overrides: tuple[str, ...], force: bool
) -> None:
    """Run CASE: ingest, validate, split, train every arm, compare, register the best.

    Interrupted by Ctrl-C, a kill or a power cut, the same command goes on where it stopped.

    Where CASE chains others (sawyer), an override begins with the stage: sft, reward or rl.

    \b
    Examples:
      thaw run genre
      thaw run genre -o seeds=1,2,3 -o 'grid.training.learning_rate=[1e-4,3e-4]'
      thaw run genre -o data.path=mine.csv -o data.columns.synopsis=plot
      thaw run sawyer -o sft.training.epochs=1 -o rl.rl.steps=20
    """
    config = load_any(case, profile, overrides)  # refuse a wrong request before anything starts
    from tasks.paths import runs_dir, store_dir
    from tasks.storage import require_writable

    for folder in (runs_dir(), store_dir()):
        require_writable(folder)
    look_at(config)
    from flows.server import begin

    begin()  # it starts while the libraries below are imported
    begun = time.monotonic()
    with importing():
        from flows.catalogue import flow_of
        from flows.overrides import overrides_of
        from flows.progress import lasting
        from flows.quiet import install, spoken
        from tasks.evaluation.report import terminal

        flow = flow_of(case)
    chosen = overrides_of(overrides, case)
    require_flow_parameters({"overrides": chosen.model_dump(mode="json")})
    install()
    with spoken(loudness):
        result = flow(**({"profile": profile} if profile else {}), overrides=chosen, force=force)
    console = _console()
    console.print()
    console.print(terminal(result.comparison, console.width))
    if result.promotion is not None:
        promoted = result.promotion
        console.print(
            f"\n[bold]{promoted.name} version {promoted.version}[/]: {promoted.status} "
            f"({promoted.reason})."
        )
        if promoted.instead is not None:
            console.print(f"[bold]{promoted.name} version {promoted.instead}[/]: champion.")
    if result.reused:
        console.print("Every arm was finished already: nothing was trained (--force overrules).")
    console.print(
        f"Took {lasting(time.monotonic() - begun)}. MLflow run {result.run_id}; "
        f"`thaw ui {case}` shows it, with reports and plots."
    )


@cli.command()
@click.argument("case")
@PROFILE
@click.option("--sweep", metavar="RUN_ID", help="A sweep's MLflow run (default: the latest).")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown.")
@click.option("--json", "as_json", is_flag=True, help="Print every figure as JSON.")
@click.option("--html", "html_file", type=click.Path(path_type=Path), help="Write the full page.")
def compare(
    case: str,
    profile: str | None,
    sweep: str | None,
    as_markdown: bool,
    as_json: bool,
    html_file: Path | None,
) -> None:
    """The comparison table of the latest (or a given) finished sweep of CASE.

    \b
    Examples:
      thaw compare genre
      thaw compare genre --html comparison.html
      thaw compare genre --json
    """
    uri = answering_case(case).tracking.uri
    case = proper_name(case)
    from tasks.evaluation.findings import Comparison
    from tasks.evaluation.report import markdown, terminal
    from tasks.storage import require_writable, write_text
    from tasks.tracking import Tracker

    if html_file is not None:
        require_writable(html_file.parent)
    tracker = Tracker(uri)
    if sweep is None:
        sweep = tracker.latest_sweep(case, profile)
    elif tracker.status(sweep) is None:
        raise RequestError(f"There is no run {sweep} in the MLflow store at {tracker.address}.")
    stored = tracker.read_text(sweep, "comparison/comparison.json")
    comparison = Comparison.model_validate_json(stored)
    if html_file is not None:
        write_text(html_file, tracker.read_text(sweep, "comparison/report.html"))
        click.echo(f"{html_file} written.")
    elif as_markdown:
        click.echo(markdown(comparison))
    elif as_json:
        click.echo(comparison.model_dump_json(indent=2))
    else:
        console = _console()
        console.print(terminal(comparison, console.width))


def _console() -> "Console":
    """The terminal, or 100 columns where output goes to a file: the tables are made for that."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 100)


@cli.command()
@click.argument("cases", nargs=-1)
@click.option("--limit", default=1, show_default=True, help="Flow runs at a time.")
def serve(cases: tuple[str, ...], limit: int) -> None:
    """Serve CASES (default: every case) as deployments of a Prefect server.

    A case whose file has a schedule runs by itself at those times, any other on request.

    Needs a Prefect server (`prefect server start`, then PREFECT_API_URL set to it).

    \b
    Examples:
      PREFECT_API_URL=http://127.0.0.1:4200/api thaw serve
      PREFECT_API_URL=http://127.0.0.1:4200/api thaw serve tickets.yaml genre
    """
    from flows.schedules import served_cases, told

    chosen = served_cases(cases)
    for line in map(told, chosen):
        click.echo(line)
    from flows.serving import serve_cases  # takes seconds

    serve_cases(chosen, limit)


@cli.command()
@click.argument("case", required=False)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=5000, show_default=True)
def ui(case: str | None, host: str, port: int) -> None:
    """The MLflow UI on the store of CASE, or on the project's.

    \b
    Examples:
      thaw ui --port 5001
      thaw ui genre
    """

    from flows.pages import address_of
    from tasks.config.running import store_address
    from tasks.paths import runs_dir
    from tasks.tracking import Tracker

    store = store_address(answering_case(case).tracking.uri if case else None)
    if store.reveal().startswith("http"):
        click.echo(f"The runs are on a server, which shows them itself: {store}")
        return
    shown = Tracker(store).experiments()  # a sentence, where the store cannot be reached
    command = [sys.executable, "-m", "mlflow", "server"]
    command += ["--default-artifact-root", str(runs_dir() / "artifacts")]
    command += ["--host", host, "--port", str(port), "--workers", "1"]
    click.echo(f"MLflow UI: http://{host}:{port}  (Ctrl-C ends it)")
    for name in [proper_name(case)] if case else sorted(shown):
        if experiment := shown.get(name):
            click.echo(f"  {name:<14} {address_of(f'http://{host}:{port}', experiment)}")
    # In the environment, since arguments are shown to every user of the machine.
    environment = os.environ | {"MLFLOW_BACKEND_STORE_URI": store.reveal()}
    sys.stdout.flush()
    os.execve(command[0], command, environment)  # noqa: S606 - what ends this ends the server


for command in (new, predict, score, export, cancel):
    cli.add_command(command)


def main() -> None:
    """Entry point: errors become a sentence and an exit code.

    A terminal that is closed ends what runs in it as SIGTERM does, unless it was told to live on
    (nohup).
    """
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
        signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    try:
        cli(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        raise SystemExit(2) from error
    except (click.Abort, KeyboardInterrupt) as error:
        click.echo("Stopped; the same command goes on from here.", err=True)
        raise SystemExit(130) from error
    except ThawError as error:
        click.echo(f"thaw: {error}", err=True)
        raise SystemExit(error.exit_code) from error


if __name__ == "__main__":
    main()
