"""YAML and JSON documents: one room that reads as Juju reads, and writes so that all read the same.

Everything that reads YAML goes through here. `resolving` says which type a scalar has to Juju's
yaml.v2, `composing` keeps the limits (size, depth, aliases: a YAML bomb is refused before it is
built), `reading` makes values without declared types, `shapes` those of fields with types, in which
a text field takes the characters that were written, `charmside` reads an option as its charm does,
and `writing` quotes whatever yaml.v2 or PyYAML would take for something else. Duplicate keys are an
error that names the line, and keys are text.
"""

from ckf_airgap.documents.charmside import load_as_charm
from ckf_airgap.documents.composing import MAX_BYTES, MAX_DEPTH, MAX_EXPANDED, MAX_NODES
from ckf_airgap.documents.findings import UnknownKey
from ckf_airgap.documents.reading import (
    TypedKey,
    load_all_yaml,
    load_mapping,
    load_yaml,
    yaml_events,
)
from ckf_airgap.documents.shapes import (
    ANY,
    BOOLEAN,
    INTEGER,
    NUMBER,
    TEXT,
    TEXT_OR_NULL,
    ListOf,
    MappingOf,
    Record,
    Remark,
    Shape,
    Shaped,
    load_shaped,
    shaped,
)
from ckf_airgap.documents.values import (
    Document,
    JSONValue,
    as_mapping,
    decimal,
    mappings,
    natural,
    parse_json,
    type_name,
)
from ckf_airgap.documents.writing import dump_yaml, is_text

__all__ = [
    "ANY",
    "BOOLEAN",
    "INTEGER",
    "MAX_BYTES",
    "MAX_DEPTH",
    "MAX_EXPANDED",
    "MAX_NODES",
    "NUMBER",
    "TEXT",
    "TEXT_OR_NULL",
    "Document",
    "JSONValue",
    "ListOf",
    "MappingOf",
    "Record",
    "Remark",
    "Shape",
    "Shaped",
    "TypedKey",
    "UnknownKey",
    "as_mapping",
    "decimal",
    "dump_yaml",
    "is_text",
    "load_all_yaml",
    "load_as_charm",
    "load_mapping",
    "load_shaped",
    "load_yaml",
    "mappings",
    "natural",
    "parse_json",
    "shaped",
    "type_name",
    "yaml_events",
]
