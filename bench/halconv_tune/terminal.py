"""What the terminal shows while the tuner runs."""

import math

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn


class Terminal:
    def __init__(self, budget):
        self.console = Console(highlight=False, soft_wrap=True)
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=self.console,
            disable=not self.console.is_terminal,
        )
        self.task = self.progress.add_task("", total=budget)
        self.outcomes = {}

    def report(self, event, subject, trial=None, message=""):
        """The tuner's `report`."""
        if event == "incumbent failed":
            self.console.print(f"[red]{subject.kernel.name}: what is there now fails, left out: {message}[/]")
        elif event == "trial":
            self.outcomes[trial["outcome"]] = self.outcomes.get(trial["outcome"], 0) + 1
            if trial["outcome"] == "adopted":
                numbers = " ".join(f"{name}={value}" for name, value in trial["numbers"].items())
                share = 100 * trial["peak_share"]
                self.console.print(
                    f"{trial['ratio']:5.2f}x {trial['gflops']:7.1f} GFLOP/s {share:4.0f}% of peak  {trial['kernel']}"
                    f"\n       {numbers}"
                )
        name = subject.kernel.name.removeprefix("conv2d_")
        self.progress.update(self.task, description=f"{self.state()}; {name}, {subject.gain:.2f}x so far")

    def advance_to(self, seconds):
        self.progress.update(self.task, completed=seconds)

    def state(self):
        return ", ".join(f"{count} {outcome}" for outcome, count in self.outcomes.items()) or "no trial yet"

    def summary(self, subjects):
        gains = [subject.gain for subject in subjects]
        better = sum(gain > 1 for gain in gains)
        mean = math.exp(sum(map(math.log, gains)) / len(gains)) if gains else 1
        self.console.print(f"{self.state()}: {better} of {len(gains)} kernels are faster, all by {mean:.3f}x on average")
