"""One example as OpenAI's fine-tuning has it: a prompt with its completion, or a chat.

    completion  {"prompt":"TITLE\\n\\nBODY\\n\\n###\\n\\n","completion":" 5"}   (the chapter's)
    chat        {"messages":[{"role":"user","content":"TITLE\\n\\nBODY"},
                             {"role":"assistant","content":"5"}]}

What is asked later is built by the same functions, so that it is what the model was trained on.
"""

import json

from tasks.config import HostedConfig

Message = dict[str, str]

# What a chat costs beyond its contents, by OpenAI's cookbook ("How to count tokens with
# tiktoken"): three tokens and the role for each message, and three that open the answer.
TOKENS_OF_A_MESSAGE = 4
TOKENS_OF_AN_ANSWER = 3


def prompt(text: str, hosted: HostedConfig) -> str:
    """The prompt of the completion format: the text and the separator that ends it."""
    return text + hosted.separator


def completion(label: str) -> str:
    """The completion of a label: the leading space makes it a token of its own."""
    return f" {label}"


def messages(text: str, hosted: HostedConfig) -> list[Message]:
    """The messages of the chat format before the answer."""
    system = [{"role": "system", "content": hosted.system}] if hosted.system else []
    return [*system, {"role": "user", "content": text}]


def line(text: str, label: str, hosted: HostedConfig) -> str:
    """The example as one line of JSON, without the line break."""
    example: dict[str, object]
    if hosted.format == "completion":
        example = {"prompt": prompt(text, hosted), "completion": completion(label)}
    else:
        answer = {"role": "assistant", "content": label}
        example = {"messages": [*messages(text, hosted), answer]}
    return json.dumps(example, ensure_ascii=False, separators=(",", ":"))


def answer_text(label: str, hosted: HostedConfig) -> str:
    """The label as the model has to write it: what must be one token."""
    return completion(label) if hosted.format == "completion" else label


def contents(text: str, label: str, hosted: HostedConfig) -> str:
    """All that has to be tokenised of an example to count its tokens."""
    if hosted.format == "completion":
        return prompt(text, hosted) + completion(label)
    return text


def overhead(hosted: HostedConfig, tokens_of_system: int) -> int:
    """Tokens of every example beyond its `contents`."""
    if hosted.format == "completion":
        return 0
    count = 3 if hosted.system else 2
    # The label is one token; `check_labels` sees to that.
    return count * TOKENS_OF_A_MESSAGE + TOKENS_OF_AN_ANSWER + tokens_of_system + 1
