"""Summaries that two classifiers reward: neutral in tone, and grammatical.

    thaw run acceptability && thaw run reviews      train and register the two
    thaw run summaries
    thaw run summaries -o data.path=articles.csv -o data.columns.text=body

The report has each reward before and after with a paired test, the length of the summaries and how
much of them stands in the article, and the texts side by side.
"""

from flows.case_flow import case_flow

summaries = case_flow("summaries", "Compare strategies on the two rewards", __name__)
