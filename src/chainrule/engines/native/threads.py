"""How many threads a run uses: a first guess from its cost, then what turns out to be fastest.

Results are the same bits for any number of threads, so a run may change it at any time: it tries others now and then,
and so steps down by itself on a machine that is busy, or whose cores share what a program needs.
"""

from __future__ import annotations

from time import perf_counter

SHORTEST_STEP = 8e-6
"""Steps that one thread makes in less are not worth two: meeting, and moving memory between cores, would cost more."""

FLOPS_A_SECOND = 8e10
"""Of one thread, for the first guess: about half of what a core of today's laptops does in float32."""

TRIAL_SECONDS = 0.002
"""How long a number of threads is tried before it is judged."""

FIRST_TRIALS = 2
"""How often each number is tried at the start."""

MUCH_SLOWER = 1.5
"""Where a number of threads takes so many times longer than the best, it and larger ones are not tried at the start."""

TRIAL_INTERVAL = 0.5
"""How long a run goes on before it tries another number again."""


class Pace:
    """The number of threads of one run.

    Args:
        most: cores that the process may use.
        flops: operations of a step.
    """

    def __init__(self, most: int, flops: int) -> None:
        several = most > 1 and flops / FLOPS_A_SECOND > SHORTEST_STEP
        powers = (1 << i for i in range(most.bit_length()))
        self.choices = sorted({*powers, most}) if several else [1]
        self.threads = self.choices[0]
        """What the next steps should use."""
        self._seconds: dict[int, float] = {}
        self._tried_steps, self._tried_seconds = 0, 0.0
        self._to_try = self.choices * FIRST_TRIALS
        self._warm = False
        self._next_trial = 0.0
        self._turn = 0

    @property
    def settled(self) -> bool:
        """Whether every number was tried as often as it is at the start."""
        return len(self.choices) == 1 or not self._to_try

    @property
    def best(self) -> int:
        """The number that has been fastest so far."""
        return min(self._seconds, key=lambda threads: self._seconds[threads], default=self.threads)

    def took(self, threads: int, steps: int, seconds: float) -> None:
        """Note how long some steps took, and decide what comes next."""
        if len(self.choices) == 1 or threads != self.threads:
            return
        if not self._warm:  # memory was touched for the first time, threads were started
            self._warm = True
            return
        self._tried_steps += steps
        self._tried_seconds += seconds
        if self._tried_seconds < TRIAL_SECONDS:
            return
        seconds = self._tried_seconds / self._tried_steps
        # Of the first trials, the best counts: what disturbs a trial makes it slower.
        self._seconds[threads] = min(seconds, self._seconds.get(threads, seconds)) if self._to_try else seconds
        self._tried_steps, self._tried_seconds = 0, 0.0
        if seconds > MUCH_SLOWER * self._seconds[self.best]:  # still more would be no better
            self._to_try = [n for n in self._to_try if n < max(threads, 2)]
        self.threads = self._next()

    def _next(self) -> int:
        if self._to_try:
            return self._to_try.pop(0)
        best = self.best
        now = perf_counter()
        if now < self._next_trial:
            return best
        self._next_trial = now + TRIAL_INTERVAL
        self._turn += 1
        others = [n for n in self.choices if n != best and n <= 2 * best]
        return others[self._turn % len(others)]
