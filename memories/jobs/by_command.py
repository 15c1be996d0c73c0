"""Jobs that only the command can do that made them: it has what no worker has, such as a file."""

from memories.jobs.working import GivenUp


def import_messages(*_: object) -> None:
    """What a worker does with an import whose command died, or that is tried again."""
    raise GivenUp("Run import_messages again: it goes on where it stopped.")
