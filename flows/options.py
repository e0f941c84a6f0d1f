"""Options that several commands share."""

import click

PROFILE = click.option(
    "--profile",
    default="sample",
    show_default=True,
    help="Where data and base model come from: sample (ships with Thaw) or book (the chapter's).",
)
OVERRIDE = click.option(
    "-o",
    "--override",
    "overrides",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Change a field of the configuration; may be given many times (see `thaw show CASE`).",
)
