"""What every number of a scorecard is: published, and the same for every station and the public.

Words are Vietnamese first, English beside it. What a measure counts is `measures.CONDITIONS`; here
is what that means. docs/scorecards.md is made from this.
"""

from dataclasses import dataclass
from typing import Literal

VERSION = 1
"""Goes up with every change of what a number means."""


@dataclass(frozen=True)
class Words:
    """A text in both languages."""

    vi: str
    en: str


@dataclass(frozen=True)
class Count:
    """Something that is counted. One that is `inner` is shown only as a part of a rate."""

    key: str
    name: Words
    counted: Words
    inner: bool = False
    protected: bool = False


@dataclass(frozen=True)
class Rate:
    """One count out of another; a `signal` asks a question and is no verdict."""

    key: str
    name: Words
    numerator: str
    denominator: str
    better: Literal["higher", "lower"] | None
    """None of a signal: neither is."""
    question: Words | None = None
    protected: bool = False


@dataclass(frozen=True)
class Time:
    """How long something took: the median, and what nine in ten did not exceed."""

    key: str
    name: Words
    counted: Words
    unit: Words


def count(key: str, vi: str, en: str, vi_counted: str, en_counted: str, **more: bool) -> Count:
    """A count, in fewer words."""
    return Count(key, Words(vi, en), Words(vi_counted, en_counted), **more)


