"""Electronic Product Codes: what an RFID tag says of the piece it sticks to, a product and a serial number.

GS1 EPC Tag Data Standard (TDS) 2.3, scheme SGTIN-96: 96 bits, in hex as readers report them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from facepay.kernel.errors import Problem

HEX_DIGITS = 24
SERIAL_BITS = 38
SERIAL_MAX = 2**SERIAL_BITS - 1
FILTER_MAX = 7
POINT_OF_SALE = 1  # the filter value of a trade item as it is sold (TDS 10.2)

# The headers that a tag in a shop may bear instead (TDS 14.2, table 14-1).
HEADERS = {
    0x00: "unprogrammed",
    0x2C: "GDTI-96",
    0x2D: "GSRN-96",
    0x2E: "GSRNP-96",
    0x2F: "USDoD-96",
    0x30: "SGTIN-96",
    0x31: "SSCC-96",
    0x32: "SGLN-96",
    0x33: "GRAI-96",
    0x34: "GIAI-96",
    0x35: "GID-96",
    0x36: "SGTIN-198",
    0x37: "GRAI-170",
    0x38: "GIAI-202",
    0x39: "SGLN-195",
    0x3B: "ADI-var",
    0x3C: "CPI-96",
    0x3D: "CPI-var",
    0x3E: "GDTI-174",
    0x3F: "SGCN-96",
    0x40: "ITIP-110",
    0x41: "ITIP-212",
    0xE2: "TID",
    0xF7: "SGTIN+",
    0xF9: "SSCC+",
    0xFB: "DSGTIN+",
    0xFC: "DSGTIN++",
    0xFD: "SGTIN++",
}
SGTIN_96 = 0x30
# How many of the 44 bits of company prefix and item reference are the prefix's, by partition value. The prefix has
# 12 digits at partition 0 and one less at each next; the item reference, its indicator digit first, fills up to 13
# (TDS 14.6.1, SGTIN partition table).
COMPANY_PREFIX_BITS = (40, 37, 34, 30, 27, 24, 20)
KEY_BITS, KEY_DIGITS = 44, 13
COMPANY_PREFIX_DIGITS_MAX = 12


class EpcUnreadable(Problem):
    """The hex is no SGTIN-96.

    `reason` is one of not_hex, other_scheme, wrong_length, partition, company_prefix, item_reference.
    """

    status = 422
    code = "epc_unreadable"
    title = "Unreadable EPC"

    def __init__(self, detail: str, *, reason: str, **measured: Any) -> None:
        super().__init__(detail, reason=reason, **measured)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Sgtin:
    """One piece of a product. Raises ValueError where a number is out of bounds or the check digit is wrong.

    `gtin` has 14 digits. Nothing in a GTIN says how long its `company_prefix_length` is (6 to 12 digits): the tag
    does, and GS1 told the company.
    """

    gtin: str
    serial: int
    filter: int
    company_prefix_length: int

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[0-9]{14}", self.gtin) or _check_digit(self.gtin[:-1]) != int(self.gtin[-1]):
            raise ValueError(f"{self.gtin!r} is no GTIN-14")
        if not 0 <= self.serial <= SERIAL_MAX:
            raise ValueError(f"the serial {self.serial} is not within {SERIAL_BITS} bits")
        if not 0 <= self.filter <= FILTER_MAX:
            raise ValueError(f"the filter {self.filter} is not within 0 to {FILTER_MAX}")
        if not 0 <= COMPANY_PREFIX_DIGITS_MAX - self.company_prefix_length < len(COMPANY_PREFIX_BITS):
            raise ValueError(f"a company prefix has 6 to 12 digits, not {self.company_prefix_length}")

    @property
    def company_prefix(self) -> str:
        return self.gtin[1 : 1 + self.company_prefix_length]

    @property
    def item_reference(self) -> str:
        """The indicator digit, which a GTIN has in front of the company prefix, leads it (TDS 7.3)."""
        return self.gtin[0] + self.gtin[1 + self.company_prefix_length : -1]

    @property
    def epc_uri(self) -> str:
        """The pure identity (TDS 6.3.1), for people to read."""
        return f"urn:epc:id:sgtin:{self.company_prefix}.{self.item_reference}.{self.serial}"


def _check_digit(body: str) -> int:
    from biip.checksums import gs1_standard_check_digit  # as slow as in schemas.py

    return gs1_standard_check_digit(body)


def decode_sgtin96(text: str) -> Sgtin:
    """Read 24 hex digits, of either case (TDS 14.4.3, 14.6.1, 7.3). Raises EpcUnreadable."""
    bits = _sgtin96_bits(text)
    partition = bits >> 82 & 0b111
    if partition >= len(COMPANY_PREFIX_BITS):
        raise EpcUnreadable(f"The partition value {partition} is reserved.", reason="partition", partition=partition)
    item_bits = KEY_BITS - COMPANY_PREFIX_BITS[partition]
    prefix_digits = COMPANY_PREFIX_DIGITS_MAX - partition
    key = bits >> SERIAL_BITS & (1 << KEY_BITS) - 1
    prefix = _digits(key >> item_bits, prefix_digits, "company_prefix")
    item = _digits(key & (1 << item_bits) - 1, KEY_DIGITS - prefix_digits, "item_reference")
    body = item[0] + prefix + item[1:]
    return Sgtin(
        gtin=f"{body}{_check_digit(body)}",
        serial=bits & SERIAL_MAX,
        filter=bits >> 85 & FILTER_MAX,
        company_prefix_length=prefix_digits,
    )


def encode_sgtin96(sgtin: Sgtin) -> str:
    """The 24 hex digits that a label printer writes (TDS 14.3.3, 14.6.1): the inverse of decoding."""
    partition = COMPANY_PREFIX_DIGITS_MAX - sgtin.company_prefix_length
    bits = SGTIN_96 << 3 | sgtin.filter
    bits = bits << 3 | partition
    bits = bits << COMPANY_PREFIX_BITS[partition] | int(sgtin.company_prefix)
    bits = bits << KEY_BITS - COMPANY_PREFIX_BITS[partition] | int(sgtin.item_reference)
    return f"{bits << SERIAL_BITS | sgtin.serial:0{HEX_DIGITS}X}"


def _sgtin96_bits(text: str) -> int:
    if not re.fullmatch(r"(?:[0-9A-Fa-f]{2})+", text):
        raise EpcUnreadable("An EPC is hex digits, two for each byte.", reason="not_hex")
    header = int(text[:2], 16)
    if header != SGTIN_96:
        scheme = HEADERS.get(header, "unknown")
        raise EpcUnreadable(
            f"The header {text[:2].upper()} ({scheme}) is not SGTIN-96's.", reason="other_scheme", scheme=scheme
        )
    if len(text) != HEX_DIGITS:
        raise EpcUnreadable(
            f"An SGTIN-96 has {HEX_DIGITS} hex digits, not {len(text)}.", reason="wrong_length", length=len(text)
        )
    return int(text, 16)


def _digits(value: int, count: int, part: str) -> str:
    """A field's bits hold more than its digits do, and the digits bound it (TDS 14.4.3)."""
    if value >= 10**count:
        raise EpcUnreadable(f"The {part.replace('_', ' ')} has more than {count} digits.", reason=part)
    return f"{value:0{count}}"
