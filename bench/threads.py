#!/usr/bin/env python3
"""What the default number of threads is worth beside a busy neighbour: tokens a second with -t 1, with a thread a core, and with
neither said; on a quiet machine, with one core taken by another process, and under a quota of one CPU (as root). Ratios are to -t 1, of interleaved runs.

    bench/threads.py --model models/rouse-lab-2.gguf [--tokens 400] [--repeats 7]

Nothing else should run. Only Python's standard library is needed.
"""
import argparse
import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]


@contextlib.contextmanager
def neighbour():
    """A process that never rests, on the last core."""
    core = max(os.sched_getaffinity(0))
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"], preexec_fn=lambda: os.sched_setaffinity(0, {core}))
    try:
        yield None
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def quota():
    """A control group of one CPU, in which the runs are started."""
    first = pathlib.Path("/sys/fs/cgroup/cpu")  # version 1's controller
    group = (first if first.is_dir() else first.parent) / "rouse-bench"
    group.mkdir(exist_ok=True)
    try:
        if first.is_dir():
            (group / "cpu.cfs_period_us").write_text("100000")
            (group / "cpu.cfs_quota_us").write_text("100000")
        else:
            (group / "cpu.max").write_text("100000 100000")
        yield group
    finally:
        group.rmdir()


def speed(args, threads, group):
    def enter():
        if group:
            (group / "cgroup.procs").write_text(str(os.getpid()))

    told = subprocess.run([args.rouse, "run", "-m", args.model, "--raw", "-p", "Question: what is known of rivers", "-n", str(args.tokens),
                           "--ignore-eos", "--json", *threads], preexec_fn=enter, check=True, capture_output=True, text=True).stdout
    return json.loads(told)["timings"]["step_tok_s"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rouse", default=str(ROOT / "build/rouse"))
    parser.add_argument("--model", required=True)
    parser.add_argument("--tokens", type=int, default=400)
    parser.add_argument("--repeats", type=int, default=7)
    args = parser.parse_args()
    ways = {"-t 1": ["-t", "1"], f"-t {os.cpu_count()}": ["-t", str(os.cpu_count())], "default": []}
    for name, condition in (("quiet", contextlib.nullcontext()), ("a busy neighbour", neighbour()), ("a quota of one CPU", quota())):
        speeds = {way: [] for way in ways}
        try:
            with condition as group:
                for _ in range(args.repeats):
                    for way, flags in ways.items():
                        speeds[way].append(speed(args, flags, group))
        except OSError as error:
            print(f"{name}: not measured ({error})")
            continue
        print(name)
        for way, values in speeds.items():
            ratios = sorted(v / one for v, one in zip(values, speeds["-t 1"]))
            print(f"  {way:8} {statistics.median(values):7.0f} tokens/s   {statistics.median(ratios):.2f} [{ratios[0]:.2f}, {ratios[-1]:.2f}]")


if __name__ == "__main__":
    main()
