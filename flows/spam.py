"""Spam among text messages: how much of a decoder has to be trained to read the last token.

    thaw run spam
    thaw run spam -o strategies=last_1,head -o seeds=1,2,3
    thaw run spam -o model.pooling=first -o training.padding=max

The last two are the chapter's own experiments: which token is read, and padding to the maximum.
"""

from flows.case_flow import case_flow

spam = case_flow("spam", "Compare strategies on spam detection", __name__)
