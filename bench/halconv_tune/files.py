"""What outlives the tuner, however it ends: the log of trials and the table of tuned rows."""

import json
import os
from pathlib import Path


class TrialLog:
    """A line of JSON per trial, on disk before the next trial begins."""

    def __init__(self, path):
        self.path = Path(path)

    def read(self):
        """The trials so far. The last line may be cut off, where the tuner was killed while it wrote it."""
        if not self.path.exists():
            return []
        trials = []
        for line in self.path.read_text().split("\n"):
            try:
                trials.append(json.loads(line))
            except json.JSONDecodeError:
                continue
        return trials

    def append(self, trial):
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # A line that was cut off must not swallow this one.
        torn = self.path.exists() and not self.path.read_bytes().endswith(b"\n") and self.path.stat().st_size > 0
        with self.path.open("a") as file:
            file.write("\n" * torn + json.dumps(trial) + "\n")
            file.flush()
            os.fsync(file.fileno())


def replace_file(path, text):
    """The old text or the new one is there at any moment."""
    unfinished = path.with_name(path.name + ".unfinished")
    with unfinished.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(unfinished, path)


class Table:
    """Tuned rows as schedules/tuned_table.h describes them. Rows of other kernels and comments stay as they are."""

    def __init__(self, path):
        self.path = Path(path)

    def begin(self, shipped):
        """Starts from the rows that come with halconv, where there is no table yet."""
        if self.path.exists():
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(self.path, Path(shipped).read_text() if Path(shipped).exists() else "")

    def set(self, generator, problem, numbers, provenance):
        pairs = " ".join(f"{name}={value}" for name, value in numbers.items())
        row = f"{generator} {problem} {pairs}  # {provenance}"
        lines = self.path.read_text().splitlines()
        kept = [line for line in lines if line.split("#")[0].split()[:2] != [generator, problem]]
        replace_file(self.path, "\n".join([*kept, row]) + "\n")
