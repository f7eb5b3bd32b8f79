"""What `make demo` shows: that all ways to compute a gradient agree, and a network that learns with them.

    PYTHONPATH=build/demo/python python examples/demo.py --output build/demo

Compares, on the textbook example and on real layers, four ways to the gradient of the input and three to that of the
filter with the NumPy reference, within the bound of rounding errors, and times them; trains the network of
examples/digits; writes summary.json and the network's pictures. Fails if a way disagrees or the network has not
learned.
"""

import argparse
import itertools
import json
import sys
import time
from pathlib import Path

import agreement
import halconv
import numpy as np
import rich.box
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "examples" / "digits"))

import train as digits

SUITE = ROOT / "bench" / "suites" / "default.txt"
LAYERS = ("classic", "3x3", "1x1", "3x3/2", "stem_7x7/2", "dilated")
SECONDS_PER_LAYER = 3
LEAST_ACCURACY = 0.97

NEXT_STEPS = """\
What next:
  regenerate  halconv_add_kernels(my_kernels TARGETS avx2 avx512 SUITE my_layers.txt)  in your CMakeLists.txt
  link        find_package(halconv)  and  target_link_libraries(my_program PRIVATE halconv::runtime my_kernels)
  tune        make tune SUITE=my_layers.txt TARGET={target} TABLE=my_tables/{target}.txt  and  TABLES my_tables  where you regenerate\
"""


def table(layer, measurements):
    result = Table(
        title=f"{layer.name}  {layer.problem}", title_justify="left", box=rich.box.SIMPLE_HEAD, pad_edge=False
    )
    for heading in ("", "way", "difference", "of bound", "ms", "ratio", ""):
        result.add_column(heading, justify="right" if heading in ("difference", "of bound", "ms", "ratio") else "left")
    by_result = itertools.groupby(measurements, key=lambda measured: measured.way.result)
    for name, group in by_result:
        group = list(group)
        fastest = min(measured.seconds for measured in group)
        for measured in group:
            result.add_row(
                name if measured is group[0] else "",
                measured.way.name,
                f"{measured.difference:.1e}",
                f"{measured.of_bound:.1%}",
                f"{1e3 * measured.seconds:.3f}",
                f"{measured.seconds / fastest:.2f}x",
                "[green]✓" if measured.agrees else "[red]✗",
            )
    return result


def compare(console, target):
    """Prints a table for each layer; returns what is in them for the summary."""
    layers = {entry.name: entry for entry in halconv.parse_suite(str(SUITE))}
    random = np.random.default_rng(0)
    summary = []
    for name in LAYERS:
        layer = agreement.Layer(layers[name], random)
        measurements = agreement.measure(layer, SECONDS_PER_LAYER, target)
        console.print(table(layer, measurements))
        summary += [
            {
                "layer": name,
                "problem": str(layer.problem),
                "result": measured.way.result,
                "way": measured.way.name,
                "kernel": measured.way.kernel,
                "max_difference": measured.difference,
                "of_bound": measured.of_bound,
                "agrees": measured.agrees,
                "milliseconds": 1e3 * measured.seconds,
            }
            for measured in measurements
        ]
    return summary


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "demo", help="folder of what is written")
    parser.add_argument("--target", help="halconv target; default: the best one")
    arguments = parser.parse_args()
    console = Console(highlight=False)
    target = halconv.kernel_for("forward", "mb1_ic1oc1_ih4kh3", arguments.target).rsplit("__", 1)[1]
    console.print(f"The kernels are those of target {target}.")
    console.print("A convolution (output) and its gradients (d_x, d_w), each computed in several ways.")
    console.print(
        "difference: the largest from NumPy in float64; of bound: as a part of float32's rounding error bound\n"
    )
    start = time.perf_counter()
    ways = compare(console, arguments.target)
    compared = time.perf_counter()

    console.print("A network learns to read handwritten digits, every convolution and every gradient by halconv.")
    network = digits.train(arguments.output / "digits", target=arguments.target)
    console.print(
        f"{network.accuracy:.2%} of the held-out digits are read right; pictures:", *network.figures, soft_wrap=True
    )
    trained = time.perf_counter()

    summary = {
        "target": target,
        "ways": ways,
        "digits": {"accuracy": network.accuracy, "steps": network.steps, "figures": [str(f) for f in network.figures]},
        "seconds": {"ways": compared - start, "digits": trained - compared, "total": trained - start},
    }
    (arguments.output / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    console.print(NEXT_STEPS.format(target=target), soft_wrap=True)
    disagreeing = [f"{way['layer']} {way['result']} {way['way']}" for way in ways if not way["agrees"]]
    if disagreeing:
        sys.exit(f"not within the bound of rounding errors: {', '.join(disagreeing)}")
    if network.accuracy < LEAST_ACCURACY:
        sys.exit(f"held-out accuracy {network.accuracy:.2%}, expected at least {LEAST_ACCURACY:.0%}")


if __name__ == "__main__":
    main()
