"""Data keys wrapped by the master key: only the right owner and the right master open them."""

from pathlib import Path

import pytest

from recordings.errors import KeyUnavailable
from recordings.seal import SealKey, make_seal_key, signature_holds
from recordings.vault import Vault, make_master_key, read_master_key

OLD, NEW = bytes(32), bytes([1]) * 32


def test_what_is_wrapped_unwraps() -> None:
    vault = Vault([OLD])
    key, wrapped = vault.new_key("rec1")
    assert len(key) == 32 and key not in wrapped
    assert vault.unwrap(wrapped, "rec1") == key
    assert vault.new_key("rec1")[0] != key


def test_every_altered_bit_another_owner_and_another_master_are_refused() -> None:
    vault = Vault([OLD])
    _, wrapped = vault.new_key("rec1")
    for bit in range(len(wrapped) * 8):
        altered = bytearray(wrapped)
        altered[bit // 8] ^= 1 << bit % 8
        with pytest.raises(KeyUnavailable):
            vault.unwrap(bytes(altered), "rec1")
    with pytest.raises(KeyUnavailable, match="another recording"):
        vault.unwrap(wrapped, "rec2")
    with pytest.raises(KeyUnavailable, match="needs master key"):
        Vault([NEW]).unwrap(wrapped, "rec1")
    with pytest.raises(KeyUnavailable, match="destroyed"):
        vault.unwrap(b"", "rec1")


def test_a_new_master_key_rewraps_without_a_new_data_key() -> None:
    key, wrapped = Vault([OLD]).new_key("rec1")
    both = Vault([NEW, OLD])
    rewrapped = both.rewrap(wrapped, "rec1")
    assert Vault([NEW]).unwrap(rewrapped, "rec1") == key
    assert both.unwrap(wrapped, "rec1") == key


def test_key_files_are_made_once_and_for_the_owner_alone(tmp_path: Path) -> None:
    for make in (make_master_key, make_seal_key):
        path = tmp_path / make.__name__
        make(path)
        assert path.stat().st_mode & 0o777 == 0o600
        with pytest.raises(FileExistsError):
            make(path)
    assert len(read_master_key(tmp_path / "make_master_key")) == 32
    assert Vault.from_files([tmp_path / "make_master_key"]).current_id


@pytest.mark.parametrize("content", ["", "xyz", "00" * 31, "00" * 33, "密钥"])
def test_bad_key_files_are_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "key"
    path.write_text(content)
    with pytest.raises(KeyUnavailable, match="key"):
        read_master_key(path)
    with pytest.raises(KeyUnavailable, match="key"):
        SealKey.from_file(path)
    with pytest.raises(KeyUnavailable):
        read_master_key(tmp_path / "absent")


def test_a_seal_holds_for_its_bytes_and_its_key_alone(tmp_path: Path) -> None:
    for name in ("a", "b"):
        make_seal_key(tmp_path / name)
    key, other = SealKey.from_file(tmp_path / "a"), SealKey.from_file(tmp_path / "b")
    files = key.seal({"bag_id": "rec1"})
    head, signature, public = files["seal/head.json"], files["seal/head.sig"], files["seal/public.pem"]
    assert signature_holds(head, signature, public)
    assert key.fingerprint.encode() in head
    assert not signature_holds(head, signature, other.public_pem)
    assert not signature_holds(head + b" ", signature, public)
    assert not signature_holds(head, signature[:-1], public)
    assert not signature_holds(head, signature, b"no key")
