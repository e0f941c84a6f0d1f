"""Stars from one to five, from the title and body of a review: near misses count for something.

    thaw run reviews
    thaw run reviews -o data.sort_by=stars -o training.shuffle=false
    thaw run reviews -o data.path=mine.parquet -o data.columns.title=review_title \\
        -o data.columns.body=review_body

The second trains on the rows in the order of their stars, which the chapter warns against.
"""

from flows.case_flow import case_flow

reviews = case_flow("reviews", "Compare strategies on star ratings", __name__)
