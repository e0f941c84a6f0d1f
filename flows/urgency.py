"""How urgent a message to a caretaker is: a number learned from texts.

thaw run urgency
thaw run urgency -o numbers.loss=huber -o seeds=1,2,3
thaw predict urgency "There is water coming through the ceiling."
"""

from flows.case_flow import case_flow

urgency = case_flow("urgency", "Compare strategies on how urgent messages are", __name__)