COUNTS: tuple[Count, ...] = (
    count("open_at_start", "Tồn đầu kỳ", "Open at the start",
          "Tin đang ở đơn vị, chưa kết thúc, khi kỳ bắt đầu.",
          "Cases at the station, not closed, when the window began."),
    count("received", "Tiếp nhận", "Received",
          "Tin báo đến đơn vị này đầu tiên trong kỳ.",
          "Reports that came to this station first, in the window."),
    count("recorded", "Do cán bộ ghi nhận", "Written down by officers",
          "Trong số tiếp nhận: tin do chính cán bộ đơn vị ghi tại bàn trực, qua điện thoại, thư.",
          "Of those received: written down by the station itself: desk, phone, letter."),
    count("reopened", "Mở lại", "Reopened",
          "Tin đã kết thúc được người báo yêu cầu xem lại trong kỳ.",
          "Closed cases that their reporters had taken up again in the window."),
    count("transferred_in", "Nhận chuyển đến", "Transferred in",
          "Tin do đơn vị khác chuyển đến, kể cả chuyển do đính chính địa điểm.",
          "Cases another station handed over, a corrected place included."),
    count("bounced_in", "Bị trả lại", "Bounced back in",
          "Tin bị trả lại cho đơn vị đã chuyển; lần thứ ba thì về trực ban cấp trên.",
          "Cases handed back to who had transferred them; the third time, to the desk above."),
    count("rerouted_in", "Nhận do đổi địa giới", "Rerouted in",
          "Tin chuyển đến do bản địa giới mới có hiệu lực.",
          "Cases that a boundary edition gave to the station."),
    count("acknowledged", "Vào sổ", "Acknowledged",
          "Lần đầu một tin được vào sổ tại đơn vị.",
          "First entries of a case into the station's register, for each stay."),
    count("answered", "Đã trả lời", "Answered",
          "Kết quả được trả cho người báo: đã giải quyết, đã xác nhận hòa giải, không đủ cơ sở.",
          "Outcomes given: resolved, reconciliation confirmed, or dismissed."),
    count("dismissed", "Không đủ cơ sở", "Dismissed",
          "Trong số đã trả lời: không đủ cơ sở giải quyết.",
          "Of those answered: dismissed as not actionable."),
    count("closed_unanswered", "Kết thúc không trả lời riêng", "Closed without an answer",
          "Tin trùng được gộp, hoặc người báo rút.",
          "Duplicates linked to another case, and withdrawals, together."),
    count("withdrawn", "Người báo rút", "Withdrawn",
          "Tin do người báo rút lại; làm tròn đến bội số của 5, dưới 5 không hiện.",
          "Taken back by their reporters; rounded to fives, not shown below 5.", protected=True),
    count("transferred_out", "Chuyển đi", "Transferred out",
          "Tin đơn vị chuyển cho đơn vị khác.", "Cases handed over to another station."),
    count("bounced_out", "Trả lại nơi chuyển", "Bounced",
          "Tin đơn vị trả lại nơi đã chuyển đến.", "Cases handed back to where they came from."),
    count("rerouted_out", "Chuyển đi do đổi địa giới", "Rerouted out",
          "Tin chuyển đi do bản địa giới mới có hiệu lực.",
          "Cases that a boundary edition gave to another station."),
    count("missed", "Quá hạn trong kỳ", "Limits missed",
          "Tin có ít nhất một thời hạn trôi qua tại đơn vị trong kỳ.",
          "Cases of which at least one limit passed at the station in the window."),
    count("overdue_at_end", "Đang quá hạn cuối kỳ", "Overdue at the end",
          "Tin đang ở đơn vị và đang quá ít nhất một thời hạn khi kỳ kết thúc.",
          "Cases at the station with a limit that had passed when the window ended."),
    count("urged", "Được đôn đốc", "Urged",
          "Số lần chỉ huy đôn đốc.", "How often a commander urged the station on."),
    count("open_at_end", "Tồn cuối kỳ", "Open at the end",
          "Tin đang ở đơn vị, chưa kết thúc, khi kỳ kết thúc.",
          "Cases at the station, not closed, when the window ended."),
    count("read_judged", "Hạn vào sổ đã đến lúc xét", "Reading limits that came up",
          "Hạn vào sổ được giữ, hoặc trôi qua, tại đơn vị trong kỳ.",
          "Limits for the acknowledgement that were kept, or passed, at the station.", inner=True),
    count("read_in_time", "Vào sổ đúng hạn", "Acknowledged in time",
          "Trong số đó: vào sổ không muộn hơn hạn.", "Of those: kept.", inner=True),
    count("handover_judged", "Hạn chuyển cơ quan điều tra đã đến lúc xét",
          "Handover limits that came up",
          "Hạn chuyển cơ quan điều tra được giữ, hoặc trôi qua, tại đơn vị trong kỳ.",
          "Limits for handing over to the investigating agency that were kept, or passed.",
          inner=True),
    count("handover_in_time", "Chuyển đúng hạn", "Handed over in time",
          "Trong số đó: chuyển, hoặc kết thúc, không muộn hơn hạn.",
          "Of those: handed over, or closed, in time.", inner=True),
    count("outcome_judged", "Hạn trả lời đã đến lúc xét", "Outcome limits that came up",
          "Hạn ra kết quả được giữ, hoặc trôi qua, tại đơn vị trong kỳ; chỉ loại tin có hạn này.",
          "Limits for the outcome, of the kinds that have one, that were kept, or passed, there.",
          inner=True),
    count("outcome_in_time", "Trả lời đúng hạn", "Answered in time",
          "Trong số đó: trả lời không muộn hơn hạn.", "Of those: answered in time.", inner=True),
    count("came_back", "Trả lời rồi bị mở lại", "Answers that were reopened",
          "Kết quả trả trong kỳ mà người báo đã yêu cầu xem lại.",
          "Outcomes given in the window that their reporters had reopened since.", inner=True),
    count("rated", "Có ý kiến người báo", "Rated",
          "Tin kết thúc trong kỳ mà người báo cho ý kiến; ý kiến sau cùng được tính.",
          "Closings in the window that the reporter rated; the last word counts.",
          inner=True, protected=True),
    count("satisfied", "Hài lòng", "Satisfied",
          "Trong số đó: hài lòng.", "Of those: satisfied.", inner=True, protected=True),
    count("read_near", "Vào sổ sát hạn", "Acknowledged just in time",
          "Vào sổ đúng hạn khi chỉ còn 2 % thời gian.",
          "Acknowledged in time with no more than the last 2 % of the time left.", inner=True),
    count("outcome_near", "Trả lời sát hạn", "Answered just in time",
          "Trả lời đúng hạn khi chỉ còn 2 % thời gian.",
          "Answered in time with no more than the last 2 % of the time left.", inner=True),
    count("false_reports", "Kết luận báo tin sai", "Marked as false reports",
          "Kết quả với lý do báo tin sai sự thật.",
          "Outcomes whose reason is a false report.", inner=True),
    count("relaxed", "Đính chính làm dài thời hạn", "Given more time by a correction",
          "Tin vào sổ trong kỳ mà một đính chính tại đơn vị làm thời hạn dài ra hoặc mất đi.",
          "Acknowledged in the window, and a correction there made a limit later, or took it away.",
          inner=True),
    count("back_soon", "Mở lại trong 3 ngày", "Reopened within three days",
          "Kết quả trả trong kỳ bị mở lại trong vòng 3 ngày.",
          "Outcomes of the window that were reopened within three days.", inner=True),
    count("read_before", "Vào sổ trước đó 7 ngày", "Acknowledged a week before",
          "Tin vào sổ 7 ngày trước một ngày của kỳ.",
          "Acknowledged seven days before a moment of the window.", inner=True),
    count("idle", "Vào sổ rồi để đó", "Acknowledged and left",
          "Trong số đó: vẫn ở đơn vị và 7 ngày không có việc làm nào sau khi vào sổ.",
          "Of those: still there, and nothing was done for seven days.", inner=True),
    count("asked", "Xin gia hạn", "Asked for more time",
          "Tin có lần đầu xin gia hạn trong kỳ.",
          "Cases for which more time was first asked for in the window.", inner=True),
    count("asked_late", "Xin gia hạn sát hạn", "Asked at the last moment",
          "Trong số đó: xin vào ngày cuối được xin, hoặc ngày trước đó.",
          "Of those: on the last day for it, or the day before.", inner=True),
)  # fmt: skip


