"""The seam to aiortc and pylibsrtp. A failure here means: an upgrade has moved a name that media/rtc.py relies on."""

import asyncio
import datetime

import pylibsrtp
import pytest
from aiortc import RTCCertificate, RTCDtlsTransport
from aiortc.rtcdtlstransport import RTCDtlsFingerprint, RTCDtlsParameters

from media.rtc import (
    CERTIFICATE_RENEWAL,
    DTLS_INBOX,
    Identity,
    SecureTransport,
    State,
    c_buffer,
    c_int,
    srtp_protect,
    srtp_protect_rtcp,
    srtp_unprotect,
    srtp_unprotect_rtcp,
)
from tests.support.eventually import eventually

RTP = b"\x80\x6f\x00\x01" + bytes(8) + b"some payload"
RTCP = b"\x80\xc9\x00\x01" + bytes(4)


class Client:
    """The other end: aiortc's transport as DTLS client, over queues."""

    role = "controlled"

    def __init__(self) -> None:
        self.inbox: asyncio.Queue[bytes] = asyncio.Queue()
        self.server: SecureTransport | None = None
        self.certificate = RTCCertificate.generateCertificate()
        self.dtls = RTCDtlsTransport(self, [self.certificate])  # type: ignore[arg-type]

    async def _recv(self) -> bytes:
        return await self.inbox.get()

    async def _send(self, datagram: bytes) -> None:
        assert self.server is not None
        self.server.feed(datagram)

    def fingerprints(self) -> list[tuple[str, str]]:
        return [(f.algorithm, f.value) for f in self.certificate.getFingerprints()]

    async def start(self) -> None:
        assert self.server is not None
        await self.dtls.start(RTCDtlsParameters([RTCDtlsFingerprint("sha-256", self.server.fingerprint)]))


async def connect() -> tuple[SecureTransport, Client, list[State]]:
    client, states = Client(), list[State]()
    server = SecureTransport(Identity().certificate, client.inbox.put_nowait, states.append)
    client.server = server
    server.start(client.fingerprints())
    await asyncio.wait_for(client.start(), 10)
    await eventually(lambda: len(states) > 0)
    return server, client, states


async def test_handshake_gives_raw_srtp_handles_that_fit_the_other_side() -> None:
    server, client, states = await connect()
    assert states == ["connected"] and server.profile == "SRTP_AEAD_AES_256_GCM" and server.started
    buffer, length = bytearray(2048), c_int()
    c_data = c_buffer(buffer)
    for protect, unprotect, theirs, plain in (
        (srtp_protect, srtp_unprotect, "protect", RTP),
        (srtp_protect_rtcp, srtp_unprotect_rtcp, "protect_rtcp", RTCP),
    ):
        buffer[: len(plain)], length[0] = plain, len(plain)
        assert protect(server.tx, c_data, length) == 0
        undo = getattr(client.dtls._rx_srtp, "un" + theirs)
        assert undo(bytes(buffer[: length[0]])) == plain
        secret = getattr(client.dtls._tx_srtp, theirs)(plain)
        buffer[: len(secret)], length[0] = secret, len(secret)
        assert unprotect(server.rx, c_data, length) == 0
        assert bytes(buffer[: length[0]]) == plain
    await server.close()
    await client.dtls.stop()


async def test_the_other_sides_farewell_is_told() -> None:
    server, client, states = await connect()
    await client.dtls.stop()
    await eventually(lambda: len(states) > 1)
    assert states == ["connected", "closed"]
    await server.close()


async def test_wrong_fingerprint_fails() -> None:
    client, states = Client(), list[State]()
    server = SecureTransport(Identity().certificate, client.inbox.put_nowait, states.append)
    client.server = server
    server.start([("sha-256", "00:" * 31 + "00")])
    await asyncio.wait_for(client.start(), 10)
    await eventually(lambda: len(states) > 0)
    assert states[0] == "failed" and server.rx is None
    await server.close()
    await client.dtls.stop()


async def test_close_before_the_handshake_and_after() -> None:
    server = SecureTransport(Identity().certificate, lambda _: None, lambda _: None)
    await server.close()
    server = SecureTransport(Identity().certificate, lambda _: None, lambda _: None)
    server.start([("sha-256", "00:" * 31 + "00")])
    await asyncio.sleep(0)
    for _ in range(2 * DTLS_INBOX):
        server.feed(b"\x16 no DTLS at all")
    await server.close()


@pytest.mark.parametrize("name", ["_srtp", "protect", "unprotect"])
def test_session_has_the_names(name: str) -> None:
    key = bytes(46)
    policy = pylibsrtp.Policy(key=key, ssrc_type=pylibsrtp.Policy.SSRC_ANY_INBOUND)
    assert hasattr(pylibsrtp.Session(policy), name)


def test_certificate_is_renewed_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    identity = Identity()
    first = identity.certificate
    assert identity.certificate is first
    late = datetime.datetime.now(datetime.UTC) + CERTIFICATE_RENEWAL - datetime.timedelta(hours=1)
    monkeypatch.setattr(type(first), "expires", property(lambda _: late))
    assert identity.certificate is not first
