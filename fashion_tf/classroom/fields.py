"""Named fields out of a YAML file, each checked: what course.yml and a rubric are read with."""

import math
import reprlib

import yaml

from fashion_tf.errors import CourseError


class PlainLoader(yaml.SafeLoader):
    """YAML's plain part: no aliases, which a few lines can multiply without end; dates stay text; what
    cannot be made into a value names its line."""

    yaml_implicit_resolvers = {first: [(tag, pattern) for tag, pattern in resolvers
                                       if tag != "tag:yaml.org,2002:timestamp"]
                               for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()}

    def compose_node(self, parent, index):
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(None, None, "aliases (*name) are not read; write the value out",
                                              self.peek_event().start_mark)
        return super().compose_node(parent, index)

    def construct_object(self, node, deep=False):
        try:
            return super().construct_object(node, deep)
        except (ValueError, OverflowError) as error:  # a number of thousands of digits, a date by !!timestamp
            raise yaml.constructor.ConstructorError(None, None, str(error), node.start_mark) from None


class Fields:
    """Takes fields out of a mapping, each checked; what is left at the end is an unknown field."""

    def __init__(self, mapping, where):
        if not isinstance(mapping, dict):
            raise CourseError(f"{where}: expected named fields, found {type(mapping).__name__}.")
        check_names(mapping, where)
        self.left, self.where = dict(mapping), where

    def take(self, field, kind, default=...):
        if field not in self.left:
            if default is ...:
                raise CourseError(f"{self.where}: the field {field!r} is missing.")
            return default
        value = self.left.pop(field)
        kinds = kind if isinstance(kind, tuple) else (kind,)
        if not isinstance(value, kind) or isinstance(value, bool) or float in kinds and not is_number(value):
            wanted = "a number" if float in kinds else kind.__name__
            raise CourseError(f"{self.where}: the field {field!r} is {reprlib.repr(value)}; expected {wanted}.")
        if kind is dict:
            check_names(value, f"{self.where}: the field {field!r}")
        return value

    def done(self):
        if self.left:
            raise CourseError(f"{self.where}: unknown field(s) {', '.join(self.left)}.")


def check_names(mapping, where):
    for name in mapping:
        if not isinstance(name, str):
            raise CourseError(f"{where}: the name {reprlib.repr(name)} is no text; put it in quotes.")


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
