"""Generation in batches gives what each prompt would get alone, and always ends."""

import copy
from types import SimpleNamespace
from typing import Any

import families
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig

from tasks.language import generating
from tasks.language.generating import (
    SHARED_TOKENS,
    Decoding,
    Generated,
    answer_of,
    generate,
    pad_left,
)

CONTEXT = 96
PROMPTS = ["a", "the b", "x squared:", "sum of 1 and 2 is", "q" * 30, "f of x", "", "é∞", "x^2"]
FAMILIES = ["gpt2", "llama", "llama-tied"]


def greedy(model, tokenizer, prompt: str, steps: int) -> list[int]:
    """The most probable token, `steps` times, without cache, padding or end."""
    ids = torch.tensor([tokenizer(prompt)["input_ids"] or [tokenizer.eos_token_id]])
    start = ids.shape[1]
    with torch.no_grad():
        for _ in range(steps):
            ids = torch.cat([ids, model(ids).logits[:, -1:].argmax(-1)], dim=1)
    return ids[0, start:].tolist()


def with_end(tokenizer, token: int):
    """The tokenizer with another end token."""
    tokenizer = copy.deepcopy(tokenizer)
    tokenizer.eos_token = tokenizer.convert_ids_to_tokens(token)
    return tokenizer


def with_a_usual_end(model, tokenizer):
    """The tokenizer with that end token at which the prompts' answers differ most in length."""
    written = [greedy(model, tokenizer, prompt, 20) for prompt in PROMPTS if prompt]
    ends = {token: {row.index(token) for row in written if token in row} for token in written[0]}
    return with_end(tokenizer, max(ends, key=lambda token: len(ends[token])))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_batch_writes_what_each_prompt_gets_alone(family: str, decoder) -> None:
    model, tokenizer = decoder(family)
    tokenizer = with_a_usual_end(model, tokenizer)
    alone = generate(model, tokenizer, PROMPTS, Decoding(max_new_tokens=20, batch_size=1))
    assert any(answer.stopped for answer in alone)
    assert len({answer.tokens for answer in alone}) > 2
    for size in (4, 16):
        batched = generate(model, tokenizer, PROMPTS, Decoding(20, batch_size=size))
        assert batched == alone


WINDOWED = ("mistral", "gemma2", "gemma3_text")
"""Those whose cache may keep the last tokens only."""


