#!/usr/bin/env python3
"""The openai package against `rouse serve`: openai_client.py --rouse BINARY --model GGUF.

Replies pass its strict validation; streams, errors, tools, samples and biases are as OpenAI's; routing and method in extra_body
give the text of `rouse run`.
"""
import json
from typing import Literal

import openai
import pydantic

from common import PROBLEM, PROMPT, QUESTION, Checks, Server, arguments, quiet, rouse_run

TOOLS = [{"type": "function", "function": {"name": f"tool_{i}", "description": "Does something. " * 20,
                                           "parameters": {"type": "object", "properties": {"q": {"type": "string"}}}}}
         for i in range(34)]  # as many as Open WebUI sends with every "hello"


def messages(text):
    return [{"role": "user", "content": text}]


def shapes(checks, client, server, asked):
    """Under strict validation, which takes no reply that departs from the published schema."""
    with checks.of("models"):
        ids = [m.id for m in client.models.list()]
        checks.equal("models: the model and one id a preset", ids, [server.id, server.id + "@contrast", server.id + "@rank2"])
        checks.equal("models.retrieve", client.models.retrieve(server.id + "@rank2").id, server.id + "@rank2")
    for what, text in (("a fact", QUESTION), ("a word problem", PROBLEM)):
        with checks.of(f"chat, {what}"):
            expected = rouse_run(asked, text, "-n", "100")
            reply = client.chat.completions.create(model=server.id, messages=messages(text), max_completion_tokens=100,
                                                   temperature=0, logprobs=True, top_logprobs=3)
            choice = reply.choices[0]
            checks.equal(f"chat, {what}: the text of rouse run", choice.message.content, expected["text"])
            checks.equal(f"chat, {what}: finish_reason", choice.finish_reason, "stop")
            checks.equal(f"chat, {what}: usage", (reply.usage.prompt_tokens, reply.usage.completion_tokens),
                         (len(expected["prompt_tokens"]), len(expected["tokens"])))
            entries = choice.logprobs.content
            checks.equal(f"chat, {what}: an entry of logprobs a token", len(entries), len(expected["tokens"]))
            checks.check(f"chat, {what}: the greedy token is the first of 3 top_logprobs",
                         all(len(e.top_logprobs) == 3 and e.top_logprobs[0].logprob == e.logprob for e in entries))
            checks.equal(f"chat, {what}: the entries' bytes are the text",
                         bytes(b for e in entries for b in e.bytes).decode(), expected["text"])
    with checks.of("completions"):
        reply = client.completions.create(model=server.id, prompt=PROMPT, max_tokens=100, temperature=0)
        checks.equal("completions: the text of rouse run", reply.choices[0].text, rouse_run(asked, QUESTION)["text"])
        checks.equal("completions: finish_reason", reply.choices[0].finish_reason, "stop")
        reply = client.completions.create(model=server.id, prompt=[PROMPT, "Question: "], max_tokens=1, temperature=0)
        checks.equal("completions: two prompts, cut after a token", [c.finish_reason for c in reply.choices], ["length"] * 2)


def streams(checks, client, server):
    whole = client.chat.completions.create(model=server.id, messages=messages(PROBLEM), max_tokens=100, temperature=0)
    for usage in (None, {"include_usage": True}):
        what = "chat stream with usage" if usage else "chat stream"
        with checks.of(what):
            more = {"stream_options": usage} if usage else {}
            chunks = list(client.chat.completions.create(model=server.id, messages=messages(PROBLEM), max_tokens=100,
                                                         temperature=0, stream=True, **more))
            own = [c for c in chunks if c.choices]
            deltas = [c.choices[0].delta for c in own]
            checks.equal(f"{what}: the text of the reply that is none", "".join(d.content or "" for d in deltas),
                         whole.choices[0].message.content)
            checks.equal(f"{what}: the role in the first delta alone", [d.role for d in deltas],
                         ["assistant"] + [None] * (len(deltas) - 1))
            checks.equal(f"{what}: finish_reason null until the end", [c.choices[0].finish_reason for c in own],
                         [None] * (len(own) - 1) + ["stop"])
            checks.equal(f"{what}: one id", len({c.id for c in chunks}), 1)
            if usage:
                checks.check(f"{what}: the last chunk has no choices", chunks[-1].choices == [] and len(own) == len(chunks) - 1)
                checks.equal(f"{what}: usage", chunks[-1].usage.total_tokens, whole.usage.total_tokens)
            else:
                checks.check(f"{what}: no usage unless asked", all(c.choices and c.usage is None for c in chunks))
    with checks.of("chat stream, length"):
        chunks = list(client.chat.completions.create(model=server.id, messages=messages(PROBLEM), max_tokens=3, stream=True))
        checks.equal("chat stream: finish_reason length", chunks[-1].choices[0].finish_reason, "length")
    with checks.of("chat stream, logprobs"):
        chunks = list(client.chat.completions.create(model=server.id, messages=messages(PROBLEM), max_tokens=100, stream=True,
                                                     temperature=0, logprobs=True, top_logprobs=1))
        entries = [e for c in chunks if c.choices[0].logprobs for e in c.choices[0].logprobs.content]
        checks.equal("chat stream: logprobs of every token", "".join(e.token for e in entries), whole.choices[0].message.content)
    with checks.of("completion stream"):
        # Not strict: its schema knows no null for finish_reason, though OpenAI itself sends it.
        loose = client.with_options()
        loose._strict_response_validation = False
        whole = client.completions.create(model=server.id, prompt=PROMPT, max_tokens=20)
        chunks = list(loose.completions.create(model=server.id, prompt=PROMPT, max_tokens=20, stream=True))
        checks.equal("completion stream: the text", "".join(c.choices[0].text for c in chunks), whole.choices[0].text)
        checks.equal("completion stream: finish_reason", [c.choices[0].finish_reason for c in chunks],
                     [None] * (len(chunks) - 1) + ["stop"])


