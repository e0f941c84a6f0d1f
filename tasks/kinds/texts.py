"""What kinds share whose rows are texts, with what belongs to them, on one base model."""

from collections.abc import Callable
from dataclasses import replace
from typing import Generic

import pandas as pd

from tasks.config import LanguageConfig
from tasks.config.loading import on_each_base
from tasks.config.strategies import Strategy
from tasks.errors import RequestError
from tasks.ingestion.ingest import ingest
from tasks.ingestion.prepare import prepare
from tasks.ingestion.usable import Usable, usable_examples
from tasks.kinds.kind import Kind
from tasks.kinds.values import C, Division, Rows, S, Start
from tasks.models.base_models import LocatedModel, block_count, context_of, locate, read_config
from tasks.models.loading import examined, load_tokenizer
from tasks.splitting.parts import split_texts
from tasks.splitting.recorded import lineage_of
from tasks.splitting.report import told
from tasks.splitting.units import Units, text_units
from tasks.training.arms import check_family, check_lacking, check_strategies


class TextKind(Kind[C, S, Rows], Generic[C, S]):
    """Rows of texts."""

    def turn_names(self, config: C) -> tuple[str, str]:
        """What stands before earlier questions and answers of a longer chat."""
        language = LanguageConfig()
        return language.source_name, language.target_name

    def ingest(self, start: S) -> Rows:
        """Fetch and read the source; the table has its roles."""
        config: C = start.config
        raw = ingest(config.data, config.split.seed, self.turn_names(config))
        return Rows(raw, f"{raw.rows:,} rows from {raw.origin}")

    def prepared(self, raw: Rows, config: C) -> Rows:
        """Texts cleaned and put into the case's template."""
        table = prepare(raw.table, config.data, self.labels_are_texts)
        noted = table.origin.removeprefix(raw.table.origin).removeprefix("; ")
        return Rows(table, warnings=(noted,) if noted else ())

    def usable(self, rows: Rows, start: S) -> Rows:
        """Those with a text, and a label where the case has some."""
        table, usable = usable_examples(rows.table, start.config.data)
        return Rows(table, usable=usable)

    def split(self, rows: Rows, config: C) -> Division:
        """By text or prompt."""
        folds, report = split_texts(
            rows.table, lambda some: self.units(some, config), config.split, lineage_of(config)
        )
        return Division(folds, report, told(report))

    def units(self, examples: pd.DataFrame, config: C) -> Units:
        """Rows of one prompt, or nearly one, stay in one part."""
        return text_units(examples, config.split, labelled=False)


def on_bases(
    config: C, writes: bool = False, check: Callable[[C, LocatedModel], object] | None = None
) -> Start[C]:
    """The start of a case whose arms each train a base model: one, or those of its grid.

    Args:
        config: the case.
        writes: the model writes; otherwise a head stands on it, and it is examined.
        check: what else to ask of the case with a base model; raises where it does not go.

    Raises:
        RequestError: no such model, a strategy that it cannot take, or one that is not read here
            as its library reads it.
    """
    starts = {}
    for base, made in on_each_base(config).items():
        located = locate(made.model.base)
        try:
            if check is not None:
                check(made, located)
            starts[base] = _on_base(made, located, writes)
        except RequestError as error:
            if "base" not in config.grid.model:
                raise
            raise RequestError(f"grid.model.base, {base}: {error}") from error
    first = starts.get(config.model.base) or next(iter(starts.values()))
    if len(starts) == 1:
        return replace(first, config=config)
    bases = {start.config.model.base: start.digest for start in starts.values()}
    params = {
        f"{what}: {base}": said
        for base, start in starts.items()
        for what, said in start.params.items()
    }
    return replace(first, config=config, evidence=tuple(bases.values()), params=params, bases=bases)


def _on_base(config: C, located: LocatedModel, writes: bool) -> Start[C]:
    blocks = block_count(located, writes)
    check_strategies(config.strategies, blocks, context_of(located), config.training.trunk)
    if config.data.pair:
        _require_pairs(config, located)
    found = None if writes else examined(located)
    check_family(found, config.strategies, config.training.layer_decay)
    if found is None:
        check_unexamined(config.strategies, located, writes)
    params = {"base model examined": found.sentence} if found else {}
    if located.left_out:
        params["left out of the base model"] = ", ".join(located.left_out)
    return Start(config, located.digest, blocks, params=params)


def check_unexamined(
    strategies: tuple[Strategy, ...], located: LocatedModel, writes: bool = False
) -> None:
    """Refuse strategies for which a base model that is not examined has nothing that could train.

    Every shipped one takes adapters, so that those are not tried.

    Args:
        strategies: those of the sweep.
        located: the base model.
        writes: as in `on_bases`.

    Raises:
        RequestError: the first of them, and why.
    """
    asks = [each for each in strategies if each.needs or (each.adapts and not located.shipped)]
    if asks:
        from tasks.models.adapting import lacking_of  # PEFT, which takes seconds to import

        config = read_config(located)
        check_lacking(config.model_type, lacking_of(config, writes), tuple(asks))


def _require_pairs(config: C, located: LocatedModel) -> None:
    """Refuse a base model whose tokenizer puts nothing between two texts."""
    marks = load_tokenizer(located).num_special_tokens_to_add
    if marks(pair=True) <= marks(pair=False):
        raise RequestError(
            f"model.base={config.model.base} reads no pairs, since its tokenizer puts nothing "
            "between two texts: use an encoder (minilm, roberta-base), or set data.pair=false."
        )


def usable_of(rows: Rows) -> Usable:
    """What is known of the rows once they are usable."""
    assert rows.usable is not None  # noqa: S101 - the chain validates before it splits
    return rows.usable
