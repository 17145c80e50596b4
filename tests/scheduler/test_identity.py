from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.identity import (
    IdentityCipher,
    ResidentId,
    age_on,
    mask_id_number,
    mask_name,
    mask_phone,
    read_resident_id,
)
from scheduler.terms import Sex

CIPHER = IdentityCipher(bytes(32))
# The example of GB 11643-1999, annex A.
NUMBER = "11010519491231002X"


def test_the_example_of_the_standard() -> None:
    assert read_resident_id(NUMBER) == ResidentId(date(1949, 12, 31), Sex.FEMALE)
    assert read_resident_id(" 110105 19491231 002x ") == ResidentId(date(1949, 12, 31), Sex.FEMALE)
    assert read_resident_id("110105491231003") == ResidentId(date(1949, 12, 31), Sex.MALE)


@pytest.mark.parametrize("number", ["", "1", "110105194912310021", "11010519490231002X", "abc", "1101054913310021"])
def test_what_is_not_a_number(number: str) -> None:
    assert read_resident_id(number) is None


@given(st.integers(0, 16), st.integers(1, 9))
def test_one_wrong_digit_is_always_found(place: int, step: int) -> None:
    digit = str((int(NUMBER[place]) + step) % 10)
    assert read_resident_id(NUMBER[:place] + digit + NUMBER[place + 1 :]) is None


@given(st.text(max_size=32), st.text(min_size=1, max_size=26))
def test_encryption_is_bound_to_the_record(plain: str, record_id: str) -> None:
    try:
        plain.encode()
        record_id.encode()
    except UnicodeEncodeError:
        return
    box = CIPHER.encrypt(plain, record_id)
    assert CIPHER.decrypt(box, record_id) == plain
    assert box != CIPHER.encrypt(plain, record_id), "a nonce is never used twice"
    with pytest.raises(ValueError, match="wrong key or altered"):
        CIPHER.decrypt(box, record_id + "x")


def test_every_altered_byte_and_a_wrong_key_are_found() -> None:
    box = CIPHER.encrypt(NUMBER, "visit")
    for place in range(len(box)):
        altered = bytearray(box)
        altered[place] ^= 1
        with pytest.raises(ValueError, match="identity number"):
            CIPHER.decrypt(bytes(altered), "visit")
    with pytest.raises(ValueError, match="wrong key"):
        IdentityCipher(bytes([1]) * 32).decrypt(box, "visit")
    with pytest.raises(ValueError, match="32 bytes"):
        IdentityCipher(b"short")


def test_the_look_up_hash_needs_the_key_and_ignores_spelling() -> None:
    assert CIPHER.look_up_hash(NUMBER) == CIPHER.look_up_hash(" 110105 19491231 002x")
    assert CIPHER.look_up_hash(NUMBER) != CIPHER.look_up_hash("110105491231003")
    assert CIPHER.look_up_hash(NUMBER) != IdentityCipher(bytes([1]) * 32).look_up_hash(NUMBER)


@pytest.mark.parametrize(
    ("born", "day", "age"),
    [
        (date(2012, 3, 2), date(2026, 3, 1), 13),
        (date(2012, 3, 2), date(2026, 3, 2), 14),
        (date(2012, 2, 29), date(2026, 2, 28), 13),
        (date(2012, 2, 29), date(2026, 3, 1), 14),
    ],
)
def test_age_on_birthdays_and_leap_days(born: date, day: date, age: int) -> None:
    assert age_on(born, day) == age


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("张桂兰", "张*兰"),
        ("张三", "张*"),
        ("欧阳桂兰", "欧**兰"),
        ("买买提·吐尔逊江", "买**江"),
        ("", "身份不公开"),
        (" ", "身份不公开"),
        ("张", "张*"),
    ],
)
def test_masked_names(name: str, masked: str) -> None:
    assert mask_name(name) == masked


@pytest.mark.parametrize(
    ("phone", "masked"),
    [("138 1234 0126", "138****0126"), ("0371-63930100", "037*****0100"), ("12348", "***48"), ("", "")],
)
def test_masked_phones(phone: str, masked: str) -> None:
    assert mask_phone(phone) == masked


def test_masked_identity_numbers() -> None:
    assert mask_id_number(NUMBER) == "1101**********002X"
    assert mask_id_number("E12345678") == "********8"
    assert mask_id_number("") == ""


@given(st.text(alphabet="0123456789X", min_size=1, max_size=32))
def test_a_mask_hides_at_least_half_of_what_it_can(number: str) -> None:
    assert len(mask_id_number(number)) == len(number)
    assert mask_id_number(number).count("*") >= min(len(number) - 1, 4)