def rate(
    key: str, name: tuple[str, str], parts: tuple[str, str], better: Literal["higher", "lower"],
    *, protected: bool = False,
) -> Rate:  # fmt: skip
    """A rate, in fewer words."""
    return Rate(key, Words(*name), *parts, better, protected=protected)


def signal(
    key: str, name: tuple[str, str], parts: tuple[str, str], question: tuple[str, str]
) -> Rate:
    """A signal, in fewer words."""
    return Rate(key, Words(*name), *parts, None, Words(*question))


RATES: tuple[Rate, ...] = (
    rate("acknowledged_in_time", ("Vào sổ đúng hạn", "Acknowledged in time"),
         ("read_in_time", "read_judged"), "higher"),
    rate("handed_over_in_time", ("Chuyển cơ quan điều tra đúng hạn", "Handed over in time"),
         ("handover_in_time", "handover_judged"), "higher"),
    rate("answered_in_time", ("Trả lời đúng hạn", "Answered in time"),
         ("outcome_in_time", "outcome_judged"), "higher"),
    rate("reopened_after_answer", ("Trả lời rồi bị mở lại", "Reopened after an answer"),
         ("came_back", "answered"), "lower"),
    rate("satisfaction", ("Người báo hài lòng", "Satisfied reporters"),
         ("satisfied", "rated"), "higher", protected=True),
    signal("acknowledged_near_limit", ("Vào sổ sát hạn", "Acknowledged just before the limit"),
           ("read_near", "read_in_time"),
           ("Vì sao nhiều tin được vào sổ đúng lúc sắp hết hạn hơn các đơn vị khác?",
            "Why are more cases than elsewhere acknowledged just as the time runs out?")),
    signal("answered_near_limit", ("Trả lời sát hạn", "Answered just before the limit"),
           ("outcome_near", "outcome_in_time"),
           ("Vì sao nhiều kết quả được trả đúng lúc sắp hết hạn hơn các đơn vị khác?",
            "Why are more outcomes than elsewhere given just as the time runs out?")),
    signal("dismissals", ("Tỷ lệ không đủ cơ sở", "Dismissed of those answered"),
           ("dismissed", "answered"),
           ("Những tin không đủ cơ sở ở đây có gì khác nơi khác?",
            "What is different about the reports that are dismissed here?")),
    signal("false_reports_marked", ("Tỷ lệ báo tin sai", "Marked as false of those answered"),
           ("false_reports", "answered"),
           ("Căn cứ nào để kết luận báo tin sai nhiều hơn nơi khác?",
            "On what grounds are more reports than elsewhere called false?")),
    signal("corrected_to_longer", ("Đính chính làm dài thời hạn", "Corrected to a longer limit"),
           ("relaxed", "acknowledged"),
           ("Vì sao nhiều tin được đính chính sang loại có thời hạn dài hơn?",
            "Why are more cases than elsewhere corrected to something with more time?")),
    signal("reopened_soon", ("Mở lại ngay sau khi kết thúc", "Reopened soon after closing"),
           ("back_soon", "answered"),
           ("Có tin nào được kết thúc trước khi thật sự xong việc không?",
            "Are cases closed before the work on them is done?")),
    signal("acknowledged_then_idle", ("Vào sổ rồi để đó", "Acknowledged, then nothing"),
           ("idle", "read_before"),
           ("Có phải tin được vào sổ để kịp hạn rồi chưa ai làm tiếp?",
            "Are cases acknowledged for the clock's sake, and then left?")),
    signal("extensions_at_last_moment", ("Xin gia hạn sát hạn", "More time asked for at the last"),
           ("asked_late", "asked"),
           ("Vì sao việc xin gia hạn thường để đến ngày cuối?",
            "Why is more time so often asked for on the last days for it?")),
)  # fmt: skip

