"""The search: visits the kernels in turns, compiles a few candidates of each, measures them against the incumbent."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import partial

from .comparison import compare
from .kernel_process import KernelFailure
from .space import Space
from .statistics import median
from .workshop import CompileFailure


@dataclass
class Subject:
    """A kernel that is being tuned."""

    kernel: object
    numbers: dict  # the incumbent's
    space: Space
    library: object = None  # the incumbent's
    gain: float = 1.0  # the product of the ratios of all adoptions in this run
    trials: int = 0


@dataclass
class Tuner:
    """`report(event, **details)` hears of everything that happens; `now()` are seconds."""

    workshop: object
    table: object
    log: object
    rule: object
    report: object
    parallel: int = 1  # candidates that are compiled at once
    now: object = time.monotonic
    subjects: list = field(default_factory=list)
    cpu_model: str = ""
    has_measured: bool = False  # a candidate, in this run

    def add(self, kernel, numbers, candidates):
        self.subjects.append(Subject(kernel, numbers, Space(kernel.name, candidates)))

    def resume(self, trials):
        """Does not repeat trials that the same schedules, CPU and threads decided, and finishes what a kill left
        between the log and the table."""
        by_name = {subject.kernel.name: subject for subject in self.subjects}
        count = 0
        for trial in trials:
            subject = by_name.get(trial["kernel"])
            if subject is not None and self.is_of_this_setting(trial):
                subject.space.mark_tried(trial["numbers"])
                count += 1
        if trials and trials[-1]["outcome"] == "adopted":
            self.write_row(trials[-1])
            subject = by_name.get(trials[-1]["kernel"])
            if subject is not None:
                subject.numbers = trials[-1]["numbers"]
        return count

    def setting(self):
        return {
            "cpu_model": self.cpu_model,
            "version": self.workshop.version(),
            "threads": self.workshop.threads,
        }

    def is_of_this_setting(self, trial):
        return all(trial.get(name) == value for name, value in self.setting().items())

    def run(self, budget):
        """Until `budget` seconds have passed or nothing is left to try; on a slow day one candidate all the same."""
        end = self.now() + budget
        self.has_measured = False
        while any(subject.space.untried() for subject in self.subjects):
            for subject in self.subjects:
                if self.now() >= end:
                    return
                if subject.space.untried():
                    self.visit(subject, end)

    def visit(self, subject, end):
        """Tries a few candidates of one kernel."""
        self.report("visit", subject=subject)
        try:
            if subject.library is None:
                subject.library = self.workshop.compile(subject.kernel, subject.numbers, f"{subject.kernel.name}/0")
                self.workshop.start(subject.kernel, subject.library, is_first=True).close()
        except (CompileFailure, KernelFailure) as failure:
            self.report("incumbent failed", subject=subject, message=str(failure))
            for numbers in subject.space.untried():  # nothing to compare with
                subject.space.mark_tried(numbers)
            return
        chosen = subject.space.choose(subject.numbers, self.parallel)
        for numbers, library in self.compile_all(subject, chosen):
            if self.now() < end or not self.has_measured:
                self.has_measured = True
                self.try_candidate(subject, numbers, library)
            if library != subject.library:
                self.workshop.discard(library)

    def compile_all(self, subject, chosen):
        """(numbers, library) of those that compile; the others are recorded."""
        folders = [f"{subject.kernel.name}/{subject.trials + i + 1}" for i in range(len(chosen))]
        with ThreadPoolExecutor(self.parallel) as pool:
            jobs = [
                pool.submit(self.workshop.compile, subject.kernel, numbers, folder)
                for numbers, folder in zip(chosen, folders)
            ]
        subject.trials += len(chosen)
        for numbers, job in zip(chosen, jobs):
            try:
                yield numbers, job.result()
            except CompileFailure as failure:
                self.record(subject, numbers, failure.outcome, message=str(failure))

    def try_candidate(self, subject, numbers, library):
        peak = flops = 0

        @contextmanager
        def start_candidate():
            nonlocal peak, flops
            with self.workshop.start(subject.kernel, library) as process:
                yield process
                peak, flops = median([process.peak() for _ in range(9)]), process.flops

        start_incumbent = partial(self.workshop.start, subject.kernel, subject.library)
        try:
            comparison, adopted = compare(start_incumbent, start_candidate, self.rule)
            rate = flops / comparison.seconds
        except KernelFailure as failure:
            self.record(subject, numbers, failure.outcome, message=str(failure))
            return
        measured = {
            "ratio": comparison.ratio,
            "low": comparison.low,
            "high": comparison.high,
            "rounds": comparison.rounds,
            "seconds": comparison.seconds,
            "gflops": rate / 1e9,
            "peak_share": rate / peak if peak else 0,
        }
        trial = self.record(subject, numbers, "adopted" if adopted else "not faster", **measured)
        if adopted:
            self.write_row(trial)
            subject.numbers, subject.library = numbers, library
            subject.gain *= comparison.ratio

    def record(self, subject, numbers, outcome, **details):
        trial = {
            "kernel": subject.kernel.name,
            "generator": subject.kernel.generator,
            "problem": subject.kernel.problem,
            "numbers": numbers,
            "incumbent": subject.numbers,
            "outcome": outcome,
            "date": date.today().isoformat(),
            **self.setting(),
            **details,
        }
        self.log.append(trial)
        self.report("trial", subject=subject, trial=trial)
        return trial

    def write_row(self, trial):
        provenance = f'cpu="{trial["cpu_model"]}" date={trial["date"]} threads={trial["threads"]}'
        provenance += f' gflops={trial["gflops"]:.0f} peak={trial["peak_share"]:.2f} gain={trial["ratio"]:.2f}'
        self.table.set(trial["generator"], trial["problem"], trial["numbers"], provenance)


