"""Grammatical or not: the small case whose champion rewards clean sentences in `summaries`.

    thaw run acceptability
    thaw run acceptability -o strategies=full,head -o seeds=1,2,3
    thaw predict acceptability "The results of the survey shows that mornings are liked."

A corrupted sentence and the clean one it came from stay in one part.
"""

from flows.case_flow import case_flow

acceptability = case_flow("acceptability", "Compare strategies on grammaticality", __name__)
