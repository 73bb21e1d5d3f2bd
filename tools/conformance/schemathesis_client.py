#!/usr/bin/env python3
"""schemathesis against `rouse serve`: schemathesis_client.py --rouse BINARY --model GGUF [--examples N].

Requests made from /openapi.json, with a fixed seed: no reply is a 5xx, and all are as the description says. Then from a copy of it
whose bodies are narrow enough to be done.
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.request

from common import Checks, Server, arguments, quiet

COMPUTE = {"/v1/chat/completions", "/v1/completions", "/v1/rouse/compare", "/v1/rouse/score", "/v1/rouse/whatif", "/v1/rouse/gates"}
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def whole(low, high):
    return {"type": "integer", "minimum": low, "maximum": high}


TEXT = {"type": "string", "minLength": 1, "maxLength": 40, "pattern": "^[A-Za-z ?.]*[a-z]$"}
LANE = {"routing": {"enum": ["topk", "rank:2", "topk:4", "random:2,seed=1"]},
        "method": {"enum": ["greedy", "scmoe", "dola", {"name": "scmoe", "beta": 0.3}]}}
ANSWER = LANE | {"seed": whole(0, 2**31), "top_k": whole(0, 50),
                 "stop": {"type": "array", "items": TEXT, "maxItems": 4}}
MESSAGE = {"type": "object", "required": ["role", "content"], "additionalProperties": False,
           "properties": {"role": {"enum": ["user", "assistant", "system"]}, "content": TEXT}}
EXPERTS = {"type": "array", "items": {"enum": ["0.1", "7.63", "3.5"]}, "minItems": 1, "maxItems": 3}
NARROW = {  # what a body may say, and must
    "chat": (ANSWER | {"messages": {"type": "array", "items": MESSAGE, "minItems": 1}, "max_tokens": whole(0, 8), "n": whole(1, 3),
                       "temperature": {"type": "number", "minimum": 0, "maximum": 2}, "logprobs": {"type": "boolean"},
                       "stream": {"type": "boolean"}}, ["messages", "max_tokens"]),
    "completion": (ANSWER | {"prompt": {"anyOf": [TEXT, {"type": "array", "items": whole(0, 2047), "minItems": 1, "maxItems": 20},
                                                  {"type": "array", "items": TEXT, "minItems": 1, "maxItems": 4}]},
                             "max_tokens": whole(0, 8), "logprobs": whole(0, 5), "echo": {"type": "boolean"}}, ["prompt"]),
    "compare": (ANSWER | {"prompt": TEXT, "n_predict": whole(0, 8), "stream": {"type": "boolean"},
                          "lanes": {"type": "array", "minItems": 1, "maxItems": 4, "items": {
                              "type": "object", "properties": LANE, "additionalProperties": False}}}, ["prompt", "n_predict"]),
    "score": (LANE | {"context": TEXT, "continuations": {"type": "array", "items": TEXT, "minItems": 1, "maxItems": 4}},
              ["context", "continuations"]),
    "whatif": ({"prompt": TEXT, "continuation": TEXT, "ban": EXPERTS, "force": EXPERTS}, ["prompt", "continuation", "ban"]),
    "gates": ({"prompt": TEXT, "routing": LANE["routing"]}, ["prompt"]),
}


def narrowed(checks, description, ids):
    """The description with values that can be, most of them, and answers of a few tokens."""
    schemas = description["components"]["schemas"]
    for name, (properties, required) in NARROW.items():
        missing = set(properties) - set(schemas[name]["properties"])
        checks.check(f"the description of {name} knows the fields that are asked here", not missing, f"it lacks {sorted(missing)}")
        if name in ("chat", "completion"):
            properties = properties | {"model": {"enum": ids}}
        schemas[name] = {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return description


def run(checks, what, server, folder, asked, source):
    program = pathlib.Path(sys.executable).parent / "schemathesis"
    done = subprocess.run(
        [program, "run", source, "--url", server.url, "--checks", CHECKS, "--seed", "1", "--max-examples", str(asked.examples),
         "--phases", "examples,coverage,fuzzing", "--request-timeout", "120", "--generation-database", "none", "--no-color",
         "--suppress-health-check", "all", "--no-shrink", "--warnings", "off"],
        cwd=folder, capture_output=True, text=True)
    made = next((line.strip() for line in done.stdout.splitlines() if "generated" in line), "no requests")
    checks.check(f"{what}: no 5xx, replies as described ({made})", done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:])


def main():
    quiet()
    asked = arguments(__doc__, examples={"type": int, "default": 50, "help": "requests an operation"})
    checks = Checks("schemathesis")
    # A short context, so that what asks for as much as there is ends soon.
    with tempfile.TemporaryDirectory() as folder, Server(asked, checks, "-c", "256", "--request-timeout", "60") as server:
        run(checks, "as described", server, folder, asked, server.url + "/openapi.json")
        copy = pathlib.Path(folder) / "narrowed.json"
        copy.write_text(json.dumps(narrowed(checks, server.get("/openapi.json"), [server.id, server.id + "@rank2"])))
        run(checks, "narrowed", server, folder, asked, str(copy))
        with urllib.request.urlopen(server.url + "/metrics") as reply:
            done = set(re.findall(r'replies_total\{route="(/v1/[^"]+)",status="200"', reply.read().decode()))
        checks.check("each route that computes was answered with 200 as well", done >= COMPUTE, COMPUTE - done)
        checks.check("the server still answers", server.get("/health")["status"] == "ok")
    checks.finish()


if __name__ == "__main__":
    main()
