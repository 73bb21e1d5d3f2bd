#!/usr/bin/env python3
"""Writes tests/golden/schemas.json: texts and whether they fit a JSON schema, by the validator of PyPI's jsonschema.

Every schema is given to `rouse run --batch`, which lets a tiny model with random weights write texts that follow it;
jsonschema (draft 2020-12) must find that each fits. Changed copies of them, and texts written by hand, are kept with
jsonschema's verdict. Usage: schemas.py path/to/rouse, after `pip install jsonschema==4.26.0`.
"""
import json
import pathlib
import random
import subprocess
import sys
import tempfile

from jsonschema import Draft202012Validator

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL = ROOT / "tests/golden/mixtral.gguf"
OUT = ROOT / "tests/golden/schemas.json"

LEAF = {"$defs": {"leaf": {"type": "object", "properties": {"v": {"type": "integer"}, "next": {"$ref": "#/$defs/leaf"}},
                           "required": ["v"], "additionalProperties": False}}}
# A schema and texts by hand: those that fit are spelled as rouse would.
CASES = [
    ({"type": "string"}, ['""', '"é"', '"\\ud83d\\ude00"', '"\\u0041"', '"a\\/b"', "'a'", '"a', '"\n"', "1"]),
    ({"type": "string", "minLength": 1, "maxLength": 1}, ['"\\ud83d\\ude00"', '"😀"', '"\\n"', '"ab"', '""', '"é"']),
    ({"type": "string", "minLength": 2}, ['"ab"', '"a"', '"\\ud83d\\ude00"', '"😀"', '"\\u00e9\\u00e9"']),
    ({"type": "string", "maxLength": 0}, ['""', '"a"']),
    ({"type": "string", "minLength": 3, "maxLength": 3}, ['"abc"', '"ab"', '"abcd"']),
    ({"type": "integer"}, ["0", "-0", "12", "-7", "01", "1.5", "+1", "1.", "true", '"1"', ""]),
    ({"type": "number"}, ["0", "-1.5", "1e5", "1E-05", "1.0", ".5", "1.e5", "NaN", "Infinity", "1e", "0x1", "null"]),
    ({"type": "boolean"}, ["true", "false", "True", "0", "null", '"true"']),
    ({"type": "null"}, ["null", "None", "0", "false", "[]"]),
    ({"type": "array"}, ["[]", "[1, [2]]", "[1,]", "[", "{}"]),
    ({"type": "object"}, ["{}", '{"a": 1}', '{"a": {"b": []}}', '{"a"}', '{a: 1}', '{"a": 1,}', "[]"]),
    ({}, ["1", "[]", "{}", '"x"', "null", "true", "x", ""]),
    (True, ["1", '{"a": null}', "tru"]),
    ({"title": "a thing", "description": "d", "default": 3, "type": "integer"}, ["3", '"a thing"']),
    ({"type": ["string", "null"]}, ['"a"', "null", "1", "[]"]),
    ({"type": ["array", "null"], "items": {"type": "integer"}}, ["null", "[1, 2]", "[]", '["a"]', "1", "[null]"]),
    ({"type": ["integer", "number"]}, ["1", "1.5", '"1"']),
    ({"type": ["object", "array", "string", "number", "boolean", "null"]}, ["{}", "1", "null", "x"]),
    ({"type": ["string", "array"], "minLength": 2, "minItems": 1, "items": {"type": "null"}},
     ['"ab"', "[null]", '"a"', "[]", "[1]"]),
    ({"type": "string", "minItems": 3, "required": ["a"]}, ['"ab"', '""', "[1, 2, 3]", '{"a": 1}']),
    ({"type": ["object", "null"], "properties": {"a": {"type": "null"}}, "required": ["a"]},
     ["null", '{"a": null}', "{}", '{"a": 1}']),
    ({"enum": ["a", 2, None, True, 1.5, [1, "x"], {"k": []}]},
     ['"a"', "2", "null", "true", "1.5", '[1,"x"]', '{"k":[]}', '"b"', "false", "[1]", "{}", "3"]),
    ({"enum": ["a", 1, 2.0, 2.5, True], "type": "integer"}, ["1", "2.0", '"a"', "2.5", "true"]),
    ({"enum": ["a", 1, None], "type": ["string", "null"]}, ['"a"', "null", "1"]),
    ({"const": "x\"y\\z\n\u0001é\u2028"}, [json.dumps("x\"y\\z\n\u0001é\u2028", ensure_ascii=False), '"x"', "x"]),
    ({"const": {"b": 1, "a": [None, {}]}}, ['{"b":1,"a":[null,{}]}', '{"b":1}', '{"b":1,"a":[]}']),
    ({"const": None}, ["null", "0"]),
    ({"const": -1.25e-7, "type": "number"}, ["-1.25e-07", "0"]),
    ({"type": "array", "items": {"type": "boolean"}}, ["[]", "[true, false]", "[1]", "[null]", "[true"]),
    ({"type": "array", "items": {"enum": [1, 2]}, "minItems": 2, "maxItems": 3},
     ["[1,2]", "[2,2,1]", "[1]", "[1,2,1,2]", "[]", "[1,3]"]),
    ({"type": "array", "minItems": 1}, ["[0]", "[]", '[[], {}]']),
    ({"type": "array", "maxItems": 0}, ["[]", "[ ]", "[0]"]),
    ({"type": "array", "maxItems": 1, "items": {"type": "array", "minItems": 1, "maxItems": 1}},
     ["[]", "[[0]]", "[[]]", "[[0], [0]]", "[[0,1]]"]),
    ({"items": {"type": "integer"}}, ["[1]", '["a"]', "[1, null]"]),
    ({"minLength": 2}, ['"ab"', '"a"']),
    ({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string"}}},
     ["{}", '{"a": 1}', '{"b": "x"}', '{"a": 1, "b": ""}', '{"a": "x"}', '{"b": 1}', '{"a": 1 "b": ""}', '{"a": 1,}']),
    ({"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "string"}, "c": {}}, "required": ["b"]},
     ['{"b": ""}', '{"a": 1, "b": "", "c": []}', '{"b": "", "c": 0}', "{}", '{"a": 1}', '{"a": 1, "c": 0}']),
    ({"type": "object", "properties": {"a": {"type": "null"}, "b": {"type": "null"}}, "required": ["a", "b"]},
     ['{"a": null, "b": null}', '{"a": null}', '{"b": null}', "{}"]),
    ({"type": "object", "properties": {"a": {"type": "null"}}, "additionalProperties": False},
     ["{}", '{"a": null}', '{"b": null}', '{"a": null, "b": null}']),
    ({"type": "object", "additionalProperties": False}, ["{}", '{"a": 1}', "[]"]),
    ({"type": "object", "required": ["a"]}, ['{"a": 1}', '{"a": {"b": null}}', "{}", '{"b": 1}']),
    ({"required": ["b", "a"]}, ['{"b": 1, "a": []}', '{"b": 1}', '{"a": 1}', "{}"]),
    ({"additionalProperties": False}, ["{}", '{"x": 1}']),
    ({"properties": {"a": {"type": "array", "items": {"type": "integer"}}}}, ["{}", '{"a": [1]}', '{"a": ["x"]}', '{"a": 1}']),
    ({"type": "object", "properties": {"quo\"te": {"type": "null"}, "back\\slash": {"type": "null"}, "new\nline": {"type": "null"},
                                       "\u0001\u007f": {"type": "null"}, "é😀": {"type": "null"}, "": {"type": "null"}},
      "required": ["quo\"te", "back\\slash", "new\nline", "\u0001\u007f", "é😀", ""], "additionalProperties": False},
     ['{"quo\\"te": null, "back\\\\slash": null, "new\\nline": null, "\\u0001\u007f": null, "é😀": null, "": null}', "{}",
      '{"quo": null}']),
    ({"type": "object", "properties": {"type": {"const": 1}, "$ref": {"const": 2}, "enum": {"const": 3}}, "required": ["$ref"]},
     ['{"type": 1, "$ref": 2, "enum": 3}', '{"$ref": 2}', '{"type": 1}', '{"$ref": 3}']),
    ({"type": "object", "properties": {"o": {"type": "object", "properties": {"p": {"type": "object", "properties": {
        "q": {"type": "boolean"}}, "required": ["q"]}}, "required": ["p"]}}, "required": ["o"]},
     ['{"o": {"p": {"q": true}}}', '{"o": {"p": {}}}', '{"o": {}}', "{}"]),
    ({"anyOf": [{"type": "integer"}, {"type": "string", "maxLength": 2}]}, ["1", '"ab"', '"abc"', "1.5", "null"]),
    ({"anyOf": [{"type": "number"}, {"type": "integer"}, True]}, ["1", "1.5", "null", "x"]),
    ({"anyOf": [{"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
                {"type": "object", "properties": {"b": {"type": "integer"}}, "required": ["b"]}]},
     ['{"a": 1}', '{"b": 1}', "{}", '{"a": "x"}', '{"b": null}']),
    ({"oneOf": [{"type": "string"}, {"type": "integer"}]}, ['"a"', "1", "1.5", "null"]),
    ({"oneOf": [{"const": "a"}, {"enum": ["b", 1]}, {"type": "null"}]}, ['"a"', '"b"', "1", "null", '"c"', "2"]),
    ({"oneOf": [{"type": "object", "properties": {"kind": {"const": "cat"}, "lives": {"type": "integer"}}, "required": ["kind"]},
                {"type": "object", "properties": {"kind": {"const": "dog"}, "name": {"type": "string"}}, "required": ["kind"]}]},
     ['{"kind": "cat", "lives": 9}', '{"kind": "dog", "name": "x"}', '{"kind": "cow"}', "{}", '{"kind": "dog", "name": 1}']),
    ({"oneOf": [{"type": "object", "properties": {"a": True}, "required": ["a"], "additionalProperties": False},
                {"type": "object", "properties": {"b": True}, "required": ["b"], "additionalProperties": False}]},
     ['{"a": 1}', '{"b": []}', "{}", '{"c": 1}']),
    ({"oneOf": [{"type": "string", "maxLength": 1}, {"type": "string", "minLength": 2}, {"type": "array", "maxItems": 0},
                {"type": "array", "minItems": 1, "items": {"type": "null"}}]}, ['""', '"ab"', "[]", "[null]", "[1]", "1"]),
    ({"$ref": "#/$defs/leaf", **LEAF}, ['{"v": 1}', '{"v": 1, "next": {"v": 2, "next": {"v": 3}}}', "{}", '{"v": 1, "next": {}}',
                                        '{"v": 1, "x": 2}']),
    ({"type": "array", "items": {"$ref": "#/$defs/leaf"}, "maxItems": 2, **LEAF},
     ["[]", '[{"v": 0}, {"v": 1, "next": {"v": 2}}]', "[1]", '[{"v": "x"}]']),
    ({"$ref": "#/definitions/a", "definitions": {"a": {"anyOf": [{"$ref": "#/definitions/b"}, {"type": "null"}]},
                                                 "b": {"type": "array", "items": {"$ref": "#/definitions/a"}}}},
     ["null", "[]", "[null, [null]]", "[1]", "1"]),
    ({"$ref": "#/$defs/a~1b~0c", "$defs": {"a/b~c": {"const": 5}}}, ["5", "6"]),
    ({"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": "https://example.org/s", "type": "array",
      "items": {"anyOf": [{"$ref": "#/$defs/t"}, {"type": "boolean"}]}, "$defs": {"t": {"enum": ["x", "y"]}}},
     ["[]", '["x", true]', '["z"]', "[1]"]),
]


def fits(validator, text):
    """A parser that keeps to the standard, then the validator."""
    def refuse(constant):
        raise ValueError(constant)
    try:
        value = json.loads(text, parse_constant=refuse)
    except ValueError:
        return False
    return validator.is_valid(value)


def written(rouse, schemas, seeds):
    """Texts of a random model that ended by themselves, by schema."""
    with tempfile.TemporaryDirectory() as folder:
        batch, answers = pathlib.Path(folder, "batch.jsonl"), pathlib.Path(folder, "answers.jsonl")
        records = [{"id": f"{i}/{seed}", "prompt": "JSON:", "raw": True, "json_schema": schema, "temp": 1.0, "seed": seed,
                    "n_predict": 150} for i, schema in enumerate(schemas) for seed in range(seeds)]
        batch.write_text("".join(json.dumps(r) + "\n" for r in records))
        subprocess.run([rouse, "run", "-m", MODEL, "--batch", batch, "-o", answers, "-t", "1"], check=True)
        texts = [[] for _ in schemas]
        for line in answers.read_text().rstrip("\n").split("\n"):  # not splitlines: U+2028 may stand in a text
            answer = json.loads(line)
            if answer["stop"] == "eos":
                texts[int(answer["id"].split("/")[0])].append(answer["text"])
        return texts


def changed(text, rng):
    """One character left out, doubled, or replaced."""
    at = rng.randrange(len(text))
    return text[:at] + rng.choice(["", text[at] * 2, rng.choice('0a"[]{},:-.\\ ')]) + text[at + 1:]


def main():
    rng = random.Random(5)
    schemas = [schema for schema, _ in CASES]
    out, n_written = [], 0
    for (schema, by_hand), texts in zip(CASES, written(sys.argv[1], schemas, 16)):
        Draft202012Validator.check_schema(schema)
        validator = Draft202012Validator(schema)
        for text in texts:
            assert fits(validator, text), f"{json.dumps(schema)}\nwrote {text}"
        n_written += len(texts)
        short = sorted({t for t in texts if len(t) < 100}, key=lambda t: (len(t), t))
        kept = rng.sample(short, min(4, len(short)))
        broken = {changed(t, rng) for t in kept + by_hand if t for _ in range(3)}
        broken = sorted(t for t in broken if not fits(validator, t))
        yes = [t for t in by_hand if fits(validator, t)]
        no = [t for t in by_hand if not fits(validator, t)]
        out.append({"schema": schema, "fits": yes + kept, "not": no + rng.sample(broken, min(6, len(broken)))})
    OUT.write_text("[\n" + ",\n".join(json.dumps(c, ensure_ascii=False) for c in out) + "\n]\n")
    print(f"{len(out)} schemas; {n_written} texts were written, all of which fit; {sum(len(c['fits']) for c in out)} texts kept that "
          f"fit, {sum(len(c['not']) for c in out)} that do not")


if __name__ == "__main__":
    main()
