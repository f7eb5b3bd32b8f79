"""report.html: one self-contained page from bench.json. `python -m halconv_bench.report bench.json` makes it again."""

import argparse
import json
from collections import defaultdict
from pathlib import Path

import jinja2

from markupsafe import Markup

from . import figures
from .row import PEERS
from .summary import geometric_mean


def means(entries, peer):
    """As the page shows them."""
    pairs = [(entry[f"vs_{peer}"], entry["repeat"]) for entry in entries if f"vs_{peer}" in entry]
    if not pairs:
        return "-"
    ratios, repeats = zip(*pairs)
    return f"{geometric_mean(ratios, [1] * len(ratios)):.2f} ({geometric_mean(ratios, repeats):.2f})"


def grouped(entries, *keys):
    """[({key: value, ...}, entries), ...] in the order of their first."""
    groups = defaultdict(list)
    for entry in entries:
        groups[tuple(entry[key] for key in keys)].append(entry)
    return [(dict(zip(keys, values)), members) for values, members in groups.items()]


def overview(document):
    context = document["context"]
    title = f"{context['cpu_model']}, {context['date'][:10]}, accuracy {context['accuracy']}: geometric means"
    return figures.overview(document["benchmarks"], title)


def render(document):
    entries, context = document["benchmarks"], document["context"]
    peers = figures.present_peers(entries)
    groups = [
        about
        | {"entries": members, "figure": Markup(figures.ratio_bars(members)), "means": {name: means(members, name) for name in peers}}
        for about, members in grouped(entries, "target", "dtype", "threads", "batch", "op")
    ]
    roofs = []
    for about, members in grouped(entries, "target", "dtype", "threads"):
        bandwidths = context["bandwidths"][f"{about['target']}/{about['dtype']}/threads:{about['threads']}"]
        roofs.append(about | {"bandwidths": bandwidths, "figure": Markup(figures.roofline(members, bandwidths))})
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
    )
    return environment.get_template("report.html.jinja").render(
        context=context,
        benchmarks=entries,
        peers=peers,
        about=PEERS,
        short=figures.SHORT,
        untrusted=sum(not entry["trusted"] for entry in entries),
        overview=Markup(overview(document)),
        groups=groups,
        roofs=roofs,
    )


def main():
    parser = argparse.ArgumentParser("halconv_bench.report", description=__doc__)
    parser.add_argument("json", type=Path, help="bench.json")
    parser.add_argument("--html", type=Path, help="the page; default: report.html beside it")
    parser.add_argument("--picture", type=Path, help="an SVG file of the geometric means alone")
    arguments = parser.parse_args()
    document = json.loads(arguments.json.read_text())
    (arguments.html or arguments.json.with_name("report.html")).write_text(render(document))
    if arguments.picture:
        arguments.picture.write_text(overview(document) + "\n")


if __name__ == "__main__":
    main()
