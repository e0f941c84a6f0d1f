"""The question table as its expectation suite reads it (`conf/expectations/kinds/vqa.json`).

Besides the columns of `ingest.QUESTION_COLUMNS`, without the annotators' single answers:

    text                  the question (and with it `words`, see `validation/tables.py`)
    answer_words          words of the answer
    annotators            how many there are
    agreement             share of them who gave the answer
    questions_of_picture  how many questions are about the row's picture
"""

import numpy as np
import pandas as pd
import pyarrow as pa

from tasks.kinds.pictures.data.selecting import agreement
from tasks.storage import TableRef


def question_table(questions: TableRef) -> pd.DataFrame:
    """A row a question, good or bad."""
    frame = questions.read()
    table = pa.Table.from_pandas(frame[["answer", "answers"]], preserve_index=False)
    found = frame.drop(columns="answers")
    return found.assign(
        text=frame["question"],
        answer_words=frame["answer"].str.count(r"\S+").astype("float64"),
        annotators=np.array([len(said) for said in frame["answers"]]),
        agreement=agreement(table),
        questions_of_picture=frame.groupby(["part", "image_id"])["id"].transform("size"),
    )
