"""The tuner's decisions, and that nothing a candidate does, nor a kill, takes away what was found."""

import json
import random
import signal
import subprocess
import sys
import textwrap
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from halconv_tune.comparison import Rule, compare
from halconv_tune.files import Table, TrialLog
from halconv_tune.kernel_process import KernelFailure, KernelProcess
from halconv_tune.space import Space
from halconv_tune.statistics import median_interval
from halconv_tune.tuner import Tuner
from halconv_tune.workshop import CompileFailure, Kernel

SUITE = Path(__file__).parents[2] / "bench" / "suites" / "smoke.txt"


def test_median_interval_has_the_tabulated_ranks():
    for count, low, high in ((6, 1, 6), (10, 2, 9), (15, 4, 12), (100, 40, 61)):
        assert median_interval(range(1, count + 1), 0.95) == (low, high)
    assert median_interval(range(5), 0.95) == (-float("inf"), float("inf"))


def noisy(seconds, generator, luck=0.0):
    """Starts processes of a kernel on a machine with other work: a few percent of noise, and now and then far too slow;
    every second process is slower by `luck` from its start to its end."""

    @contextmanager
    def start():
        pages = 1 + luck * (generator.random() < 0.5)

        def turn():
            slow = 1 + generator.random() if generator.random() < 0.1 else 1
            return seconds * pages * generator.lognormvariate(0, 0.04) * slow

        yield SimpleNamespace(turn=turn)

    return start


def share_adopted(gain, luck=0.0, trials=200):
    generator = random.Random(1)
    incumbent, candidate = noisy(gain, generator, luck), noisy(1, generator, luck)
    return sum(compare(incumbent, candidate, Rule())[1] for _ in range(trials)) / trials


def test_noise_is_not_adopted():
    assert share_adopted(1.0) == 0
    assert share_adopted(Rule.gain) <= 0.01


def test_a_lucky_process_is_seldom_adopted():
    assert share_adopted(1.0, luck=0.2) <= 0.05  # a quarter of the comparisons pair a lucky one with an unlucky one


def test_what_is_faster_beyond_the_noise_is_adopted():
    assert share_adopted(1.1) >= 0.95


def test_a_drift_of_the_clock_favours_nobody():
    turns = iter(range(10000))

    @contextmanager
    def quickening():
        yield SimpleNamespace(turn=lambda: 0.95 ** next(turns))

    assert not compare(quickening, quickening, Rule())[1]


def test_the_log_survives_a_line_that_was_cut_off(tmp_path):
    log = TrialLog(tmp_path / "trials.jsonl")
    log.append({"trial": 1})
    with log.path.open("a") as file:
        file.write('{"trial": 2, "outc')
    assert [trial["trial"] for trial in log.read()] == [1]
    log.append({"trial": 3})
    assert [trial["trial"] for trial in log.read()] == [1, 3]


def test_a_row_takes_the_place_of_its_kernels_alone(tmp_path):
    path = tmp_path / "avx2.txt"
    path.write_text("# comment\nconv2d_forward p vectors=1  # old\nconv2d_forward q vectors=2\n")
    Table(path).set("conv2d_forward", "p", {"vectors": 3, "width": 4}, "new")
    assert path.read_text() == "# comment\nconv2d_forward q vectors=2\nconv2d_forward p vectors=3 width=4  # new\n"


def test_samples_come_first_and_then_the_neighbours_of_the_incumbent():
    candidates = [{"vectors": v, "width": w} for v in (1, 2, 4) for w in (1, 2, 4, 8, 16)]
    space, incumbent = Space("kernel", candidates), {"vectors": 4, "width": 16}
    sampled = space.choose(incumbent, Space.SAMPLES)
    assert len({tuple(numbers.items()) for numbers in sampled}) == Space.SAMPLES
    nearest = min(space.untried(), key=lambda n: abs(n["vectors"] - 4) / 4 + abs(n["width"] - 16) / 16)
    assert nearest in space.choose(incumbent, 2)
    assert len(space.choose(incumbent, 100)) == len(candidates) - Space.SAMPLES - 2
    assert space.untried() == [] and space.choose(incumbent, 1) == []


def kernel_process(program, ready_timeout=20):
    return KernelProcess([sys.executable, "-c", textwrap.dedent(program)], {0}, ready_timeout)


READY = "print('{\"ready\": true, \"flops\": 1e9}', flush=True)\n"


@pytest.mark.parametrize(
    "outcome, program",
    [
        ("crashed", "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"),
        ("crashed", "raise SystemExit(3)"),
        ("wrong", "print('{\"wrong\": \"element 0\"}')"),
        ("failed", "print('{\"failed\": \"no such kernel\"}')"),
        ("timeout", "import time; time.sleep(60)"),
    ],
)
def test_a_kernel_that_fails_at_the_start_is_told_from_a_good_one(outcome, program):
    with pytest.raises(KernelFailure) as failure:
        kernel_process(program, ready_timeout=0.5 if outcome == "timeout" else 20)
    assert failure.value.outcome == outcome


