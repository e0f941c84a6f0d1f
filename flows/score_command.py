"""`thaw score`: what texts earn under the rewards of a case."""

import json

import click

from flows.options import OVERRIDE, PROFILE
from tasks.config import PolicyCase
from tasks.config.chains import ChainConfig, load_any
from tasks.errors import RequestError


@click.command()
@click.argument("case")
@click.argument("texts", nargs=-1)
@click.option("--prompt", default="", help="What the texts answer, for rewards that read it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@PROFILE
@OVERRIDE
def score(
    case: str,
    texts: tuple[str, ...],
    prompt: str,
    as_json: bool,
    profile: str | None,
    overrides: tuple[str, ...],
) -> None:
    """Score TEXTS with the rewards of CASE, which learns from them.

    Without texts, the sentences whose reward the chapter prints, with its figure beside each.

    \b
    Examples:
      thaw score summaries --profile book
      thaw score summaries "The council votes on the new bridge today."
      thaw score sawyer_rl --prompt "Is tea a drink?" "Yes, it is." "No, tea is a stone."
    """
    loaded = load_any(case, profile, overrides)
    config = loaded.last if isinstance(loaded, ChainConfig) else loaded
    if not isinstance(config, PolicyCase):
        raise RequestError(
            f"{config.case} has no rewards: score with a case that learns from them."
        )
    checks = () if texts else config.reference.checks
    asked = [*texts, *(check.text for check in checks)]
    if not asked:
        raise RequestError(
            f"There is nothing to score: give texts; the chapter of {config.case} prints none."
        )
    from flows.quiet import install
    from tasks.kinds.policy.checks import score_texts
    from tasks.tracking import Tracker

    install()
    scores = score_texts(config, Tracker(config.tracking.uri), asked, prompt)
    for at, text in enumerate(asked):
        parts = {name: float(values[at]) for name, values in scores.parts.items()}
        found = {"text": text, "reward": float(scores.total[at]), "parts": parts}
        if checks:
            found["chapter"] = checks[at].reward
        if as_json:
            click.echo(json.dumps(found, ensure_ascii=False))
            continue
        told = ", ".join(f"{name} {value:.3f}" for name, value in parts.items())
        printed = f"; the chapter prints {checks[at].reward:.3f}" if checks else ""
        click.echo(f"{scores.total[at]:.3f} ({told}{printed})  {text}")
