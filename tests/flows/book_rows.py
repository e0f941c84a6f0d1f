"""Invented rows for every data set of the book's profiles, in the form that its host gives.

All of it is made up here; what is true is the form: names, columns, types, quoting, parts.
"""

import csv
import io
import json
import random
import zipfile
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from book_web import MEDIA, HubData, Web, digest
from kinds.pictures.data.vqa_files import annotation, question
from PIL import Image

from tasks.config.loading import load_case

THINGS = ("kettle", "lamp", "bridge", "garden", "ticket", "window", "letter", "engine", "market")
DOINGS = ("arrives", "breaks", "turns", "waits", "opens", "closes", "falls", "returns", "sings")
PLACES = ("by the river", "in the rain", "after midnight", "on the hill", "behind the station")
STARS = ("dreadful", "poor", "average", "pleasant", "wonderful")
GENRES = ("Action", "Comedy", "Drama", "Fantasy", "Sports")
COLOURS = {"red": (200, 30, 30), "green": (30, 160, 60), "blue": (40, 60, 200)}
ROWS = 120


def said(n: int, *words: str) -> str:
    """A sentence that no other number has, with some words of its own."""
    chance = random.Random(n)  # noqa: S311 - a text
    parts = [f"{chance.choice(THINGS)} {chance.choice(DOINGS)} {chance.choice(PLACES)}"] * 1
    parts += [f"the {chance.choice(THINGS)} {chance.choice(DOINGS)}" for _ in range(3)]
    return f"The {' and '.join(parts)} {' '.join(words)} number {n}.".replace("  ", " ")


def parquet(columns: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream)
    return stream.getvalue()


def csv_text(rows: list[dict[str, Any]]) -> bytes:
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue().encode()


