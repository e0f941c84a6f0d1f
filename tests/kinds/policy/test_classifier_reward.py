"""Classifiers as rewards: a text's logit does not depend on the batch that it is scored in."""

from pathlib import Path

import pytest
import torch
from tiny import bert_tokenizer, byte_tokenizer, wordpieces

from tasks.errors import RequestError, ThawError
from tasks.kinds.ranking.classifier_reward import ClassifierReward, load_classifier
from tasks.models.base_models import locate

LABELS = ("negative", "neutral", "positive")
PROMPTS = ["a question", "who", "what is it", "why"]
ANSWERS = ["the answer is long and has many words", "", "short", "and the other one is a" * 9]


@pytest.fixture(scope="module")
def bert():
    from transformers import BertConfig, BertForSequenceClassification

    config = BertConfig(
        vocab_size=len(wordpieces()),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        num_labels=3,
        id2label=dict(enumerate(LABELS)),
        initializer_range=0.3,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return BertForSequenceClassification(config)


def alone(model, tokenizer, *texts: str) -> list[float]:
    # Lists of one: by itself an empty second text would not be read as the second of a pair.
    read = tokenizer(*([t] for t in texts), return_tensors="pt", truncation=True, max_length=24)
    with torch.no_grad():
        return model(**read).logits[0].tolist()


@pytest.mark.parametrize("reads", ["answer", "pair"])
def test_each_answer_gets_the_logit_that_it_gets_alone(reads: str, bert) -> None:
    tokenizer = bert_tokenizer()
    reward = ClassifierReward(
        "r", bert, tokenizer, LABELS, "neutral", reads=reads, max_length=24, batch_size=3
    )
    found = reward.score(PROMPTS, ANSWERS)
    texts = zip(PROMPTS, ANSWERS, strict=True) if reads == "pair" else zip(ANSWERS, strict=True)
    wanted = [alone(bert, tokenizer, *each)[1] for each in texts]
    assert found == pytest.approx(wanted, abs=1e-5)
    assert len(set(found)) == 4
    assert reward.score([], []) == []


def test_scoring_leaves_no_gradient(bert) -> None:
    reward = ClassifierReward("r", bert, bert_tokenizer(), LABELS, "neutral")
    assert not any(value.requires_grad for value in bert.parameters())
    assert not bert.training
    assert isinstance(reward.score(PROMPTS, ANSWERS)[0], float)


def test_a_missing_label_says_which_there_are(bert) -> None:
    with pytest.raises(RequestError, match=r"no label 'joy': its labels are negative, neutral"):
        ClassifierReward("r", bert, bert_tokenizer(), LABELS, "joy")
    with pytest.raises(RequestError, match="say which one's logit counts"):
        ClassifierReward("r", bert, bert_tokenizer(), LABELS)
    assert ClassifierReward("r", bert, bert_tokenizer(), ("only",)).column == 0


def test_a_model_with_more_outputs_than_labels_is_refused(bert) -> None:
    reward = ClassifierReward("r", bert, bert_tokenizer(), LABELS[:2], "neutral")
    with pytest.raises(ThawError, match="has 3 outputs and 2 labels"):
        reward.score(PROMPTS, ANSWERS)


def test_thaws_own_decoder_classifier_scores_an_empty_answer(tiny_gpt2: Path) -> None:
    from transformers import AutoModel

    from tasks.models.classifier import HeadConfig, TextClassifier

    tokenizer = byte_tokenizer("gpt2")
    tokenizer.pad_token = "<pad>"  # noqa: S105 - a token of text
    head = HeadConfig(labels=2, pooling="last", task="single_label")
    model = TextClassifier(AutoModel.from_pretrained(tiny_gpt2), head)
    reward = ClassifierReward("r", model, tokenizer, ("bad", "good"), "good", batch_size=1)
    found = reward.score(PROMPTS, ["", "x", ""])
    assert found[0] == found[2] != found[1]


def test_a_classifier_is_loaded_with_its_labels_and_a_base_model_is_refused(
    bert, tiny_bert: Path, tmp_path: Path
) -> None:
    bert.save_pretrained(tmp_path)
    bert_tokenizer().save_pretrained(tmp_path)
    model, tokenizer, labels = load_classifier(locate(str(tmp_path)))
    assert labels == LABELS
    wanted = ClassifierReward("r", bert, bert_tokenizer(), LABELS, "positive")
    found = ClassifierReward("r", model, tokenizer, labels, "positive")
    assert found.score(PROMPTS, ANSWERS) == pytest.approx(wanted.score(PROMPTS, ANSWERS), abs=1e-5)
    with pytest.raises(ThawError, match="is no trained classifier: classifier"):
        load_classifier(locate(str(tiny_bert)))
