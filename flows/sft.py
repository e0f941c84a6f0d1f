"""Supervised instruction tuning: a model that continues text learns to answer, and to stop.

    thaw run sft
    thaw run sft -o data.path=chats.jsonl -o language.template=chat
    thaw run sft -o strategies=full -o 'grid.training.packing=[false,true]'

The first stage of SAWYER. What it registers carries its prompt format, and the stages after it
load it by alias: `load_champion("sft")`.
"""

from flows.case_flow import case_flow

sft = case_flow("sft", "Compare strategies on instructions", __name__)
