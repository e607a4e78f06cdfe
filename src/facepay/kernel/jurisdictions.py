"""What the law of a place says on how long a face may be kept. Shipped as it was read in 2025; ask a lawyer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Jurisdiction(StrEnum):
    """ISO 3166-1, or 3166-2 where a part of a country has a law of its own; the EU by its name."""

    CHINA = "CN"
    EUROPEAN_UNION = "EU"
    UNITED_KINGDOM = "GB"
    UNITED_STATES = "US"
    ILLINOIS = "US-IL"
    TEXAS = "US-TX"
    WASHINGTON = "US-WA"


@dataclass(frozen=True, slots=True)
class Law:
    """`idle_days_max` is how long after a member was last seen their face may still be kept; null where the law has
    no number. `filing_people` is at how many people's faces the operator has to file with the authorities.
    """

    law: str
    rule: str
    source: str
    idle_days_max: int | None = None
    filing_people: int | None = None


GDPR_RULE = "No longer than the purpose needs: the shop sets the time, and says why."

LAWS: Mapping[Jurisdiction, Law] = MappingProxyType(
    {
        Jurisdiction.CHINA: Law(
            law="PIPL; Measures for the Security Management of the Application of Facial Recognition Technology (2025)",
            rule="The shortest time that the purpose needs. File with the provincial cyberspace administration within "
            "30 working days of storing the faces of 100,000 people (art. 15).",
            source="https://www.china-briefing.com/news/using-facial-recognition-in-china-new-guide-on-filing-with-local-cac/",
            filing_people=100_000,
        ),
        Jurisdiction.EUROPEAN_UNION: Law(
            law="GDPR, art. 5(1)(e), 9 and 17", rule=GDPR_RULE, source="https://eur-lex.europa.eu/eli/reg/2016/679/oj"
        ),
        Jurisdiction.UNITED_KINGDOM: Law(
            law="UK GDPR, art. 5(1)(e), 9 and 17",
            rule=GDPR_RULE,
            source="https://www.legislation.gov.uk/eur/2016/679/article/5",
        ),
        Jurisdiction.UNITED_STATES: Law(
            law="No federal law on faces in shops",
            rule="The shop sets the time; state laws below take its place.",
            source="https://www.ftc.gov/legal-library/browse/policy-statement-federal-trade-commission-biometric-information-section-5-federal-trade-commission",
        ),
        Jurisdiction.ILLINOIS: Law(
            law="BIPA, 740 ILCS 14/15(a)",
            rule="When the purpose is satisfied or within three years of the last interaction, whichever is first.",
            source="https://ilga.gov/legislation/ilcs/fulltext?DocName=074000140K15",
            idle_days_max=3 * 365,
        ),
        Jurisdiction.TEXAS: Law(
            law="CUBI, Tex. Bus. & Com. Code 503.001(c)(3)",
            rule="Within a year after the purpose has ended; the last visit is taken for its end.",
            source="https://statutes.capitol.texas.gov/Docs/BC/htm/BC.503.htm",
            idle_days_max=365,
        ),
        Jurisdiction.WASHINGTON: Law(
            law="RCW 19.375.020(4)(b)",
            rule="No longer than reasonably necessary: the shop sets the time.",
            source="https://app.leg.wa.gov/rcw/default.aspx?cite=19.375.020",
        ),
    }
)


def idle_days(jurisdiction: Jurisdiction, *, own_max: int) -> int:
    """After how many days without a visit a face is erased: the law's limit or the shop's own, whichever is first."""
    by_law = LAWS[jurisdiction].idle_days_max
    return own_max if by_law is None else min(by_law, own_max)
