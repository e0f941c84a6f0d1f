"""What answers cost over time, here and at a hosted model."""

from collections.abc import Callable
from xml.etree import ElementTree

import pytest

from tasks.config.costs import CostsConfig
from tasks.config.loading import load_case
from tasks.errors import RequestError
from tasks.evaluation.bills import Bill, bill_figures, bills, draw_bills, told_bills
from tasks.evaluation.outcomes import Outcome

MakeOutcome = Callable[..., Outcome]
PRICES = CostsConfig(
    machine_hour=0.9, input_tokens=0.5, output_tokens=2.0, prompt_tokens=187, answer_tokens=5
)


def test_a_line_is_training_and_then_what_an_answer_costs(make_outcome: MakeOutcome) -> None:
    arm = make_outcome("full", seconds=300.4)
    arm = arm.model_copy(update={"metrics": arm.metrics | {"cost/trunk_seconds": 60.0}})
    own, hosted = found = bills(PRICES, arm, 0.02, [arm])
    assert own == Bill("full", pytest.approx(0.0901), pytest.approx(0.000005))  # 360.4 s, and 20 ms
    assert hosted.each == pytest.approx((187 * 0.5 + 5 * 2.0) / 1e6)
    paid_here = paid_there = answers = 0.0
    paid_here = own.first
    while paid_here > paid_there:  # one answer after the other
        paid_here, paid_there, answers = paid_here + own.each, paid_there + hosted.each, answers + 1
    figures = bill_figures(found)
    assert answers - 1 < figures["bill/even_after"] <= answers
    told = told_bills(found, "$")
    assert told.startswith(f"full costs less than hosted model from {answers:,.0f} answers on")
    picture = draw_bills(found, PRICES)
    label = ElementTree.fromstring(picture).attrib["aria-label"]  # noqa: S314 - our own
    assert told in label


def test_a_hosted_model_that_stays_cheaper_is_said_to(make_outcome: MakeOutcome) -> None:
    found = bills(PRICES, arm := make_outcome("full"), 3.0, [arm])
    assert "bill/even_after" not in bill_figures(found)
    assert told_bills(found, "€").startswith("hosted model stays below full: a thousand answers")
    assert draw_bills(found, PRICES).startswith(b"<svg")


def test_an_arm_at_a_server_brings_its_own_bill(make_outcome: MakeOutcome) -> None:
    there = make_outcome("hosted m", kind="hosted")
    dollars = {"cost/train_dollars": 2.0, "cost/predict_dollars": 0.08}
    there = there.model_copy(update={"metrics": there.metrics | dollars})
    alone = CostsConfig(machine_hour=0.9)
    assert bills(alone, make_outcome("full"), 0.02, [there])[1] == Bill("hosted m", 2.0, 0.0001)
    assert bills(alone, make_outcome("full"), 0.02, []) == []
    assert bills(CostsConfig(), make_outcome("full"), 0.02, [there]) == []


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (["costs.input_tokens=0.3"], "input_tokens and prompt_tokens together"),
        (["costs.input_tokens=0.3", "costs.prompt_tokens=90"], "give machine_hour too"),
        (["costs.machine_hour=0.5"], "no hosted model is named"),
        (
            [
                *("costs.machine_hour=0.5", "costs.input_tokens=0.3", "costs.prompt_tokens=90"),
                "registry.enabled=false",
            ],
            "this run packages none",
        ),
    ],
)
def test_half_a_comparison_is_refused(fields: list[str], said: str) -> None:
    with pytest.raises(RequestError, match=said):
        load_case("reviews", "sample", fields)
