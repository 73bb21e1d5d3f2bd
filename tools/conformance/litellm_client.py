#!/usr/bin/env python3
"""litellm against `rouse serve`: litellm_client.py --rouse BINARY --model GGUF."""
from common import PROBLEM, PROMPT, QUESTION, Checks, Server, arguments, quiet, rouse_run

quiet()
import litellm  # noqa: E402


def main():
    asked, checks = arguments(__doc__), Checks("litellm")
    litellm.suppress_debug_info = True
    with Server(asked, checks) as server:
        at = {"api_base": server.url + "/v1", "api_key": "none", "timeout": 120, "max_retries": 0}

        def chat(model=server.id, text=PROBLEM, **more):
            return litellm.completion(model="openai/" + model, messages=[{"role": "user", "content": text}], **at, **more)

        expected = rouse_run(asked, PROBLEM)
        with checks.of("completion"):
            reply = chat(temperature=0)
            checks.equal("completion: the text of rouse run", reply.choices[0].message.content, expected["text"])
            checks.equal("completion: usage", reply.usage.completion_tokens, len(expected["tokens"]))
        with checks.of("stream"):
            chunks = list(chat(temperature=0, stream=True))
            checks.equal("stream: the text", "".join(c.choices[0].delta.content or "" for c in chunks), expected["text"])
            chunks = list(chat(stream=True, stream_options={"include_usage": True}))
            checks.equal("stream: usage", [c.usage.completion_tokens for c in chunks if getattr(c, "usage", None)][-1:],
                         [len(expected["tokens"])])
        for more, flags in (({"routing": "rank:2"}, ["--routing", "rank:2"]),
                            ({"method": "scmoe", "beta": 0.3}, ["--method", "scmoe", "--beta", "0.3"])):
            with checks.of(f"{more}"):
                run = rouse_run(asked, PROBLEM, *flags)
                reply = chat(**more)
                checks.equal(f"{more} passes through: the text of rouse run", reply.choices[0].message.content, run["text"])
        with checks.of("a preset"):
            checks.equal("openai/model@rank2: the text of rouse run", chat(server.id + "@rank2").choices[0].message.content,
                         rouse_run(asked, PROBLEM, "--routing", "rank:2")["text"])
        with checks.of("errors"):
            try:
                chat(routing="rank:99")
                checks.check("routing rank:99 is refused", False, "an answer")
            except litellm.BadRequestError as e:
                checks.check("routing rank:99 is BadRequestError with our message", "rank is 99" in str(e), e)
            try:
                chat("gpt-4o")
                checks.check("an unknown model is refused", False, "an answer")
            except litellm.NotFoundError:
                checks.check("an unknown model is NotFoundError", True)
        with checks.of("text_completion"):
            reply = litellm.text_completion(model="text-completion-openai/" + server.id, prompt=PROMPT, max_tokens=20, **at)
            checks.equal("text_completion: the text of rouse run", reply.choices[0].text, rouse_run(asked, QUESTION)["text"])
    checks.finish()


if __name__ == "__main__":
    main()
