import asyncio
import hashlib
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from signaling.secret_files import readable_by_others, write_secret
from signaling.tls import CertificateError, configured, issued, local_addresses, own_names

NOW = datetime.now(UTC)
NAMES = ("127.0.0.1", "localhost")


def test_the_authority_and_certificate_are_made_once(tmp_path: Path) -> None:
    first = issued(tmp_path / "tls", NAMES, NOW)
    assert issued(tmp_path / "tls", NAMES, NOW + timedelta(days=1)).fingerprint() == first.fingerprint()
    for name in ("ca.key", "server.key"):
        assert not readable_by_others(tmp_path / "tls" / name)


def test_it_renews_a_month_before_the_end_and_keeps_the_authority(tmp_path: Path) -> None:
    first = issued(tmp_path, NAMES, NOW)
    fingerprint, authority = first.fingerprint(), (tmp_path / "ca.crt").read_bytes()
    later = issued(tmp_path, NAMES, NOW + timedelta(days=370))
    assert later.fingerprint() != fingerprint
    assert later.ends_at > first.ends_at
    assert (tmp_path / "ca.crt").read_bytes() == authority


def test_other_names_need_another_certificate(tmp_path: Path) -> None:
    fingerprint = issued(tmp_path, NAMES, NOW).fingerprint()
    assert issued(tmp_path, (*NAMES, "law.example"), NOW).fingerprint() != fingerprint


async def test_who_trusts_the_authority_connects_before_and_after_a_renewal(tmp_path: Path) -> None:
    certificate = issued(tmp_path, NAMES, NOW - timedelta(days=370))
    assert certificate.authority is not None

    context = certificate.context()
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    async with server:
        before = certificate.fingerprint()
        assert await served_fingerprint(port, certificate.authority) == before
        issued(tmp_path, NAMES, NOW).load_into(context)
        after = certificate.fingerprint()
        assert await served_fingerprint(port, certificate.authority) == after != before


async def served_fingerprint(port: int, authority: Path) -> str:
    trusting = ssl.create_default_context(cafile=str(authority))
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting)
    certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    await writer.wait_closed()
    return hashlib.sha256(certificate).digest().hex(":").upper()


def test_a_broken_configured_certificate_is_named(tmp_path: Path) -> None:
    (tmp_path / "c.pem").write_text("nothing")
    (tmp_path / "k.pem").write_text("nothing")
    with pytest.raises(CertificateError, match=r"c\.pem: not a readable PEM certificate"):
        configured(tmp_path / "c.pem", tmp_path / "k.pem")
    with pytest.raises(CertificateError, match="LAWLINK_TLS_KEY"):
        configured(tmp_path / "c.pem", tmp_path / "absent.pem")


def test_a_key_that_does_not_fit_is_named(tmp_path: Path) -> None:
    one, other = issued(tmp_path / "1", NAMES, NOW), issued(tmp_path / "2", NAMES, NOW)
    with pytest.raises(CertificateError, match="do not work together"):
        configured(one.certificate, other.key).context()


def test_own_names_cover_loopback_and_the_configured_ones() -> None:
    names = own_names(("law.example",), "0.0.0.0")
    assert {"127.0.0.1", "localhost", "law.example", *local_addresses()} <= set(names)
    assert "0.0.0.0" not in names


def test_a_secret_is_never_overwritten_unasked(tmp_path: Path) -> None:
    write_secret(tmp_path / "k", b"one")
    with pytest.raises(FileExistsError):
        write_secret(tmp_path / "k", b"two")
    assert (tmp_path / "k").read_bytes() == b"one"
    assert [path.name for path in tmp_path.iterdir()] == ["k"]
