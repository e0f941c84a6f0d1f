"""The KL coefficient moves towards its target, slowly and never below zero."""

from hypothesis import given
from hypothesis import strategies as st

from tasks.kinds.policy.course import KLControl

kls = st.floats(-10, 200)


@given(kls, st.floats(0.01, 2), st.integers(1, 512))
def test_too_much_kl_raises_the_coefficient_and_too_little_lowers_it(
    kl: float, coefficient: float, answers: int
) -> None:
    control = KLControl(coefficient, target=6.0)
    control.update(kl, answers)
    assert (control.coefficient > coefficient) == (kl / 6.0 - 1 > 0) or abs(kl - 6) < 1e-9
    change = abs(control.coefficient / coefficient - 1)
    assert change <= 0.2 * answers / 10_000 + 1e-12


@given(st.lists(kls, max_size=50))
def test_a_fixed_coefficient_stays(seen: list[float]) -> None:
    control = KLControl(0.2)
    for kl in seen:
        control.update(kl, 64)
    assert control.coefficient == 0.2


def test_at_the_target_nothing_changes_and_a_horizon_of_extremes_changes_a_fifth() -> None:
    control = KLControl(0.5, target=6.0, horizon=1000)
    control.update(6.0, 64)
    assert control.coefficient == 0.5
    control.update(60.0, 1000)
    assert control.coefficient == 0.6
