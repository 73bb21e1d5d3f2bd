#!/usr/bin/env python3
"""The server's speed, in ratios of one run: 16 clients at once against `rouse run --batch --parallel 16` on the same prompts, and one
request's latency over HTTP against the engine's; with --peer against llama.cpp's own server on the same file as well. Prints tokens
a second, the time to the first token, what an idle server takes of a processor, and the ratios' medians.

    bench/serve.py --model models/rouse-lab-2.gguf [--repeats 5] [--method scmoe] [--peer llama-server]

Nothing else should run. Only Python's standard library is needed.
"""
import argparse
import contextlib
import http.client
import json
import os
import pathlib
import re
import socket
import statistics
import subprocess
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
TOPICS = ["rivers", "kings", "metals", "planets", "harbours", "mountains", "poets", "bridges"]


def prompts(n):
    return [f"Question {i}: what is known of {TOPICS[i % len(TOPICS)]} in the year {1200 + 37 * i}?" for i in range(n)]


def record(prompt, args):
    return {"prompt": prompt, "raw": True, "n_predict": args.tokens, "ignore_eos": True, "method": args.method}


def batch_seconds(args, texts):
    """Seconds of the steps alone: the model is open in a server, so opening it does not count here either."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "batch.jsonl"

        def run(lines):
            path.write_text("".join(json.dumps({"id": i, **record(t, args)}) + "\n" for i, t in enumerate(lines)))
            begin = time.perf_counter()
            subprocess.run([args.rouse, "run", "-m", args.model, "--batch", path, "-o", pathlib.Path(folder) / str(len(lines)),
                            "--parallel", str(args.clients), *args.options],
                           check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            return time.perf_counter() - begin

        return run(texts) - run(texts[:1])


class Server:
    def __init__(self, args):
        self.start([args.rouse, "serve", "-m", args.model, "--port", "0", "--parallel", str(args.clients), *args.options])
        self.port = int(re.search(r":(\d+)\s*$", self.process.stdout.readline()).group(1))

    def start(self, command):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)

    def processor_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def post(self, connection, args, prompt, stream=False):
        body = {"prompt": prompt, "max_tokens": args.tokens, "ignore_eos": True, "method": args.method, "stream": stream}
        connection.request("POST", "/v1/completions", json.dumps(body), {"Content-Type": "application/json"})
        return connection.getresponse()

    def whole(self, args, texts):
        """Seconds until all are answered, by `clients` at once."""
        left, lock = list(texts), threading.Lock()

        def client():
            connection = http.client.HTTPConnection("127.0.0.1", self.port)
            while True:
                with lock:
                    if not left:
                        return
                    prompt = left.pop()
                reply = json.loads(self.post(connection, args, prompt).read())
                assert reply["usage"]["completion_tokens"] == args.tokens, reply

        threads = [threading.Thread(target=client) for _ in range(args.clients)]
        begin = time.perf_counter()
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        return time.perf_counter() - begin

    def first_tokens(self, args, texts):
        """Seconds to the first event of each stream, and between two."""
        first, steps = [], []

        def client(prompt):
            connection = http.client.HTTPConnection("127.0.0.1", self.port)
            begin = last = time.perf_counter()
            reply = self.post(connection, args, prompt, stream=True)
            n = 0
            while line := reply.readline():
                if not line.startswith(b"data: {"):
                    continue
                now = time.perf_counter()
                (first if n == 0 else steps).append(now - (begin if n == 0 else last))
                last, n = now, n + 1

        threads = [threading.Thread(target=client, args=(t,)) for t in texts]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        return first, steps

    def alone(self, args, prompt):
        """Seconds of one request, and what the engine says it took."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        begin = time.perf_counter()
        reply = json.loads(self.post(connection, args, prompt).read())
        timings = reply["rouse"]["timings"]
        return time.perf_counter() - begin, timings["prefill_s"] + timings["step_s"]


class Peer(Server):
    """llama.cpp's server, with as many slots and the same threads."""

    def __init__(self, args):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        threads = [f for i, f in enumerate(args.options) if f == "-t" or (i and args.options[i - 1] == "-t")]
        self.start([args.peer, "-m", args.model, "--port", str(self.port), "--parallel", str(args.clients),
                    "-c", str(512 * args.clients), *threads])
        while True:
            with contextlib.suppress(OSError):
                connection = http.client.HTTPConnection("127.0.0.1", self.port)
                connection.request("GET", "/health")
                if connection.getresponse().status == 200:
                    return
            assert self.process.poll() is None, "the peer does not start"
            time.sleep(0.1)


def summary(values):
    return f"{statistics.median(values):.3f} [{min(values):.3f}, {max(values):.3f}]"


def percentile(values, p):
    return sorted(values)[min(len(values) - 1, int(p * len(values)))] * 1000


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rouse", default=str(ROOT / "build/rouse"))
    parser.add_argument("--model", required=True)
    parser.add_argument("--method", default="greedy")
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--requests", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--peer", help="llama.cpp's llama-server")
    parser.add_argument("options", nargs="*", help="of rouse itself, after --: -- -c 512 -t 2")
    args = parser.parse_args()
    texts = prompts(args.requests)
    ratios, speeds, overheads, beside, first, steps = [], [], [], [], [], []
    with Server(args) as server, Peer(args) if args.peer else contextlib.nullcontext() as peer:
        for one in filter(None, (server, peer)):
            one.whole(args, texts[:args.clients])
        time.sleep(1)
        begin = server.processor_seconds()
        time.sleep(5)
        idle = server.processor_seconds() - begin
        for _ in range(args.repeats):
            over_http, batch = server.whole(args, texts), batch_seconds(args, texts)
            speeds.append(args.requests * args.tokens / over_http)
            # The first text of the batch is in both of its runs.
            ratios.append((batch * args.requests / (args.requests - 1)) / over_http)
            outside, inside = server.alone(args, texts[0])
            overheads.append(outside / inside)
            if peer:
                beside.append(peer.whole(args, texts) / over_http)
            one, more = server.first_tokens(args, texts[:args.clients])
            first += one
            steps += more
    print(f"{args.method}, {args.clients} clients, {args.tokens} tokens, {args.repeats} repeats")
    print(f"  tokens a second: {statistics.median(speeds):.0f}")
    print(f"  against rouse run --batch --parallel {args.clients}: {summary(ratios)}")
    if beside:
        print(f"  against llama.cpp's server, greedy: {summary(beside)}")
    print(f"  idle: {100 * idle / 5:.1f}% of a core")
    print(f"  one request over HTTP against the engine's own seconds: {summary(overheads)}")
    print(f"  to the first token: p50 {percentile(first, 0.5):.1f} ms, p95 {percentile(first, 0.95):.1f} ms; "
          f"between events p50 {percentile(steps, 0.5):.1f} ms, p95 {percentile(steps, 0.95):.1f} ms")


if __name__ == "__main__":
    main()
