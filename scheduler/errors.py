"""What the system of record refuses, and in which words.

Every refusal is a `Refused`: `code` is for programs (signaling/PROTOCOL.md, section 1), `text` is Chinese for
people and says what to do next. Anything else that leaves a function of this package is a bug.

    Refused
      BadCredentials · Unauthenticated · Denied · NotFound · Conflict · Changed · Invalid · Throttled
"""

from collections.abc import Mapping


class Refused(Exception):
    """A request that a person made cannot be done.

    code: one of the codes of PROTOCOL.md. text: Chinese, for people. fields: field name → what to mend.
    retry_after_s: seconds. detail: machine-readable extras (`state`, `tries_left`, `version`).
    """

    def __init__(
        self,
        code: str,
        text: str,
        *,
        fields: Mapping[str, str] | None = None,
        retry_after_s: float | None = None,
        detail: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text
        self.fields = dict(fields or {})
        self.retry_after_s = retry_after_s
        self.detail = dict(detail or {})


class BadCredentials(Refused):
    """Wrong account or password; `tries_left` until the pair of account and address has to wait."""

    def __init__(self, tries_left: int) -> None:
        super().__init__("bad_credentials", "账号或密码不对，请再试一次。", detail={"tries_left": tries_left})
        self.tries_left = tries_left


class Unauthenticated(Refused):
    def __init__(self, text: str = "登录已经结束，请重新登录。") -> None:
        super().__init__("unauthenticated", text)


class Denied(Refused):
    """The role or the branch does not allow it; whoever maps this to a reply writes it to the audit trail."""

    def __init__(self, action: str, text: str = "您的岗位不能做这一步。需要的话请找管理员。") -> None:
        super().__init__("denied", text, detail={"action": action})
        self.action = action


class NotFound(Refused):
    def __init__(self, text: str = "没有找到，可能已经删除。请回到列表再看一次。") -> None:
        super().__init__("not_found", text)


class Conflict(Refused):
    """The state has moved on; `state` tells where it is now."""

    def __init__(self, text: str, state: str | None = None) -> None:
        super().__init__("conflict", text, detail={} if state is None else {"state": state})
        self.state = state


class Changed(Refused):
    """Somebody saved a newer version; `version` is the one in the database."""

    def __init__(self, version: int, text: str = "别人刚改过，请看看新的内容再存。") -> None:
        super().__init__("changed", text, detail={"version": version})
        self.version = version


class Invalid(Refused):
    def __init__(self, fields: Mapping[str, str], text: str | None = None) -> None:
        super().__init__("invalid", text or f"还差 {len(fields)} 处，补上再试。", fields=fields)


class Throttled(Refused):
    def __init__(self, retry_after_s: float, text: str | None = None) -> None:
        minutes = max(1, round(retry_after_s / 60 + 0.499))
        super().__init__("throttled", text or f"试的次数太多，请等 {minutes} 分钟再试。", retry_after_s=retry_after_s)
