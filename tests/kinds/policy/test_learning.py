"""It learns: a task whose best answer is known, both architectures (more seeds: `slow`)."""

from pathlib import Path

import pytest
from kinds.policy.rl_parts import KINDS, PROMPTS, MakePolicy, make_queries, many_b, small_config
from often import mostly

from tasks.kinds.policy.training import train

STEPS = 40
EXAM = {"steps": STEPS, "batch_size": 32, "mini_batch_size": 16, "epochs": 4, "save_every": STEPS}
SEEDS = mostly([1], [2, 3])


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", KINDS)
def test_ppo_learns_to_write_one_word(
    kind: str, seed: int, make_policy: MakePolicy, tmp_path: Path
) -> None:
    policy = make_policy(kind, seed=seed)
    queries = make_queries(PROMPTS)
    config = small_config(**EXAM, held_out_every=5, seed=seed)
    run = train(policy, queries[:8], queries[8:] * 8, [many_b()], config, tmp_path)
    before = run.held_out[0]["reward"]
    best = next(seen for seen in run.held_out if seen["step"] == run.best)
    assert before < 0.3
    assert best["reward"] >= 0.9  # of at most 1
