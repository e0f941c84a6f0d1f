"""What can be learned from a file: the kind of case, and which columns play which part.

    told = tell(form, Wishes(label="team"))

Nothing is guessed in silence: what is taken is said with its reason, what could be otherwise is
said too, and where two columns could be meant alike, `AmbiguousError` asks which.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from tasks.config import PARTS
from tasks.config.data import PART_NAMES
from tasks.drafting.columns import Column
from tasks.drafting.form import Form
from tasks.drafting.learned import OF_COLUMN, learnable, refuse_unfit
from tasks.drafting.recipes import RECIPES, TASK_OF, Recipe
from tasks.drafting.told import AmbiguousError, Told, Wishes, quoted
from tasks.errors import RequestError
from tasks.ingestion.delimited import shown_columns
from tasks.wording import nearest

LABEL_NAMES = (
    *("label", "labels", "target", "class", "sentiment", "stars", "rating", "score", "genres"),
    *("genre", "tags", "topics", "topic", "intent", "category", "categories", "team", "y"),
)
"""Names that people give to what is to be learned: one of them settles which column is meant."""
TEXT_NAMES = (
    *("text", "message", "body", "review", "comment", "content", "synopsis", "description"),
    *("sentence", "question", "title", "subject", "headline", "summary"),
)
"""Names that people give to what is read: a short column of that name belongs to the text."""
QUESTION_NAMES = ("question", "query", "input", "user", "user_input", "problem", "request", "title")
"""Names that people give to what is asked, beside two answers."""
LONG_TEXT = 8.0
"""Words on average from which on a second column is part of the text whatever its name."""


def tell(form: Form, wishes: Wishes) -> Told:
    """The kind of case that a file makes.

    Raises:
        AmbiguousError: several columns could be meant.
        RequestError: a wish names no column, or nothing can be learned from the file.
    """
    columns = {
        name: Column(name, [record.get(name) for record in form.records]) for name in form.names
    }
    for name in (*wishes.text, *wishes.label, *filter(None, [wishes.group])):
        if name in form.alike:
            raise RequestError(f"{form.path} has several columns named {name}: rename one.")
        if name not in columns:
            raise RequestError(
                f"{form.path} has no column {name}{nearest(name, list(columns))}; its columns are "
                f"{shown_columns(columns)}."
            )
    both = [name for name in wishes.label if name in wishes.text]
    if both:
        raise RequestError(_known_before(both[0], "--text"))
    free = not wishes.text and not wishes.label
    pictures = next((name for name, column in columns.items() if column.pictures), None)
    if pictures is not None and free:
        raise RequestError(
            f"{form.path}: {pictures} names pictures. A case about pictures is made of the file "
            "alone: leave out --task, --group and --pair; to learn from the other columns alone, "
            "name them with --text and --label."
        )
    told = (_layout(form, columns, wishes) if free else None) or _table(form, columns, wishes)
    told.columns = columns
    _parts(told)
    _groups(told, wishes)
    if told.text:
        _idle(told)
    return told


def _idle(told: Told) -> None:
    """Name what is neither read nor learned, nor says how rows are parted."""
    parting = (told.data.get(f"{way}_column") for way in ("split", "group"))
    used = {*told.text, *told.label, *parting}
    idle = [
        name
        for name, column in told.columns.items()
        if name not in used and name and column.cells and not column.identifies
    ]
    if idle:
        told.said.append(f"not used: {shown_columns(idle)}")


def _known_before(name: str, option: str) -> str:
    return (
        f"{option} names {name}, which is what is to be learned, and so is not known before; name "
        "another column, or say with --label what is to be learned."
    )


def _layout(form: Form, columns: dict[str, Column], wishes: Wishes) -> Told | None:
    """A file whose fields are those of comparisons or dialogues; None for a table."""
    first = {name: column.filled[0] for name, column in columns.items() if column.filled}
    chats = any(column.chats for column in columns.values())
    for task in sorted(RECIPES, key=lambda each: RECIPES[each].writes):  # comparisons first
        recipe = RECIPES[task]
        if recipe.layout_of is None or wishes.task not in (None, task):
            continue
        asked = _asked_under_another_name(first)
        named = {**first, "prompt": first[asked]} if asked else first
        try:
            layout = recipe.layout_of(str(form.path), named)
        except RequestError:
            continue
        if layout == "messages" and not chats:  # a column of that name with plain texts
            continue
        if layout == "oig" and "<human>:" not in str(first["text"]):
            continue
        if wishes.task is None:
            _refuse_judged(form, columns, recipe, task)
        data = {"layout": recipe.layout, **recipe.data}
        if asked:
            data["columns"] = {"prompt": asked}
        return Told(task, data=data, said=[f"its fields are those of {recipe.layout} ({layout})"])
    return None


def _asked_under_another_name(first: Mapping[str, Any]) -> str | None:
    """The field that holds what is asked, beside chosen and rejected answers, where no usual one
    does."""
    if not {"chosen", "rejected"} <= first.keys() or first.keys() & {"prompt", "instruction"}:
        return None
    found = [name for name in first if name.strip().lower() in QUESTION_NAMES]
    return found[0] if len(found) == 1 else None


def _refuse_judged(form: Form, columns: dict[str, Column], recipe: Recipe, task: str) -> None:
    """Ask where a column beside those of a layout judges the answers (a score, good or bad).

    To learn all answers alike would be to learn the bad ones, too.
    """
    for column in columns.values():
        judges = column.switch or column.numbers is not None
        if recipe.writes and _is_named(column.name) and judges and len(column.counts) > 1:
            other = TASK_OF["label" if column.switch or column.scale else "number"]
            raise AmbiguousError(
                f"{form.path.name} has answers, and {column.name} judges them: either to answer "
                f"is to be learned, from good and bad ones alike ({task}), or what {column.name} "
                f"says ({other})",
                "--task",
                [task, other],
            )


def _table(form: Form, columns: dict[str, Column], wishes: Wishes) -> Told:
    """A table: some columns are read, and one, or some, are what is to be learned."""
    label = wishes.label or _label(form, columns, wishes)
    bad = next((name for name in label[1:] and label if not columns[name].switch), None)
    if bad is not None:
        raise RequestError(
            "--label names several columns, so each has to hold 0 and 1 (or yes and no, or x and "
            f"nothing), and {bad} does not."
        )
    if wishes.pair and not label:
        raise RequestError(
            f"--pair reads two texts and learns a label or a number, and no column of {form.path} "
            "is one: say which with --label."
        )
    if not label:
        return _pairs(form, columns, wishes)
    two = wishes.pair and not wishes.text
    text = _two(form, columns, label) if two else wishes.text or _text(form, columns, label)
    told = _of_label(columns, label, wishes)
    told.text, told.label = tuple(text), tuple(label)
    if wishes.pair:
        if len(text) != 2 or told.task == TASK_OF["text"]:
            raise RequestError(
                "--pair wants two columns of texts (--text FIRST,SECOND) and a label or a number."
            )
        told.data["pair"] = True
        told.said.append(f"{text[0]} and {text[1]} are a pair of texts (as you say)")
    names = ", ".join(text)
    why = "as you say" if wishes.text else _why_text(columns, text)
    told.said.insert(0, f"the text is made of {names} ({why})")
    written = [name for name in columns if columns[name].is_text and name not in label]
    if len(written) == 2 and not wishes.pair:
        told.unsure.append(
            f"if {written[0]} and {written[1]} are two texts that belong together (question and "
            "answer, premise and claim), --pair gives them to the model as a pair"
        )
    left = [name for name in written if name not in text]
    if left and not wishes.text:
        every = ",".join([*left, *text])
        told.unsure.append(f"{', '.join(left)} is not read: --text {quoted(every)} adds it")
    return told


def _label(form: Form, columns: dict[str, Column], wishes: Wishes) -> tuple[str, ...]:
    """The column with what is to be learned; none where every column is a text."""
    open_to = {name: c for name, c in columns.items() if name not in wishes.text and c.cells}
    learns = RECIPES[wishes.task].learns if wishes.task else ""
    if learns == "text":
        return ()
    wanted = learns == "number"
    found = [
        name
        for name, column in open_to.items()
        if (column.measures or (wanted and column.numbers is not None and not column.identifies))
        or ((column.holds_labels or column.marks) and not wanted)
    ]
    found = [name for name in found if not columns[name].names_languages]
    words = {} if wanted else _in_words(columns, found)
    named = sorted((LABEL_NAMES.index(n.strip().lower()), n) for n in found if _is_named(n))
    if named:
        return (words.get(named[0][1], named[0][1]),)
    found = [name for name in found if name not in words]
    switches = [name for name in found if columns[name].switch]
    if len(switches) > 1 and len(switches) == len(found):
        return tuple(switches)
    if len(found) > 1:
        raise AmbiguousError(
            f"{form.path.name} has several columns that could be what is to be learned",
            "--label",
            found,
        )
    return tuple(found)


def _in_words(columns: dict[str, Column], names: Sequence[str]) -> dict[str, str]:
    """Columns that number what another of them names, with that other: `label`, `label_text`."""
    found: dict[str, str] = {}
    for code in names:
        if columns[code].numbers is None and not columns[code].switch:
            continue
        for words in names:
            column = columns[words]
            if column.numbers is not None or column.switch or column.lists:
                continue
            pairs = set(zip(map(str, columns[code].values), column.values, strict=True))
            if len(pairs) == len(columns[code].counts) == len(column.counts):
                found.setdefault(code, words)
    return found


def _is_named(name: str) -> bool:
    return name.strip().lower() in LABEL_NAMES


def _text(form: Form, columns: dict[str, Column], label: Sequence[str]) -> tuple[str, ...]:
    """The columns that are read: those that somebody wrote."""
    rest = {name: column for name, column in columns.items() if name not in label and column.cells}
    texts = [name for name, column in rest.items() if column.is_text]
    if not texts:
        rest = {n: c for n, c in rest.items() if not (c.identifies or c.parts or c.pictures)}
        named = [name for name in rest if _is_text_name(name)]
        texts = named or list(rest)
        if len(texts) > 1:
            raise AmbiguousError(
                f"{form.path.name} has no column of sentences, and several that could be read",
                "--text",
                texts,
            )
    if not texts:
        raise RequestError(
            f"{form.path} has no column with texts beside {', '.join(label)}; say which is read "
            "with --text."
        )
    longest = max(texts, key=lambda name: columns[name].words)
    return tuple(
        name
        for name in texts
        if name == longest or _is_text_name(name) or columns[name].words >= LONG_TEXT
    )


def _two(form: Form, columns: dict[str, Column], label: Sequence[str]) -> tuple[str, ...]:
    """The two columns of texts that are a pair."""
    texts = [name for name in columns if columns[name].is_text and name not in label]
    if len(texts) != 2:
        listed = ", ".join(texts) or "none"
        raise RequestError(
            f"--pair wants two columns of texts, and {form.path} has {listed}: name them with "
            "--text FIRST,SECOND."
        )
    return tuple(texts)


def _is_text_name(name: str) -> bool:
    """Whether a part of a column's name is one that people give to texts (`review_title`)."""
    return any(part in TEXT_NAMES for part in re.split(r"[\W_]+", name.lower()))


