"""Losses of single rows agree with transformers' own, and with the part's."""

import pandas as pd
import pytest
import torch
from part_loss import part_loss

from tasks.config import LanguageConfig
from tasks.language.encoding import CompletionPart, encode_part
from tasks.language.pairs import PairCollator
from tasks.language.row_losses import row_losses
from tasks.language.tail import WholeLanguageModel
from tasks.storage import put_table

TEXTS = ["x plus one", "the sum of a and b and c", "y", "one over n", "x squared"]


@pytest.fixture
def part(decoder) -> CompletionPart:
    rows = [(str(i), text, [text.title()]) for i, text in enumerate(TEXTS)]
    table = put_table(pd.DataFrame(rows, columns=["id", "text", "labels"]), "rows")
    return encode_part(
        table, LanguageConfig(source_name="E", target_name="L"), decoder("llama")[1], 90
    )


@pytest.mark.parametrize("family", ["gpt2", "llama-tied"])
def test_each_row_has_the_loss_that_it_has_alone(
    family: str, part: CompletionPart, decoder
) -> None:
    model, tokenizer = decoder(family)
    collate = PairCollator(int(tokenizer.pad_token_id))
    found = row_losses(WholeLanguageModel(model).eval(), part, part, collate)
    for place, row in enumerate(part.rows):
        ids = torch.tensor([row["input_ids"]])
        labels = torch.tensor([row["labels"]])
        with torch.no_grad():
            completion = float(model(input_ids=ids, labels=labels).loss)
            whole = float(model(input_ids=ids, labels=ids).loss)
            next_token = model(input_ids=ids).logits[0, :-1].argmax(-1)
        start = part.starts[place]
        assert found.right[place] == int((next_token == ids[0, 1:])[start - 1 :].sum())
        tokens = found.completion_tokens[place]
        assert tokens == len(row["input_ids"]) - part.starts[place]
        assert found.completion[place] / tokens == pytest.approx(completion, rel=1e-4)
        assert found.whole[place] / found.whole_tokens[place] == pytest.approx(whole, rel=1e-4)
    assert found.loss == pytest.approx(
        part_loss(WholeLanguageModel(model), part.rows, collate).loss, rel=1e-5
    )
    assert found.perplexity == pytest.approx(torch.tensor(found.loss).exp().item())


def test_small_batches_change_nothing(
    part: CompletionPart, decoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, tokenizer = decoder("gpt2")
    collate = PairCollator(int(tokenizer.pad_token_id))
    whole = WholeLanguageModel(model).train()
    one = row_losses(whole, part, part, collate)
    monkeypatch.setattr("tasks.language.row_losses.POSITIONS_AT_ONCE", 1)
    other = row_losses(whole, part, part, collate)
    assert one.completion == pytest.approx(other.completion, rel=1e-4)
    assert one.whole == pytest.approx(other.whole, rel=1e-4)
    assert whole.training  # left as it was
