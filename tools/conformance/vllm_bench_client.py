#!/usr/bin/env python3
"""The request of `vllm bench serve` against `rouse serve`, 16 at once: vllm_bench_client.py --rouse BINARY --model GGUF.

A copy of its shape, as the tool itself wants vLLM's wheel: both routes, ignore_eos, x-request-id, usage read from the chunk without
choices. Exact token counts, and /health answers all the while. Nothing but Python's own library.
"""
import concurrent.futures
import http.client
import json
import statistics
import threading
import time
import urllib.parse

from common import PROBLEM, Checks, Server, arguments

N_CLIENTS, N_REQUESTS, N_TOKENS = 16, 32, 64


def ask(url, model, number):
    """One request as backend_request_func.py writes it: (id echoed, tokens told, text chunks, seconds to the first)."""
    chat = number % 2
    body = {"model": model, "temperature": 0.0, "repetition_penalty": 1.0, "stream": True, "ignore_eos": True,
            "stream_options": {"include_usage": True}}
    if chat:
        body |= {"messages": [{"role": "user", "content": [{"type": "text", "text": PROBLEM}]}], "max_completion_tokens": N_TOKENS}
    else:
        body |= {"prompt": PROBLEM, "max_tokens": N_TOKENS, "logprobs": None}
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=600)
    begin, first, pieces, told = time.monotonic(), None, 0, None
    connection.request("POST", "/v1/chat/completions" if chat else "/v1/completions", json.dumps(body),
                       {"Content-Type": "application/json", "Authorization": "Bearer None", "x-request-id": f"bench-{number}"})
    reply = connection.getresponse()
    if reply.status != 200:
        raise RuntimeError(f"{reply.status}: {reply.read()}")
    for line in reply:
        text = line.decode().strip()
        if not text or text.startswith(":"):
            continue
        data = text.removeprefix("data: ")
        if data == "[DONE]":
            break
        chunk = json.loads(data)
        if chunk["choices"]:
            choice = chunk["choices"][0]
            if choice["delta"].get("content") if chat else choice["text"]:
                first = first or time.monotonic() - begin
                pieces += 1
        elif usage := chunk.get("usage"):
            told = usage["completion_tokens"]
    connection.close()
    return reply.headers.get("x-request-id"), told, pieces, first


def watch_health(url, over, seconds):
    while not over.is_set():
        begin = time.monotonic()
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=30)
        connection.request("GET", "/health")
        connection.getresponse().read()
        connection.close()
        seconds.append(time.monotonic() - begin)
        over.wait(0.05)


def main():
    asked, checks = arguments(__doc__), Checks("vllm_bench")
    with Server(asked, checks) as server:
        over, seconds = threading.Event(), []
        watch = threading.Thread(target=watch_health, args=(server.url, over, seconds))
        watch.start()
        with checks.of("load"), concurrent.futures.ThreadPoolExecutor(N_CLIENTS) as pool:
            told = list(pool.map(lambda number: ask(server.url, server.id, number), range(N_REQUESTS)))
            checks.equal("tokens told, of every request", [t[1] for t in told], [N_TOKENS] * N_REQUESTS)
            checks.equal("x-request-id is echoed", [t[0] for t in told], [f"bench-{n}" for n in range(N_REQUESTS)])
            checks.check("every answer comes in pieces", min(t[2] for t in told) > N_TOKENS // 4, [t[2] for t in told])
            checks.check(f"every answer began (the last first token after {max(t[3] for t in told):.2f} s)", all(t[3] for t in told))
        over.set()
        watch.join()
        middle, worst = statistics.median(seconds), max(seconds)
        checks.check(f"/health answered {len(seconds)} times meanwhile, after {1000 * middle:.0f} ms (median; {1000 * worst:.0f} at most)",
                     middle < 0.1 and worst < 5)
        with checks.of("metrics"):
            health = server.get("/health")
            checks.equal("the server is well", health["status"], "ok")
    checks.finish()


if __name__ == "__main__":
    main()
