"""What the kinds of groups are called."""

from api.groups.tables import GroupType
from api.i18n import Language

NAMES: dict[GroupType, tuple[str, str]] = {
    GroupType.TO_TU_QUAN: (
        "Tổ tự quản về an ninh, trật tự",
        "Self-managed security and order group",
    ),
    GroupType.LUC_LUONG_CO_SO: (
        "Lực lượng tham gia bảo vệ an ninh, trật tự ở cơ sở",
        "Grassroots security and order force",
    ),
    GroupType.TO_LIEN_GIA: ("Tổ liên gia", "Group of neighbouring households"),
    GroupType.TO_HOA_GIAI: ("Tổ hòa giải ở cơ sở", "Grassroots reconciliation group"),
    GroupType.KHU_DAN_CU: ("Khu dân cư tự quản", "Self-managed residential area"),
    GroupType.DONG_HO: ("Dòng họ tự quản", "Self-managed clan"),
    GroupType.CO_QUAN_DOANH_NGHIEP: (
        "Cơ quan, doanh nghiệp, nhà trường tự quản",
        "Self-managed agency, business or school",
    ),
    GroupType.OTHER: ("Mô hình khác", "Another model"),
}


def type_name(code: str, language: Language) -> str:
    """The name of a kind of group."""
    vi, en = NAMES[GroupType(code)]
    return vi if language == "vi" else en
