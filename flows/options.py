"""Options that several commands share."""

import click

PROFILE = click.option(
    "--profile",
    help="Of a shipped case: where data and base model come from, sample (the default: what ships "
    "with Thaw) or book (the chapter's). A case of your own has none.",
)
OVERRIDE = click.option(
    "-o",
    "--override",
    "overrides",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Change a field of the configuration; may be given many times (see `thaw show CASE`).",
)