@pytest.mark.parametrize("family", families.DECODERS)
def test_what_all_prompts_begin_with_is_read_once_and_changes_no_answer(
    family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = AutoConfig.for_model(
        family, initializer_range=0.3, init_std=0.3, **families.DECODERS[family]
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = AutoModelForCausalLM.from_config(config).eval()
    tokenizer = families.tokenizer(family)
    begin = " ".join(["the", *families.NOUNS, *families.WAYS, "the", *families.NOUNS[:5]])
    ends = ["kettle", "lamp arrived", "on monday the clock felt splendid after a week", "stove in"]
    prompts = [f"{begin} {end}" for end in ends * 2]
    decoding = Decoding(max_new_tokens=6, batch_size=3)
    read: list[int] = []
    hook = model.register_forward_pre_hook(
        lambda module, args, kwargs: read.append(kwargs["input_ids"].numel()), with_kwargs=True
    )
    monkeypatch.setattr(generating, "SHARED_TOKENS", 10**9)
    wanted = generate(model, tokenizer, prompts, decoding)
    whole = sum(read)
    monkeypatch.setattr(generating, "SHARED_TOKENS", SHARED_TOKENS)
    read.clear()
    assert generate(model, tokenizer, prompts, decoding) == wanted
    hook.remove()
    assert len({answer.text for answer in wanted}) > 1
    if family not in WINDOWED:
        assert sum(read) < whole - 6 * (len(begin.split()) - 1)


@settings(deadline=None, max_examples=8)
@given(data=st.data())
def test_the_order_of_the_prompts_changes_no_answer(data: st.DataObject) -> None:
    model, tokenizer = _MODELS[data.draw(st.sampled_from(FAMILIES))]
    order = data.draw(st.permutations(range(len(PROMPTS))))
    size = data.draw(st.integers(1, 10))
    decoding = Decoding(max_new_tokens=8, batch_size=size)
    found = generate(model, tokenizer, [PROMPTS[i] for i in order], decoding)
    wanted = generate(model, tokenizer, PROMPTS, Decoding(max_new_tokens=8))
    assert found == [wanted[i] for i in order]


_MODELS: dict = {}


@pytest.fixture(autouse=True, scope="module")
def _models(decoder) -> None:
    _MODELS.update({family: decoder(family) for family in FAMILIES})


@pytest.mark.parametrize("family", FAMILIES)
def test_greedy_is_the_most_probable_token_each_time(family: str, decoder) -> None:
    model, tokenizer = decoder(family)
    wanted = greedy(model, tokenizer, "x squared", 12)
    last = next(token for token in wanted[::-1] if tokenizer.decode([token]) not in "x squared")
    tokenizer = with_end(tokenizer, last)
    end = wanted.index(last)
    found = generate(model, tokenizer, ["x squared"], Decoding(max_new_tokens=12))[0]
    text = tokenizer.decode(wanted[:end], skip_special_tokens=True).strip()
    assert found == Generated(text, stopped=True, tokens=end + 1)


def test_generation_that_never_ends_is_bounded_and_told(decoder) -> None:
    model, tokenizer = decoder("gpt2")
    found = generate(model, tokenizer, ["ab", "c"], Decoding(max_new_tokens=7))
    assert [(answer.stopped, answer.tokens) for answer in found] == [(False, 7)] * 2


def test_the_end_token_counts_and_is_not_shown(decoder) -> None:
    model, tokenizer = decoder("llama")
    tokenizer = with_end(tokenizer, greedy(model, tokenizer, "ab", 1)[0])
    found = generate(model, tokenizer, ["ab"], Decoding(max_new_tokens=7))
    assert found == [Generated(text="", stopped=True, tokens=1)]


@pytest.mark.parametrize("family", FAMILIES)
def test_prompts_near_the_contexts_end_write_what_there_is_room_for(family: str, decoder) -> None:
    model, tokenizer = decoder(family)
    prompts = ["a" * n for n in (3, CONTEXT - 2, CONTEXT, CONTEXT - 5, CONTEXT + 9, 5)]
    found = generate(model, tokenizer, prompts, Decoding(max_new_tokens=6))
    assert [answer.tokens for answer in found] == [6, 2, 0, 5, 0, 6]
    alone = [generate(model, tokenizer, [p], Decoding(max_new_tokens=6))[0] for p in prompts]
    assert found == alone


@pytest.mark.parametrize("family", FAMILIES)
def test_an_empty_prompt_writes_to_the_contexts_end_and_no_further(family: str, decoder) -> None:
    model, tokenizer = decoder(family)
    found = generate(model, tokenizer, [""], Decoding(max_new_tokens=CONTEXT + 9))[0]
    assert found.stopped or found.tokens == CONTEXT - 1  # one place is the beginning's


def test_beams_in_a_batch_are_transformers_beams_for_each_prompt(decoder) -> None:
    model, tokenizer = decoder("gpt2")
    tokenizer = with_a_usual_end(model, tokenizer)
    prompts = [prompt for prompt in PROMPTS if prompt]
    wanted = []
    for prompt in prompts:
        ids = torch.tensor([tokenizer(prompt)["input_ids"]])
        new = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=10,
            num_beams=3,
            do_sample=False,
            early_stopping=True,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )[0, ids.shape[1] :].tolist()
        end = tokenizer.eos_token_id
        kept = new[: new.index(end)] if end in new else new
        wanted.append(tokenizer.decode(kept, skip_special_tokens=True).strip())
    found = generate(model, tokenizer, prompts, Decoding(10, batch_size=4, beams=3))
    assert [answer.text for answer in found] == wanted
    assert [a.text for a in generate(model, tokenizer, prompts, Decoding(10))] != wanted


def test_the_same_seed_draws_the_same_text_and_leaves_other_draws_alone(decoder) -> None:
    model, tokenizer = decoder("llama")

    def draw(seed: int) -> list[Generated]:
        return generate(model, tokenizer, PROMPTS, Decoding(10, temperature=1.5, seed=seed))

    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first = draw(7)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(2)
    assert draw(7) == first
    assert draw(8) != first


def test_drawing_at_a_low_temperature_is_greedy(decoder) -> None:
    model, tokenizer = decoder("llama")
    greedy = generate(model, tokenizer, PROMPTS, Decoding(6))
    assert generate(model, tokenizer, PROMPTS, Decoding(6, temperature=1e-4)) == greedy


@pytest.mark.parametrize("beams", [1, 3])
def test_the_base_models_own_settings_do_not_decide(beams: int, decoder) -> None:
    model, tokenizer = decoder("llama")
    wanted = generate(model, tokenizer, PROMPTS, Decoding(8, beams=beams))
    model.generation_config = GenerationConfig(
        do_sample=True,
        temperature=9.0,
        top_k=3,
        num_beams=2,
        max_length=3,
        max_new_tokens=2,
        repetition_penalty=3.0,
        eos_token_id=[5, 6, 7],
    )
    assert generate(model, tokenizer, PROMPTS, Decoding(8, beams=beams)) == wanted


def test_an_answer_can_end_at_a_text(decoder) -> None:
    model, tokenizer = decoder("llama")
    long = generate(model, tokenizer, PROMPTS, Decoding(12))
    # A character in the middle of the first answer at which others end too, or do not.
    mark = next(c for c in long[0].text[1:] if c.isascii() and c.isprintable())
    found = generate(model, tokenizer, PROMPTS, Decoding(12, stop_at=mark))
    assert found[0].tokens < long[0].tokens
    assert len({mark in answer.text for answer in long}) == 2
    for whole, cut in zip(long, found, strict=True):
        if mark in whole.text:
            assert cut.stopped
            assert cut.text == whole.text.split(mark)[0].strip()
        else:
            assert cut == whole


def test_a_model_in_training_stays_so_and_does_not_drop(decoder) -> None:
    model, tokenizer = decoder("gpt2")
    wanted = generate(model, tokenizer, PROMPTS, Decoding(5))
    model.train()
    assert generate(model, tokenizer, PROMPTS, Decoding(5)) == wanted
    assert model.training


def test_no_prompts_have_no_answers(decoder) -> None:
    model, tokenizer = decoder("gpt2")
    assert generate(model, tokenizer, []) == []


def test_rows_end_at_the_last_column() -> None:
    ids, mask = pad_left([[1], [2, 3], []], 9)
    assert ids.tolist() == [[9, 1], [2, 3], [9, 9]]
    assert mask.tolist() == [[0, 1], [1, 1], [0, 0]]


def test_beams_do_not_draw() -> None:
    with pytest.raises(ValueError, match="use one"):
        Decoding(beams=2, temperature=0.5)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_row_that_has_ended_is_no_longer_computed(family: str, decoder) -> None:
    model, tokenizer = decoder(family)
    tokenizer = with_a_usual_end(model, tokenizer)
    rows: list[int] = []
    model.get_output_embeddings().register_forward_hook(
        lambda _m, _i, output: rows.append(len(output))
    )
    found = generate(model, tokenizer, PROMPTS, Decoding(12))
    # The output layer ran once a generated token of each row.
    assert sum(rows) == sum(answer.tokens for answer in found)


@pytest.mark.parametrize("family", FAMILIES)
def test_greedy_is_transformers_own_greedy(family: str, decoder) -> None:
    model, tokenizer = decoder(family)
    tokenizer = with_a_usual_end(model, tokenizer)
    prompts = [prompt for prompt in PROMPTS if prompt]
    ids, mask = pad_left([tokenizer(p)["input_ids"] for p in prompts], tokenizer.pad_token_id)
    output = model.generate(
        input_ids=ids,
        attention_mask=mask,
        max_new_tokens=12,
        do_sample=False,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )[:, ids.shape[1] :].tolist()
    end = tokenizer.eos_token_id
    kept = [row[: row.index(end)] if end in row else row for row in output]
    wanted = [tokenizer.decode(row, skip_special_tokens=True).strip() for row in kept]
    found = generate(model, tokenizer, prompts, Decoding(12))
    assert [answer.text for answer in found] == wanted


@pytest.mark.slow
def test_the_real_models_batches_write_what_each_prompt_gets_alone() -> None:
    from tasks.language.pairs import LATEX
    from tasks.models.base_models import locate
    from tasks.models.generators import load_generator

    model, tokenizer = load_generator(locate("smollm2"))
    sources = ["x", "the integral of x squared from zero to one", "two pi r", "x over n"]
    prompts = [LATEX.prompt(source) for source in sources]
    alone = generate(model, tokenizer, prompts, Decoding(12, batch_size=1))
    assert generate(model, tokenizer, prompts, Decoding(12, batch_size=4)) == alone
    assert all(answer.text for answer in alone)


@pytest.mark.parametrize(
    ("written", "text"),
    [("x^2\nIs that so?", "x^2"), ("\n\n x^2\ny", "x^2"), ("x^2", "x^2"), ("\n", "")],
)
@pytest.mark.parametrize("counts", [True, False])
def test_the_first_line_with_anything_on_it_is_the_answer(
    written: str, text: str, counts: bool
) -> None:
    tokenizer: Any = SimpleNamespace(eos_token_id=0, decode=lambda ids, **_: written)
    decoding = Decoding(stop_at="\n", stop_counts=counts)
    found = answer_of([5, 6], tokenizer, decoding)
    assert found.text == text
    assert found.stopped == (counts and "\n" in written.lstrip())
