"""What `api`, `worker` and `beat` share: one part of the service, run in the foreground."""

import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand

from memory_layer import stack
from memory_layer.metrics import exposition
from memory_layer.supervisor import end_with_parent


class PartCommand(BaseCommand, ABC):
    """Runs `command(options)` as a child, passes signals on and ends with its code.

    A child rather than an exec: this process keeps the lease of the embedded servers, where they are used.
    """

    requires_system_checks = "__all__"
    tells_state = False  # of the database and the broker, at MEMORY_METRICS_PORT: one part does, for all

    @abstractmethod
    def command(self, options: dict[str, Any]) -> Sequence[str]:
        """What to run."""

    def handle(self, *args: Any, **options: Any) -> None:
        counting = exposition.shared_by_children(with_state=self.tells_state)
        with counting as variables, stack.servers_kept(self.stderr.write):
            environment = stack.environment() | variables
            child = subprocess.Popen(
                self.command(options),
                env=environment,
                start_new_session=True,
                preexec_fn=end_with_parent,
            )
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                signal.signal(number, lambda *_: child.send_signal(signal.SIGTERM))
            code = child.wait()
        if code not in (0, -signal.SIGTERM):
            sys.exit(code if code > 0 else 128 - code)
