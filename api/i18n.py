"""Sentences for people, Vietnamese first, English beside it. Machines get codes instead."""

from typing import Annotated, Literal

from fastapi import Depends, Request

Language = Literal["vi", "en"]

SENTENCES: dict[str, tuple[str, str]] = {
    "emergency": (
        "Nếu có người đang gặp nguy hiểm, hãy gọi {call} ngay.",
        "If anyone is in danger, call {call} now.",
    ),
    "malformed-request": ("Không đọc được yêu cầu", "The request cannot be read"),
    "malformed-request.detail": (
        "Nội dung phải là JSON đúng chuẩn, mã hóa UTF-8, không lặp tên trường.",
        "The body must be well-formed JSON in UTF-8, without duplicate names.",
    ),
    "invalid-request": ("Yêu cầu có chỗ chưa đúng", "Something in the request needs mending"),
    "invalid-request.detail": (
        "Xem danh sách errors để biết cần sửa chỗ nào.",
        "The list of errors says what to mend.",
    ),
    "coordinates-swapped": ("Kinh độ và vĩ độ bị đảo", "Longitude and latitude are swapped"),
    "coordinates-swapped.detail": (
        "Hãy dùng cặp tọa độ trong suggestion nếu đúng nơi bạn muốn báo.",
        "Use the pair in suggestion if it is the place you mean.",
    ),
    "not-authenticated": ("Cần đăng nhập", "Sign in first"),
    "not-authenticated.detail": (
        "Mã truy cập thiếu, sai, hết hạn hoặc đã bị thu hồi.",
        "The token is missing, wrong, expired or revoked.",
    ),
    "role-not-allowed": ("Vai trò này không được phép", "This role may not do that"),
    "role-not-allowed.detail": (
        "Tài khoản của bạn không có quyền làm việc này.",
        "Your account has no right to do this.",
    ),
    "read-only-case": ("Tin báo này chỉ được xem", "The case is read-only for you"),
    "read-only-case.detail": (
        "Tin báo này thuộc đơn vị khác; đơn vị của bạn được thông báo để biết.",
        "This case is another station's; you are informed of it.",
    ),
    "confirmation-failed": ("Xác nhận không đúng", "The confirmation is wrong"),
    "confirmation-failed.detail": (
        "Mật khẩu hoặc mã xác thực không đúng; mỗi mã chỉ dùng được một lần.",
        "The password or the code is wrong; each code works once.",
    ),
    "cross-site-request": ("Yêu cầu từ trang khác", "The request comes from another site"),
    "cross-site-request.detail": (
        "Cookie chỉ dùng được từ trang của hệ thống; chương trình hãy gửi Authorization: Bearer.",
        "The cookie works from the service's own pages; programs send Authorization: Bearer.",
    ),
    "not-found": ("Không tìm thấy", "Not found"),
    "not-found.detail": ("Không có gì ở đây.", "There is nothing here."),
    "method-not-allowed": ("Không dùng được phương thức này", "The method is not allowed"),
    "method-not-allowed.detail": (
        "Xem phần Allow để biết phương thức dùng được.",
        "See Allow for the methods that are.",
    ),
    "request-timeout": ("Gửi quá chậm", "The request came too slowly"),
    "request-timeout.detail": ("Hãy gửi lại.", "Send it again."),
    "report-id-reused": ("Mã tin báo đã được dùng", "The report id is already used"),
    "report-id-reused.detail": (
        "Hãy tạo mã mới cho tin báo khác.",
        "Make a new id for another report.",
    ),
    "username-taken": ("Tên đăng nhập đã có người dùng", "The username is taken"),
    "username-taken.detail": ("Hãy chọn tên khác.", "Choose another one."),
    "last-admin": ("Đây là quản trị viên cuối cùng", "This is the last admin"),
    "last-admin.detail": (
        "Hãy tạo một quản trị viên khác trước.",
        "Make another admin first.",
    ),
    "not-a-reconciliation": (
        "Đây không phải việc hòa giải của tổ",
        "This is not a reconciliation by a group",
    ),
    "not-a-reconciliation.detail": (
        "Chỉ xác nhận được việc mà tổ báo là đã tự hòa giải (group_reconciliation).",
        "Only what was reported as group_reconciliation can be confirmed.",
    ),
    "group-disbanded": ("Tổ đã giải thể", "The group is disbanded"),
    "group-disbanded.detail": (
        "Danh sách tin báo của tổ vẫn xem được, nhưng không thay đổi được gì nữa.",
        "What it reported can still be read, but nothing can be changed any more.",
    ),
    "transition-not-allowed": (
        "Chưa làm được bước này",
        "The case cannot take this step now",
    ),
    "transition-not-allowed.detail": (
        "Tin báo đang ở trạng thái: {state_now}.",
        "The state of the case: {state_now}.",
    ),
    "state.received": ("mới nhận", "received"),
    "state.acknowledged": ("đã tiếp nhận", "acknowledged"),
    "state.in_progress": ("đang giải quyết", "in progress"),
    "state.need_info": ("chờ bổ sung thông tin", "waiting for an answer"),
    "state.resolved": ("đã giải quyết", "resolved"),
    "state.not_actionable": ("không đủ cơ sở giải quyết", "not actionable"),
    "state.duplicate": ("trùng với vụ việc khác", "a duplicate"),
    "state.withdrawn": ("người báo đã rút", "withdrawn"),
    "case-claimed": ("Đồng nghiệp đang xử lý tin này", "A colleague is working on the case"),
    "case-claimed.detail": (
        "Có người giữ tin này đến {claimed_until}. Nếu cần làm ngay, hãy nhận lại và ghi lý do.",
        "It is claimed until {claimed_until}. If it cannot wait, claim it with a reason.",
    ),
    "not-claimed": ("Bạn không giữ tin này", "You have not claimed the case"),
    "not-claimed.detail": (
        "Chỉ trả lại được tin do chính bạn đang giữ.",
        "Only a claim of your own can be given back.",
    ),
    "station-not-eligible": (
        "Không chuyển được cho đơn vị này",
        "The case cannot go to that station",
    ),
    "station-not-eligible.detail": (
        "Đơn vị không tồn tại, đã giải thể, đang giữ tin này, hoặc không được nhận loại tin này.",
        "It does not exist, is closed, has the case already, or may not have a case of this kind.",
    ),
    "message-id-reused": ("Mã lời nhắn đã được dùng", "The message id is already used"),
    "message-id-reused.detail": (
        "Hãy tạo mã mới cho lời nhắn khác.",
        "Make a new id for another message.",
    ),
    "reopening-too-late": ("Đã quá hạn mở lại", "It is too late to reopen the report"),
    "reopening-too-late.detail": (
        "Chỉ mở lại được trong {days} ngày sau khi kết thúc. Bạn vẫn có thể gửi tin báo mới.",
        "That can be done within {days} days of its end. You can still send another report.",
    ),
    "precondition-required": ("Thiếu If-Match", "If-Match is missing"),
    "precondition-required.detail": (
        "Hãy gửi ETag của bản bạn đang xem.",
        "Send the ETag of the version you are looking at.",
    ),
    "precondition-failed": ("Bản này đã cũ", "The case has changed meanwhile"),
    "precondition-failed.detail": (
        "Hãy tải lại rồi thử lại.",
        "Read it again, then try again.",
    ),
    "body-too-large": ("Nội dung quá lớn", "The body is too large"),
    "body-too-large.detail": (
        "Giới hạn là {limit} byte.",
        "The limit is {limit} bytes.",
    ),
    "unsupported-media-type": (
        "Kiểu nội dung không dùng được",
        "The content type is unsupported",
    ),
    "unsupported-media-type.detail": (
        "Hãy gửi application/json.",
        "Send application/json.",
    ),
    "too-many-requests": ("Quá nhiều yêu cầu", "Too many requests"),
    "too-many-requests.detail": (
        "Hãy thử lại sau {seconds} giây. Nếu có người đang gặp nguy hiểm, hãy gọi 113 ngay.",
        "Try again in {seconds} seconds. If anyone is in danger, call 113 now.",
    ),
    "service-unavailable": ("Hệ thống tạm thời chưa nhận được", "The service cannot answer now"),
    "service-unavailable.detail": (
        "Hãy giữ tin báo và gửi lại. Nếu có người đang gặp nguy hiểm, hãy gọi 113 ngay.",
        "Keep the report and send it again. If anyone is in danger, call 113 now.",
    ),
    "internal-error": ("Lỗi của hệ thống", "An error of ours"),
    "internal-error.detail": (
        "Hãy gửi lại; lỗi đã được ghi với request_id.",
        "Send it again; it is in our log under request_id.",
    ),
    "http-error": ("Không thực hiện được", "That did not work"),
    "http-error.detail": ("Máy chủ từ chối yêu cầu.", "The server refused the request."),
    "invalid.missing": ("Thiếu trường bắt buộc.", "A required field is missing."),
    "invalid.extra_forbidden": (
        "Có trường không được phép ở đây.",
        "There is a field that is not allowed here.",
    ),
    "invalid.string_too_long": (
        "Dài quá: nhiều nhất {max_length} ký tự.",
        "Too long: at most {max_length} characters.",
    ),
    "invalid.string_too_short": (
        "Ngắn quá: ít nhất {min_length} ký tự.",
        "Too short: at least {min_length} characters.",
    ),
    "invalid.blank": ("Không được để trống.", "Must not be only space."),
    "invalid.given_twice": (
        "Tham số này chỉ được ghi một lần.",
        "This name can be given only once.",
    ),
    "invalid.too_long": (
        "Nhiều quá: nhiều nhất {max_length} mục.",
        "Too many: at most {max_length} items.",
    ),
    "invalid.greater_than": ("Phải lớn hơn {gt}.", "Must be greater than {gt}."),
    "invalid.greater_than_equal": ("Không được nhỏ hơn {ge}.", "Must not be less than {ge}."),
    "invalid.less_than_equal": ("Không được lớn hơn {le}.", "Must not be more than {le}."),
    "invalid.finite_number": ("Phải là số hữu hạn.", "Must be a finite number."),
    "invalid.text_control": (
        "Có ký tự không được phép (NUL, mã thay thế lẻ, ký tự đổi hướng chữ).",
        "Has a character that is not allowed (NUL, lone surrogate, bidi control).",
    ),
    "invalid.time_offset": (
        "Phải là thời điểm RFC 3339 có múi giờ.",
        "Must be an RFC 3339 time with an offset.",
    ),
    "invalid.coordinates_required": (
        "Cần cả lon và lat với nguồn vị trí này.",
        "This source needs both lon and lat.",
    ),
    "invalid.coordinates_pair": ("Cần cả lon và lat.", "Give both lon and lat, or neither."),
    "invalid.report_id": (
        "Phải là UUID phiên bản 7 (hoặc 4).",
        "Must be a UUID of version 7 (or 4).",
    ),
    "invalid.username": (
        "Tên đăng nhập gồm 2 đến 64 ký tự a-z, 0-9, '.', '_', '-', bắt đầu bằng chữ hoặc số.",
        "A username has 2 to 64 of a-z, 0-9, '.', '_', '-'; first a letter or digit.",
    ),
    "invalid.station_wanted": (
        "Vai trò này cần station_id, không cần province_code.",
        "This role needs a station_id, and no province_code.",
    ),
    "invalid.province_wanted": (
        "Vai trò này cần province_code, không cần station_id.",
        "This role needs a province_code, and no station_id.",
    ),
    "invalid.no_place_wanted": (
        "Vai trò này không gắn với đơn vị hay tỉnh nào.",
        "This role has neither a station nor a province.",
    ),
    "invalid.no_station": ("Không có đơn vị này.", "There is no such station."),
    "invalid.no_province": ("Không có tỉnh này.", "There is no such province."),
    "invalid.oversight_station": (
        "Cơ quan giám sát chỉ dành cho vai trò oversight, và ngược lại.",
        "An oversight office is for the role oversight, and the other way round.",
    ),
    "invalid.nothing_to_change": ("Không có gì để thay đổi.", "There is nothing to change."),
    "invalid.easy_password": (
        "Mật khẩu quá dễ đoán.",
        "The password is too easy to guess.",
    ),
    "invalid.ward": (
        "Không có phường, xã này, hoặc không thuộc đơn vị của bạn.",
        "There is no such ward, or it is not your station's.",
    ),
    "invalid.leader_uses": (
        "Mã mời tổ trưởng chỉ dùng được một lần.",
        "An invitation for a leader can be used once only.",
    ),
    "invalid.bbox": (
        "Phải là minlon,minlat,maxlon,maxlat, tính bằng độ.",
        "Must be minlon,minlat,maxlon,maxlat, in degrees.",
    ),
    "invalid.words": ("Tối đa {most} từ.", "At most {most} words."),
    "invalid.views": ("Tối đa {most} bộ lọc đã lưu.", "At most {most} saved views."),
    "invalid.tile": (
        "Không có ô bản đồ này ở mức thu phóng đó.",
        "There is no such tile at that zoom.",
    ),
    "invalid.cursor": (
        "Danh sách này không có vị trí đó; hãy tải lại từ đầu.",
        "The list has no such position; start again from the beginning.",
    ),
    "invalid.template_braces": (
        "Dấu ngoặc nhọn phải đi thành cặp; muốn viết chính dấu đó thì viết hai lần.",
        "Braces come in pairs; to write one itself, write it twice.",
    ),
    "invalid.template_variable": (
        "Có biến không có ở đây. Các biến dùng được: {known}.",
        "There is a variable that does not exist. There are: {known}.",
    ),
    "invalid.colleague": (
        "Đơn vị không có cán bộ nào đang hoạt động với tên này.",
        "Nobody who works at your station has this name.",
    ),
    "invalid.category": ("Không có loại tin này.", "There is no such category."),
    "invalid.unchanged": ("Không có gì thay đổi.", "Nothing would change."),
    "invalid.outcome_reason": (
        "Không có lý do này cho bước này.",
        "There is no such reason for this step.",
    ),
    "invalid.link_target": (
        "Phải là một vụ việc khác của chính đơn vị, chưa bị rút và chưa gộp vào vụ việc này.",
        "Must be another case of your own station, not withdrawn and not linked to this one.",
    ),
    "suggestion.place.metres": ("cách nhau khoảng {metres} m", "about {metres} m apart"),
    "suggestion.place.ward": ("cùng phường, xã", "in the same ward"),
    "suggestion.place.unknown": ("chưa rõ vị trí", "the place is not known"),
    "suggestion.time.minutes": ("cách nhau {minutes} phút", "{minutes} minutes apart"),
    "suggestion.time.hours": ("cách nhau {hours} giờ", "{hours} hours apart"),
    "suggestion.time.days": ("cách nhau {days} ngày", "{days} days apart"),
    "suggestion.category.same": ("cùng loại việc", "of the same category"),
    "suggestion.category.vague": ("loại việc có thể trùng", "of a category that may be the same"),
    "suggestion.category.other": ("khác loại việc", "of another category"),
    "suggestion.words.share": ("lời kể giống nhau {percent}%", "{percent}% of the words are alike"),
    "extension-not-allowed": ("Không gia hạn được như vậy", "The clock cannot get that time"),
    "extension-not-allowed.detail": (
        "Xem why để biết lý do; extensible_until và ask_until cho biết điều có thể làm.",
        "See why for the reason; extensible_until and ask_until say what is possible.",
    ),
    "nothing-to-decide": ("Không có đề nghị nào chờ duyệt", "Nothing waits for a decision"),
    "nothing-to-decide.detail": (
        "Chưa có đề nghị gia hạn nào cho thời hạn này.",
        "Nobody has asked for an extension of this clock.",
    ),
    "own-request": ("Không tự duyệt đề nghị của mình", "It is your own request"),
    "own-request.detail": (
        "Đề nghị phải do chỉ huy khác hoặc người được ủy quyền quyết định.",
        "Somebody else who may approve has to decide.",
    ),
    "nothing-to-answer": ("Không có đôn đốc nào chờ trả lời", "Nothing waits for an answer"),
    "nothing-to-answer.detail": (
        "Vụ việc này không có văn bản đôn đốc nào chưa trả lời.",
        "No urging of this case is without an answer.",
    ),
    "notice.clock.overdue": (
        'Vụ việc {case}: quá hạn "{clock}" từ {due}.',
        'Case {case}: "{clock}" has been overdue since {due}.',
    ),
    "notice.extension.requested": (
        'Vụ việc {case}: có đề nghị gia hạn "{clock}", hạn hiện tại {due}.',
        'Case {case}: more time is asked for "{clock}", now due {due}.',
    ),
    "notice.extension.decided": (
        'Vụ việc {case}: đã quyết định về đề nghị gia hạn "{clock}".',
        'Case {case}: the extension of "{clock}" has been decided.',
    ),
    "notice.case.urged": (
        "Vụ việc {case}: cấp tỉnh đôn đốc, cần trả lời.",
        "Case {case}: the province urges it on and wants an answer.",
    ),
    "notice.urging.answered": (
        "Vụ việc {case}: đơn vị đã trả lời đôn đốc.",
        "Case {case}: the station has answered your urging.",
    ),
    "invalid.delegate": (
        "Phải là cán bộ trực đang hoạt động của chính đơn vị.",
        "Must be a duty officer who works at your own station.",
    ),
    "invalid.delegation_until": (
        "Phải là một ngày từ hôm nay đến một năm tới.",
        "Must be a day between today and a year from now.",
    ),
    "invalid.window_not_over": (
        "Kỳ này chưa kết thúc hoặc không có.",
        "These days are not over yet, or there are none such.",
    ),
    "invalid.other": ("Giá trị không đúng ở đây.", "The value is not valid here."),
}


def say(key: str, language: Language, **facts: object) -> str:
    """The sentence of a key in a language, with its facts filled in."""
    vi, en = SENTENCES[key]
    return (vi if language == "vi" else en).format(**facts)


def preferred(header: str | None) -> Language | None:
    """The first of our languages in an Accept-Language header, by weight; None when neither is."""
    wanted: list[tuple[float, Language]] = []
    for part in (header or "").split(","):
        tag, _, weight = part.strip().partition(";q=")
        primary = tag.split("-")[0].lower()
        try:
            quality = float(weight) if weight else 1.0
        except ValueError:
            continue
        if quality > 0 and primary in ("vi", "en"):
            wanted.append((quality, "en" if primary == "en" else "vi"))
    return max(wanted, key=lambda pair: pair[0])[1] if wanted else None


def language_asked(request: Request) -> Language | None:
    """What the request asks for, if anything."""
    return preferred(request.headers.get("accept-language"))


def language_of(request: Request) -> Language:
    """The language to answer in: Vietnamese unless English is preferred."""
    return language_asked(request) or "vi"


async def language_spoken(request: Request) -> Language:
    """`language_of` as a dependency."""
    return language_of(request)


Speak = Annotated[Language, Depends(language_spoken)]
