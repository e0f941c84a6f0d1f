"""Policies on tiny models through the command line: what makes them learn in seconds."""

# Answers that grow are an easy lesson: every word is worth one.
LEARNING = {
    "steps": "6",
    "batch_size": "8",
    "mini_batch_size": "4",
    "epochs": "2",
    "learning_rate": "1e-2",
    "max_new_tokens": "8",
    "temperature": "0.7",
    "kl_coefficient": "0.0",
    "kl_budget": "1000",
    "held_out_every": "2",
    "stop_kl": "null",
    "stop_length": "null",
    "precision": "fp32",
}


def learning(stage: str = "", **changes: str) -> tuple[str, ...]:
    """Overrides of `rl`, behind a chain's stage where one is given."""
    before = f"{stage}." if stage else ""
    return tuple(f"{before}rl.{name}={value}" for name, value in (LEARNING | changes).items())
