from __future__ import annotations

import pytest
from biip.gtin import Gtin
from hypothesis import given
from hypothesis import strategies as st

from facepay.catalog.epc import (
    COMPANY_PREFIX_BITS,
    FILTER_MAX,
    SERIAL_MAX,
    EpcUnreadable,
    Sgtin,
    decode_sgtin96,
    encode_sgtin96,
)

PREFIX_LENGTHS = range(6, 13)


@st.composite
def sgtins(draw: st.DrawFn) -> Sgtin:
    body = draw(st.text("0123456789", min_size=13, max_size=13))
    return Sgtin(
        gtin=next(f"{body}{digit}" for digit in range(10) if _is_gtin(f"{body}{digit}")),
        serial=draw(st.integers(0, SERIAL_MAX)),
        filter=draw(st.integers(0, FILTER_MAX)),
        company_prefix_length=draw(st.sampled_from(PREFIX_LENGTHS)),
    )


def _is_gtin(text: str) -> bool:
    """By the weights 3 and 1 from the right, which add up to a multiple of ten with the check digit."""
    return sum(int(digit) * (3, 1)[place % 2] for place, digit in enumerate(text)) % 10 == 0


@pytest.mark.parametrize(
    ("text", "gtin", "serial", "filter_value", "uri"),
    [
        # TDS 1.x, appendix E.3
        ("3074257BF7194E4000001A85", "80614141123458", 6789, 3, "urn:epc:id:sgtin:0614141.812345.6789"),
        # TDS 2.3, appendix E.3
        ("3066C4409047E140075BCD15", "09506000134352", 123456789, 3, "urn:epc:id:sgtin:95060001343.05.123456789"),
        # GS1 Digital Link URI compression for EPC binary strings 1.0, section 4.2
        ("30164596F40C0E5CBE991A83", "09528765123457", 123456789123, 0, "urn:epc:id:sgtin:9528765.012345.123456789123"),
    ],
)
def test_gs1s_published_tags_say_what_gs1_says(text: str, gtin: str, serial: int, filter_value: int, uri: str) -> None:
    sgtin = decode_sgtin96(text)
    assert (sgtin.gtin, sgtin.serial, sgtin.filter, sgtin.epc_uri) == (gtin, serial, filter_value, uri)
    assert Gtin.parse(sgtin.gtin).as_gtin_14() == gtin
    assert decode_sgtin96(text.lower()) == sgtin
    assert encode_sgtin96(sgtin) == text


@pytest.mark.parametrize(
    ("text", "scheme"),
    [  # TDS 2.3, appendix E.3
        ("311BA1B300CE0A6A83000000", "SSCC-96"),
        ("3276451FD46072000000162E", "SGLN-96"),
        ("3376451FD40C0E400000162E", "GRAI-96"),
        ("3476451FD40000000000162E", "GIAI-96"),
        ("3666C4409047E159B2C2BF100000000000000000000000000000", "SGTIN-198"),
        ("F73795211411234538566CB0AFC4", "SGTIN+"),
        ("E28011606000020000000001", "TID"),
        ("0" * 24, "unprogrammed"),
        ("AA" * 12, "unknown"),
    ],
)
def test_a_tag_of_another_scheme_is_refused_by_its_name(text: str, scheme: str) -> None:
    with pytest.raises(EpcUnreadable) as refused:
        decode_sgtin96(text)
    assert (refused.value.reason, refused.value.measured["scheme"]) == ("other_scheme", scheme)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not_hex"),
        ("urn:epc:id:sgtin:0614141.812345.6789", "not_hex"),
        ("3074257BF7194E4000001A8", "not_hex"),
        ("3074257BF7194E4000001A8\uff15", "not_hex"),
        (" 3074257BF7194E4000001A85", "not_hex"),
        ("3074257BF7194E4000001A85\n", "not_hex"),
        ("3074257BF7194E4000001A", "wrong_length"),
        ("3074257BF7194E4000001A850000", "wrong_length"),
        (f"{0x30 << 88 | 7 << 82:X}", "partition"),
    ],
)
def test_what_is_no_sgtin_96_says_why(text: str, reason: str) -> None:
    with pytest.raises(EpcUnreadable) as refused:
        decode_sgtin96(text)
    assert refused.value.reason == reason


@pytest.mark.parametrize("prefix_length", PREFIX_LENGTHS)
def test_every_partition_holds_its_digits_and_not_one_more(prefix_length: int) -> None:
    partition = 12 - prefix_length
    item_bits = 44 - COMPANY_PREFIX_BITS[partition]

    def decode(prefix: int, item: int) -> Sgtin:
        return decode_sgtin96(f"{0x30 << 88 | partition << 82 | (prefix << item_bits | item) << 38:X}")

    prefix_max, item_max = 10**prefix_length - 1, 10 ** (13 - prefix_length) - 1
    assert decode(prefix_max, item_max).gtin == "99999999999997"
    for prefix, item, reason in ((prefix_max + 1, 0, "company_prefix"), (0, item_max + 1, "item_reference")):
        with pytest.raises(EpcUnreadable) as refused:
            decode(prefix, item)
        assert refused.value.reason == reason


@given(sgtins())
def test_what_a_label_printer_writes_is_what_a_reader_reads(sgtin: Sgtin) -> None:
    text = encode_sgtin96(sgtin)
    assert len(text) == 24
    assert decode_sgtin96(text) == sgtin
    assert sgtin.epc_uri == f"urn:epc:id:sgtin:{sgtin.company_prefix}.{sgtin.item_reference}.{sgtin.serial}"


@given(st.integers(0, 2**88 - 1))
def test_any_96_bits_under_the_header_are_read_exactly_or_refused(bits: int) -> None:
    text = f"30{bits:022X}"
    try:
        sgtin = decode_sgtin96(text)
    except EpcUnreadable:
        return
    assert encode_sgtin96(sgtin) == text


@pytest.mark.parametrize(
    "changes",
    [
        {"gtin": "80614141123459"},
        {"gtin": "0614141123452"},
        {"gtin": "8061414112345x"},
        {"serial": SERIAL_MAX + 1},
        {"serial": -1},
        {"filter": 8},
        {"company_prefix_length": 5},
        {"company_prefix_length": 13},
    ],
)
def test_no_tag_is_written_with_a_wrong_number(changes: dict[str, object]) -> None:
    good: dict[str, object] = {"gtin": "80614141123458", "serial": 6789, "filter": 3, "company_prefix_length": 7}
    with pytest.raises(ValueError, match=r"."):
        Sgtin(**(good | changes))  # type: ignore[arg-type]
