"""What the demo's visitors came for. Every person in it is invented."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from scheduler.terms import Group, MatterCategory, Outcome, Sex


@dataclass(frozen=True, slots=True)
class DemoMatter:
    name: str
    sex: Sex
    birth_date: date | None
    phone: str
    category: MatterCategory
    facts: str
    points: Sequence[str] = ()
    law_cited: str = ""
    outcome: Outcome = Outcome.ANSWERED
    opposing_party: str = ""
    groups: Sequence[Group] = ()
    companion: str = ""
    guardian_name: str = ""
    dialect: str = ""
    id_refused: bool = False


MATTERS: tuple[DemoMatter, ...] = (
    DemoMatter(
        name="张桂兰",
        sex=Sex.FEMALE,
        birth_date=date(1953, 1, 12),
        phone="13800130126",
        category=MatterCategory.CONTRACT_LOAN,
        facts="邻居李某某去年 12 月借走 3 万元进货，写了借条，说好今年 6 月还。"
        "催了几次，现在不接电话。想问能不能去法院告，要准备什么。",
        points=(
            "借条有效，可以向人民法院起诉。",
            "诉讼时效三年，从约定还款的第二天起算。",
            "请准备：借条原件、转账记录、催款的微信记录、身份证。",
        ),
        law_cited="《中华人民共和国民法典》第一百八十八条、第六百七十五条",
        opposing_party="李某某",
        groups=(Group.ELDERLY, Group.WOMAN),
        companion="女儿",
    ),
    DemoMatter(
        name="马建军",
        sex=Sex.MALE,
        birth_date=date(1981, 7, 3),
        phone="13900130418",
        category=MatterCategory.WAGES,
        facts="在工地做瓦工 4 个月，包工头欠工资 2.1 万元，只有微信群里的考勤和几次转账。工地已经完工。",
        points=(
            "可以向区劳动保障监察大队投诉，也可以申请劳动仲裁。",
            "总包单位对农民工工资有先行清偿的责任。",
            "保存好考勤截图、转账记录，写明工地名称和总包单位。",
        ),
        law_cited="《保障农民工工资支付条例》第三十条",
        outcome=Outcome.AID,
        opposing_party="某建筑劳务公司",
        groups=(Group.MIGRANT_WORKER,),
    ),
    DemoMatter(
        name="何秀英",
        sex=Sex.FEMALE,
        birth_date=date(1948, 10, 20),
        phone="13700130933",
        category=MatterCategory.INHERITANCE,
        facts="老伴去世，留下一套单位房改房，没有遗嘱。三个子女意见不一，想知道怎么分。",
        points=(
            "房子先分出您自己的一半，另一半才是遗产。",
            "没有遗嘱时，您和三个子女都是第一顺序继承人，一般平均分。",
            "可以先请人民调解委员会调解，写成协议后再去登记。",
        ),
        law_cited="《中华人民共和国民法典》第一千一百二十七条、第一千一百五十三条",
        outcome=Outcome.MEDIATION,
        groups=(Group.ELDERLY, Group.WOMAN),
        dialect="河南话",
    ),
    DemoMatter(
        name="刘凤琴",
        sex=Sex.FEMALE,
        birth_date=date(1962, 3, 8),
        phone="13600130275",
        category=MatterCategory.HOUSING,
        facts="老家的宅基地被弟弟翻盖后登记到他名下，当时只有口头约定。想问还能不能要回份额。",
        points=(
            "先到乡镇自然资源所查登记档案，看当时的申请材料。",
            "有共同出资或者共同居住的证据，可以主张共有。",
        ),
        law_cited="《中华人民共和国民法典》第三百六十二条",
        opposing_party="刘某某",
        groups=(Group.WOMAN,),
    ),
    DemoMatter(
        name="陈浩",
        sex=Sex.MALE,
        birth_date=date(1994, 11, 15),
        phone="13500130561",
        category=MatterCategory.LABOUR,
        facts="公司口头通知不用来上班了，没有书面通知，劳动合同还有一年才到期。",
        points=(
            "先要求公司出具书面的解除通知，保存聊天记录和门禁记录。",
            "违法解除可以要求继续履行，或者要二倍的经济补偿。",
            "从知道之日起一年内申请劳动仲裁，不收费。",
        ),
        law_cited="《中华人民共和国劳动合同法》第四十八条、第八十七条",
        opposing_party="某网络科技公司",
    ),
    DemoMatter(
        name="",
        sex=Sex.FEMALE,
        birth_date=None,
        phone="",
        category=MatterCategory.DOMESTIC_ABUSE,
        facts="来访人不愿说姓名。长期被丈夫打骂，想知道怎么保护自己和孩子。",
        points=(
            "有危险马上打 110，要求出具告诫书，去医院看伤并留好病历。",
            "可以向法院申请人身安全保护令，不收费，72 小时内作出。",
            "区妇联和庇护所可以临时安置，电话 12338。",
        ),
        law_cited="《中华人民共和国反家庭暴力法》第二十三条、第二十八条",
        outcome=Outcome.REFERRED,
        groups=(Group.WOMAN,),
        id_refused=True,
    ),
    DemoMatter(
        name="孙大勇",
        sex=Sex.MALE,
        birth_date=date(1975, 5, 27),
        phone="13400130707",
        category=MatterCategory.TRAFFIC,
        facts="骑电动车被右转的小轿车撞倒，交警认定对方全责，保险公司只肯赔医药费。",
        points=(
            "除了医疗费，还可以要误工费、护理费、营养费、交通费。",
            "治疗结束后再做伤残鉴定，不急着签和解。",
            "协商不成，可以在道路交通法庭先调解再起诉。",
        ),
        law_cited="《中华人民共和国民法典》第一千一百七十九条、第一千二百一十三条",
        opposing_party="某财产保险公司",
    ),
    DemoMatter(
        name="李明轩",
        sex=Sex.MALE,
        birth_date=date(2014, 9, 2),
        phone="13300130812",
        category=MatterCategory.TORT,
        facts="在学校被同学推倒，门牙摔断。学校说是孩子之间打闹，不愿承担。妈妈陪同来问。",
        points=(
            "对方孩子的监护人要承担侵权责任。",
            "学校没有尽到教育、管理职责的，也要承担责任。",
            "请留好病历、缴费票据，向学校要当天的监控。",
        ),
        law_cited="《中华人民共和国民法典》第一千一百八十八条、第一千二百条",
        groups=(Group.MINOR,),
        companion="妈妈",
        guardian_name="王丽",
    ),
    DemoMatter(
        name="赵庆林",
        sex=Sex.MALE,
        birth_date=date(1957, 12, 30),
        phone="13200130349",
        category=MatterCategory.PROPERTY_MGMT,
        facts="小区电梯半年坏了五次，物业不修还催交物业费。业主想知道能不能不交。",
        points=(
            "不建议直接拒交，可以书面要求整改并保留证据。",
            "可以请业主委员会申请使用维修资金，或者向街道物业科投诉。",
        ),
        law_cited="《中华人民共和国民法典》第九百四十二条、第九百四十四条",
        opposing_party="某物业服务公司",
        groups=(Group.ELDERLY,),
    ),
    DemoMatter(
        name="周文斌",
        sex=Sex.MALE,
        birth_date=date(1988, 2, 14),
        phone="13100130656",
        category=MatterCategory.CRIMINAL,
        facts="弟弟昨天被公安机关带走，家里收到拘留通知书。想知道能不能见面、能不能请律师。",
        points=(
            "拘留期间家属不能见，律师可以会见，可以马上委托。",
            "经济困难或者符合条件的，可以申请法律援助律师。",
        ),
        law_cited="《中华人民共和国刑事诉讼法》第三十四条、第三十九条",
        outcome=Outcome.AID,
    ),
    DemoMatter(
        name="欧阳慧",
        sex=Sex.FEMALE,
        birth_date=date(1990, 6, 6),
        phone="15000130088",
        category=MatterCategory.FAMILY,
        facts="分居两年，孩子 4 岁一直跟着自己。对方不同意离婚，想知道怎么起诉、孩子归谁。",
        points=(
            "分居满二年，调解无效的，法院应当准予离婚。",
            "孩子已满两岁，按对孩子最有利的原则判，一直由您带是重要理由。",
            "向对方经常居住地的法院起诉，先做庭前调解。",
        ),
        law_cited="《中华人民共和国民法典》第一千零七十九条、第一千零八十四条",
        opposing_party="徐某",
        groups=(Group.WOMAN,),
    ),
    DemoMatter(
        name="郭长顺",
        sex=Sex.MALE,
        birth_date=date(1950, 8, 18),
        phone="15100130290",
        category=MatterCategory.SUPPORT,
        facts="两个儿子都不给赡养费，老人每月只有 160 元养老金，还要吃药。",
        points=(
            "成年子女有赡养义务，可以要求给付赡养费和分担医药费。",
            "赡养案件可以申请法律援助，也可以申请先予执行。",
        ),
        law_cited="《中华人民共和国民法典》第一千零六十七条",
        outcome=Outcome.AID,
        groups=(Group.ELDERLY, Group.LOW_INCOME),
        dialect="豫东话",
    ),
    DemoMatter(
        name="宋佳",
        sex=Sex.FEMALE,
        birth_date=date(1998, 4, 25),
        phone="15200130473",
        category=MatterCategory.CONSUMER,
        facts="健身房办了 5000 元年卡，用了两个月关门，电话打不通。",
        points=(
            "先打 12315 投诉，查公司登记信息，保存合同和付款记录。",
            "可以要求退还剩余金额；老板换店继续经营的，可以一起起诉。",
        ),
        law_cited="《中华人民共和国消费者权益保护法》第五十三条",
        opposing_party="某健身服务公司",
    ),
)
DRAFT = DemoMatter(
    name="王秀芝",
    sex=Sex.FEMALE,
    birth_date=date(1956, 11, 2),
    phone="15300130158",
    category=MatterCategory.NEIGHBOUR,
    facts="楼上长期漏水，自家天花板发霉，对方不肯修。",
    groups=(Group.ELDERLY,),
)
