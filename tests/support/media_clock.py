"""A media clock that moves when a test says so."""


class ManualMediaClock:
    def __init__(self) -> None:
        self.now = 1000.0
        self.wall = 1_700_000_000_000_000

    def monotonic(self) -> float:
        return self.now

    def wall_us(self) -> int:
        return self.wall

    def advance(self, seconds: float) -> float:
        self.now += seconds
        self.wall += int(seconds * 1e6)
        return self.now
