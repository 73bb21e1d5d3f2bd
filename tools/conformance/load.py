"""Raw sockets against rouse serve: storms of clients that leave at random moments, half-open and idle connections, slow ones, malformed
requests; all the while /health is asked. Afterwards nobody may be admitted and memory must be what it was.

    load.py --rouse build/rouse --model models/rouse-lab-2.gguf [--clients 64] [--rounds 20]
"""
import argparse
import http.client
import json
import multiprocessing
import pathlib
import random
import re
import socket
import subprocess
import threading
import time


def request(body, path="/v1/chat/completions"):
    text = json.dumps(body).encode()
    return (f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(text)}\r\n\r\n").encode() + text


def body(rng):
    return {"messages": [{"role": "user", "content": "What is the capital of Chad? " * rng.randrange(1, 12)}], "max_tokens": 300,
            "ignore_eos": True, "stream": rng.random() < 0.5, "method": rng.choice(["greedy", "scmoe", "dola"]),
            "n": rng.choice([1, 1, 2]), "temperature": 1, "routing": rng.choice(["topk", "rank:2", "topk:4"])}


def storm(port, seed, rounds):
    rng = random.Random(seed)
    for _ in range(rounds):
        with socket.create_connection(("127.0.0.1", port)) as s:
            s.settimeout(30)
            text = request(body(rng))
            kind = rng.randrange(5)
            try:
                if kind == 0:  # malformed
                    bytes_ = bytearray(text)
                    for _ in range(rng.randrange(1, 8)):
                        bytes_[rng.randrange(len(bytes_))] = rng.randrange(256)
                    text = bytes(bytes_)
                if kind == 1:  # half of it
                    text = text[:rng.randrange(len(text))]
                s.sendall(text)
                if kind == 2:  # half closed
                    s.shutdown(socket.SHUT_WR)
                time.sleep(rng.random() * 0.15)
                if kind == 3:
                    s.recv(100)
            except OSError:
                pass


def memory(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1))


def ask_health(port, stop, slowest):
    """A process of its own: beside the clients' threads it would measure how they wait for Python's lock."""
    while not stop.is_set():
        begin = time.perf_counter()
        c = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        c.request("GET", "/health")
        assert c.getresponse().status == 200
        c.close()
        slowest.value = max(slowest.value, time.perf_counter() - begin)
        time.sleep(0.02)


def gauge(port, name):
    c = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    c.request("GET", "/metrics")
    return float(re.search(rf"^{name} (\S+)$", c.getresponse().read().decode(), re.M).group(1))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rouse", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=20)
    args = parser.parse_args()
    server = subprocess.Popen([args.rouse, "serve", "-m", args.model, "--port", "0", "-c", "512", "-t", "1"],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    port = int(re.search(r":(\d+)\s*$", server.stdout.readline()).group(1))
    def wave(seed):
        threads = [threading.Thread(target=storm, args=(port, 1000 * seed + i, args.rounds)) for i in range(args.clients)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        for _ in range(500):
            if gauge(port, "rouse_texts_admitted") == 0:
                return
            time.sleep(0.02)
        raise SystemExit("texts are still admitted")

    def crowd(seed):
        """A wave beside 200 idle connections and a slow one."""
        idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(200)]
        slow = socket.create_connection(("127.0.0.1", port))
        slow.sendall(b"GET /health HT")
        wave(seed)
        for s in [*idle, slow]:
            s.close()
        time.sleep(6)  # threads that were idle end
        return memory(server.pid)

    for warm_up in range(2):  # allocators, stacks and graphs come to their size
        crowd(warm_up)
    before = crowd(2)
    stop, slowest = multiprocessing.Event(), multiprocessing.Value("d", 0)
    watch = multiprocessing.Process(target=ask_health, args=(port, stop, slowest))
    watch.start()
    after = crowd(3)
    stop.set()
    watch.join()
    server.terminate()
    code = server.wait(30)
    print(f"{4 * args.clients * args.rounds} clients that left, 200 idle ones beside; /health within {1000 * slowest.value:.0f} ms; memory "
          f"{before} kB before, {after} kB after ({100 * (after / before - 1):+.1f}%); exit code {code}")
    if code != 0 or watch.exitcode != 0 or after > 1.02 * before:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
