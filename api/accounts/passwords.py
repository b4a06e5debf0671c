"""Which passwords people may choose for themselves, beside their second factor.

Length does most (at least 8 characters with a second factor, NIST SP 800-63B-4). What is refused
besides is what a person who knows Vietnam would try first; this is no list of leaked passwords.
"""

import unicodedata

SHORTEST, LONGEST = 8, 200
FEWEST_DIFFERENT = 5

ROWS = (
    "01234567890", "abcdefghijklmnopqrstuvwxyz", "qwertyuiop", "asdfghjkl", "zxcvbnm",
    "qazwsxedcrfvtgbyhnujmikolp", "1qaz2wsx3edc4rfv5tgb", "1q2w3e4r5t6y7u8i9o0p", "147258369",
    "789456123",
)  # fmt: skip
"""Runs of a keyboard, of the alphabet and of digits; read backwards they count too."""

_GUESSES = (
    "password passw0rd p@ssw0rd pass admin administrator welcome login master superman dragon"
    " iloveyou letmein sunshine football monkey princess changeme default secret trustno"
    " matkhau matkhaumoi khongcomatkhau khongcopass quenmatkhau anhyeuem emyeuanh yeuem yeuanh"
    " anhyeuemnhieu emyeuanhnhieu nhoemnhieu giadinh hanhphuc hoanganh minhanh thanhnam tinhyeu"
    " vietnam vietnamvodich hanoi saigon tphcm hochiminh danang haiphong cantho bacho chubacho"
    " congan conganphuong conganxa conganvietnam congannhandan canhsat antt anninh tinbao toiyeuem"
    " toiyeuvietnam"
)
FIRST_GUESSES = frozenset(_GUESSES.split())
"""Words that are a password by themselves, whatever digits and signs stand round them."""


def plain(word: str) -> str:
    """Lower case without marks: `Mật khẩu` is `matkhau`."""
    decomposed = unicodedata.normalize("NFD", word.casefold().replace("đ", "d"))
    return "".join(c for c in decomposed if not unicodedata.combining(c) and not c.isspace())


def is_easy(password: str, username: str) -> bool:
    """Whether a password is among the first that somebody would try for this account."""
    word = plain(password)
    core = word.strip("0123456789!@#$%^&*()-_=+.,;:?")
    own = plain(username)
    runs = [run for row in ROWS for run in (row * 2, row[::-1] * 2)]
    return (
        len(set(word)) < FEWEST_DIFFERENT
        or any(word in run for run in runs)
        or core in FIRST_GUESSES
        or len(core) <= 2
        or (len(own) >= 4 and own in word and len(word) - len(own) < SHORTEST)
    )
