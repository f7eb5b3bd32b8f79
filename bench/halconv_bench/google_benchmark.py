"""bench.json in Google Benchmark's schema, so that its compare.py and whatever else reads that works on it."""

import json
import os
from datetime import datetime

from .machine import cpu_model


def counters(row):
    """Numbers beside the entry's times."""
    values = {
        "gflops": row.gflops,
        "gflops_inside": row.flops_inside / row.seconds / 1e9,
        "peak_share": row.peak_share,
        "roof_share": row.roof_share,
        "roof_share_inside": row.roof["seconds_inside"] / row.seconds,
        "flops_per_byte": row.flops / row.roof["bytes"],
        "one_shot_time": row.one_shot["median"] * 1e9,
        "cold_time": row.plan["cold"] * 1e9,
        "least_time": row.plan["least"] * 1e9,
        "first_call_time": row.one_shot["first_call"] * 1e9,
        "spread": row.plan["spread"],
        "peak_gflops": row.peak / 1e9,
        "peak_drift": row.peak_drift,
        "trusted": int(not row.doubts),
    }
    if "scaling" in row.event:
        values["scaling"] = row.scaling["median"]
    for name, ratio in row.ratios().items():
        values[f"vs_{name}"] = ratio
    for name, ratio in row.ratios("cold").items():
        values[f"vs_{name}_cold"] = ratio
    for name, peer in row.peers.items():
        if "times" in peer:
            values[f"{name}_time"] = peer["times"]["median"] * 1e9
            values[f"{name}_first_call_time"] = peer["times"]["first_call"] * 1e9
            values[f"vs_{name}_low"], values[f"vs_{name}_high"] = peer["ratio"]["low"], peer["ratio"]["high"]
    return values


def labels(row):
    """Words beside the entry's times."""
    return {
        "layer": row.layer,
        "repeat": row.repeat,
        "problem": row.problem,
        "batch": row.batch,
        "op": row.operation,
        "target": row.target,
        "dtype": row.dtype,
        "algorithm": row.algorithm,
        "schedule": row.schedule,
        "roof": row.roof["name"],
        "cpu_model": row.cpu_model,
        "doubts": "; ".join(row.doubts),
        **{f"{name}_implementation": peer.get("implementation", peer.get("left_out")) for name, peer in row.peers.items()},
    }


def entry(row, index):
    shown = labels(row)
    label = " ".join(f'{name}="{shown[name]}"' for name in ("layer", "op", "target", "dtype", "algorithm", "schedule", "cpu_model"))
    return {
        "name": row.name,
        "family_index": index,
        "per_family_instance_index": 0,
        "run_name": row.name,
        "run_type": "iteration",
        "repetitions": 1,
        "repetition_index": 0,
        "threads": row.threads,
        "iterations": row.rounds,
        "real_time": row.seconds * 1e9,
        "cpu_time": row.seconds * 1e9,
        "time_unit": "ns",
        "label": label,
        **labels(row),
        **counters(row),
    }


def document(rows, context, bandwidths):
    """`bandwidths`: those measured in each process, by "<target>/<dtype>/threads:<threads>"."""
    return {
        "context": {
            "date": datetime.now().astimezone().isoformat(timespec="seconds"),
            "host_name": os.uname().nodename,
            "executable": "halconv_bench",
            "num_cpus": os.cpu_count(),
            "mhz_per_cpu": 0,
            "cpu_scaling_enabled": False,
            "caches": cache_list(context["caches"]),
            "load_avg": list(os.getloadavg()),
            "library_build_type": "release",
            "cpu_model": cpu_model(),
            "accuracy": context["accuracy"],
            "eviction_bytes": context["eviction_bytes"],
            "bandwidths": bandwidths,
        },
        "benchmarks": [entry(row, index) for index, row in enumerate(rows)],
    }


def cache_list(sizes):
    return [{"type": "Data", "level": level, "size": size} for level, size in enumerate(sizes, 1) if size]


def write(path, document):
    path.write_text(json.dumps(document, indent=2) + "\n")
