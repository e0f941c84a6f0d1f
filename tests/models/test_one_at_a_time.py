"""Arms that fan out over threads load their models at once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from transformers import PreTrainedModel

from tasks.models.base_models import locate
from tasks.models.generators import load_generator
from tasks.models.loading import load_backbone
from tasks.models.one_at_a_time import one_at_a_time


def test_threads_that_load_at_once_leave_later_models_tied(tiny_writer: Path) -> None:
    located = locate(str(tiny_writer))
    tying = PreTrainedModel.tie_weights
    with ThreadPoolExecutor(8) as pool:
        loads = [pool.submit(make, located) for make in (load_generator, load_backbone) * 20]
        for load in loads:
            load.result()
    assert PreTrainedModel.tie_weights is tying
    model, _ = load_generator(located)
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight


def test_one_function_waits_for_the_other() -> None:
    inside, most = [0], [0]
    meet = threading.Barrier(4)

    @one_at_a_time
    def enter() -> None:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        threading.Event().wait(0.01)
        inside[0] -= 1

    def run() -> None:
        meet.wait()
        enter()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] == 1
