"""Genres of animated series from their synopses: full fine-tuning against frozen bottoms.

    thaw run genre
    thaw run genre -o strategies=full,freeze_4 -o seeds=1,2,3
    thaw run genre -o data.path=my.csv -o data.columns.synopsis=plot -o data.min_label_count=50

From the command line and from a deployment alike, `overrides` leaves every field that it does
not name as `conf/genre.yaml` has it.
"""

from flows.case_flow import case_flow

genre = case_flow("genre", "Compare strategies on multi-label genres", __name__)
