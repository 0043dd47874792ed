"""CloudWatch's Embedded Metric Format, as a JSON Schema.

It follows the specification in the Amazon CloudWatch User Guide, "Specification: Embedded metric format": the members,
their types, and the limits of names, dimensions and metrics. `check` has what a schema cannot express.
"""

import jsonschema

RATES = ("Bytes", "Kilobytes", "Megabytes", "Gigabytes", "Terabytes")
RATES += ("Bits", "Kilobits", "Megabits", "Gigabits", "Terabits", "Count")
UNITS = ["Seconds", "Microseconds", "Milliseconds", "Percent", "None", *RATES, *(f"{unit}/Second" for unit in RATES)]


def _object(required: dict, optional: dict | None = None) -> dict:
    properties = required | (optional or {})
    return {"type": "object", "required": list(required), "properties": properties, "additionalProperties": False}


def _list(items: dict, minimum: int, maximum: int) -> dict:
    return {"type": "array", "items": items, "minItems": minimum, "maxItems": maximum}


def _text(maximum: int) -> dict:
    return {"type": "string", "minLength": 1, "maxLength": maximum}


METRIC = _object({"Name": _text(1024)}, {"Unit": {"enum": UNITS}, "StorageResolution": {"enum": [1, 60]}})
DIRECTIVE = _object(
    {
        "Namespace": _text(1024),
        "Dimensions": _list(_list(_text(250), 0, 30), 1, 100),
        "Metrics": _list(METRIC, 1, 100),
    }
)
METADATA = _object(
    {"Timestamp": {"type": "integer", "minimum": 0}, "CloudWatchMetrics": {"type": "array", "items": DIRECTIVE}}
)
SCHEMA = {"type": "object", "required": ["_aws"], "properties": {"_aws": METADATA}}


def check(line: dict) -> None:
    """Asserts that a line has the right format, and that everything it refers to exists."""
    jsonschema.Draft202012Validator(SCHEMA).validate(line)
    for directive in line["_aws"]["CloudWatchMetrics"]:
        for metric in directive["Metrics"]:
            value = line[metric["Name"]]
            for number in value if isinstance(value, list) else [value]:
                assert isinstance(number, (int, float)) and not isinstance(number, bool), metric
        for dimension in sum(directive["Dimensions"], []):
            value = line[dimension]
            # CloudWatch accepts 1 to 1024 ASCII characters, not only blanks.
            assert isinstance(value, str) and value.strip() and value.isascii() and len(value) <= 1024, dimension
