#!/usr/bin/env python3
"""The command llm against `rouse serve`, as its extra-openai-models.yaml sets it up: llm_client.py --rouse BINARY --model GGUF."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

from common import PROBLEM, PROMPT, QUESTION, Checks, Server, arguments, quiet, rouse_run


def main():
    quiet()
    asked, checks = arguments(__doc__), Checks("llm")
    with Server(asked, checks) as server, tempfile.TemporaryDirectory() as folder:
        models = [{"model_id": "lab", "model_name": server.id, "supports_schema": True, "supports_tools": True},
                  {"model_id": "rank2", "model_name": server.id + "@rank2"},
                  {"model_id": "lab-completion", "model_name": server.id, "completion": True}]
        for model in models:
            model["api_base"] = server.url + "/v1"
        (pathlib.Path(folder) / "extra-openai-models.yaml").write_text(json.dumps(models))  # JSON is YAML

        def llm(*words):
            done = subprocess.run([sys.executable, "-m", "llm", *words], env=os.environ | {"LLM_USER_PATH": folder},
                                  capture_output=True, text=True, stdin=subprocess.DEVNULL)
            if done.returncode:
                raise RuntimeError(done.stderr)
            return done.stdout.removesuffix("\n")

        expected = rouse_run(asked, PROBLEM)["text"]
        with checks.of("chat"):
            checks.equal("chat, streamed: the text of rouse run", llm("-m", "lab", PROBLEM), expected)
        with checks.of("chat, whole"):
            checks.equal("chat, whole: the text of rouse run", llm("-m", "lab", "--no-stream", "-o", "temperature", "0", PROBLEM), expected)
        with checks.of("usage"):
            logged = json.loads(llm("logs", "-n", "1", "--json"))[0]
            checks.check("usage is logged", logged["output_tokens"] > 10, logged)
        with checks.of("a preset"):
            checks.equal("model@rank2: the text of rouse run", llm("-m", "rank2", PROBLEM),
                         rouse_run(asked, PROBLEM, "--routing", "rank:2")["text"])
        with checks.of("completion"):
            for stream in ([], ["--no-stream"]):
                checks.equal(f"completion{' whole' if stream else ''}: the text of rouse run",
                             llm("-m", "lab-completion", *stream, PROMPT), rouse_run(asked, QUESTION)["text"])
        with checks.of("schema"):
            schema = {"type": "object", "properties": {"capital": {"type": "boolean"}}, "required": ["capital"],
                      "additionalProperties": False}
            reply = json.loads(llm("-m", "lab", "--schema", json.dumps(schema), QUESTION))
            checks.equal("schema: an object of it", [type(v) for v in reply.values()], [bool])
    checks.finish()


if __name__ == "__main__":
    main()
