"""The third stage of SAWYER: a model that was taught to answer learns what answers are liked.

    thaw run sawyer_rl
    thaw run sawyer_rl -o strategies=last_2,last_6,full -o rl.steps=40
    thaw run sawyer_rl -o model.base=smollm2 -o rl.algorithm=rloo

It starts from `sft@champion` and is rewarded by `sawyer_reward@champion`, each of which has a flow
of its own; `flows/sawyer.py` chains the three.
"""

from flows.case_flow import case_flow

sawyer_rl = case_flow("sawyer_rl", "Compare strategies on rewards", __name__)
