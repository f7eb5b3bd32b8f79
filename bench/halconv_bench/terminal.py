"""What the terminal shows: a line per row as it is measured, a progress line below, means at the end."""

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from .row import PEERS
from .summary import geometric_means, groups

SHORT = {
    "onednn_plain": "1DNN",
    "onednn_best": "1DNN*",
    "mullapudi2016": "Mull16",
    "adams2019": "Adams19",
    "im2col": "im2col",
    "f32": "f32",
}
OPERATION_WIDTH = len("backward_filter")


class Terminal:
    def __init__(self, peers):
        self.peers = [name for name in PEERS if name in peers]
        self.console = Console(highlight=False, soft_wrap=True)
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=self.console,
            disable=not self.console.is_terminal,
        )

    def explain(self, missing):
        for name in self.peers:
            self.console.print(f"{SHORT[name]:>8}  time over ours: {PEERS[name]}")
        if missing:
            self.console.print(f"without {', '.join(missing)}: `make peers` brings what is missing")

    def header(self, target, dtype, threads):
        columns = "".join(f"{SHORT[name]:>9}" for name in self.peers)
        title = f"{'GFLOP/s':>9}{'of roof':>17}{'one-shot':>9}{columns}  {'operation':{OPERATION_WIDTH}}  layer"
        self.console.print(f"\n[bold]{target}, {dtype}, {threads} thread{'s' * (threads > 1)}[/]\n[dim]{title}[/]")

    def row(self, row):
        ratios = row.ratios()
        columns = "".join(f"{ratios[name]:8.2f}x" if name in ratios else f"{'-':>9}" for name in self.peers)
        numbers = f"{row.gflops:9.1f}{row.roof['name']:>9}{100 * row.roof_share:7.1f}%{row.one_shot['median'] / row.seconds:8.2f}x{columns}"
        algorithm = "" if row.algorithm == "direct" else f" ({row.algorithm})"
        text = f"{numbers}  {row.operation:{OPERATION_WIDTH}}  {escape(row.layer or row.problem)}{algorithm}"
        if row.doubts:
            text = f"[yellow]{text}\n{'':9}not to be trusted: {'; '.join(row.doubts)}[/]"
        self.console.print(text)

    def error(self, event):
        about = f"{event['operation']} {event['problem']} {event['layer']}"
        self.console.print(f"[bold red]error[/] {escape(about)}: {escape(event['message'])}")

    def summary(self, rows):
        columns = "".join(f"{SHORT[name]:>14}" for name in self.peers)
        title = f"{'target':12}{'dtype':6}{'threads':>7}{'batch':>6}{'rows':>6}{'GFLOP/s':>14}{columns}  operation"
        self.console.print("\nGeometric means (in brackets: weighted by how often the network has the layer)")
        self.console.print(f"[dim]{title}[/]")
        for (target, dtype, threads, batch, operation), members in groups(rows).items():
            cells = show_means(geometric_means(members, lambda row: row.gflops), ".0f")
            for name in self.peers:
                cells += show_means(geometric_means(members, lambda row: row.ratios().get(name)), ".2f")
            self.console.print(f"{target:12}{dtype:6}{threads:7}{batch:6}{len(members):6}{cells}  {operation}")
        doubtful = sum(1 for row in rows if row.doubts)
        if doubtful:
            self.console.print(f"[yellow]{doubtful} of {len(rows)} rows are not to be trusted[/]")


def show_means(means, form):
    text = "-" if means is None else f"{means[0]:{form}} ({means[1]:{form}})"
    return f"{text:>14}"
