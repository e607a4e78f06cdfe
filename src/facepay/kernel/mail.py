"""Mail, by the SMTP server that FACEPAY_SMTP_URL names."""

from __future__ import annotations

from dataclasses import dataclass
from email.message import EmailMessage
from typing import Annotated
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib
import structlog
from fastapi import Depends, Request
from pydantic import AfterValidator, SecretStr

from facepay.kernel.errors import Conflict

TIMEOUT_SECONDS = 20
log = structlog.get_logger()


class MailNotSetUp(Conflict):
    """No mail is sent here: FACEPAY_SMTP_URL names no server."""

    code = "mail_not_set_up"
    title = "No mail here"


@dataclass(frozen=True, slots=True)
class Mailer:
    host: str
    port: int
    sender: str
    username: str | None
    password: str | None = None
    tls: bool = False

    @classmethod
    def of(cls, url: str) -> Mailer:
        """From `smtp[s]://[user:password@]host[:port]?from=address`. Raises ValueError."""
        parts = urlsplit(url)
        sender = parse_qs(parts.query).get("from", [""])[0]
        if parts.scheme not in ("smtp", "smtps") or not parts.hostname or "@" not in sender:
            raise ValueError("give smtp[s]://user:password@host:port?from=shop@example.com")
        tls = parts.scheme == "smtps"
        return cls(
            host=parts.hostname,
            port=parts.port or (465 if tls else 587),
            sender=sender,
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            tls=tls,
        )

    async def send(self, mail: EmailMessage) -> None:
        """Once; what fails is logged, without the address. A password goes over TLS alone."""
        mail["From"] = self.sender
        try:
            await aiosmtplib.send(
                mail,
                hostname=self.host,
                port=self.port,
                username=self.username,
                password=self.password,
                use_tls=self.tls,
                start_tls=None if self.tls or not self.username else True,
                timeout=TIMEOUT_SECONDS,
            )
        except (aiosmtplib.SMTPException, OSError) as error:
            log.warning("mail not sent", error=type(error).__name__)


def _checked(url: SecretStr) -> SecretStr:
    Mailer.of(url.get_secret_value())
    return url


SmtpUrl = Annotated[SecretStr, AfterValidator(_checked)]


async def get_mailer(request: Request) -> Mailer:
    """Raises MailNotSetUp."""
    url: SecretStr | None = request.app.state.settings.smtp_url
    if url is None:
        raise MailNotSetUp("No mail is sent from here.")
    return Mailer.of(url.get_secret_value())


MailerOf = Annotated[Mailer, Depends(get_mailer)]
