"""A hosted arm from its specification to its outcome: files, job, answers, figures."""

import shutil

from pydantic import BaseModel, ConfigDict

from tasks.config import LabelsCase
from tasks.errors import ThawError
from tasks.evaluation.metrics import compute
from tasks.evaluation.outcomes import Outcome, groups_of, put_predictions
from tasks.hosted.answers import Answer, ask_all, journal_of, read_answers
from tasks.hosted.arm import HostedArm
from tasks.hosted.export import EXPORTED, write_parts
from tasks.hosted.job import JobRecord, Note, read_record, start_job, watch_job
from tasks.hosted.jsonl import Example
from tasks.hosted.lines import messages, prompt
from tasks.hosted.prices import price_list, today
from tasks.hosted.scoring import probabilities
from tasks.hosted.vocabulary import Vocabulary, check_labels
from tasks.network.hosted import HostedApi
from tasks.network.replies import Reply
from tasks.storage import TableRef
from tasks.training.encoding import multi_hot

ASKED = (("validation", "val"), ("test", "test"))


class Finished(BaseModel):
    """A hosted arm's job and all of its answers, by part and row id."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    record: JobRecord
    answers: dict[str, dict[str, Answer]]


def submit(arm: HostedArm, config: LabelsCase, force: bool, note: Note) -> None:
    """Write the arm's files and start its job, so that it runs while local arms train.

    Does nothing where the job was started before.

    Args:
        arm: from `plan_hosted`.
        config: the case.
        force: forget a finished job and start another.
        note: takes sentences for the log.

    Raises:
        RequestError: a label or text does not fit the format, or the server refuses.
        ThawError: the server cannot be reached.
    """
    record = read_record(arm.folder)
    anew = force and record is not None and record.job.ended
    if anew:
        shutil.rmtree(arm.folder)
        record = None
    if record is not None and record.job.status not in {"failed", "cancelled"}:
        return
    vocabulary = Vocabulary(config.hosted.tokenizer)
    check_labels(arm.labels, config.hosted, vocabulary)
    parts = {name: arm.part(name) for name in EXPORTED}
    prices = price_list()
    written = write_parts(parts, arm.folder, config, prices, arm.model, vocabulary)
    tokens = written["train"].tokens
    note(prices.estimate(arm.model, tokens, config.hosted.epochs, today()))
    api = HostedApi(config.hosted)
    try:
        start_job(arm, api, tokens, note, anew)
    finally:
        api.close()


def finish(arm: HostedArm, note: Note) -> Finished:
    """Wait for the arm's job and ask its model about validation, then test.

    Only what is missing is done; an arm that has all of it needs neither server nor key.

    Raises:
        ThawError: the job failed, or the server did; the same command goes on from there.
        KeyboardInterrupt: after the job was cancelled, if `hosted.cancel_on_interrupt`.
    """
    if done := finished(arm):
        return done
    api = HostedApi(arm.hosted)
    try:
        record = _watched(_started(arm), arm, api, note)
        model = record.job.model or ""
        answers = {
            part: ask_all(
                arm.part(part),
                lambda row: _ask(row, arm, api, model),
                journal_of(arm.folder, part),
                arm.hosted.concurrency,
                f"{arm.name}: {part}",
            )
            for part, _ in ASKED
        }
    finally:
        api.close()
    return Finished(record=record, answers=answers)


def finished(arm: HostedArm) -> Finished | None:
    """What an earlier run left, if nothing of it is missing."""
    record = read_record(arm.folder)
    if record is None or record.job.status != "succeeded":
        return None
    answers = {part: read_answers(journal_of(arm.folder, part)) for part, _ in ASKED}
    whole = all(len(answers[part]) == arm.part(part).rows for part, _ in ASKED)
    return Finished(record=record, answers=answers) if whole else None


def _started(arm: HostedArm) -> JobRecord:
    record = read_record(arm.folder)
    if record is None:
        raise ThawError(f"The job of {arm.title} has no record in {arm.folder}: run again.")
    return record


def _watched(record: JobRecord, arm: HostedArm, api: HostedApi, note: Note) -> JobRecord:
    try:
        return watch_job(record, arm, api)
    except KeyboardInterrupt:
        if arm.hosted.cancel_on_interrupt:
            cancelled = api.cancel_job(record.job.id)
            record.model_copy(update={"job": cancelled}).write(arm.folder)
            note(f"The job {cancelled.id} was cancelled")
        else:
            note(
                f"The job {record.job.id} goes on at {api.host}: the same command watches it "
                f"again, `thaw cancel {arm.case}` ends it"
            )
        raise


def _ask(row: Example, arm: HostedArm, api: HostedApi, model: str) -> Reply:
    if arm.hosted.format == "completion":
        return api.complete(model, prompt(row.text, arm.hosted))
    return api.chat(model, list(messages(row.text, arm.hosted)))


def outcome_of(arm: HostedArm, done: Finished, run_id: str) -> Outcome:
    """The arm's predictions and figures, made from its answers.

    `test/unparsable` counts answers that named no label, refused rows among them. The seconds
    are the job's own from its creation to its end, waiting in the server's queue included.
    """
    metrics: dict[str, float] = {}
    tables: dict[str, TableRef] = {}
    for part, short in ASKED:
        frame = arm.part(part).read(["id", "labels"])
        ids = frame["id"].tolist()
        truth = multi_hot(frame["labels"].tolist(), list(arm.labels))
        found, unparsable = probabilities(ids, done.answers[part], arm.labels)
        figures = compute(arm.scoring, truth, found)
        metrics |= {f"{short}/{metric}": value for metric, value in figures.items()}
        metrics[f"{short}/unparsable"] = float(unparsable)
        tables[part] = put_predictions(
            ids, truth, found, f"{arm.title} on {part}", groups_of(arm.part(part))
        )
    return Outcome(
        name=arm.name,
        kind="hosted",
        seed=arm.seed,
        key=arm.key,
        run_id=run_id,
        metrics=metrics | costs(arm, done),
        validation=tables["validation"],
        test=tables["test"],
    )


def costs(arm: HostedArm, done: Finished) -> dict[str, float]:
    """Tokens and seconds as the server counted them, and dollars where the model has a price."""
    job = done.record.job
    replies = [answer.reply for answers in done.answers.values() for answer in answers.values()]
    tokens_in = sum(reply.prompt_tokens for reply in replies)
    tokens_out = sum(reply.completion_tokens for reply in replies)
    figures = {"cost/prompt_tokens": float(tokens_in), "cost/completion_tokens": float(tokens_out)}
    if job.finished and job.created:
        figures["cost/train_seconds"] = float(job.finished - job.created)
    if job.trained_tokens is not None:
        figures["cost/trained_tokens"] = float(job.trained_tokens)
    price = price_list().models.get(arm.model)
    if price is not None:
        # A server that does not say what it trained on is taken to have counted as Thaw does.
        trained = job.trained_tokens or done.record.tokens * (arm.hosted.epochs or 1)
        training, asking = price.training(trained), price.asking(tokens_in, tokens_out)
        figures |= {
            "cost/train_dollars": training,
            "cost/predict_dollars": asking,
            "cost/dollars": training + asking,
        }
    return figures
