"""The local server and what is sent to it."""

from hosted_parts import label_tokenizer, make_part  # noqa: F401 - fixtures
from network.openai_server import server, settings  # noqa: F401 - fixtures