def routings(checks, client, server, asked):
    cases = [("routing rank:2", {"routing": "rank:2"}, ["--routing", "rank:2"]),
             ("routing topk:4", {"routing": "topk:4"}, ["--routing", "topk:4"]),
             ("method scmoe", {"method": "scmoe"}, ["--method", "scmoe"]),
             ("method scmoe with options", {"method": {"name": "scmoe", "beta": 0.3, "weak": "rank:3"}},
              ["--method", "scmoe", "--beta", "0.3", "--weak", "rank:3"]),
             ("method dola", {"method": "dola"}, ["--method", "dola"])]
    for text in (QUESTION, PROBLEM):
        for what, body, flags in cases:
            with checks.of(what):
                expected = rouse_run(asked, text, "-n", "100", *flags)
                reply = client.chat.completions.create(model=server.id, messages=messages(text), max_tokens=100, temperature=0,
                                                       extra_body=body)
                checks.equal(f"{what}: text and hash of rouse run",
                             (reply.choices[0].message.content, reply.rouse["policy_hash"], reply.rouse["method"]),
                             (expected["text"], expected["policy_hash"], expected["method"]))
    with checks.of("model@preset"):
        expected = rouse_run(asked, PROBLEM, "-n", "100", "--routing", "rank:2")
        reply = client.chat.completions.create(model=server.id + "@rank2", messages=messages(PROBLEM), max_tokens=100)
        checks.equal("model@rank2: text and hash of rouse run", (reply.choices[0].message.content, reply.rouse["policy_hash"]),
                     (expected["text"], expected["policy_hash"]))
        checks.equal("model@rank2: the reply names it", reply.model, server.id + "@rank2")


def refusals(checks, client, server):
    def refused(what, kind, param, create=client.chat.completions.create, **more):
        call = {"model": server.id, "max_tokens": 2} | more
        if create == client.chat.completions.create:
            call.setdefault("messages", messages("hi"))
        try:
            create(**call)
            checks.check(f"{what} is refused", False, "an answer")
        except kind as e:
            checks.equal(f"{what} is {kind.__name__} with its param", e.param, param)
            checks.check(f"{what}: a message and a type", bool(e.body.get("message")) and bool(e.body.get("type")), e.body)
        except openai.OpenAIError as e:
            checks.check(f"{what} is {kind.__name__}", False, e)

    bad, complete = openai.BadRequestError, client.completions.create
    refused("routing rank:99", bad, "routing", extra_body={"routing": "rank:99"})
    refused("a plan by its path", bad, "routing", extra_body={"routing": "plan:/etc/passwd"})
    with checks.of("paths"):
        said = []
        for path in ("/etc/passwd", "/no/such"):
            try:
                client.chat.completions.create(model=server.id, messages=messages("hi"), extra_body={"routing": "plan:" + path})
            except openai.BadRequestError as e:
                said.append(e.body["message"].replace(path, "PATH"))
        checks.check("the same is said of a path that is there and of one that is not", len(said) == 2 and said[0] == said[1], said)
    refused("tool_choice required", bad, "tool_choice", tools=TOOLS[:1], tool_choice="required")
    refused("a named tool_choice", bad, "tool_choice", tools=TOOLS[:1],
            tool_choice={"type": "function", "function": {"name": "tool_0"}})
    refused("best_of 3", bad, "best_of", complete, prompt="hi", best_of=3)
    refused("a suffix", bad, "suffix", complete, prompt="hi", suffix="end")
    refused("echo with stream", bad, "echo", complete, prompt="hi", echo=True, stream=True)
    refused("an unknown model", openai.NotFoundError, "model", model="gpt-4o")
    refused("a negative temperature", bad, "temperature", temperature=-1)
    refused("n 1000", bad, "n", n=1000)
    refused("functions", bad, "functions", functions=[{"name": "f", "parameters": {}}])
    refused("a misspelt routing", bad, "routng", extra_body={"routng": "rank:2"})
    refused("an image", bad, "messages", messages=[{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]}])
    refused("no messages", bad, "messages", messages=[])
    refused("a prompt longer than the context", bad, "messages", messages=messages("word " * 5000))
    refused("an unknown field under X-Rouse-Strict", bad, "frobnicate", extra_body={"frobnicate": 1},
            extra_headers={"X-Rouse-Strict": "1"})


