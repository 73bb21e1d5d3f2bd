#!/usr/bin/env python3
"""langchain-openai against `rouse serve`: langchain_client.py --rouse BINARY --model GGUF."""
from typing import Literal

from common import PROBLEM, PROMPT, QUESTION, Checks, Server, arguments, quiet, rouse_run

quiet()
import openai  # noqa: E402
import pydantic  # noqa: E402
from langchain_openai import ChatOpenAI, OpenAI  # noqa: E402


class City(pydantic.BaseModel):
    """A city."""

    name: Literal["Paris", "Rome", "Berlin"]
    capital: bool


def main():
    asked, checks = arguments(__doc__), Checks("langchain")
    with Server(asked, checks) as server:
        def chat(**more):
            return ChatOpenAI(**({"model": server.id, "base_url": server.url + "/v1", "api_key": "none", "temperature": 0,
                                  "max_retries": 0, "timeout": 120} | more))

        with checks.of("invoke"):
            expected = rouse_run(asked, PROBLEM)
            reply = chat().invoke(PROBLEM)
            checks.equal("invoke: the text of rouse run", reply.content, expected["text"])
            checks.equal("invoke: usage", reply.usage_metadata["output_tokens"], len(expected["tokens"]))
            checks.equal("invoke: finish_reason", reply.response_metadata["finish_reason"], "stop")
        with checks.of("stream"):
            chunks = list(chat().stream(PROBLEM))
            checks.equal("stream: the text", "".join(c.content for c in chunks), expected["text"])
            checks.check("stream: more than one piece", len(chunks) > 10, len(chunks))
            counted = list(chat(stream_usage=True).stream(PROBLEM))
            checks.equal("stream with usage: tokens", sum((c.usage_metadata or {}).get("output_tokens", 0) for c in counted),
                         len(expected["tokens"]))
        with checks.of("batch"):
            checks.equal("batch: four at once", [m.content for m in chat().batch([PROBLEM] * 4)], [expected["text"]] * 4)
        with checks.of("logprobs"):
            reply = chat(logprobs=True, top_logprobs=2).invoke(QUESTION)
            checks.equal("logprobs", len(reply.response_metadata["logprobs"]["content"][0]["top_logprobs"]), 2)
        with checks.of("routing"):
            reply = chat(extra_body={"routing": "rank:2"}).invoke(PROBLEM)
            checks.equal("extra_body routing: the text of rouse run", reply.content,
                         rouse_run(asked, PROBLEM, "--routing", "rank:2")["text"])
        with checks.of("a preset"):
            checks.equal("model@contrast: the text of rouse run", chat(model=server.id + "@contrast").invoke(PROBLEM).content,
                         rouse_run(asked, PROBLEM, "--method", "scmoe")["text"])
        for method in ("json_schema", "json_mode"):
            with checks.of(method):
                more = {} if method == "json_schema" else {"temperature": 1.5, "seed": 1}  # else it never ends
                wanted = City if method == "json_schema" else None
                reply = chat(max_tokens=300, **more).with_structured_output(wanted, method=method).invoke(QUESTION)
                checks.check(f"{method}: parses", isinstance(reply, City if wanted else dict), reply)
        with checks.of("function_calling"):
            try:
                reply = chat().with_structured_output(City, method="function_calling").invoke(QUESTION)
                checks.check("function_calling is refused", False, reply)
            except openai.BadRequestError as e:
                checks.equal("function_calling is 400 naming tool_choice", e.param, "tool_choice")
        with checks.of("bind_tools"):
            reply = chat().bind_tools([City]).invoke(QUESTION)
            checks.equal("bind_tools: the tools are ignored, the text comes", (reply.content, reply.tool_calls), (" Paris", []))
        with checks.of("completions"):
            legacy = OpenAI(model=server.id, base_url=server.url + "/v1", api_key="none", temperature=0, max_retries=0)
            answer = rouse_run(asked, QUESTION)["text"]
            checks.equal("OpenAI (completions): invoke", legacy.invoke(PROMPT), answer)
            checks.equal("OpenAI (completions): stream", "".join(legacy.stream(PROMPT)), answer)
    checks.finish()


if __name__ == "__main__":
    main()
