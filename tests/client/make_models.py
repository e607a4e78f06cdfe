"""Writes src/facepay/client/models.py from the OpenAPI: `python -m tests.client.make_models`.

Closed sets are plain strings there: a client goes on when the server learns a new word (docs/sdk.md).
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from docs.openapi import served

MODELS = Path(__file__).parents[2] / "src/facepay/client/models.py"
ROOTS = (
    "TokenAnswer",
    "PairingOffered",
    "PairedDevice",
    "StoreAnswer",
    "DeviceWithToken",
    "ProductAnswer",
    "StockAnswer",
    "GateAnswer",
    "CheckoutAnswer",
    "facepay__terminals__schemas__QuoteAnswer",
    "ProductsOnSale",
    "PassageAnswer",
    "ChallengeAnswer",
    "HeartbeatAnswer",
    "CommandsAnswer",
    "AcknowledgementAnswer",
    "EventsAnswer",
    "CommandAnswer",
    "KeysAnswer",
    "facepay__offline__schemas__PolicyAnswer",
    "BatchAnswer",
    "MemberAnswer",
    "ConsentAnswer",
    "EnrolledFace",
    "ReceiptAnswer",
    "PassAnswer",
    "OfflinePassAnswer",
    "WalletAnswer",
    "TopUpAnswer",
    "StatementAnswer",
    "OrderAnswer",
    "RefundAnswer",
    "EndpointAnswer",
    "EndpointWithSecret",
    "EventTypesAnswer",
    "EventAnswer",
)
SCALARS = {"integer": "int", "number": "float", "boolean": "bool", "string": "str", "null": "None"}
FORMATS = {"uuid": "UUID", "date-time": "datetime", "date": "date", "time": "time"}
HEAD = '''"""What the API answers, made from its OpenAPI by tests/client/make_models.py: don't edit.

Unknown fields are passed over, and closed sets are strings, so that a client goes on when the server learns more.
"""

from __future__ import annotations

{imports}

from pydantic import BaseModel, ConfigDict, Field


class Answer(BaseModel):
    model_config = ConfigDict(frozen=True)
'''


def short(name: str) -> str:
    return name.rsplit("__", 1)[-1].removesuffix("-Output")


class Maker:
    def __init__(self, schemas: Mapping[str, Any]) -> None:
        self.schemas, self.made = schemas, dict[str, str]()

    def make(self, name: str) -> str:
        """The type that stands for this schema; its class is written before whoever needs it."""
        schema, written = self.schemas[name], short(name)
        if "properties" not in schema:
            return self.type_of(schema)
        if written not in self.made:
            required = schema.get("required", ())
            fields = "\n".join(self._fields(schema["properties"], required))
            self.made[written] = f"class {written}(Answer):\n{fields}\n"
        return written

    def _fields(self, properties: Mapping[str, Any], required: Any) -> Iterator[str]:
        for name, schema in properties.items():
            kind = self.type_of(schema)
            if name in {"pass", "from"}:
                yield f'    {name}_: {kind} = Field(alias="{name}")'
            elif name in required:
                yield f"    {name}: {kind}"
            else:
                yield f"    {name}: {kind} = {_default(schema, kind)}"

    def type_of(self, schema: Mapping[str, Any]) -> str:
        if "$ref" in schema:
            return self.make(schema["$ref"].rsplit("/", 1)[-1])
        if "anyOf" in schema:
            return " | ".join(dict.fromkeys(self.type_of(each) for each in schema["anyOf"]))
        if schema.get("type") == "array":
            if "prefixItems" in schema:
                return f"tuple[{', '.join(self.type_of(each) for each in schema['prefixItems'])}]"
            return f"tuple[{self.type_of(schema['items'])}, ...]"
        if isinstance(of := schema.get("additionalProperties"), dict):
            return f"dict[str, {self.type_of(of)}]"
        if schema.get("type") == "string":
            return FORMATS.get(schema.get("format", ""), "str")
        return SCALARS.get(schema.get("type", ""), "dict[str, Any]")


def _default(schema: Mapping[str, Any], kind: str) -> str:
    if "default" in schema and not isinstance(schema["default"], list | dict):
        value = schema["default"]
        return json.dumps(value) if isinstance(value, str) else repr(value)
    if kind.startswith("tuple"):
        return "()"
    return "Field(default_factory=dict)" if kind.startswith("dict") else "None"


def made(openapi: Mapping[str, Any]) -> str:
    """The module's text, formatted."""
    maker = Maker(openapi["components"]["schemas"])
    for root in ROOTS:
        maker.make(root)
    body = "\n\n".join(maker.made.values())
    imports = "from datetime import date, datetime, time\nfrom typing import Any\nfrom uuid import UUID"
    text = HEAD.format(imports=imports) + "\n\n" + body
    for arguments in (["check", "--fix", "-q", "--ignore", "S105"], ["format", "-q"]):
        ruff = [sys.executable, "-m", "ruff", *arguments, "--stdin-filename", str(MODELS), "-"]
        text = subprocess.run(ruff, input=text, capture_output=True, text=True, check=True).stdout
    return text


if __name__ == "__main__":
    MODELS.write_text(made(served()))
