"""English to LaTeX: how much of a decoder has to be trained to write formulas.

    thaw run latex
    thaw run latex -o strategies=full,lora_8 -o seeds=1,2,3
    thaw run latex -o data.path=pairs.csv -o split.folds=5

The last is for files of a few dozen pairs, like the chapter's: each pair is tested once.
"""

from flows.case_flow import case_flow

latex = case_flow("latex", "Compare strategies on English to LaTeX", __name__)