HOURS = Words("giờ", "hours")
TIMES: tuple[Time, ...] = (
    Time("read_hours", Words("Thời gian đến khi vào sổ (giờ thường)", "Time to acknowledgement"),
         Words("Giờ đồng hồ từ lúc tin đến đơn vị, với tin có hạn tính bằng phút hoặc giờ.",
               "Elapsed hours from the arrival at the station, where the limit is in minutes or"
               " hours, or there is none."), HOURS),
    Time("read_working_hours",
         Words("Thời gian đến khi vào sổ (giờ làm việc)",
               "Time to acknowledgement, working hours"),
         Words("Giờ làm việc từ lúc tin đến đơn vị, với tin có hạn tính bằng giờ làm việc.",
               "Working hours from the arrival at the station, where the limit is in working"
               " hours."), Words("giờ làm việc", "working hours")),
    Time("outcome_hours", Words("Thời gian đến khi trả lời", "Time to the outcome"),
         Words("Giờ đồng hồ từ lúc tin được tiếp nhận hoặc mở lại, dù ở đơn vị nào, đến khi có kết"
               " quả; không trừ thời gian chờ người báo.",
               "Elapsed hours from when the report was received or reopened, wherever that was;"
               " waiting for the reporter is not taken off."), HOURS),
)  # fmt: skip

WINDOW = Words(
    "Trọn ngày theo giờ Việt Nam, từ 0 giờ ngày đầu đến hết ngày cuối; ngày chưa hết không tính.",
    "Whole days of Vietnam, from 00:00 of the first to the end of the last; never a day not over.",
)
SOURCE = Words(
    "Lịch sử từng tin (case_events) và bộ thời hạn có hiệu lực khi đồng hồ bắt đầu chạy.",
    "The history of each case (case_events) and the clock rules in force when a clock started.",
)
TREATMENT: dict[str, Words] = {
    "duplicates": Words(
        "Mỗi tin được tính một lần khi tiếp nhận. Gộp tin trùng là đã đọc, không phải trả lời.",
        "Every report is received once. Linking a duplicate reads it and does not answer it.",
    ),
    "withdrawn": Words(
        "Tin bị rút rời khỏi số tồn mà không có trả lời; thời hạn chưa qua thì không xét.",
        "Leaves the open cases without an answer; a limit that had not passed is not judged.",
    ),
    "reopened": Words(
        "Là một lượt mới với đồng hồ mới; lần trả lời trước vẫn được tính.",
        "A new stay with clocks of its own; the answer before it stays counted.",
    ),
    "transferred": Words(
        "Tiếp nhận tính ở nơi đến đầu tiên, vào sổ ở từng nơi, trả lời ở nơi trả lời. Thời hạn xét"
        " ở nơi giữ tin khi hạn qua hoặc được giữ; hạn đã qua trước khi đến thì không tính cho nơi"
        " nhận.",
        "Received where it came first, acknowledged at each station, answered where it is answered."
        " A limit is judged where the case was when it passed or was kept; one that had passed"
        " before is not held against the next station.",
    ),
    "desk_intake": Words(
        "Tin do đơn vị tự ghi được tính là tiếp nhận và vào sổ; thời gian vào sổ không đo.",
        "What a station writes down itself is received and acknowledged; its reading is not timed.",
    ),
    "complaints": Words(
        "Phản ánh về công an chỉ tính ở đơn vị thanh tra, không ở phường, tỉnh hay công khai.",
        "About the police: only on oversight's own card, never a ward's, a province's or the"
        " public one.",
    ),
    "boundaries": Words(
        "Số liệu theo đơn vị, không theo mã phường; tin do đổi địa giới tính riêng, không phải"
        " chuyển đi.",
        "Numbers follow the station, not the ward's code; what an edition moves is counted apart"
        " from transfers.",
    ),
}
"""How every measure treats what could be treated otherwise."""

CAVEAT = Words(
    "Tin báo không phải là tội phạm, và đơn vị nhận nhiều tin không phải là đơn vị kém. Chênh lệch"
    " nằm trong giới hạn thì ngẫu nhiên đã đủ giải thích: không xếp hạng.",
    "A report is not a crime, and a station that gets many is not a bad one. What lies within the"
    " limits, chance explains: there is no ranking.",
)

COUNT_OF = {each.key: each for each in COUNTS}
