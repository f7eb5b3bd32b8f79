"""python -m halconv_tune: see --help; `make tune` calls it."""

import argparse
import re
import sys
import time
from pathlib import Path

from halconv_bench.machine import cpu_model, one_cpu_per_core
from halconv_bench.runner import best_target, tuned_table

from .comparison import Rule
from .files import Table, TrialLog
from .terminal import Terminal
from .tuner import Tuner
from .workshop import Workshop

SHIPPED = Path(__file__).parents[2] / "schedules" / "tuned"


def duration(text):
    """Seconds of "90s", "30m", "2h", or a number of seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f'"{text}", expected a duration such as 90s, 30m or 2h')
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


def words(text):
    return text.replace(",", " ").split()


def parse_arguments():
    parser = argparse.ArgumentParser("halconv_tune", description=__doc__)
    parser.add_argument("--build", type=Path, required=True, help="folder that the programs were built in")
    parser.add_argument("--work", type=Path, required=True, help="folder for what can be thrown away")
    parser.add_argument("--suite", nargs="+", required=True, help="files of problems in benchdnn's notation")
    parser.add_argument("--target", default="native", help="CPU target; native: this machine's best")
    parser.add_argument("--ops", type=words, default=["forward", "backward_input", "backward_filter"])
    parser.add_argument("--batch", type=int, help="batch size in place of the suite's")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--budget", type=duration, default=1800.0, help="how long to search, e.g. 30m")
    parser.add_argument("--table", type=Path, help="file of tuned rows to improve; made where it is not there")
    return parser.parse_args()


def set_up(arguments):
    target = best_target(arguments.build) if arguments.target == "native" else arguments.target
    table_path = arguments.table or arguments.work / f"{target}.txt"
    table, log = Table(table_path), TrialLog(table_path.with_name(table_path.name + ".trials.jsonl"))
    table.begin(tuned_table(arguments.build, SHIPPED, target))
    workshop = Workshop(arguments.build, arguments.work, arguments.threads)
    terminal = Terminal(arguments.budget)
    tuner = Tuner(workshop, table, log, Rule(), terminal.report, len(one_cpu_per_core()), cpu_model=cpu_model())
    kernels = workshop.kernels(arguments.suite, target, arguments.ops, arguments.batch)
    trials = log.read()
    specialised = [kernel for kernel in kernels if kernel.problem not in ("", "generic")]
    schedules = workshop.schedules([kernel.name for kernel in specialised], table_path, candidates=True)
    for kernel in specialised:
        if schedules[kernel.name]["candidates"]:
            tuner.add(kernel, schedules[kernel.name]["numbers"], schedules[kernel.name]["candidates"])
        else:
            terminal.console.print(f"{kernel.name}: its schedule has no numbers to tune")
    repeated = tuner.resume(trials)
    choices = sum(len(subject.space.candidates) for subject in tuner.subjects)
    terminal.console.print(
        f"{len(tuner.subjects)} kernels with {choices} choices of numbers, {repeated} of them tried before; "
        f"table {table_path}, log {log.path}"
    )
    workshop.prepare([kernel for kernel in kernels if not kernel.problem and not kernel.generator.startswith("conv2d_")])
    return tuner, terminal


def main():
    arguments = parse_arguments()
    tuner, terminal = set_up(arguments)
    start = time.monotonic()
    report = tuner.report

    def report_with_time(event, **details):
        terminal.advance_to(time.monotonic() - start)
        report(event, **details)

    tuner.report = report_with_time
    with terminal.progress:
        tuner.run(arguments.budget)
    terminal.summary(tuner.subjects)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("stopped: the next run goes on from here")
