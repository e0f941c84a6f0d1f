"""How people would ask about a drawn scene: wordings by hand, and the slips of typing.

`{colour}`, `{shape}`, `{shapes}`, `{a}` and `{b}` are filled in from the question's fields.
"""

import random
import re

from tasks.kinds.pictures.scenes.scene_questions import Question

WORDINGS: dict[str, tuple[str, ...]] = {
    "colour_there": (
        "Is there a {colour} shape?",
        "Is any of the shapes {colour}?",
        "Do you see a shape that is {colour}?",
        "Does the picture show a {colour} object?",
        "Can you spot a {colour} thing anywhere?",
        "Is one of these figures {colour}?",
        "Are there any {colour} shapes here?",
        "Did someone draw a {colour} figure?",
        "Would you find a {colour} shape in this drawing?",
        "Has the drawing got a {colour} shape in it?",
        "Is at least one shape {colour}?",
    ),
    "shape_there": (
        "Is there a {shape}?",
        "Is there a {shape} in the picture?",
        "Do you see a {shape}?",
        "Does this drawing contain a {shape}?",
        "Can you find a {shape} here?",
        "Is one of the shapes a {shape}?",
        "Has somebody drawn a {shape}?",
        "Is a {shape} among these shapes?",
        "Would you say there is a {shape} in it?",
        "Does a {shape} appear anywhere?",
        "Is at least one of the figures a {shape}?",
    ),
    "thing_there": (
        "Is there a {colour} {shape}?",
        "Do you see a {colour} {shape}?",
        "Is one of the shapes a {colour} {shape}?",
        "Can a {colour} {shape} be seen here?",
        "Does the picture have a {colour} {shape} in it?",
        "Is there a {shape} that is {colour}?",
        "Is any {shape} {colour}?",
        "Are any of the {colour} ones a {shape}?",
        "Could you point at a {colour} {shape} in this image?",
        "Did they draw a {colour} {shape}?",
    ),
    "left_of": (
        "Is the {a} to the left of the {b}?",
        "Is the {a} left of the {b}?",
        "Does the {a} lie further left than the {b}?",
        "Going from left to right, does the {a} come before the {b}?",
        "Is the {b} to the right of the {a}?",
        "Is the {b} further right than the {a}?",
        "Do you meet the {a} before the {b} when you read from the left?",
        "Is the {a} closer to the left edge than the {b}?",
    ),
    "above": (
        "Is the {a} above the {b}?",
        "Is the {a} higher up than the {b}?",
        "Does the {a} sit higher than the {b}?",
        "Is the {b} below the {a}?",
        "Is the {b} lower than the {a}?",
        "Is the {a} closer to the top than the {b}?",
        "Does the {b} lie further down than the {a}?",
        "Was the {a} drawn higher than the {b}?",
    ),
    "more": (
        "Are there more {a} than {b}?",
        "Do the {a} outnumber the {b}?",
        "Are the {a} more numerous than the {b}?",
        "Is the number of {a} larger than that of {b}?",
        "Do you count more {a} than {b}?",
        "Are there fewer {b} than {a}?",
        "Does the drawing show more {a} than {b}?",
    ),
    "count_all": (
        "How many shapes are there?",
        "How many shapes do you see?",
        "How many objects are in the picture?",
        "What is the number of shapes in this drawing?",
        "How many figures were drawn?",
        "Count the shapes.",
        "How many things are on the page altogether?",
        "In total, how many shapes does the image have?",
        "How many separate shapes can you count?",
    ),
    "count_shape": (
        "How many {shapes} are there?",
        "How many {shapes} do you see?",
        "What is the number of {shapes}?",
        "How many of the shapes are {shapes}?",
        "Count the {shapes}.",
        "How many {shapes} does this picture have?",
        "How many {shapes} did they draw?",
        "Can you tell me how many {shapes} are in the image?",
    ),
    "count_colour": (
        "How many shapes are {colour}?",
        "How many {colour} shapes are there?",
        "How many {colour} things do you see?",
        "What is the number of {colour} shapes?",
        "Count the {colour} ones.",
        "How many of the figures are {colour}?",
        "How many objects in {colour} does the drawing have?",
        "Of all the shapes, how many are {colour}?",
    ),
    "colour_of": (
        "What color is the {shape}?",
        "What colour is the {shape}?",
        "What's the color of the {shape}?",
        "Which color does the {shape} have?",
        "In what color was the {shape} drawn?",
        "The {shape} is what color?",
        "Which colour has the {shape}?",
        "What color would you call the {shape}?",
        "Tell me the color of the {shape}.",
        "What color did they give the {shape}?",
        "What is the {shape}'s color?",
    ),
    "shape_of": (
        "What shape is the {colour} thing?",
        "What is the {colour} shape?",
        "Which shape is {colour}?",
        "What kind of shape is {colour}?",
        "What is the shape of the {colour} object?",
        "The {colour} figure is a what?",
        "What do you call the {colour} shape?",
        "What was drawn in {colour}?",
        "Which of the shapes is the {colour} one?",
        "What form does the {colour} thing have?",
    ),
    "lone_colour": (
        "What color are the shapes?",
        "What color was used to draw?",
        "Which color are these shapes?",
        "What color is what was drawn here?",
        "Everything is drawn in what color?",
        "What's the only color of the shapes?",
        "Which colour do the figures have?",
    ),
    "ground": (
        "What color is the background?",
        "What's the color of the background?",
        "Which colour is the paper?",
        "What color is the page behind the shapes?",
        "On what color were the shapes drawn?",
        "What color is the sheet?",
        "What is the background color?",
    ),
    "side": (
        "On which side is the {a}?",
        "Is the {a} on the left or on the right?",
        "Which side of the picture is the {a} on?",
        "Where is the {a}, left or right?",
        "In which half is the {a}, the left or the right one?",
        "Left or right: where do you see the {a}?",
        "To which side was the {a} drawn?",
    ),
    "height": (
        "Is the {a} at the top or at the bottom?",
        "Where is the {a}, top or bottom?",
        "In which half is the {a}, the top or the bottom one?",
        "Top or bottom: where do you see the {a}?",
        "Is the {a} in the top or the bottom part?",
        "Was the {a} drawn at the top or at the bottom?",
    ),
}
_NEIGHBOURS = re.compile(r"(?<=[a-z])([a-z])([a-z])(?=[a-z])")


def ask(question: Question, random: random.Random) -> str:
    """The question in one of its wordings, with the slips of somebody who types fast."""
    text = random.choice(WORDINGS[question.kind]).format(**dict(question.fields))
    text = re.sub(r"\ba (?=orange\b)", "an ", text)
    if random.random() < 0.12:
        text = text.rstrip("?.")
    if random.random() < 0.15:
        text = text[0].lower() + text[1:]
    if random.random() < 0.03:
        text = text.replace(" ", "  ", 1)
    if random.random() < 0.03:
        text = _with_typo(text, random)
    return text


def question_type(text: str) -> str:
    """The first words of a question, as VQA v2 sorts questions: `how many`, `what color`."""
    words = re.findall(r"[a-z']+", text.lower().replace("colour", "color"))
    return " ".join(words[:2])


def _with_typo(text: str, random: random.Random) -> str:
    """Two letters inside a word change places."""
    places = [match.start() for match in _NEIGHBOURS.finditer(text)]
    at = random.choice(places)
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
