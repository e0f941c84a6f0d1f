"""A reward model: which of two answers to a question is better, learned from comparisons.

    thaw run sawyer_reward
    thaw run sawyer_reward -o data.path=preferences.jsonl -o data.on_bad_line=skip
    thaw run sawyer_reward -o 'grid.preference.margin=[none,score]' -o strategies=full
    thaw predict sawyer_reward "Is tea a drink?" "Yes, it is." "No, tea is a stone."

The second stage of SAWYER. The stage after it learns from its rewards:
`rewards: [{model: sawyer_reward@champion}]`.
"""

from flows.case_flow import case_flow

sawyer_reward = case_flow("sawyer_reward", "Compare strategies on pairs of answers", __name__)
