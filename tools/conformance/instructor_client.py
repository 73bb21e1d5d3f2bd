#!/usr/bin/env python3
"""instructor against `rouse serve`: instructor_client.py --rouse BINARY --model GGUF."""
from typing import Literal

from common import QUESTION, Checks, Server, arguments, quiet

quiet()
import instructor  # noqa: E402
import openai  # noqa: E402
import pydantic  # noqa: E402


class City(pydantic.BaseModel):
    name: Literal["Paris", "Rome", "Berlin"]
    capital: bool


class Anything(pydantic.BaseModel):
    """What json_object promises: an object, whatever is in it."""

    model_config = pydantic.ConfigDict(extra="allow")


def main():
    asked, checks = arguments(__doc__), Checks("instructor")
    with Server(asked, checks) as server:
        def create(mode, model, **more):
            client = instructor.from_openai(openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0), mode=mode)
            return client.chat.completions.create(model=server.id, messages=[{"role": "user", "content": QUESTION}],
                                                  response_model=model, max_retries=0, **more)

        for routing in (None, "rank:2"):
            with checks.of("JSON_SCHEMA"):
                reply = create(instructor.Mode.JSON_SCHEMA, City, max_tokens=300,
                               **({"extra_body": {"routing": routing}} if routing else {}))
                checks.check(f"JSON_SCHEMA, routing {routing or 'the model’s'}: parses", isinstance(reply, City), reply)
        with checks.of("JSON"):
            # Of the temperature, for what these models like best never ends.
            reply = create(instructor.Mode.JSON, Anything, max_tokens=300, temperature=1.5, seed=1)
            checks.check("JSON: parses", isinstance(reply, Anything), reply)
        with checks.of("TOOLS"):
            try:
                checks.check("TOOLS is refused", False, create(instructor.Mode.TOOLS, City))
            except Exception as e:
                checks.check("TOOLS: the error names tool_choice", "tool_choice" in str(e), e)
    checks.finish()


if __name__ == "__main__":
    main()
