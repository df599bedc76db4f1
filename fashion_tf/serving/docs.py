"""The schema as a page that people read. FastAPI's own page loads its script from another server, and is blank where
there is no way to it."""

import functools
from pathlib import Path

TEMPLATE = Path(__file__).with_name("docs.html.j2")


def docs_page(schema):
    """An OpenAPI document, a dict, as HTML that needs nothing else: every address, what it takes and answers."""
    operations = [_operation(schema, method, path, operation) for path, methods in schema["paths"].items()
                  for method, operation in methods.items()]
    keys = schema.get("components", {}).get("securitySchemes", {}).values()
    return _template().render(info=schema["info"], operations=operations,
                              key=next((one["name"] for one in keys if one.get("in") == "header"), None))


@functools.cache
def _template():
    from jinja2 import Environment

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8"))


def _operation(schema, method, path, operation):
    takes = [(one["name"], one["in"], _told(one["schema"], one.get("description", ""), one.get("required")))
             for one in operation.get("parameters", ())]
    for kind, body in operation.get("requestBody", {}).get("content", {}).items():
        form = _resolved(schema, body["schema"])
        takes += [(name, kind, _told(one, one.get("description", ""), name in form.get("required", ())))
                  for name, one in form.get("properties", {}).items()]
    answers = [(status, one["description"], list(_fields(schema, _json(one))) if status.startswith("2") else ())
               for status, one in operation["responses"].items()]
    return {"method": method.upper(), "path": path, "summary": operation.get("summary", ""),
            "anchor": operation["operationId"], "description": _blocks(operation.get("description", "")),
            "takes": takes, "answers": answers}


def _resolved(schema, part):
    """A part of the document, or what it refers to."""
    while "$ref" in part:
        part = functools.reduce(dict.__getitem__, part["$ref"].removeprefix("#/").split("/"), schema)
    return part


def _json(answer):
    return answer.get("content", {}).get("application/json", {}).get("schema", {})


def _fields(schema, part, before=""):
    """(name, description) of an answer's fields, and of those inside them: ``matches[].label``."""
    for name, field in _resolved(schema, part).get("properties", {}).items():
        yield before + name, field.get("description", "")
        for one in (field, *field.get("anyOf", ())):
            if "$ref" in one:
                yield from _fields(schema, one, f"{before}{name}.")
            elif "items" in one:
                yield from _fields(schema, one["items"], f"{before}{name}[].")


def _told(kind, description, required):
    """A parameter in a sentence: its description, whether it must be there, its default."""
    words = [description]
    if required:
        words.append("Needed.")
    elif kind.get("default") is not None:
        words.append(f"Default: {kind['default']}.")
    for name, word in (("minimum", "at least"), ("maximum", "at most"), ("maxLength", "characters, at most")):
        if name in kind:
            words.append(f"{word[0].upper()}{word[1:]} {kind[name]}.")
    return " ".join(filter(None, words))


def _blocks(text):
    """A description's paragraphs and its code between fences: ("text" or "code", text) each."""
    for number, part in enumerate(text.split("```")):
        if number % 2:
            yield "code", part.partition("\n")[2].rstrip()
        else:
            yield from (("text", paragraph.strip()) for paragraph in part.split("\n\n") if paragraph.strip())
