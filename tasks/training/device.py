"""What the machine offers: device, bf16, memory."""

import ctypes
import gc
import threading
import time
from types import TracebackType

import psutil
import torch


def uses_gpu() -> bool:
    """Whether training will run on a GPU."""
    return torch.cuda.is_available()


def has_fast_bf16() -> bool:
    """Whether the device has instructions for bf16.

    A device without them emulates bf16 and is slower than in float32: such a GPU (before Ampere)
    computes with `auto` in float32, and with `fp16` in that.
    """
    if uses_gpu():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def wants_bf16(precision: str) -> bool:
    """Resolve `training.precision`."""
    return has_fast_bf16() if precision == "auto" else precision == "bf16"


def return_freed_memory() -> None:
    """Give back to the system what is held of earlier work: glibc's allocator keeps gigabytes."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


class PeakMemory:
    """Peak memory while the block runs, in MB: the GPU's allocations, or the process's own.

    The process's is its resident memory less what is mapped from files (stored hidden states,
    libraries), which the system takes back at need. It is sampled every 50 ms, because the
    kernel's own high-water mark covers the whole life of the process and so every earlier arm.
    """

    def __init__(self) -> None:
        self.megabytes = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> "PeakMemory":
        return_freed_memory()
        if uses_gpu():
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        else:
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if uses_gpu():
            self.megabytes = torch.cuda.max_memory_allocated() / 1e6
        else:
            self._stop.set()
            self._thread.join()

    def _sample(self) -> None:
        process = psutil.Process()
        while not self._stop.is_set():
            memory = process.memory_info()
            own = memory.rss - getattr(memory, "shared", 0)  # Linux alone tells
            self.megabytes = max(self.megabytes, own / 1e6)
            time.sleep(0.05)