def _why_text(columns: dict[str, Column], text: Sequence[str]) -> str:
    return ", ".join(f"{columns[name].words:.0f} words on average" for name in text)


def _of_label(columns: dict[str, Column], label: Sequence[str], wishes: Wishes) -> Told:
    """What kind of label the columns hold, and how their cells are read."""
    if len(label) > 1:
        marks = sorted({cell for name in label for cell in columns[name].counts})
        said = f"a label is each of {', '.join(label)}, columns of {' and '.join(marks[:4])}"
        return Told(TASK_OF["labels"], data={"label_columns": list(label)}, said=[said])
    column = columns[label[0]]
    reason = "as you say" if wishes.label else _why_label(column)
    learns = RECIPES[wishes.task].learns if wishes.task else learnable(column)
    if learns not in TASK_OF:
        raise RequestError(f"--task {wishes.task} is told from the fields of a file, not a column.")
    if learns == "text":
        refuse_unfit(column, wishes)
    told = Told(TASK_OF[learns])
    told.said.append(f"what is to be learned stands in {column.name} ({reason})")
    OF_COLUMN[learns](told, column)
    others = [
        name
        for name, other in columns.items()
        if name != column.name and (other.holds_labels or other.measures)
    ]
    others = [name for name in others if not columns[name].names_languages]
    codes = _in_words(columns, [column.name, *others])
    told.said += [f"{column.name} names what {n} numbers" for n in others if n in codes]
    others = [name for name in others if name not in codes]
    if others and not wishes.label:
        told.unsure.append(
            f"{', '.join(others)} could be learned as well: --label {quoted(others[0])}"
        )
    return told


