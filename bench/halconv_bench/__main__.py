"""python -m halconv_bench: see --help; `make bench` calls it."""

import argparse
import sys
from pathlib import Path

from . import autoscheduler, google_benchmark, machine, report, runner
from .row import AUTOSCHEDULERS, PEERS, Row, doubt_roofs
from .terminal import Terminal

SHIPPED = Path(__file__).parents[2] / "schedules" / "tuned"


def numbers(text):
    return [int(word) for word in text.replace(",", " ").split()]


def words(text):
    return text.replace(",", " ").split()


def parse_arguments():
    parser = argparse.ArgumentParser("halconv_bench", description=__doc__)
    parser.add_argument("--build", type=Path, required=True, help="folder that the measuring program was built in")
    parser.add_argument("--suite", nargs="+", required=True, help="files of problems in benchdnn's notation")
    parser.add_argument("--ops", type=words, default=["forward", "backward_input", "backward_filter"])
    parser.add_argument("--targets", type=words, default=["native"], help="CPU targets; native: this machine's best")
    parser.add_argument("--dtypes", type=words, default=["f32"], help="element types: f32, f64, f16, bf16, i32")
    parser.add_argument("--threads", type=numbers, default=[1], help="numbers of threads, e.g. 1,2")
    parser.add_argument("--batch", type=int, help="batch size in place of the suite's")
    accuracies = ["strict", "standard", "fast"]
    parser.add_argument("--accuracy", choices=accuracies, default="standard", help="what halconv is asked for")
    parser.add_argument("--layers", default="", help="regular expression that the problems' names have to match")
    usual = [name for name in PEERS if name not in (*AUTOSCHEDULERS, "f32")]
    peers_help = f"some of {', '.join(PEERS)}, or all; default: all but the autoschedulers, which compile for minutes"
    peers_help += "; f32 is always one of the other dtypes' rows"
    parser.add_argument("--peers", type=words, default=usual, help=peers_help)
    parser.add_argument("--precision", type=float, default=0.04, help="width of the ratios' 95 %% interval to reach")
    parser.add_argument("--seconds", type=float, default=4, help="the longest to try that for each row")
    parser.add_argument("--tables", type=Path, default=SHIPPED, help="folder of the tuned rows that the kernels have")
    parser.add_argument("--out", type=Path, required=True, help="folder for bench.json and report.html")
    arguments = parser.parse_args()
    if arguments.peers == ["all"]:
        arguments.peers = list(PEERS)
    if unknown := set(arguments.peers) - set(PEERS):
        parser.error(f"--peers holds {', '.join(sorted(unknown))}, expected some of {', '.join(PEERS)}")
    arguments.peers = peers_of(arguments.peers, arguments.dtypes)
    return arguments


def peers_of(asked, dtypes):
    """Those that some of the dtypes' rows have: libraries are compared with in f32, other dtypes with f32."""
    libraries = [name for name in asked if name != "f32"] if "f32" in dtypes else []
    return libraries + (["f32"] if set(dtypes) != {"f32"} else [])


class Bench:
    """All processes, one after the other, and what they report."""

    def __init__(self, arguments):
        request = runner.Request(
            arguments.build,
            arguments.suite,
            arguments.ops,
            arguments.batch,
            arguments.accuracy,
            arguments.layers,
            arguments.peers,
            arguments.precision,
            arguments.seconds,
        )
        native = runner.best_target(arguments.build)
        targets = [native if target == "native" else target for target in arguments.targets]
        dtypes = dict.fromkeys(arguments.dtypes)
        self.processes = runner.processes(request, dict.fromkeys(targets), dtypes, arguments.threads)
        self.rows, self.errors = [], 0
        self.context, self.bandwidths = None, {}
        self.terminal = None

    def begin(self, process, context):
        """After the first line of a process."""
        if self.terminal is None:
            self.context = context
            self.terminal = Terminal(context["peers"])
            self.terminal.progress.start()
            self.terminal.console.print(machine.cpu_model())
            self.terminal.explain([name for name in process.request.peers if name not in context["peers"]])
            operations = [len(each.request.operations) for each in self.processes]
            total = context["rows"] // operations[0] * sum(operations)
            self.task = self.terminal.progress.add_task("", total=total)
        self.bandwidths[process.name] = context["bandwidths"]
        self.terminal.header(process.target, process.dtype, process.threads)

    def handle(self, process, event):
        if event["event"] == "context":
            self.begin(process, event)
        elif event["event"] == "start":
            self.terminal.progress.update(self.task, description=f"{event['operation']} {event['layer']}")
        elif event["event"] == "error":
            self.errors += 1
            self.terminal.error(event)
            self.terminal.progress.advance(self.task)
        else:
            self.rows.append(Row(event, machine.cpu_model()))
            self.terminal.row(self.rows[-1])
            self.terminal.progress.advance(self.task)

    def run(self):
        try:
            for process in self.processes:
                for event in runner.events(process, autoscheduler.libraries(process)):
                    self.handle(process, event)
        finally:
            if self.terminal is not None:
                self.terminal.progress.stop()


def main():
    arguments = parse_arguments()
    try:
        bench = Bench(arguments)
    except runner.MeasurementFailed as failure:
        print(failure, file=sys.stderr)
        return 1
    try:
        bench.run()
    except runner.MeasurementFailed as failure:
        print(failure, file=sys.stderr)
        bench.errors += 1
    if bench.rows:
        doubt_roofs(bench.rows)
        schedules = runner.schedules(arguments.build, [row.kernel for row in bench.rows], arguments.tables)
        for row in bench.rows:
            row.event["schedule"] = schedules[row.kernel]
        bench.terminal.summary(bench.rows)
        arguments.out.mkdir(parents=True, exist_ok=True)
        document = google_benchmark.document(bench.rows, bench.context, bench.bandwidths)
        google_benchmark.write(arguments.out / "bench.json", document)
        (arguments.out / "report.html").write_text(report.render(document))
        bench.terminal.console.print(f"written: {arguments.out}/bench.json, {arguments.out}/report.html")
    return 1 if bench.errors else 0


if __name__ == "__main__":
    sys.exit(main())
