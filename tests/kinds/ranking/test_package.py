"""The package of a reward model: saved, loaded, asked, and taken over by a stage that learns."""

from pathlib import Path

import pytest
import torch

from tasks.config import DataConfig
from tasks.errors import RequestError
from tasks.kinds.ranking.classifier_reward import ClassifierReward
from tasks.kinds.ranking.package import RewardModel, RewardModelInfo, load_reward_model
from tasks.models.adapting import soft_prompt
from tasks.models.base_models import locate
from tasks.models.classifier import HeadConfig, TextClassifier
from tasks.models.loading import load_backbone, load_tokenizer
from tasks.registry.verify import TOLERANCE, largest_difference

QUESTIONS = ["who is it", "who is it", "what is the name of the school", "why"]
ANSWERS = ["the girl", "", "it is the other one " * 9, "a boy and his friend"]
DATA = DataConfig(required=("query",), text_role="query", text=("{query}",))


def make_package(base: Path, prompt: int = 0, max_length: int = 24) -> RewardModel:
    """A reward model with a random head, random enough that answers get different rewards."""
    located = locate(str(base))
    backbone, tokenizer = load_backbone(located), load_tokenizer(located)
    head = HeadConfig(labels=1, pooling="cls", task="preference")
    model = TextClassifier(backbone, head, seed=1)
    if prompt:
        model.prompt = soft_prompt(backbone, tokenizer, prompt, seed=1)
    info = RewardModelInfo(case="c", max_length=max_length, data=DATA, arm_key="k", strategy="full")
    return RewardModel(info, model, tokenizer)


def records(answers: list[str]) -> list[dict[str, str]]:
    return [{"question": q, "answer": a} for q, a in zip(QUESTIONS, answers, strict=True)]


@pytest.mark.parametrize("family", ["bert", "distilbert", "roberta"])
@pytest.mark.parametrize("prompt", [0, 3])
def test_a_package_gives_the_same_rewards_after_a_round_trip(
    family: str, prompt: int, tiny, tmp_path: Path
) -> None:
    package = make_package(tiny(family), prompt)
    found = package.rewards(QUESTIONS, ANSWERS)
    again = RewardModel.load(package.save(tmp_path / "package"))
    assert again.rewards(QUESTIONS, ANSWERS) == found
    assert again.info == package.info
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("prompt", [0, 3])
def test_a_later_stage_gets_exactly_the_rewards_of_the_package(
    prompt: int, tiny_bert: Path, tmp_path: Path
) -> None:
    package = make_package(tiny_bert, prompt)
    model, tokenizer, max_length = load_reward_model(package.save(tmp_path / "package"))
    reward = ClassifierReward(
        "reward", model, tokenizer, ("reward",), reads="pair", max_length=max_length
    )
    assert reward.score(QUESTIONS, ANSWERS) == package.rewards(QUESTIONS, ANSWERS, rendered=True)


@pytest.mark.parametrize("prompt", [0, 3])
def test_an_answer_is_read_as_the_second_text_behind_its_question(
    prompt: int, tiny_bert: Path
) -> None:
    package = make_package(tiny_bert, prompt)
    read = package.tokenizer([QUESTIONS[0]], [ANSWERS[0]], return_tensors="pt")
    types = read["token_type_ids"]
    assert types.sum() == 3  # the answer's two words and the separator behind them
    backbone = package.model.backbone
    with torch.inference_mode():
        words = backbone.get_input_embeddings()(read["input_ids"])
        if package.model.prompt is not None:
            words = torch.cat([package.model.prompt.weight[None], words], 1)
            types = torch.cat([torch.zeros(1, prompt, dtype=torch.long), types], 1)
        hidden = backbone(inputs_embeds=words, token_type_ids=types)[0][:, prompt]
        wanted = float(package.model.classify(hidden)["logits"])
        unlike = float(
            package.model.classify(backbone(inputs_embeds=words)[0][:, prompt])["logits"]
        )
    assert package.rewards(QUESTIONS[:1], ANSWERS[:1])[0] == pytest.approx(wanted, abs=1e-6)
    assert abs(wanted - unlike) > 1e-5


def test_records_and_texts_are_cleaned_as_in_training(tiny_bert: Path) -> None:
    package = make_package(tiny_bert)
    wanted = package.predict(records(ANSWERS))
    assert set(wanted[0]) == {"reward"}
    messy = [
        {"question": f" {each['question']}\n", "answer": f"  {each['answer']} "}
        for each in records(ANSWERS)
    ]
    assert package.predict(messy) == wanted
    texts = package.predict(ANSWERS[:2], {"question": QUESTIONS[0], "rendered": False})
    assert texts == package.predict(records(ANSWERS)[:2])


@pytest.mark.parametrize(
    "record", [{"question": "why"}, {"question": " ", "answer": "x"}, {"question": 3, "answer": ""}]
)
def test_a_record_without_its_two_texts_is_named(record: dict, tiny_bert: Path) -> None:
    with pytest.raises(RequestError, match="Record 2 is no object with a question and an answer"):
        make_package(tiny_bert).predict([{"question": "why", "answer": ""}, record])


def test_a_text_needs_the_question_that_it_answers(tiny_bert: Path) -> None:
    with pytest.raises(RequestError, match="Record 1 is a text without a question"):
        make_package(tiny_bert).predict(["x"], {"question": ""})


def test_another_reward_fails_the_check() -> None:
    rewards = [{"reward": 2.0}, {"reward": -1.0}]
    assert largest_difference(rewards, rewards) == 0
    assert largest_difference([{"reward": 2.1}, {"reward": -1.0}], rewards) > TOLERANCE
    assert largest_difference([{"reward": float("nan")}, {"reward": -1.0}], rewards) > TOLERANCE