def _why_label(column: Column) -> str:
    if _is_named(column.name):
        return "its name says so"
    return "the only column whose values recur" if column.holds_labels else "the only one left"


def _pairs(form: Form, columns: dict[str, Column], wishes: Wishes) -> Told:
    """Two texts, of which the second is to be written for the first."""
    if wishes.task is not None and not RECIPES[wishes.task].writes:
        raise RequestError(
            f"{form.path} has no column that could be learned as {wishes.task}; say which with "
            f"--label. Its columns are {shown_columns(columns)}."
        )
    left = [
        name
        for name, column in columns.items()
        if column.cells
        and not (column.identifies or column.parts or column.names_languages or column.objects)
    ]
    text = list(wishes.text) or left[:1]
    label = [name for name in left if name not in text]
    if len(label) != 1 or not text:
        objects = [name for name, column in columns.items() if column.objects]
        within = (
            f", of which {', '.join(objects)} hold objects, whose fields want columns of their own"
        )
        raise RequestError(
            f"Nothing in {form.path} says what is to be learned: no column has values that recur "
            "(labels), and there are not two columns of texts, one to be written for the other. "
            f"Say it with --text and --label; the columns are {shown_columns(columns)}"
            f"{within if objects else ''}."
        )
    for name in (*text, *label):
        refuse_unfit(columns[name], wishes)
    told = Told(TASK_OF["text"], text=tuple(text), label=tuple(label))
    told.said.append(f"{label[0]} is to be written for {', '.join(text)} (no column has labels)")
    told.unsure.append(f"the other way round: --text {quoted(label[0])} --label {quoted(text[0])}")
    return told


