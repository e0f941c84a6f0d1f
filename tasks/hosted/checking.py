"""What no hosted arm can be made of is refused before anything starts, without a large library."""

from tasks.config import CaseConfig, SingleLabelCase
from tasks.config.hosted import key_of
from tasks.errors import RequestError
from tasks.hosted.prices import price_list, today


def check_hosted(config: CaseConfig) -> None:
    """Refuse, before anything is fetched or trained, what no hosted arm can be made of.

    Raises:
        RequestError: several labels a row, folds, a grid over backends, a share of the rows, no
            server, no model or one past its end, or no API key.
    """
    if config.training.backend != "hosted":
        return
    config = single_label(config)
    if config.split.folds is not None:
        raise RequestError(
            "training.backend=hosted adds an arm of one split, and split.folds makes several: set "
            "one of them to its default."
        )
    if "backend" in config.grid.training:
        raise RequestError(
            "grid.training.backend names no arms: training.backend=hosted adds one hosted arm to "
            "the local ones."
        )
    if config.training.share != 1:
        raise RequestError(
            f"training.share={config.training.share:g} is of arms that train here, and a server "
            "gets the whole training part: leave it at 1, or give shares as grid.training.share."
        )
    price_list().model_for(config.hosted, today())
    if config.hosted.base_url is None:
        raise RequestError(
            "hosted.base_url is not set: give the address of a server that speaks OpenAI's API for "
            "fine-tuning, or leave training.backend=local (`thaw export` writes the files alone)."
        )
    key_of(config.hosted)


def single_label(config: CaseConfig) -> SingleLabelCase:
    """The case, if each of its rows has one label: one token cannot answer several.

    Raises:
        RequestError: with what such a case can do instead.
    """
    if not isinstance(config, SingleLabelCase):
        raise RequestError(
            f"{config.case} {config.no_single_label}, and OpenAI's format has one label a row: "
            "use a case with one label (spam, say), and training.backend=local for this one."
        )
    return config
