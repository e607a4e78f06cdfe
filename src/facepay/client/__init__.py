"""The Python client of the API, for devices, staff and integrators: it imports nothing of the server (docs/sdk.md)."""

from facepay.client.calls import Call, Page
from facepay.client.clients import NEVER, AsyncClient, Client, Retries
from facepay.client.problems import Refused

__all__ = ["NEVER", "AsyncClient", "Call", "Client", "Page", "Refused", "Retries"]
