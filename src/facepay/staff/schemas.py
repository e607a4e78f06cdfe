"""Staff as the API shows them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, SecretStr, StringConstraints

from facepay.kernel.schemas import Answer, Change, Line, Request, unsent
from facepay.staff.accounts import PASSWORD_LENGTH_MAX, PASSWORD_LENGTH_MIN, USERNAME, Role

Username = Annotated[str, StringConstraints(pattern=USERNAME)]
Password = Annotated[
    SecretStr,
    Field(min_length=PASSWORD_LENGTH_MIN, max_length=PASSWORD_LENGTH_MAX, examples=["correct horse battery"]),
]


class TokenAnswer(Answer):
    """An OAuth2 access token (RFC 6749, section 5.1)."""

    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105
    expires_in: Annotated[int, Field(description="Seconds.", examples=[3600])]
    scope: Annotated[str, Field(description="What it grants.", examples=["members:read members:write"])]


class Me(Answer):
    id: UUID
    username: str
    role: Role
    scopes: list[str]


class PasswordChange(Request):
    current_password: Annotated[SecretStr, Field(max_length=PASSWORD_LENGTH_MAX, examples=["the old pass phrase"])]
    new_password: Password


class SessionAnswer(Answer):
    id: UUID
    agent: Annotated[str, Field(description="What the browser calls itself.")]
    created_at: datetime
    seen_at: datetime


class NewStaff(Request):
    username: Annotated[Username, Field(description="Large and small letters are the same.", examples=["wang.fang"])]
    display_name: Annotated[Line, Field(examples=["Wang Fang"])]
    role: Annotated[Role, Field(examples=["operator"])]
    password: Password


class StaffChange(Change):
    display_name: Line = Field(default_factory=unsent, examples=["Wang Fang"])
    role: Role = Field(default_factory=unsent, examples=["operator"])
    password: Password = Field(default_factory=unsent)
    disabled: bool = Field(default_factory=unsent, strict=True)


class StaffAnswer(Answer):
    id: UUID
    username: str
    display_name: str
    role: Role
    created_at: datetime
    disabled_at: datetime | None