def _parts(told: Told) -> None:
    """A column that says the part of each row; without, one by whose times rows could be parted."""
    open_to = [c for c in told.columns.values() if c.name not in (*told.text, *told.label)]
    for column in [column for column in open_to if column.parts][:1]:
        parts = Counter(PART_NAMES[cell.lower()] for cell in column.cells)
        counts = ", ".join(f"{parts[name]:,} {name}" for name in PARTS if parts[name])
        if "train" not in parts or len(parts) < 2 or len(column.cells) < len(column.values):
            told.unsure.append(
                f"{column.name} does not put every row into a part ({counts}), so the parts are cut"
            )
            return
        told.data["split_column"] = column.name
        told.said.append(f"{column.name} says which part each row is of: {counts}")
        return
    for column in [column for column in open_to if column.times][:1]:
        told.unsure.append(
            f"{column.name} has times: to test on the latest rows, set data.time_column: "
            f"{column.name} and split.after"
        )


def _groups(told: Told, wishes: Wishes) -> None:
    """A column whose rows belong together."""
    taken = {*told.text, *told.label, told.data.get("split_column")}
    if wishes.group in told.label:
        raise RequestError(_known_before(wishes.group, "--group"))
    if wishes.group is not None:
        told.data["group_column"] = wishes.group
        told.said.append(f"rows with the same {wishes.group} stay in one part")
        return
    taken |= {name for name in told.columns if _is_text_name(name)}
    for column in [c for c in told.columns.values() if c.groups and c.name not in taken]:
        told.unsure.append(
            f"{column.name} has {len(column.counts):,} values in {len(column.cells):,} rows: if "
            f"such rows are alike, keep them in one part with --group {quoted(column.name)}"
        )
