"""The closed vocabularies of the domain with their Chinese names, in the order in which forms show them (docs:
glossary of the bureau).
"""

from enum import StrEnum


class MatterCategory(StrEnum):
    FAMILY = "family"
    INHERITANCE = "inheritance"
    SUPPORT = "support"
    LABOUR = "labour"
    WAGES = "wages"
    WORK_INJURY = "work_injury"
    CONTRACT_LOAN = "contract_loan"
    HOUSING = "housing"
    EXPROPRIATION = "expropriation"
    RURAL_LAND = "rural_land"
    NEIGHBOUR = "neighbour"
    PROPERTY_MGMT = "property_mgmt"
    TRAFFIC = "traffic"
    MEDICAL = "medical"
    CONSUMER = "consumer"
    TORT = "tort"
    SOCIAL_SECURITY = "social_security"
    PENSION = "pension"
    ENVIRONMENT = "environment"
    DOMESTIC_ABUSE = "domestic_abuse"
    ADMINISTRATIVE = "administrative"
    STATE_COMPENSATION = "state_compensation"
    CRIMINAL = "criminal"
    PROCEDURE = "procedure"
    NOTARY_FORENSIC = "notary_forensic"
    OTHER = "other"


class Group(StrEnum):
    ELDERLY = "elderly"
    MINOR = "minor"
    DISABLED = "disabled"
    WOMAN = "woman"
    MIGRANT_WORKER = "migrant_worker"
    MILITARY_FAMILY = "military_family"
    LOW_INCOME = "low_income"
    RELEASED_OR_CORRECTIONS = "released_or_corrections"
    OTHER = "other"


class Outcome(StrEnum):
    ANSWERED = "answered"
    REBOOKED = "rebooked"
    AID = "aid"
    MEDIATION = "mediation"
    REFERRED = "referred"
    EXPERT = "expert"


class IdType(StrEnum):
    RESIDENT_ID = "resident_id"
    PASSPORT = "passport"
    HK_MACAO_PERMIT = "hk_macao_permit"
    TAIWAN_PERMIT = "taiwan_permit"
    FOREIGN_RESIDENT = "foreign_resident"
    OTHER = "other"


class Sex(StrEnum):
    FEMALE = "female"
    MALE = "male"


class Channel(StrEnum):
    WALK_IN = "walk_in"
    HOTLINE_12348 = "hotline_12348"
    ONLINE = "online"
    APPOINTMENT = "appointment"
    REFERRAL = "referral"


CATEGORY_NAMES: dict[MatterCategory, str] = {
    MatterCategory.CONTRACT_LOAN: "合同借贷",
    MatterCategory.FAMILY: "婚姻家庭",
    MatterCategory.INHERITANCE: "继承",
    MatterCategory.LABOUR: "劳动争议",
    MatterCategory.WAGES: "欠薪",
    MatterCategory.SUPPORT: "赡养抚养扶养",
    MatterCategory.WORK_INJURY: "工伤",
    MatterCategory.HOUSING: "房屋宅基地",
    MatterCategory.EXPROPRIATION: "征地拆迁",
    MatterCategory.RURAL_LAND: "土地承包",
    MatterCategory.NEIGHBOUR: "邻里",
    MatterCategory.PROPERTY_MGMT: "物业",
    MatterCategory.TRAFFIC: "交通事故",
    MatterCategory.MEDICAL: "医疗",
    MatterCategory.CONSUMER: "消费食药",
    MatterCategory.TORT: "其他侵权",
    MatterCategory.SOCIAL_SECURITY: "社保救助",
    MatterCategory.PENSION: "抚恤",
    MatterCategory.ENVIRONMENT: "环境",
    MatterCategory.DOMESTIC_ABUSE: "家暴虐待",
    MatterCategory.ADMINISTRATIVE: "行政",
    MatterCategory.STATE_COMPENSATION: "国家赔偿",
    MatterCategory.CRIMINAL: "刑事",
    MatterCategory.PROCEDURE: "诉讼仲裁程序",
    MatterCategory.NOTARY_FORENSIC: "公证鉴定",
    MatterCategory.OTHER: "其他",
}
GROUP_NAMES: dict[Group, str] = {
    Group.ELDERLY: "老年人",
    Group.DISABLED: "残疾人",
    Group.MINOR: "未成年人",
    Group.MIGRANT_WORKER: "农民工",
    Group.WOMAN: "妇女",
    Group.MILITARY_FAMILY: "军人军属",
    Group.LOW_INCOME: "低保",
    Group.RELEASED_OR_CORRECTIONS: "刑满释放或社区矫正",
    Group.OTHER: "其他",
}
OUTCOME_NAMES: dict[Outcome, str] = {
    Outcome.ANSWERED: "当场答复",
    Outcome.REBOOKED: "另约时间",
    Outcome.AID: "转法律援助",
    Outcome.MEDIATION: "转人民调解",
    Outcome.REFERRED: "转其他部门",
    Outcome.EXPERT: "转法律专家",
}
ID_TYPE_NAMES: dict[IdType, str] = {
    IdType.RESIDENT_ID: "居民身份证",
    IdType.PASSPORT: "护照",
    IdType.HK_MACAO_PERMIT: "港澳居民来往内地通行证",
    IdType.TAIWAN_PERMIT: "台湾居民来往大陆通行证",
    IdType.FOREIGN_RESIDENT: "外国人永久居留身份证",
    IdType.OTHER: "其他证件",
}
SEX_NAMES: dict[Sex, str] = {Sex.FEMALE: "女", Sex.MALE: "男"}
