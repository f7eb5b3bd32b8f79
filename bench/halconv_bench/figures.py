"""The report's figures, from the entries of bench.json, as SVG."""

import io

import matplotlib
import numpy
from matplotlib.figure import Figure

from .row import PEERS
from .summary import geometric_mean

OPERATIONS = {"forward": "tab:blue", "backward_input": "tab:orange", "backward_filter": "tab:green"}
COLOURS = dict(zip(PEERS, ("tab:blue", "tab:cyan", "tab:red", "tab:pink", "tab:gray", "tab:purple")))
SHORT = {
    "onednn_plain": "oneDNN, plain tensors",
    "onednn_best": "oneDNN, its layouts",
    "mullapudi2016": "Mullapudi2016",
    "adams2019": "Adams2019",
    "im2col": "im2col + OpenBLAS",
    "f32": "halconv in f32",
}

# Text stays text, and the same figure gives the same file.
matplotlib.rcParams["svg.fonttype"] = "none"
matplotlib.rcParams["svg.hashsalt"] = "halconv"


def as_svg(figure):
    """The <svg> element alone, for a page."""
    file = io.StringIO()
    figure.savefig(file, format="svg", bbox_inches="tight", metadata={"Date": None})
    text = file.getvalue()
    return text[text.index("<svg") :]


def present_peers(entries):
    return [name for name in PEERS if any(f"vs_{name}" in entry for entry in entries)]


def use_ratio_axis(axes):
    """Bars grow from 1 upwards where halconv is faster, and as far downwards where it is slower by the same factor."""
    axes.set_yscale("log", base=2)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.axhline(1, color="black", linewidth=0.8)
    axes.grid(axis="y", alpha=0.3)
    axes.set_ylabel("time over halconv's")


def bars(axes, at, ratios, width, **style):
    return axes.bar(at, [ratio - 1 for ratio in ratios], width, bottom=1, **style)


def ratio_bars(entries):
    """Of one target, dtype, number of threads, batch and operation: each peer's time over halconv's, layer by layer."""
    peers = present_peers(entries)
    figure = Figure(figsize=(max(6, 0.28 * len(entries) * max(1, len(peers)) + 2), 3))
    axes = figure.subplots()
    width = 0.8 / max(1, len(peers))
    for i, peer in enumerate(peers):
        at = [j + (i - (len(peers) - 1) / 2) * width for j in range(len(entries))]
        heights = [entry.get(f"vs_{peer}", 1) for entry in entries]
        low = [max(0, height - entry.get(f"vs_{peer}_low", height)) for entry, height in zip(entries, heights)]
        high = [max(0, entry.get(f"vs_{peer}_high", height) - height) for entry, height in zip(entries, heights)]
        style = {"color": COLOURS[peer], "label": SHORT[peer], "error_kw": {"linewidth": 0.6}}
        bars(axes, at, heights, width, yerr=[low, high], **style)
    names = [entry["layer"].split(":")[-1] + ("" if entry["trusted"] else " *") for entry in entries]
    axes.set_xticks(range(len(entries)), names, rotation=40, ha="right", fontsize=8)
    use_ratio_axis(axes)
    axes.legend(fontsize=8, ncols=len(peers), loc="lower left", bbox_to_anchor=(0, 1))
    return as_svg(figure)


def roofline(entries, bandwidths):
    """Of one target, dtype and number of threads: the rate of each kernel under the roofs measured in the same run."""
    figure = Figure(figsize=(7, 4))
    axes = figure.subplots()
    peak = max(entry["peak_gflops"] for entry in entries)
    intensity = numpy.geomspace(0.5, 2 * max(entry["flops_per_byte"] for entry in entries), 100)
    for level in bandwidths:
        axes.plot(intensity, numpy.minimum(peak, intensity * level["read"] / 1e9), color="gray", linewidth=0.8)
        ridge = peak / (level["read"] / 1e9)
        if ridge > intensity[0]:
            axes.text(ridge, peak * 1.05, level["level"], fontsize=8, ha="center", color="gray")
    for operation, colour in OPERATIONS.items():
        members = [entry for entry in entries if entry["op"] == operation]
        axes.scatter(
            [entry["flops_per_byte"] for entry in members],
            [entry["gflops"] for entry in members],
            s=14,
            color=colour,
            label=operation,
        )
    axes.set(xscale="log", yscale="log", xlabel="FLOPs per byte that has to move", ylabel="GFLOP/s")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, loc="lower right")
    return as_svg(figure)


def setting_of(entry):
    return entry["target"], entry["dtype"], entry["threads"], entry["op"]


def overview(entries, title):
    """Geometric means of the ratios to each peer, by target, dtype, threads and operation: the picture for a README."""
    peers = present_peers(entries)
    settings = list(dict.fromkeys(map(setting_of, entries)))
    figure = Figure(figsize=(max(6, 1.5 * len(settings)), 3.2))
    axes = figure.subplots()
    width = 0.8 / max(1, len(peers))
    for i, peer in enumerate(peers):
        heights = []
        for setting in settings:
            ratios = [
                entry[f"vs_{peer}"]
                for entry in entries
                if setting_of(entry) == setting and f"vs_{peer}" in entry
            ]
            heights.append(geometric_mean(ratios, [1] * len(ratios)) if ratios else None)
        at = [j + (i - (len(peers) - 1) / 2) * width for j, height in enumerate(heights) if height]
        heights = [height for height in heights if height]
        bars(axes, at, heights, width, color=COLOURS[peer], label=SHORT[peer])
        for x, height in zip(at, heights):
            side = "bottom" if height >= 1 else "top"
            axes.annotate(f"{height:.2f}", (x, height), fontsize=7, ha="center", va=side)
    labels = [f"{op}\n{target}, {dtype}\n{threads} thread{'s' * (threads > 1)}" for target, dtype, threads, op in settings]
    axes.set_xticks(range(len(settings)), labels, fontsize=8)
    axes.set_title(title, fontsize=9, pad=22)
    use_ratio_axis(axes)
    axes.legend(fontsize=8, ncols=len(peers), loc="lower left", bbox_to_anchor=(0, 1))
    return as_svg(figure)
