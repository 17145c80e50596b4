"""Answers of `/api` for page tests, in the shapes of signaling/PROTOCOL.md."""

from __future__ import annotations

from typing import Any

RECORD: dict[str, Any] = {
    "case_no": "JS-2025-0612",
    "no": "金法咨〔2025〕0612 号",
    "street": "花园路街道公共法律服务工作站",
    "phone": "0371-5550 0102",
    "clerk": "周敏",
    "lawyer": "王立新",
    "visitor": {
        "name": "张桂兰",
        "sex": "female",
        "age": 72,
        "phone_masked": "138****0126",
        "id_number_masked": "4101**********1226",
        "id_refused": False,
        "groups": ["elderly"],
        "companion": "女儿",
    },
    "category_name": "合同借贷",
    "opposing_party": "李某某",
    "facts": "邻居李某某 2024 年 12 月借走 3 万元进货，写有借条，约定 2025 年 6 月 30 日前还清。多次催要未还。",
    "advice": "1. 借条有效，可以向人民法院起诉。\n2. 诉讼时效三年，自 2025 年 7 月 1 日起算。\n3. 请准备借条原件。",
    "law_cited": "《中华人民共和国民法典》第一百八十八条、第六百七十五条",
    "aid_rights_told": True,
    "outcome": "answered",
    "outcome_text": "当场答复",
    "recording_consent": "refused",
    "consent_sha256": "ab12cd34ef56ab78cd90ef12ab34cd56",
    "started_at": "2025-11-20T02:26:00Z",
    "ended_at": "2025-11-20T02:44:00Z",
    "duration_s": 1080.0,
    "confirmed_at": None,
}


def hit(number: str, recording: str | None, evaluation: int | str | None = 4) -> dict[str, Any]:
    """One search result; `recording` is the recording's state or None."""
    return {
        "consultation_id": f"c{number}",
        "case_no": f"JS-2025-{number}",
        "started_at": "2025-11-18T07:02:00Z",
        "street": "文化路",
        "lawyer": "陈浩",
        "category_name": "合同借贷",
        "visitor_masked": "张*兰",
        "duration_s": 1268.0,
        "outcome": "answered",
        "evaluation": evaluation,
        "recording": {"id": f"r{number}", "state": recording, "duration_s": 1268.0} if recording else None,
        "consent": "given",
    }


HITS = [
    hit("0612", "sealed"),
    hit("0588", "incomplete", 2),
    hit("0571", "remuxing", "declined"),
    hit("0549", None, None),
]


def page(items: list[Any]) -> dict[str, Any]:
    return {"items": items, "next": None, "total": len(items), "took_ms": 84}


def person(account: str, role: str, *, disabled: bool = False) -> dict[str, Any]:
    """One row of the people list."""
    return {
        "id": account,
        "account": account,
        "name": "周敏",
        "roles": [role],
        "org": {"id": "org", "name": "花园路街道", "kind": "street", "phone": ""},
        "disabled": disabled,
        "last_login_at": None,
    }


CHECK: dict[str, Any] = {
    "ok": True,
    "verdict": "intact",
    "at": "2025-11-23T08:00:00Z",
    "lines": [
        {"ok": True, "label": "内容没有改动", "detail": "7 个文件，SHA-256 与 SM3 都一致"},
        {"ok": True, "label": "封存签名有效", "detail": "2025-11-18 15:26"},
        {"ok": True, "label": "留痕连续", "detail": "41 条记录首尾相接"},
        {"ok": True, "label": "没有缺段", "detail": "缺口都有记录"},
    ],
}
ALTERED: dict[str, Any] = {
    **CHECK,
    "ok": False,
    "verdict": "altered",
    "lines": [{"ok": False, "label": "第 2 段画面改过", "detail": "SHA-256 不一致"}, *CHECK["lines"][1:]],
}


def part(number: int, file: str, from_s: float, to_s: float) -> dict[str, Any]:
    return {"part": number, "url": f"/media/{file}", "from_s": from_s, "to_s": to_s, "bytes": 1, "mime": "video/webm"}


def track(publication: str, role: str, source: str, *parts: dict[str, Any]) -> dict[str, Any]:
    names = {"lawyer": "陈浩", "clerk": "周敏"}
    return {
        "publication_id": publication,
        "participant": names[role],
        "role": role,
        "source": source,
        "parts": list(parts),
    }


# Eleven seconds: the station's line drops from 4 to 6 and the last second is paused.
MANIFEST: dict[str, Any] = {
    "replay_id": "x1",
    "recording_id": "r0612",
    "case_no": "JS-2025-0612",
    "viewer": "郑宏 auditor01",
    "started_at": "2025-11-18T07:02:00Z",
    "duration_s": 11.0,
    "expected_s": 11.0,
    "state": "sealed",
    "complete": True,
    "tracks": [
        track("la", "lawyer", "audio", part(1, "tone.webm", 0, 4)),
        track("lv", "lawyer", "camera", part(1, "blue.webm", 0, 4), part(2, "blue.webm", 6, 10)),
        track("cv", "clerk", "camera", part(1, "green.webm", 0, 4), part(2, "green.webm", 6, 10)),
        track("cd", "clerk", "document", part(1, "brown.webm", 2, 4)),
    ],
    "gaps": [
        {"publication_id": "cv", "from_s": 4.0, "to_s": 6.0, "cause": "disconnect"},
        {"publication_id": "lv", "from_s": 4.0, "to_s": 6.0, "cause": "disconnect"},
        {"publication_id": "cv", "from_s": 10.0, "to_s": 11.0, "cause": "pause"},
    ],
    "events": [
        {"at_s": 0.5, "kind": "consent.given", "text": "同意录音录像"},
        {"at_s": 2.0, "kind": "document.on", "text": "展示材料"},
    ],
    "points": [{"id": "p", "text": "借条有效，可以起诉。", "at": "", "at_s": 3.0}],
    "chat": [{"id": "m", "from": "x", "name": "周敏", "text": "材料拍好了", "at": "", "at_s": 3.5}],
    "record": RECORD,
    "check": None,
}
NOTES = [
    {"id": "n1", "at_s": 1.0, "text": "未先问对方是谁。", "by": "郑宏", "made_at": "2025-11-20T02:26:00Z"},
    {"id": "n2", "at_s": 7.0, "text": "已告知法律援助权利。", "by": "李审", "made_at": "2025-11-20T02:26:00Z"},
]