def fields(checks, client, server):
    def chat(**more):
        return client.chat.completions.create(**({"model": server.id, "messages": messages(QUESTION), "max_tokens": 20} | more))

    with checks.of("tools"):
        checks.equal("tools: [] is accepted", chat(tools=[]).rouse["ignored"], [])
        checks.equal("34 tools are ignored by name", chat(tools=TOOLS, tool_choice="auto").rouse["ignored"], ["tools"])
    with checks.of("harmless fields"):
        reply = chat(user="me", metadata={"a": "b"}, store=False, service_tier="auto", parallel_tool_calls=False,
                     prompt_cache_key="k", safety_identifier="s", logprobs=None, seed=None, stop=None, frequency_penalty=0,
                     presence_penalty=0, top_p=1, n=1, logit_bias={}, response_format={"type": "text"})
        checks.equal("harmless fields and nulls change nothing", (reply.choices[0].message.content, reply.rouse["ignored"]),
                     (chat().choices[0].message.content, []))
        checks.equal("unknown fields are listed", chat(extra_body={"frobnicate": 1}).rouse["ignored"], ["frobnicate"])
    with checks.of("n"):
        def texts(seed):
            choices = chat(messages=messages(PROBLEM), n=3, seed=seed, temperature=2, max_tokens=100).choices
            return [c.index for c in choices], [c.message.content for c in choices]
        first = texts(7)
        checks.equal("n=3: three indices", first[0], [0, 1, 2])
        checks.equal("n=3: the same again with the seed", texts(7), first)
        checks.check("n=3: samples differ, and with the seed", len({*first[1]}) > 1 and texts(8) != first, first)
    with checks.of("logit_bias"):
        token = server.post("/tokenize", {"prompt": " Paris", "add_special_tokens": False})["tokens"]
        checks.check("logit_bias: the token is one", len(token) == 1, token)
        with_bias = chat(logit_bias={str(token[0]): -100}, extra_body={"return_token_ids": True})
        checks.check("logit_bias -100: the token is absent", token[0] not in with_bias.choices[0].token_ids and
                     "Paris" not in with_bias.choices[0].message.content, with_bias.choices[0])
        checks.equal("without it the answer is that token", chat().choices[0].message.content, " Paris")
    with checks.of("stop"):
        text = chat(messages=messages(PROBLEM), max_tokens=100).choices[0].message.content
        cut = chat(messages=messages(PROBLEM), max_tokens=100, stop=[". "]).choices[0]
        checks.equal("stop: the text before it", (cut.message.content, cut.finish_reason), (text.split(". ")[0], "stop"))
    with checks.of("JSON"):
        city = pydantic.create_model("City", name=Literal["Paris", "Rome"], capital=(bool, ...))
        reply = client.chat.completions.parse(model=server.id, messages=messages(QUESTION), max_tokens=100, response_format=city)
        checks.check("json_schema: parse gives an object of the class", isinstance(reply.choices[0].message.parsed, city),
                     reply.choices[0].message)
        # Of the temperature, for what these models like best never ends.
        choice = chat(max_tokens=300, temperature=1.5, seed=1, response_format={"type": "json_object"}).choices[0]
        checks.check("json_object: the answer is one", choice.finish_reason == "length" or
                     isinstance(json.loads(choice.message.content), dict), choice)


def main():
    quiet()
    asked, checks = arguments(__doc__), Checks("openai")
    with Server(asked, checks) as server:
        client = openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0, timeout=120,
                               _strict_response_validation=True)
        shapes(checks, client, server, asked)
        with checks.of("streams"):
            streams(checks, client, server)
        routings(checks, client, server, asked)
        refusals(checks, client, server)
        fields(checks, client, server)
    checks.finish()


if __name__ == "__main__":
    main()