def test_a_kernel_that_crashes_or_hangs_in_a_turn_is_contained(monkeypatch):
    with kernel_process(READY + "input(); import os; os.abort()") as process:
        with pytest.raises(KernelFailure, match="SIGABRT"):
            process.turn()
    monkeypatch.setattr(KernelProcess, "TURN_TIMEOUT", 0.5)
    with kernel_process(READY + "input(); import time; time.sleep(60)") as process:
        with pytest.raises(KernelFailure) as failure:
            process.turn()
    assert failure.value.outcome == "timeout"
    assert process.process.poll() == -signal.SIGKILL


KERNEL = Kernel("conv2d_forward__p__f32__avx2", "conv2d_forward", "x86-64", "f32", "p")
SECONDS = {1: 2.0, 2: 1.0, 3: 1.5}  # of a call, by `vectors`


class FakeProcess:
    flops = 1e9

    def __init__(self, vectors):
        self.vectors = vectors

    def turn(self):
        if self.vectors == 6:
            raise KernelFailure("crashed", "SIGSEGV")
        return SECONDS[self.vectors]

    def peak(self):
        return 2e9

    def close(self):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class FakeWorkshop:
    """Kernels whose times are known; 4 does not compile, 5 is wrong, 6 crashes."""

    threads = 1

    def version(self):
        return "1"

    def compile(self, kernel, numbers, folder):
        if numbers["vectors"] == 4:
            raise CompileFailure("not compiled", "does not fit")
        return numbers["vectors"]

    def start(self, kernel, library, is_first=False):
        if library == 5:
            raise KernelFailure("wrong", "element 0")
        return FakeProcess(library)

    def discard(self, library):
        pass


def tuner(folder, report=lambda event, **details: None):
    table, log = Table(folder / "avx2.txt"), TrialLog(folder / "avx2.txt.trials.jsonl")
    table.begin(folder / "there is none")
    tuner = Tuner(FakeWorkshop(), table, log, Rule(), report, cpu_model="CPU")
    tuner.add(KERNEL, {"vectors": 1}, [{"vectors": vectors} for vectors in range(1, 7)])
    return tuner


def outcomes(tuner):
    return {trial["numbers"]["vectors"]: trial["outcome"] for trial in tuner.log.read()}


def row(tuner):
    return tuner.table.path.read_text().split("  #")[0].strip()


def test_the_fastest_that_is_right_is_adopted_and_all_else_recorded(tmp_path):
    tuned = tuner(tmp_path)
    tuned.run(budget=60)
    results = outcomes(tuned)
    assert results[2] == "adopted" and results[1] == "not faster"
    assert results[4] == "not compiled" and results[5] == "wrong" and results[6] == "crashed"
    assert row(tuned) == "conv2d_forward p vectors=2"
    assert 'cpu="CPU"' in tuned.table.path.read_text() and "peak=0.50" in tuned.table.path.read_text()


def test_trials_are_repeated_for_another_cpu_or_other_schedules_only(tmp_path):
    first = tuner(tmp_path)
    first.run(budget=60)
    again = tuner(tmp_path)
    assert again.resume(again.log.read()) == 6
    assert again.subjects[0].space.untried() == []
    elsewhere = tuner(tmp_path)
    elsewhere.cpu_model = "another CPU"
    assert elsewhere.resume(elsewhere.log.read()) == 0


def test_a_kill_between_log_and_table_loses_nothing(tmp_path):
    """The process kills itself, as kill -9 does, when the adoption is in the log and not yet in the table."""
    program = f"""
        import os, pathlib, signal, sys
        sys.path[:0] = {[*sys.path, str(Path(__file__).parent)]!r}
        import test_tune

        def kill(event, trial=None, **details):
            if event == "trial" and trial["outcome"] == "adopted":
                os.kill(os.getpid(), signal.SIGKILL)

        test_tune.tuner(pathlib.Path({str(tmp_path)!r}), kill).run(60)
        """
    process = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], timeout=60)
    assert process.returncode == -signal.SIGKILL
    resumed = tuner(tmp_path)
    assert row(resumed) == ""
    resumed.resume(resumed.log.read())
    assert row(resumed).startswith("conv2d_forward p vectors=")
    resumed.run(budget=60)
    assert row(resumed) == "conv2d_forward p vectors=2"
    tried = [trial["numbers"]["vectors"] for trial in resumed.log.read()]
    assert sorted(tried) == [1, 2, 3, 4, 5, 6]


def test_real_kernels_are_tuned_into_a_table_that_the_generator_reads(build, tmp_path):
    table = tmp_path / "x86_64.txt"
    command = [sys.executable, "-m", "halconv_tune", "--build", build, "--work", tmp_path / "work", "--suite", SUITE]
    command += ["--target", "x86_64", "--ops", "forward backward_filter", "--budget", "5s", "--table", table]
    process = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300)
    assert process.returncode == 0, process.stdout + process.stderr
    trials = [json.loads(line) for line in Path(f"{table}.trials.jsonl").read_text().splitlines()]
    assert trials and {trial["outcome"] for trial in trials} <= {"adopted", "not faster"}, trials
    space = build / "tools" / "halconv_schedule_space"
    for trial in trials:
        if trial["outcome"] != "adopted":
            continue
        shown = subprocess.run([space, "--table", table, trial["kernel"]], capture_output=True, text=True, check=True)
        assert json.loads(shown.stdout)["numbers"].keys() == trial["numbers"].keys()
