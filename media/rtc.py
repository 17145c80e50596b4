"""The seam to aiortc and pylibsrtp: DTLS by aiortc, then the two raw libsrtp handles for in-place work.

This is the only module that touches private names. They are `RTCDtlsTransport._rx_srtp`, `._tx_srtp`, `._ssl` and
`._task`, the three names it calls on its transport (`role`, `_recv`, `_send`), `pylibsrtp.Session._srtp` and
`pylibsrtp._binding`. `tests/media/test_rtc.py` fails when an upgrade moves one of them.
"""

import asyncio
import datetime
import logging
from collections.abc import Callable
from typing import Any, Literal

from aiortc import RTCCertificate, RTCDtlsTransport
from aiortc.rtcdtlstransport import RTCDtlsFingerprint, RTCDtlsParameters
from pylibsrtp import _binding

logger = logging.getLogger(__name__)

SrtpHandle = Any
"""A libsrtp `srtp_t`. Valid only while the SecureTransport it came from is referenced: freed memory otherwise."""
CBuffer = Any
CInt = Any

srtp_protect: Callable[[SrtpHandle, CBuffer, CInt], int] = _binding.lib.srtp_protect
srtp_unprotect: Callable[[SrtpHandle, CBuffer, CInt], int] = _binding.lib.srtp_unprotect
srtp_protect_rtcp: Callable[[SrtpHandle, CBuffer, CInt], int] = _binding.lib.srtp_protect_rtcp
srtp_unprotect_rtcp: Callable[[SrtpHandle, CBuffer, CInt], int] = _binding.lib.srtp_unprotect_rtcp

DTLS_INBOX = 64
CERTIFICATE_RENEWAL = datetime.timedelta(days=7)

State = Literal["connected", "closed", "failed"]


def c_buffer(buffer: bytearray) -> CBuffer:
    """The memory of `buffer` as libsrtp wants it; the bytearray cannot be resized from then on."""
    return _binding.ffi.from_buffer(buffer)


def c_int() -> CInt:
    return _binding.ffi.new("int *")


class Identity:
    """The worker's DTLS certificate, made at start and renewed before it runs out (aiortc's last 30 days)."""

    def __init__(self) -> None:
        self._certificate = RTCCertificate.generateCertificate()

    @property
    def certificate(self) -> RTCCertificate:
        if self._certificate.expires - datetime.datetime.now(datetime.UTC) < CERTIFICATE_RENEWAL:
            self._certificate = RTCCertificate.generateCertificate()
        return self._certificate


class _Pipe:
    """What RTCDtlsTransport takes for an ICE transport."""

    role = "controlling"  # makes it the DTLS server

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._out = send
        self._inbox: asyncio.Queue[bytes | None] = asyncio.Queue(DTLS_INBOX)

    def feed(self, datagram: bytes) -> None:
        if not self._inbox.full():  # DTLS retransmits what is lost here
            self._inbox.put_nowait(datagram)

    async def _recv(self) -> bytes:
        datagram = await self._inbox.get()
        if datagram is None:
            raise ConnectionError("the peer was closed")
        return datagram

    async def _send(self, datagram: bytes) -> None:
        self._out(datagram)


class SecureTransport:
    """DTLS-SRTP with one peer, as DTLS server (RFC 5764).

    `send` gets outgoing DTLS datagrams; `on_state` is called on the loop when the handshake succeeds, fails, or the
    peer closes. `rx` and `tx` are None until then.
    """

    def __init__(
        self, certificate: RTCCertificate, send: Callable[[bytes], None], on_state: Callable[[State], None]
    ) -> None:
        self._pipe = _Pipe(send)
        self._dtls = RTCDtlsTransport(self._pipe, [certificate])  # type: ignore[arg-type]
        self._on_state = on_state
        self._task: asyncio.Task[None] | None = None
        self.fingerprint = next(f.value for f in certificate.getFingerprints() if f.algorithm == "sha-256")
        self.rx: SrtpHandle | None = None
        self.tx: SrtpHandle | None = None
        self._dtls.on("statechange", self._changed)

    @property
    def started(self) -> bool:
        return self._task is not None

    @property
    def profile(self) -> str:
        """Name of the negotiated SRTP profile, "" before the handshake."""
        ssl = self._dtls._ssl
        return ssl.get_selected_srtp_profile().decode() if ssl is not None else ""

    def feed(self, datagram: bytes) -> None:
        self._pipe.feed(datagram)

    def start(self, fingerprints: list[tuple[str, str]]) -> None:
        """Begin the handshake; the peer's certificate must match every (algorithm, value) that is understood."""
        remote = RTCDtlsParameters([RTCDtlsFingerprint(algorithm, value) for algorithm, value in fingerprints])
        self._task = asyncio.create_task(self._handshake(remote), name="dtls handshake")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        pump = self._dtls._task
        await self._dtls.stop()
        if pump is not None:
            await asyncio.gather(pump, return_exceptions=True)

    async def _handshake(self, remote: RTCDtlsParameters) -> None:
        try:
            await self._dtls.start(remote)
        except Exception:
            logger.exception("DTLS handshake broke")
            self._on_state("failed")

    def _changed(self) -> None:
        state = self._dtls.state
        if state == "connected":
            self.rx = self._dtls._rx_srtp._srtp[0]
            self.tx = self._dtls._tx_srtp._srtp[0]
            self._on_state("connected")
        elif state == "failed":
            self._on_state("failed")
        elif state == "closed":
            self._on_state("closed")
