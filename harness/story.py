"""What happens in a world, step by step, by its own clock."""

from __future__ import annotations

from dataclasses import dataclass

from emulator.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a story: ``at`` seconds after its beginning; ``accepted`` is None where nobody judged."""

    at: float
    text: str
    outcome: str = ""
    accepted: bool | None = None

    @property
    def when(self) -> str:
        """``at`` as people say it: ``day 74 00:00:30``."""
        days, seconds = divmod(int(self.at), 86_400)
        return f"day {days:>2} {seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"

    def __str__(self) -> str:
        return f"{self.when}  {self.text}" + (f" → {self.outcome}" if self.outcome else "")


class Story:
    """The steps so far, in order; ``clock`` tells the time in it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = clock()
        self.steps: list[Step] = []

    @property
    def elapsed(self) -> float:
        """Simulated seconds since the story began."""
        return self._clock() - self._began

    def tell(
        self, text: str, outcome: str = "", accepted: bool | None = None, *, at: float | None = None
    ) -> None:
        """Add a step that began ``at`` seconds after the beginning; now unless given."""
        began = self.elapsed if at is None else at
        self.steps.append(Step(at=began, text=text, outcome=outcome, accepted=accepted))
