import pytest

from signaling.origin import same_origin


@pytest.mark.parametrize(
    ("headers", "scheme", "expected"),
    [
        ({"Host": "law.example", "Origin": "https://law.example"}, "https", True),
        ({"Host": "law.example:443", "Origin": "https://law.example"}, "https", True),
        ({"Host": "127.0.0.1:8080", "Origin": "http://127.0.0.1:8080"}, "http", True),
        ({"Host": "[::1]:8080", "Origin": "http://[::1]:8080"}, "http", True),
        ({"Host": "LAW.example", "Origin": "https://law.EXAMPLE"}, "https", True),
        ({"Host": "law.example", "Sec-Fetch-Site": "same-origin"}, "https", True),
        ({"Host": "law.example", "Origin": "http://law.example"}, "https", False),
        ({"Host": "law.example", "Origin": "https://law.example:8443"}, "https", False),
        ({"Host": "law.example", "Origin": "https://evil.example"}, "https", False),
        ({"Host": "law.example", "Origin": "https://law.example.evil"}, "https", False),
        ({"Host": "law.example", "Origin": "https://law.example@evil.example"}, "https", False),
        ({"Host": "law.example", "Origin": "https://law.example:x"}, "https", False),
        ({"Host": "law.example", "Origin": "null"}, "https", False),
        ({"Host": "law.example", "Origin": "", "Sec-Fetch-Site": "same-origin"}, "https", False),
        ({"Host": "", "Origin": "https://"}, "https", False),
        ({"Host": "law.example", "Sec-Fetch-Site": "same-site"}, "https", False),
        ({"Host": "law.example", "Sec-Fetch-Site": "none"}, "https", False),
        ({"Host": "law.example"}, "https", False),
    ],
)
def test_only_a_page_of_this_host_may_act(headers: dict[str, str], scheme: str, expected: bool) -> None:
    assert same_origin(headers, scheme) is expected
