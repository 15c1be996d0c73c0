"""What is looked for on a page: complaints of the browser, overflow, and what axe-core finds inaccessible."""

from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import ConsoleMessage, Page, Request, Response

from memory_layer.tests.browser.chromium import AXE

LOOKS = {"desktop": (1400, 900, "light"), "phone": (390, 844, "light"), "dark": (1400, 900, "dark")}
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# What Swagger UI and Redoc draw is theirs: contrasts of theirs, and buttons within buttons.
FIND_FAULTS = """
async () => (await axe.run({exclude: ["#swagger-ui", "redoc"]}, {resultTypes: ["violations"]})).violations
    .filter(one => ["serious", "critical"].includes(one.impact))
    .flatMap(one => one.nodes.map(node => `${one.id} at ${node.target.join(" ")}: ${node.failureSummary}`))
"""


@dataclass
class Visit:
    """A page under observation. `complaints`: errors on the console, refused content, requests that failed."""

    page: Page
    screenshots: str | None = None
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.complaints.append(f"script: {error}"))
        self.page.on("requestfailed", self._failed)
        self.page.on("response", self._answered)

    def open(self, address: str) -> None:
        self.page.set_viewport_size({"width": 1400, "height": 900})
        self.page.emulate_media(color_scheme="light")
        self.page.goto(address, wait_until="load")
        self.page.get_by_text("Memory Layer").first.wait_for()  # drawn by scripts where the API is documented

    def look(self, look: str) -> None:
        """See the page as `look` has it: how wide, how high, in which colours."""
        width, height, scheme = LOOKS[look]
        self.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.evaluate("dark => document.documentElement.classList.toggle('dark', dark)", scheme == "dark")

    @property
    def overflow(self) -> int:
        """By how many pixels the page is wider than its window."""
        pixels: int = self.page.evaluate(OVERFLOW)
        return pixels

    def faults(self) -> list[str]:
        """What axe-core finds serious or critical: the rule, where, and what to do."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE.read_text())
        found: list[str] = self.page.evaluate(FIND_FAULTS)
        return found

    def picture(self, name: str) -> None:
        if self.screenshots:
            Path(self.screenshots).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=Path(self.screenshots) / f"{name}.png", full_page=True)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"console: {message.text}")

    def _failed(self, request: Request) -> None:
        self.complaints.append(f"failed: {request.url} {request.failure}")

    def _answered(self, response: Response) -> None:
        if response.status >= 400:
            self.complaints.append(f"{response.status}: {response.url}")
