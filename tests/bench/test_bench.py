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


def test_rows_of_other_dtypes_are_compared_with_f32(build, tmp_path):
    process = run(build, tmp_path, "--layers", "^odd", "--ops", "forward backward_filter", "--dtypes", "f32 bf16 i32")
    assert process.returncode == 0, process.stdout + process.stderr
    rows = json.loads((tmp_path / "bench.json").read_text())["benchmarks"]
    forward, backward_filter = "forward", "backward_filter"
    expected = [(forward, "f32"), (backward_filter, "f32"), (forward, "bf16"), (backward_filter, "bf16"), (forward, "i32")]
    assert [(row["op"], row["dtype"]) for row in rows] == expected
    summary = process.stdout.split("Geometric means")[1]
    for row in rows:
        assert f"__{row['dtype']}__x86_64" in row["name"]
        assert ("vs_f32" in row) == (row["dtype"] != "f32")
        assert re.search(f"x86_64 +{row['dtype']} .*{row['op']}", summary)
        if row["dtype"] != "f32":
            assert row["f32_implementation"].startswith(f"conv2d_{row['op']}__")
            assert row["f32_implementation"].endswith("__f32__x86_64")
            assert row["vs_f32"] == pytest.approx(row["f32_time"] / row["real_time"], rel=0.5)
            assert row["roof"] in ("f32 FMA", "L1", "L2", "L3", "memory")
    half = {row["dtype"]: row["flops_per_byte"] for row in rows if row["op"] == "forward"}
    assert half["bf16"] == pytest.approx(2 * half["f32"]) and half["i32"] == pytest.approx(half["f32"])
    page = (tmp_path / "report.html").read_text()
    assert "forward, x86_64, bf16" in page and page.count("<svg") == 1 + 3 + 5


def test_a_target_without_kernels_is_an_error_not_a_row(build, tmp_path):
    process = run(build, tmp_path, "--layers", "^odd", "--ops", "forward", "--targets", "avx512_bf16")  # none of f32
    assert process.returncode == 1
    assert "avx512_bf16 has no kernels for forward in f32" in process.stderr
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


def roofed(peak, roof, seconds, dtype="f32"):
    event = {"target": "avx2", "dtype": dtype, "threads": 1, "peak": peak, "doubts": [], "plan": {"median": 1.0}}
    return Row(event | {"roof": {"name": roof, "is_memory": roof == "L3", "seconds": seconds}}, "CPU")


def test_rows_of_a_slower_clock_or_a_disturbed_bandwidth_are_doubted():
    rows = [roofed(100e9, "FMA", 2.0), roofed(95e9, "L3", 0.5), roofed(70e9, "FMA", 0.5), roofed(100e9, "L3", 2.0)]
    rows += [roofed(50e9, "FMA", 2.0, "f64"), roofed(40e9, "f32 FMA", 2.0, "f64")]
    doubt_roofs(rows)
    assert [len(row.doubts) for row in rows] == [0, 0, 1, 1, 0, 1]


def test_means_are_geometric_and_weighted_by_repeats():
    rows = [row(1, onednn_plain=1.0), row(1, repeat=3, onednn_plain=16.0), row(1)]
    mean, weighted, count = geometric_means(rows, lambda r: r.ratios().get("onednn_plain"))
    assert count == 2
    assert mean == pytest.approx(4)
    assert weighted == pytest.approx(8)
