"""Every picture of a table opened once: which cannot be used, and which are the same.

    audit = audit_pictures(table, parts)
    table = audit.usable(table, left_out)

One picture is in memory at a time (one a worker). What cannot be used is named with its path and
left out by a counted rule: more than `most` of the pictures end the run.
"""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from tasks.errors import RequestError
from tasks.kinds.pictures.data.pictures import PictureError, read_picture
from tasks.kinds.pictures.data.reading import LeftOut
from tasks.kinds.pictures.layout import VqaPart

MOST_UNUSABLE = 0.05
_PROBE = 256  # pixels: a JPEG is decoded whole, but an eighth as fine


@dataclass(frozen=True)
class PictureAudit:
    """What was found.

    Attributes:
        frame: a row a picture: `part`, `image_id`, `path`, `width`, `height`, `mode`, `rotated`,
            `digest` (of the file), `fault` and `detail`; null where they do not apply.
    """

    frame: pd.DataFrame

    @property
    def faulty(self) -> pd.DataFrame:
        """The pictures that cannot be used."""
        return self.frame[self.frame["fault"].notna()]

    def counts(self) -> dict[str, int]:
        """Pictures by what is wrong with them, or remarkable about them."""
        usable = self.frame[self.frame["fault"].isna()]
        modes = Counter(mode for mode in usable["mode"] if mode != "RGB")
        return {
            "pictures": len(self.frame),
            **Counter(self.faulty["fault"].tolist()),
            **{f"mode {mode}": count for mode, count in sorted(modes.items())},
            "turned by EXIF": int(usable["rotated"].astype(bool).sum()),
            "same file under two names": int(usable["digest"].duplicated().sum()),
        }

    def sentences(self) -> list[str]:
        """A line a fault: how many pictures, and the first five paths."""
        lines = []
        for fault, rows in self.faulty.groupby("fault", sort=True):
            shown = ", ".join(rows["path"].head(5))
            lines.append(f"{len(rows)} {fault}: {shown}{', …' if len(rows) > 5 else ''}")
        return lines

    def usable(self, table: pa.Table, left_out: LeftOut, most: float = MOST_UNUSABLE) -> pa.Table:
        """The rows whose picture can be used, with `image`: the key of its file's content.

        Args:
            table: that was audited.
            left_out: gets the questions that went.
            most: share of the pictures that may be unusable.

        Raises:
            RequestError: more are, or all.
        """
        bad = len(self.faulty)
        if bad > most * len(self.frame) or bad == len(self.frame):
            names = ", ".join(Path(path).name for path in self.faulty["path"].head(5))
            kinds = ", ".join(f"{n} {kind}" for kind, n in Counter(self.faulty["fault"]).items())
            raise RequestError(
                f"{bad} of {len(self.frame)} pictures cannot be used ({kinds}), the first "
                f"{min(bad, 5)}: {names}; in {Path(self.faulty['path'].iloc[0]).parent} should "
                f"be at least {1 - most:.0%} of them."
            )
        found = table.select(["part", "image_id"]).to_pandas()
        keyed = found.merge(
            self.frame[["part", "image_id", "digest", "fault"]],
            on=["part", "image_id"],
            how="left",
            validate="many_to_one",
        )
        fine = keyed["fault"].isna().to_numpy()
        left_out.add(
            "questions about pictures that cannot be used",
            table["question_id"].to_numpy()[~fine],
        )
        keys = pa.array(keyed["digest"].str[:32], pa.string(), from_pandas=True)
        return table.append_column("image", keys).filter(pa.array(fine))


def audit_pictures(table: pa.Table, parts: Sequence[VqaPart], workers: int = 1) -> PictureAudit:
    """Open every picture that the table's questions are about.

    Args:
        table: of `reading.SCHEMA`, of one part or several.
        parts: whose pictures they are.
        workers: threads; decoding runs outside Python's lock.
    """
    folders = {part.name: part for part in parts}
    wanted = table.select(["part", "image_id"]).group_by(["part", "image_id"]).aggregate([])
    wanted = wanted.sort_by([("part", "ascending"), ("image_id", "ascending")]).to_pylist()
    look = partial(_look, folders)
    if workers > 1:
        with ThreadPoolExecutor(workers) as pool:
            rows = list(pool.map(look, wanted))
    else:
        rows = [look(one) for one in wanted]
    return PictureAudit(pd.DataFrame(rows, columns=[*_look_columns]))


_look_columns = (
    "part",
    "image_id",
    "path",
    "width",
    "height",
    "mode",
    "rotated",
    "digest",
    "fault",
    "detail",
)


def _look(folders: dict[str, VqaPart], wanted: dict[str, object]) -> dict[str, object]:
    part, image_id = str(wanted["part"]), int(str(wanted["image_id"]))
    path = folders[part].image_path(image_id)
    row: dict[str, object] = {"part": part, "image_id": image_id, "path": str(path)}
    try:
        picture = read_picture(path, _PROBE)
    except PictureError as error:
        return {**row, "fault": error.kind, "detail": str(error)}
    facts = ("width", "height", "mode", "rotated", "digest")
    return {**row, **{name: getattr(picture, name) for name in facts}}


def with_image_ids(table: pa.Table) -> pa.Table:
    """The table with `image` from the ids alone, where no pictures were opened.

    COCO numbers its pictures through all parts, so one id is one picture.
    """
    keys = np.char.mod("%012d", table["image_id"].to_numpy())
    return table.append_column("image", pa.array(keys.astype(object), pa.string()))
