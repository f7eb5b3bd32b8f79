"""The bench end to end on problems of microseconds, and what it makes of a row."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from halconv_bench.row import Row, doubt_roofs
from halconv_bench.summary import geometric_means

SUITE = Path(__file__).parents[2] / "bench" / "suites" / "smoke.txt"


def run(build, out, *options):
    command = [sys.executable, "-m", "halconv_bench", "--build", build, "--suite", SUITE, "--out", out]
    command += ["--targets", "x86_64", "--seconds", "0.01", "--peers", "", *options]
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=300)


def test_rows_are_named_as_kernels_and_have_google_benchmarks_fields(build, tmp_path):
    process = run(build, tmp_path, "--layers", "^3x3", "--threads", "1,2")
    assert process.returncode == 0, process.stdout + process.stderr
    document = json.loads((tmp_path / "bench.json").read_text())
    assert {"date", "num_cpus", "caches", "library_build_type", "cpu_model", "accuracy"} <= document["context"].keys()
    rows = document["benchmarks"]
    assert len(rows) == 2 * 3 * 2  # problems, operations, threads
    assert len({row["name"] for row in rows}) == len(rows)
    page = (tmp_path / "report.html").read_text()
    assert page.count("<svg") == 1 + 2 + 6  # overview, roofs, bars
    assert not re.search("(src|href)\\s*=\\s*[\"'](?!#)", page)  # self-contained
    for row in rows:
        kernel, *problem, threads = row["name"].split("/")
        assert problem == ([row["problem"]] if "__generic__" in kernel else [])
        assert kernel.startswith(f"conv2d_{row['op']}__") and kernel.endswith("__x86_64")
        assert row["run_type"] == "iteration" and row["time_unit"] == "ns" and threads == f"threads:{row['threads']}"
        assert row["schedule"].startswith("vectors=")
        assert row["gflops"] > 0 and 0 < row["peak_share"] < 1.5 and 0 < row["roof_share"] < 1.5
        assert row["roof_share_inside"] <= row["roof_share"]
        assert ("scaling" in row) == (row["threads"] > 1)


def test_a_target_without_kernels_is_an_error_not_a_row(build, tmp_path):
    process = run(build, tmp_path, "--layers", "^odd", "--ops", "forward", "--targets", "avx512_bf16")  # none of f32
    assert process.returncode == 1
    assert "error" in process.stdout and "avx512_bf16" in process.stdout
    assert not (tmp_path / "bench.json").exists()


def row(seconds, repeat=1, **peers):
    times = {"median": seconds, "least": seconds, "spread": 0, "cold": seconds, "first_call": seconds}
    results = {name: {"ratio": {"median": ratio, "cold": ratio}, "times": times} for name, ratio in peers.items()}
    event = {"kernel": "conv2d_forward_winograd2__generic__f32__avx2", "operation": "forward", "repeat": repeat}
    return Row(event | {"plan": times, "peers": results, "flops": 2e9}, "CPU")


def test_the_better_autoscheduler_counts():
    assert row(1, mullapudi2016=3.0, adams2019=2.0).ratios()["autoscheduler"] == 2.0
    assert "autoscheduler" not in row(1, onednn_best=2.0).ratios()


def test_the_algorithm_is_the_kernel_names():
    assert row(1).algorithm == "winograd2"


def roofed(peak, roof, seconds):
    event = {"target": "avx2", "threads": 1, "peak": peak, "doubts": [], "plan": {"median": 1.0}}
    return Row(event | {"roof": {"name": roof, "seconds": seconds}}, "CPU")


def test_rows_of_a_slower_clock_or_a_disturbed_bandwidth_are_doubted():
    rows = [roofed(100e9, "FMA", 2.0), roofed(95e9, "L3", 0.5), roofed(70e9, "FMA", 0.5), roofed(100e9, "L3", 2.0)]
    doubt_roofs(rows)
    assert [len(row.doubts) for row in rows] == [0, 0, 1, 1]


def test_means_are_geometric_and_weighted_by_repeats():
    rows = [row(1, onednn_plain=1.0), row(1, repeat=3, onednn_plain=16.0), row(1)]
    mean, weighted, count = geometric_means(rows, lambda r: r.ratios().get("onednn_plain"))
    assert count == 2
    assert mean == pytest.approx(4)
    assert weighted == pytest.approx(8)
