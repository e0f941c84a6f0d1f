"""Sentiment of reviews: everything trained, or a soft prompt, low-rank updates, the top, the head.

    thaw run imdb
    thaw run imdb -o strategies=prompt_20,lora_8,head -o seeds=1,2,3
    thaw run imdb --profile book -o split.rows.train=5000 -o split.rows.test=5000

The last is the chapter's subset, here for every strategy alike. A temperature fitted on validation
makes the champion's confidence mean what it says.
"""

from flows.case_flow import case_flow

imdb = case_flow("imdb", "Compare strategies on the sentiment of reviews", __name__)
