"""Python scripts: what they write into the output folder becomes the edition."""

from portal.runs.runners import Job, Runner


def command(job: Job) -> list[str]:
    """The environment's Python with the script."""
    return [str(job.python), job.entry]


SCRIPT = Runner(name="script", label="Python script", extensions=(".py",), command=command)
