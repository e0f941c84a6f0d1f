"""The fine-tuning job of a hosted arm: started once, watched to its end, cancelled on request.

What is known of it lies in `job.json` in the arm's folder, written as soon as the server has
named the job: the same command after a kill watches that one and never starts a second.
"""

import time
from collections.abc import Callable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError
from tqdm import tqdm

from tasks.config import HostedConfig
from tasks.errors import RequestError, ThawError
from tasks.hosted.arm import HostedArm, hosted_dir
from tasks.hosted.jsonl import one_file
from tasks.network.hosted import HostedApi, Job
from tasks.storage import file_digest, write_text

RECORD = "job.json"
Note = Callable[[str], None]


class JobRecord(BaseModel):
    """A job and where it runs.

    `case` and `hosted` let `thaw cancel` find it and reach its server without the data.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    case: str
    hosted: HostedConfig
    base_model: str
    tokens: int
    """Tokens of the training file, by the configured tokenizer."""
    job: Job

    def write(self, folder: Path) -> "JobRecord":
        """Keep it in the arm's folder."""
        write_text(folder / RECORD, self.model_dump_json(indent=2))
        return self


def read_record(folder: Path) -> JobRecord | None:
    """The record that a folder holds, if there is one.

    Raises:
        ThawError: it is damaged; starting another job could cost twice.
    """
    path = folder / RECORD
    try:
        return JobRecord.model_validate_json(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (ValidationError, UnicodeDecodeError) as error:
        raise ThawError(
            f"{path} is damaged, so it is not known whether a job runs: look at the server's list "
            "of jobs, then delete the file and run again."
        ) from error


def start_job(
    arm: HostedArm, api: HostedApi, tokens: int, note: Note, anew: bool = False
) -> JobRecord:
    """Upload the arm's files and start its job, or find the one that was started before.

    A job that failed or was cancelled is started anew: whoever runs the same command again has
    seen why it ended.

    Args:
        arm: its folder holds `train.jsonl` and `validation.jsonl`.
        api: the server.
        tokens: of the training file.
        note: takes a sentence for the log.
        anew: start another one even where the server knows of one that succeeded.
    """
    record = read_record(arm.folder)
    if record is not None and record.job.status not in {"failed", "cancelled"}:
        note(f"The job {record.job.id} was started before: it is watched, not started again")
        return record
    # A kill may have come between the start and the record.
    job = None if record is not None or anew else api.find_job(arm.key)
    if job is None:
        job = api.create_job(
            arm.model,
            _uploaded(one_file(arm.folder, "train"), arm.hosted, api),
            _uploaded(one_file(arm.folder, "validation"), arm.hosted, api),
            _hyperparameters(arm.hosted),
            arm.seed,
            arm.key,
        )
    made = JobRecord(case=arm.case, hosted=arm.hosted, base_model=arm.model, tokens=tokens, job=job)
    made.write(arm.folder)
    note(f"Job {job.id} on {arm.model} at {api.host}")
    return made


def _hyperparameters(hosted: HostedConfig) -> dict[str, int | float]:
    given = {
        "n_epochs": hosted.epochs,
        "batch_size": hosted.batch_size,
        "learning_rate_multiplier": hosted.learning_rate_multiplier,
    }
    return {name: value for name, value in given.items() if value is not None}


def _uploaded(file: Path, hosted: HostedConfig, api: HostedApi) -> str:
    """The file's id at the server, uploaded unless these very bytes lie there already."""
    digest = file_digest(file)
    known = hosted_dir() / "uploads" / f"{api.host.replace(':', '_')}-{digest[:32]}.txt"
    if known.exists():
        file_id = known.read_text(encoding="utf-8").strip()
        if file_id and api.has_file(file_id):
            return file_id
    file_id = api.upload(file)
    write_text(known, file_id)
    return file_id


def watch_job(record: JobRecord, arm: HostedArm, api: HostedApi) -> JobRecord:
    """Wait until the job has ended.

    Raises:
        ThawError: it failed, was cancelled, or takes longer than `hosted.longest_hours`.
    """
    hosted = arm.hosted
    deadline = time.monotonic() + hosted.longest_hours * 3600
    with tqdm(bar_format="{desc} [{elapsed}]", disable=None, leave=False) as bar:
        while not _settled(record.job):
            found = api.job(record.job.id)
            if found != record.job:
                record = record.model_copy(update={"job": found}).write(arm.folder)
            bar.set_description_str(f"{found.id}: {found.status}")
            if found.ended:
                break
            if time.monotonic() > deadline:
                raise ThawError(
                    f"The job {found.id} is still {found.status} after {hosted.longest_hours:g} "
                    "hours (hosted.longest_hours); it goes on, and the same command watches it "
                    "again."
                )
            time.sleep(hosted.poll_seconds)
    job = record.job
    if job.status != "succeeded":
        raise ThawError(
            f"The job {job.id} at {api.host} {_ended(job)}; the same command starts another one."
        )
    if not job.model:
        raise ThawError(f"The job {job.id} at {api.host} succeeded but names no model.")
    return record


def _settled(job: Job) -> bool:
    """Whether another look at the job would tell nothing new."""
    return job.ended and (job.model is not None or job.status != "succeeded")


def _ended(job: Job) -> str:
    if job.status == "cancelled":
        return "was cancelled"
    return f"failed: {job.error or 'the server gives no reason'}".rstrip(".")


def cancel_jobs(case: str) -> list[Job]:
    """Cancel every job of a case that has not ended.

    Returns:
        The jobs as they are now; one that ended meanwhile keeps its own end.

    Raises:
        RequestError: none of the case's jobs is under way, or there is no key.
        ThawError: the server cannot be reached.
    """
    ended = []
    for path in sorted(hosted_dir().glob(f"*/{RECORD}")):
        record = read_record(path.parent)
        if record is None or record.case != case or record.job.ended:
            continue
        api = HostedApi(record.hosted)
        try:
            job = api.job(record.job.id)
            if not job.ended:
                job = api.cancel_job(job.id)
        finally:
            api.close()
        record.model_copy(update={"job": job}).write(path.parent)
        ended.append(job)
    if not ended:
        raise RequestError(f"No hosted job of {case} is under way: there is nothing to cancel.")
    return ended