def zipped(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def card(config: str, folder: str, *parts: str, more: str = "") -> bytes:
    """A data set's README: which files are which split."""
    lines = "".join(f"  - {{split: {each}, path: {folder}{each}-*}}\n" for each in parts)
    return f"---\nconfigs:\n- config_name: {config}\n  data_files:\n{lines}{more}---\n".encode()


def class_label(config: str, text: str, *names: str) -> str:
    """The features of a text and a class, as a card declares them."""
    listed = ", ".join(f"'{number}': {name}" for number, name in enumerate(names))
    return (
        f"dataset_info:\n- config_name: {config}\n"
        f"  features:\n  - {{name: {text}, dtype: string}}\n"
        f"  - name: label\n    dtype: {{class_label: {{names: {{{listed}}}}}}}\n"
    )


def anime() -> bytes:
    rows = []
    for n in range(ROWS):
        genres = sorted({GENRES[n % 5], GENRES[(n // 5) % 5]})
        rows.append(
            {
                "MAL_ID": n,
                "Name": f"Title {said(n)[4:20]} {n}",
                "Genres": "Unknown" if n % 12 == 11 else ", ".join(genres),
                "Type": ("TV", "Movie")[n % 2],
                "Episodes": "12",
                "Premiered": "Spring 1998",
                "Producers": "House A, House B",
                "Studios": "North",
                "Source": "Manga",
                "synopsis": said(n, *genres).replace("The", "“The"),
            }
        )
    return csv_text(rows)


def spam() -> bytes:
    lines = [
        f"spam\twin now {said(n)}" if n % 4 == 0 else f'ham\t"see you {said(n)}'
        for n in range(ROWS)
    ]
    return zipped({"SMSSpamCollection": "\n".join(lines).encode(), "readme": b"about it"})


def latex() -> bytes:
    pairs = [(f"{said(n)[4:60]} squared", f"a_{{{n}}}^{{2}}") for n in range(60)]
    return csv_text([{"English": english, "LaTeX": tex} for english, tex in pairs])


def chip2() -> bytes:
    """One of its turns is empty."""
    rows = [
        {"prompt": f"What of {said(n)}", "response": said(n + 500), "source": "unified_chip2"}
        for n in range(ROWS)
    ]
    return csv_text([*rows, {"prompt": "And then?", "response": "", "source": "unified_chip2"}])


def comparisons() -> bytes:
    rows = []
    for n in range(80):
        answers = [
            {
                "response": said(900 + 3 * n + at, STARS[4 - 2 * at]),
                "source": who,
                "score": 9 - 3 * at,
            }
            for at, who in enumerate(("gpt4", "davinci", "opt"))
        ]
        asked = f"Below is a task.\n\n### Instruction:\nSay {said(n)}\n\n### Response:"
        rows.append({"user_input": asked, "responses_and_scores": answers})
    return json.dumps(rows).encode()


def dolly() -> bytes:
    rows = [
        {
            "instruction": f"Tell me why {said(n)}",
            "context": said(n + 700) if n % 3 == 0 else "",
            "response": said(n + 800),
            "category": "open_qa",
        }
        for n in range(80)
    ]
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def reviews_of(start: int, rows: int) -> bytes:
    """Title and body in one text, a blank line between; stars as 0 to 4."""
    numbers = range(start, start + rows)
    texts = [f"It is {STARS[n % 5]}\n\n{said(n, STARS[n % 5])}" for n in numbers]
    return parquet({"text": texts, "label": pa.array([n % 5 for n in numbers], pa.int64())})


def films_of(start: int, rows: int) -> bytes:
    numbers = range(start, start + rows)
    texts = [f"{said(n)}<br /><br />{STARS[4 * (n % 2)]}" for n in numbers]
    return parquet({"text": texts, "label": pa.array([n % 2 for n in numbers], pa.int64())})


def cola_of(start: int, rows: int) -> bytes:
    numbers = range(start, start + rows)
    texts = [said(n) if n % 3 else f"{said(n)} are is" for n in numbers]
    return parquet(
        {
            "sentence": texts,
            "label": pa.array([int(n % 3 > 0) for n in numbers], pa.int64()),
            "idx": pa.array(list(numbers), pa.int32()),
        }
    )


def news_of(start: int, rows: int) -> bytes:
    numbers = range(start, start + rows)
    return parquet(
        {
            "text": [f"{said(n)} {said(n + 1000)}" for n in numbers],
            "prediction": [[{"text": said(n), "score": 1.0}] for n in numbers],
            "id": [f"n{n}" for n in numbers],
        }
    )


def vqa_archives() -> list[bytes]:
    """Questions, annotations and pictures of both parts, each in an archive of its own."""
    questions, annotations, pictures = [], [], []
    for part, first, images in (("train2014", 1, 30), ("val2014", 1001, 12)):
        asked, answers, shown = [], [], {}
        for image in range(first, first + images):
            colour = [*COLOURS][image % 3]
            for text, answer in (
                ("What is its color?", colour),
                ("Is it red?", "yes" if colour == "red" else "no"),
            ):
                number = 10 * image + len(asked) % 10
                agree = 10 if len(asked) % 2 == 0 else 6  # of ten annotators
                asked.append(question(number, image, text))
                answers.append(
                    annotation(
                        number,
                        image,
                        (answer,) * agree + ("thing",) * (10 - agree),
                        question_type=text,
                    )
                )
            stream = io.BytesIO()
            shade = tuple(value + image % 50 for value in COLOURS[colour])
            Image.new("RGB", (40, 32), shade).save(stream, "JPEG")
            shown[f"{part}/COCO_{part}_{image:012d}.jpg"] = stream.getvalue()
        name = f"v2_OpenEnded_mscoco_{part}_questions.json"
        questions.append(zipped({name: json.dumps({"questions": asked}).encode()}))
        name = f"v2_mscoco_{part}_annotations.json"
        annotations.append(zipped({name: json.dumps({"annotations": answers}).encode()}))
        pictures.append(zipped(shown))
    return [*questions, *annotations, *pictures]


def book_web() -> Web:
    """Everything that a book profile fetches, at the addresses and commits that it names."""
    repository = f"{MEDIA}/media/sinanuozdemir/quick-start-guide-to-llms/main/data"
    files = {
        f"{repository}/pre_merged_anime.csv": anime(),
        f"{repository}/english_to_latex.csv": latex(),
        f"{repository}/chip2.csv": chip2(),
        "archive.ics.uci.edu/static/public/228/sms+spam+collection.zip": spam(),
        _place(load_case("sawyer_reward", "book").data.url): comparisons(),
    }
    archives = load_case("vqa", "book").data.archives
    files |= {_place(each): one for each, one in zip(archives, vqa_archives(), strict=True)}
    parts = {"train": (0, 150), "validation": (300, 30), "test": (400, 40)}
    stars = {f"en/{name}-00000-of-00001.parquet": reviews_of(*at) for name, at in parts.items()}
    films = {f"plain_text/{name}-00000-of-00001.parquet": films_of(*parts[name]) for name in TWO}
    cola = {f"cola/{name}-00000-of-00001.parquet": cola_of(*parts[name]) for name in parts}
    news = {f"data/{name}-00000-of-00001.parquet": news_of(*at) for name, at in NEWS.items()}
    classes = class_label("plain_text", "text", "neg", "pos")
    data = {
        "mteb/AmazonReviewsClassification": {"README.md": card("en", "en/", *parts), **stars},
        "stanfordnlp/imdb": {
            "README.md": card("plain_text", "plain_text/", *TWO, more=classes),
            **films,
        },
        "nyu-mll/glue": {
            "README.md": card("cola", "cola/", *parts),
            **cola,
        },
        "argilla/news-summary": {"README.md": card("default", "data/", *TWO), **news},
        "databricks/databricks-dolly-15k": {"databricks-dolly-15k.jsonl": dolly()},
    }
    commits = {
        load_case(case, "book").data.hub: load_case(case, "book").data.hub_revision
        for case in ("reviews", "imdb", "acceptability", "summaries", "sawyer_rl")
    }
    return Web(
        files, {name: HubData(commits[name] or "f" * 40, held) for name, held in data.items()}
    )


TWO = ("train", "test")
NEWS = {"train": (0, 60), "test": (5000, 120)}


def _place(address: Any) -> str:
    return str(address).partition("://")[2]


def checksum_of(web: Web, case: str) -> list[str]:
    """The invented file's checksum in place of the true one, where the profile has one."""
    data = load_case(case, "book").data
    if data.sha256 is None:
        return []
    return [f"data.sha256={digest(web.files[_place(data.url)])}"]
