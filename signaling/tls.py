"""The server's certificate: the configured one, or one from the server's own small authority.

The authority is an ECDSA P-256 key and a self-signed certificate in `<data>/tls`; `/ca.crt` hands out the
certificate so that station computers can trust it.  The server's certificate is renewed a month before it ends, and
when its names change.
"""

import ipaddress
import socket
import ssl
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from signaling.secret_files import make_directory, write_secret

AUTHORITY_LIFE: Final = timedelta(days=3650)
SERVER_LIFE: Final = timedelta(days=397)
RENEW_BEFORE: Final = timedelta(days=30)
# A station computer whose clock is a day behind must not see a certificate from the future.
BACKDATED: Final = timedelta(days=2)


class CertificateError(Exception):
    """The certificate or key cannot be used; the text names the file and what to do."""


@dataclass(frozen=True)
class ServerCertificate:
    """Files of a certificate in use.  `authority` is None for a configured certificate."""

    certificate: Path
    key: Path
    authority: Path | None
    ends_at: datetime

    def fingerprint(self) -> str:
        """SHA-256 of the server's certificate as browsers show it, `AB:CD:…`."""
        return _read(self.certificate).fingerprint(hashes.SHA256()).hex(":").upper()

    def context(self) -> ssl.SSLContext:
        """TLS 1.2 and later.  CertificateError when the key does not fit."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.load_into(context)
        return context

    def load_into(self, context: ssl.SSLContext) -> None:
        """Serves this certificate to whoever connects from now on."""
        try:
            context.load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError) as error:
            raise CertificateError(f"{self.certificate} and {self.key} do not work together: {error}") from error


def configured(certificate: Path, key: Path) -> ServerCertificate:
    """The operator's own certificate.  CertificateError when a file is missing or no PEM certificate."""
    if not key.is_file():
        raise CertificateError(f"{key}: no such file (LAWLINK_TLS_KEY)")
    return ServerCertificate(certificate, key, None, _read(certificate).not_valid_after_utc)


def issued(directory: Path, names: tuple[str, ...], now: datetime) -> ServerCertificate:
    """A certificate for `names` from the authority in `directory`; makes or renews what is missing or old."""
    make_directory(directory)
    authority_path, authority_key_path = directory / "ca.crt", directory / "ca.key"
    if not (authority_path.exists() and authority_key_path.exists()):
        _make_authority(authority_path, authority_key_path, now)
    certificate_path, key_path = directory / "server.crt", directory / "server.key"
    if not (key_path.exists() and _still_good(certificate_path, authority_path, names, now)):
        _issue(certificate_path, key_path, _read(authority_path), _read_key(authority_key_path), names, now)
    return ServerCertificate(certificate_path, key_path, authority_path, _read(certificate_path).not_valid_after_utc)


def present(directory: Path) -> ServerCertificate:
    """What `issued` made before, as it is.  CertificateError when it cannot be read."""
    certificate = directory / "server.crt"
    return ServerCertificate(
        certificate, directory / "server.key", directory / "ca.crt", _read(certificate).not_valid_after_utc
    )


def own_names(extra: tuple[str, ...], host: str) -> tuple[str, ...]:
    """The names a browser may use for this machine: loopback, its host name, its addresses, the configured ones."""
    names = {"localhost", "127.0.0.1", "::1", socket.gethostname().lower(), *extra}
    if host not in ("", "0.0.0.0", "::"):  # noqa: S104  # compared, not bound
        names.add(host)
    else:
        names.update(local_addresses())
    return tuple(sorted(names))


def local_addresses() -> list[str]:
    """The machine's IPv4 addresses by which others reach it, as far as its routes and host name tell."""
    found: set[str] = set()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # RFC 5737: nothing is sent, the kernel only picks the route
            found.add(probe.getsockname()[0])
        except OSError:
            pass
    try:
        found.update(str(item[4][0]) for item in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET))
    except OSError:
        pass
    return sorted(found)


def _read(path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        raise CertificateError(f"{path}: not a readable PEM certificate: {error}") from error


def _read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise CertificateError(f"{path}: not a readable PEM key: {error}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise CertificateError(f"{path}: not an elliptic-curve key")
    return key


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _builder(subject: str, issuer: x509.Name | None, now: datetime, life: timedelta) -> x509.CertificateBuilder:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer or name)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + life)
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _make_authority(path: Path, key_path: Path, now: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    # The name carries the key's number: two installations' authorities must not look alike in a certificate store.
    public = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        _builder(f"LawLink authority {public.digest[:4].hex()}", None, now, AUTHORITY_LIFE)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .add_extension(public, critical=False)
        .sign(key, hashes.SHA256())
    )
    write_secret(key_path, _pem(key), replace=True)
    write_secret(path, certificate.public_bytes(serialization.Encoding.PEM), replace=True)


def _issue(
    path: Path,
    key_path: Path,
    authority: x509.Certificate,
    authority_key: ec.EllipticCurvePrivateKey,
    names: tuple[str, ...],
    now: datetime,
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    life = min(SERVER_LIFE, authority.not_valid_after_utc - now)
    certificate = (
        _builder("LawLink server", authority.subject, now, life)
        .public_key(key.public_key())
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    write_secret(key_path, _pem(key), replace=True)
    write_secret(path, certificate.public_bytes(serialization.Encoding.PEM), replace=True)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _still_good(path: Path, authority_path: Path, names: tuple[str, ...], now: datetime) -> bool:
    if not path.exists():
        return False
    certificate, authority = _read(path), _read(authority_path)
    alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return (
        certificate.not_valid_after_utc - now > RENEW_BEFORE
        and set(alternatives) == {_general_name(name) for name in names}
        and certificate.issuer == authority.subject
    )
