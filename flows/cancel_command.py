"""`thaw cancel`: the jobs of a hosted arm."""

import click

from tasks.config.case_files import proper_name, read_case_file


@click.command()
@click.argument("case")
def cancel(case: str) -> None:
    """Cancel the hosted fine-tuning jobs of CASE that are under way.

    \b
    Example:
      thaw cancel reviews
    """
    read_case_file(case)
    from tasks.hosted.job import cancel_jobs

    for job in cancel_jobs(proper_name(case)):
        click.echo(f"{job.id}: {job.status}")
