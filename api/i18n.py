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
    "transition-not-allowed": (
        "Chưa làm được bước này",
        "The case cannot take this step now",
    ),
    "transition-not-allowed.detail": (
        "Tin báo đang ở trạng thái {state_now}.",
        "The case is {state_now}.",
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
    "invalid.cursor": (
        "Danh sách này không có vị trí đó; hãy tải lại từ đầu.",
        "The list has no such position; start again from the beginning.",
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
