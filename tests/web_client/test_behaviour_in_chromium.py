"""What pages do when they are used: log in, check devices, rate, print, search, manage people."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.async_api import expect

from tests.support.eventually import eventually
from tests.support.page_stand import Stand
from tests.support.pages import chromium, person
from tests.web_client import answers

pytestmark = pytest.mark.browser

LOG_IN = "POST /api/login"


def refusal(status: int, code: str, text: str, **more: Any) -> tuple[int, Any]:
    return status, {"error": {"code": code, "text": text, **more}}


async def test_log_in_says_what_was_wrong_and_leads_where_one_wanted_to_go() -> None:
    stand = Stand()
    stand.replies[LOG_IN] = refusal(401, "bad_credentials", "账号或密码不对。", tries_left=4)
    async with stand.running(), chromium() as browser:
        page = await (await person(browser, stand)).new_page()
        await page.goto("/login?next=/check%3Fa%3D1")
        await page.get_by_label("账号").fill("auditor01")
        await page.get_by_label("密码", exact=True).fill("wrong")
        await page.get_by_role("button", name="登录", exact=True).click()
        await expect(page.get_by_role("alert")).to_contain_text("还可以试 4 次")
        await expect(page.get_by_label("密码", exact=True)).to_be_focused()
        await expect(page.get_by_label("密码", exact=True)).to_have_value("")
        stand.replies[LOG_IN] = {"person": {}, "home": "/audit"}
        await page.get_by_label("密码", exact=True).fill("right")
        await page.get_by_label("密码", exact=True).press("Enter")
        await page.wait_for_url("**/check?a=1")
        assert stand.sent(LOG_IN)[-1] == {"account": "auditor01", "password": "right"}


@pytest.mark.parametrize("elsewhere", ["https://evil.example/x", "//evil.example/x", "/\\evil.example", "/login"])
async def test_log_in_never_leads_to_another_site(elsewhere: str) -> None:
    stand = Stand()
    stand.replies[LOG_IN] = {"person": {}, "home": "/check"}
    async with stand.running(), chromium() as browser:
        page = await (await person(browser, stand)).new_page()
        await page.goto(f"/login?next={elsewhere}")
        await page.get_by_label("账号").fill("a")
        await page.get_by_label("密码", exact=True).fill("b")
        await page.get_by_role("button", name="登录", exact=True).click()
        await page.wait_for_url(stand.url + "/check")


async def test_log_in_counts_down_when_throttled() -> None:
    stand = Stand()
    stand.replies[LOG_IN] = refusal(429, "throttled", "试得太多了。", retry_after_s=2.0)
    async with stand.running(), chromium() as browser:
        page = await (await person(browser, stand)).new_page()
        await page.goto("/login")
        await page.get_by_label("账号").fill("a")
        await page.get_by_label("密码", exact=True).fill("b")
        button = page.get_by_role("button", name="登录", exact=True)
        await button.click()
        await expect(page.get_by_role("alert")).to_contain_text(re.compile("请等 [12] 秒"))
        await expect(button).to_be_disabled()
        await expect(button).to_be_enabled()
        await expect(page.locator("#failed")).to_be_hidden()


async def test_an_unreachable_server_is_said_at_log_in() -> None:
    stand = Stand()
    async with stand.running(), chromium() as browser:
        context = await person(browser, stand)
        page = await context.new_page()
        await page.goto("/login")
        await page.get_by_label("账号").fill("a")
        await page.get_by_label("密码", exact=True).fill("b")
        await context.set_offline(True)
        await page.get_by_role("button", name="登录", exact=True).click()
        await expect(page.get_by_role("alert")).to_contain_text("连不上服务器")
        await expect(page.locator("[data-offline]")).to_contain_text("秒后再试")
        await context.set_offline(False)
        await expect(page.locator("[data-offline]")).to_be_hidden()


async def test_a_password_can_be_shown() -> None:
    stand = Stand()
    async with stand.running(), chromium() as browser:
        page = await (await person(browser, stand)).new_page()
        await page.goto("/login")
        await page.get_by_role("button", name="显示").click()
        await expect(page.get_by_label("密码", exact=True)).to_have_attribute("type", "text")


async def test_large_type_is_kept_on_the_computer_and_with_the_account() -> None:
    stand = Stand()
    stand.replies |= {"PUT /api/me/preferences": {}, "GET /api/audit/search": answers.page([])}
    async with stand.running(), chromium() as browser:
        page = await (await person(browser, stand, "auditor")).new_page()
        await page.goto("/audit")
        await page.get_by_role("button", name="长辈版").click()
        await eventually(lambda: stand.sent("PUT /api/me/preferences") == [{"elder": True}])
        await page.reload()
        await expect(page.locator("html")).to_have_class("elder")
        await expect(page.get_by_role("button", name="长辈版")).to_have_attribute("aria-pressed", "true")


async def test_log_out_asks_the_server_first() -> None:
    stand = Stand()
    stand.replies |= {"POST /api/logout": {}, "GET /api/audit/search": answers.page([])}
    async with stand.running(), chromium() as browser:
        page = await (await person(browser, stand, "auditor")).new_page()
        await page.goto("/audit")
        await page.get_by_role("button", name="退出登录").click()
        await page.wait_for_url("**/login")
        assert stand.sent("POST /api/logout") == [{}]


async def test_the_offline_page_appears_without_network_and_leaves_by_itself() -> None:
    stand = Stand()
    async with stand.running(), chromium() as browser:
        context = await person(browser, stand, service_workers="allow")
        page = await context.new_page()
        await page.goto("/login")
        await page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        await context.set_offline(True)
        await page.goto("/check", wait_until="domcontentloaded")
        await expect(page.get_by_role("heading", name="网络断了，咨询先改用电话")).to_be_visible()
        await expect(page.locator("#next")).to_contain_text("秒后自动再连")
        await context.set_offline(False)
        await expect(page.get_by_role("heading", name="设备检测")).to_be_visible()


async def test_the_device_check_finds_what_works_and_files_it() -> None:
    stand = Stand()
    stand.replies["POST /api/device-checks"] = {}
    async with stand.running(), chromium() as browser:
        page = await (await person(browser, stand, "station_clerk")).new_page()
        await page.goto("/station/check")
        await expect(page.locator("[data-row=camera] [data-chip]")).to_have_text("正常")
        await expect(page.locator("[data-row=microphone] [data-chip]")).to_have_text("正常")
        await expect(page.locator("[data-row=document_camera] [data-chip]")).to_have_text("没找到")
        await page.get_by_role("button", name="没听到").click()
        await expect(page.locator("#summary")).to_contain_text("1 项要处理。 结果已记下。")
        filed = stand.sent("POST /api/device-checks")[-1]
        assert {name: filed[name]["result"] for name in filed.keys() - {"key"}} == {
            "camera": "ok",
            "microphone": "ok",
            "speaker": "bad",
            "document_camera": "absent",
            "network": "ok",
        }


async def test_refused_permission_says_where_to_allow_it() -> None:
    stand = Stand()
    deny = "--use-fake-ui-for-media-stream"
    async with stand.running(), chromium(f"{deny}=deny", without=(deny,)) as browser:
        page = await (await person(browser, stand)).new_page()
        await page.goto("/check")
        await expect(page.locator("[data-row=camera]")).to_contain_text("选「允许」")
        await expect(page.locator("[data-row=microphone]")).to_contain_text("选「允许」")
        await expect(page.locator("#fallback")).to_be_visible()


async def test_without_devices_the_check_says_look_at_the_plug() -> None:
    stand = Stand()
    async with stand.running(), chromium(without=("--use-fake-device-for-media-stream",)) as browser:
        page = await (await person(browser, stand)).new_page()
        await page.goto("/check")
        await expect(page.locator("[data-row=camera]")).to_contain_text("没找到摄像头")
        await expect(page.locator("[data-row=microphone]")).to_contain_text("没找到麦克风")


async def test_a_rating_is_sent_once_and_wiped() -> None:
    stand = Stand()
    rate = "POST /api/consultations/c1/evaluation"
    stand.replies[rate] = {}
    async with stand.running(), chromium() as browser:
        context = await person(browser, stand, "station_clerk")
        page = await context.new_page()
        await page.clock.install()
        await page.goto("/station/rating/c1")
        assert await page.locator("input:checked").count() == 0
        await page.get_by_role("radio", name="不满意", exact=True).check()
        await page.get_by_role("button", name="想多说几句").click()
        await page.get_by_label("服务态度").select_option(label="非常满意")
        await page.get_by_label("想说的话").fill("说得太快。")
        await page.get_by_role("button", name="提交评价").dblclick()
        await expect(page.get_by_role("heading", name="谢谢")).to_be_focused()
        assert await page.locator("input:checked").count() == 0
        (sent,) = stand.sent(rate)
        assert {**sent, "key": ""} == {
            "key": "",
            "declined": False,
            "overall": 2,
            "attitude": 5,
            "comment": "说得太快。",
        }
        await page.clock.fast_forward(5000)
        await expect(page.get_by_role("heading", name="请叫工作人员")).to_be_visible()


async def test_declining_is_an_answer() -> None:
    stand = Stand()
    rate = "POST /api/consultations/c1/evaluation"
    stand.replies[rate] = {}
    async with stand.running(), chromium() as browser:
        page = await (await person(browser, stand, "station_clerk")).new_page()
        await page.goto("/station/rating/c1")
        await page.get_by_label("不评价").check()
        await page.get_by_role("button", name="提交评价").click()
        await expect(page.get_by_role("heading", name="谢谢")).to_be_visible()
        (sent,) = stand.sent(rate)
        assert {**sent, "key": ""} == {"key": "", "declined": True}


async def test_the_record_prints_on_one_sheet_with_everything_on_it() -> None:
    stand = Stand()
    stand.replies["GET /api/consultations/c1/record"] = answers.RECORD
    async with stand.running(), chromium() as browser:
        page = await (await person(browser, stand, "station_clerk")).new_page()
        await page.goto("/station/record/c1")
        sheet = page.get_by_role("article", name="咨询记录")
        for words in [
            "编号：JS-2025-0612",
            "张桂兰",
            "女，72 岁",
            "4101**********1226",
            "当场答复",
            "已告知有权申请",
            "不同意，未录制",
        ]:
            await expect(sheet).to_contain_text(words)
        await expect(sheet).to_contain_text("2025 年 11 月 20 日 10 时 26 分至 10 时 44 分（远程视频，18 分）")
        assert await sheet.locator("ol > li").count() == 3
        pdf = await page.pdf(prefer_css_page_size=True)
        assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1
        assert re.search(rb"/MediaBox\s*\[0 0 59[45]\.\d+ 84[12]", pdf), "A4"


async def test_a_long_record_goes_on_to_a_second_sheet() -> None:
    stand = Stand()
    long = {**answers.RECORD, "advice": "\n".join(f"{n}. {'请保留好全部材料的原件。' * 4}" for n in range(1, 40))}
    stand.replies["GET /api/consultations/c1/record"] = long
    async with stand.running(), chromium() as browser:
        page = await (await person(browser, stand, "station_clerk")).new_page()
        await page.goto("/station/record/c1")
        await expect(page.get_by_role("article", name="咨询记录")).to_be_visible()
        pdf = await page.pdf(prefer_css_page_size=True)
        assert len(re.findall(rb"/Type\s*/Page\b", pdf)) in (2, 3)


async def test_a_replay_needs_a_reason_of_ten_characters() -> None:
    stand = Stand()
    stand.replies |= {
        "GET /api/audit/search": answers.page(answers.HITS),
        "POST /api/audit/replays": {"replay_id": "x1"},
        "GET /api/audit/replays/x1": answers.MANIFEST,
    }
    async with stand.running(), chromium() as browser:
        page = await (await person(browser, stand, "auditor")).new_page()
        await page.goto("/audit")
        await page.get_by_role("link", name="回放").first.click()
        await page.get_by_label("调阅事由").fill("看看")
        await page.get_by_role("button", name="开始回放").click()
        await expect(page.locator("#reason-error")).to_contain_text("至少 10 个字")
        assert stand.sent("POST /api/audit/replays") == []
        await page.get_by_label("调阅事由").fill("十一月抽查，核对答复是否完整。")
        await page.get_by_role("button", name="开始回放").click()
        await page.wait_for_url("**/audit/replay/x1*")
        (sent,) = stand.sent("POST /api/audit/replays")
        assert (sent["recording_id"], sent["reason"]) == ("r0612", "十一月抽查，核对答复是否完整。")


async def test_without_a_recording_the_record_is_read_with_a_reason() -> None:
    stand = Stand()
    stand.replies |= {
        "GET /api/audit/search": answers.page(answers.HITS),
        "GET /api/audit/consultations/c0549/record": answers.RECORD,
    }
    async with stand.running(), chromium() as browser:
        page = await (await person(browser, stand, "auditor")).new_page()
        await page.goto("/audit")
        await page.get_by_role("row").filter(has_text="0549").get_by_role("link", name="看记录").click()
        await page.get_by_label("调阅事由").fill("来访人来信问起这次咨询。")
        await page.get_by_role("button", name="打开记录").click()
        await expect(page.get_by_role("article", name="咨询记录")).to_be_visible()
        assert stand.sent("GET /api/audit/consultations/c0549/record") == [{"reason": "来访人来信问起这次咨询。"}]


async def test_the_search_sends_its_filters_and_keeps_them_in_the_address() -> None:
    stand = Stand()
    stand.replies |= {
        "GET /api/audit/search": answers.page(answers.HITS),
        "GET /api/admin/organisations": {"items": [{"id": "o1", "name": "花园路街道", "kind": "street"}]},
        "GET /api/categories": {"items": [{"id": "wages", "name": "欠薪"}]},
    }
    async with stand.running(), chromium() as browser:
        page = await (await person(browser, stand, "auditor")).new_page()
        await page.goto("/audit")
        await page.get_by_label("搜索").fill("借条")
        await page.get_by_label("开始日期").fill("2025-11-01")
        await page.get_by_label("街道").select_option(label="花园路街道")
        await page.get_by_label("事项类别").select_option(label="欠薪")
        await page.get_by_role("button", name="搜索").click()
        wanted = {"q": "借条", "from": "2025-11-01", "org": "o1", "category": "wages"}
        await eventually(lambda: stand.sent("GET /api/audit/search")[-1] == wanted)
        await page.reload()
        await expect(page.get_by_label("搜索")).to_have_value("借条")
        await expect(page.get_by_label("街道")).to_have_value("o1")
        await eventually(lambda: len(stand.sent("GET /api/audit/search")) == 3)
        assert stand.sent("GET /api/audit/search")[-1] == wanted


async def test_a_person_is_added_and_the_link_shown_once() -> None:
    stand = Stand()
    stand.replies |= {
        "GET /api/admin/people": {"items": [answers.person("station02", "station_clerk")], "next": None},
        "GET /api/admin/organisations": {"items": [{"id": "o1", "name": "花园路街道", "kind": "street"}]},
        "POST /api/admin/people": {
            "person": answers.person("station18", "station_clerk"),
            "link": "/password/Zk3nq8",
            "expires_at": "2025-11-26T08:00:00Z",
        },
    }
    async with stand.running(), chromium() as browser:
        page = await (await person(browser, stand, "admin")).new_page()
        await page.goto("/admin")
        await page.get_by_role("button", name="加人").click()
        await page.get_by_role("button", name="加上并生成链接").click()
        await expect(page.get_by_text("填姓名")).to_be_visible()
        assert stand.sent("POST /api/admin/people") == []
        dialog = page.get_by_role("dialog", name="加人")
        await dialog.get_by_label("姓名").fill("周敏")
        await dialog.get_by_label("账号").fill("station18")
        await dialog.get_by_label("机构").select_option(label="花园路街道")
        await dialog.get_by_label("工作站工作人员").check()
        await page.get_by_role("button", name="加上并生成链接").click()
        await expect(page.get_by_label("设密码链接")).to_have_value(f"{stand.url}/password/Zk3nq8")
        await page.get_by_role("button", name="记下了").click()
        await expect(page.locator("#link")).to_have_value("")
        (sent,) = stand.sent("POST /api/admin/people")
        assert {**sent, "key": ""} == {
            "key": "",
            "name": "周敏",
            "account": "station18",
            "org_id": "o1",
            "roles": ["station_clerk"],
        }


async def test_a_password_is_set_with_the_link_and_a_spent_one_says_so() -> None:
    stand = Stand()
    stand.replies["POST /api/password"] = {}
    async with stand.running(), chromium() as browser:
        page = await (await person(browser, stand)).new_page()
        await page.goto("/password/token9")
        for field in ("新密码", "再填一遍"):
            await page.get_by_label(field).fill("一句很好记住的话哦哦")
        await page.get_by_role("button", name="设好密码").click()
        await expect(page.get_by_role("heading", name="密码设好了")).to_be_visible()
        assert stand.sent("POST /api/password") == [{"token": "token9", "password": "一句很好记住的话哦哦"}]
        stand.replies["POST /api/password"] = refusal(404, "not_found", "没有。")
        await page.reload()
        for field in ("新密码", "再填一遍"):
            await page.get_by_label(field).fill("一句很好记住的话哦哦")
        await page.get_by_role("button", name="设好密码").click()
        await expect(page.get_by_role("heading", name="这个链接不能用了")).to_be_visible()
