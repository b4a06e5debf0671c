"""What a new installation starts with: its categories (changed as data) and the national desk."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, insert

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

WHAT = ("What is happening, where exactly, since when?", "Việc gì đang xảy ra, ở đâu, từ lúc nào?")
DANGER = ("Is anyone in danger right now?", "Hiện có ai đang gặp nguy hiểm không?")

T, C, P, K = "tip", "crime_report", "public_order", "petition"

# code, kinds, Vietnamese, English, urgency (3 emergency, 2 urgent, 1 normal), number, sensitive
CATEGORIES = [
    ("theft", [T, C], "Trộm cắp", "Theft", 1, None, False),
    ("robbery", [T, C], "Cướp, cướp giật", "Robbery", 3, "113", False),
    ("violence", [T, C, P], "Đánh nhau, gây thương tích", "Violence", 3, "113", False),
    ("weapons", [T, C], "Vũ khí, vật liệu nổ", "Weapons and explosives", 3, "113", False),
    ("drugs", [T, C], "Ma túy", "Drugs", 2, None, False),
    ("gambling", [T, C, P], "Cờ bạc, cá độ", "Gambling", 1, None, False),
    ("fraud", [T, C], "Lừa đảo", "Fraud", 1, None, False),
    ("trafficking", [T, C], "Mua bán người", "Human trafficking", 3, "113", True),
    ("sexual_offence", [T, C], "Xâm hại tình dục", "Sexual offence", 3, "113", True),
    ("domestic_violence", [T, C, P], "Bạo lực gia đình", "Domestic violence", 3, "113", True),
    ("child_safety", [T, C, P], "An toàn trẻ em", "Child safety", 3, "113", True),
    ("missing_person", [T, C, P], "Người mất tích", "Missing person", 2, "113", True),
    ("fire_hazard", [T, P], "Cháy nổ, nguy cơ cháy", "Fire or fire hazard", 3, "114", False),
    ("traffic", [T, P], "Trật tự giao thông", "Traffic", 1, None, False),
    ("public_disturbance", [T, P], "Gây rối trật tự", "Public disturbance", 2, "113", False),
    ("noise", [T, P], "Tiếng ồn", "Noise", 1, None, False),
    ("environment", [T, P, C], "Môi trường", "Environment", 1, None, False),
    ("suspicious_activity", [T, P], "Hoạt động khả nghi", "Suspicious activity", 1, None, False),
    ("lost_found", [T, P], "Mất, nhặt được đồ", "Lost and found", 1, None, False),
    (
        "officer_conduct",
        [T, K, "complaint_about_police"],
        "Thái độ, hành vi của công an",
        "Conduct of an officer",
        1,
        None,
        True,
    ),
    ("reconciliation", ["group_reconciliation"], "Hòa giải", "Reconciliation", 1, None, False),
    ("other", [T, C, P, K], "Việc khác", "Other", 1, None, False),
]


def questions(*, emergency: bool) -> list[dict[str, str]]:
    """Prompts for behaviour, place and time; never for looks, origin or belief."""
    asked = [DANGER, WHAT] if emergency else [WHAT]
    return [{"en": en, "vi": vi} for en, vi in asked]


def upgrade() -> None:
    """Go forward."""
    op.execute(
        "insert into stations (id, kind, name) values ('vn', 'national_desk', 'Trực ban quốc gia')"
        " on conflict do nothing"
    )
    table = sa.table(
        "categories",
        sa.column("code", sa.Text),
        sa.column("position", sa.SmallInteger),
        sa.column("kinds", ARRAY(sa.Text)),
        sa.column("name_vi", sa.Text),
        sa.column("name_en", sa.Text),
        sa.column("urgency", sa.SmallInteger),
        sa.column("emergency_call", sa.Text),
        sa.column("sensitive", sa.Boolean),
        sa.column("questions", JSONB),
    )
    op.get_bind().execute(
        insert(table).on_conflict_do_nothing(),
        [
            {
                "code": code,
                "position": position,
                "kinds": kinds,
                "name_vi": vi,
                "name_en": en,
                "urgency": urgency,
                "emergency_call": call,
                "sensitive": sensitive,
                "questions": questions(emergency=call is not None),
            }
            for position, (code, kinds, vi, en, urgency, call, sensitive) in enumerate(CATEGORIES)
        ],
    )


def downgrade() -> None:
    """Go back; what a report or an account still refers to stays."""
    codes = ", ".join(f"'{row[0]}'" for row in CATEGORIES)
    op.execute(
        f"delete from categories c where code in ({codes})"
        " and not exists (select from reports r where r.category = c.code)"
    )
    op.execute(
        "delete from stations s where id = 'vn'"
        " and not exists (select from reports r where r.station_id = s.id)"
        " and not exists (select from case_informed i where i.station_id = s.id)"
        " and not exists (select from staff f where f.station_id = s.id)"
        " and not exists (select from registers g where g.station_id = s.id)"
    )
