"""The card of a micro-grid as a PDF of one A4 page, with the Chinese font of this machine embedded."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from datetime import UTC, datetime, time

from fpdf import FPDF

from gridmap.maps.fonts import chinese_font
from gridmap.maps.notice import Duty, Near, Notice, qr_png, rows_of
from gridmap.maps.words import check_language, words

__all__ = ["MAP_RATIO", "notice_pdf", "written_day"]

#: Width of the map by its height.
MAP_RATIO = 182 / 104
_INK, _QUIET, _ACCENT, _EDGE = (31, 42, 46), (91, 103, 106), (11, 110, 105), (223, 227, 223)
_LEFT, _WIDTH, _BOTTOM = 14.0, 182.0, 283.0


def notice_pdf(
    notice: Notice, picture: bytes, *, lang: str = "zh", font: str | os.PathLike[str] | None = None
) -> bytes:
    """The board as a PDF.

    Parameters
    ----------
    notice
        What it says.
    picture
        The map as a PNG, `MAP_RATIO` wide.
    lang
        zh or en.
    font
        See `gridmap.maps.fonts.chinese_font`.

    Returns
    -------
    A PDF of one page of 210 x 297 mm; equal input gives equal bytes. Lists too long for the page are cut, and the
    page says how many more there are.

    Raises
    ------
    NoChineseFont
        Where no font on this machine can write Chinese.
    """
    check_language(lang)
    return _Sheet(notice, lang, font).drawn(picture)


def written_day(day: datetime | None, lang: str) -> str:
    """A day as the language writes it.

    Examples
    --------
    >>> written_day(datetime(2026, 11, 1), "zh"), written_day(datetime(2026, 11, 1), "en")
    ('2026年11月1日', '1 Nov 2026')
    """
    if day is None:
        return ""
    return f"{day.year}年{day.month}月{day.day}日" if lang == "zh" else f"{day.day} {day:%b %Y}"


class _Sheet:
    """The page while it is drawn; sizes in millimetres, letters in points."""

    def __init__(self, notice: Notice, lang: str, font: str | os.PathLike[str] | None) -> None:
        self.notice, self.lang = notice, lang
        self.pdf = FPDF(format="A4")
        self.pdf.set_auto_page_break(False)
        self.pdf.add_font("gridmap", fname=str(chinese_font(font)))
        self.pdf.set_creation_date(datetime.combine(notice.day, time(), tzinfo=UTC))
        self.pdf.set_title(f"{notice.title} {notice.code}")
        self.pdf.set_lang("zh-CN" if lang == "zh" else "en")
        self.pdf.add_page()

    def say(self, key: str, **values: object) -> str:
        text = words()[key][self.lang]
        for name, value in values.items():
            text = text.replace(f"{{{name}}}", str(value))
        return text

    def text(
        self, x: float, y: float, text: str, size: float, colour: tuple[int, int, int] = _INK, width: float = 0.0
    ) -> float:
        """One line, cut with an ellipsis where it is wider than `width`; where it ends."""
        self.pdf.set_font("gridmap", size=size)
        self.pdf.set_text_color(*colour)
        if width and self.pdf.get_string_width(text) > width:
            while text and self.pdf.get_string_width(f"{text}…") > width:
                text = text[:-1]
            text = f"{text}…"
        self.pdf.text(x, y, text)
        return x + float(self.pdf.get_string_width(text))

    def heading(self, x: float, y: float, text: str) -> None:
        self.pdf.set_fill_color(*_ACCENT)
        self.pdf.rect(x, y - 4.4, 1.4, 5.4, style="F")
        self.text(x + 4, y, text, 15)

    def drawn(self, picture: bytes) -> bytes:
        notice = self.notice
        self.pdf.set_fill_color(*_ACCENT)
        self.pdf.rect(0, 0, 210, 5, style="F")
        self.text(_LEFT, 15, " · ".join(notice.path), 12, _QUIET, _WIDTH)
        floors = f"  {notice.floors}" if notice.floors else ""
        self.text(_LEFT, 28, f"{notice.title}{floors}", 28, _INK, _WIDTH)
        facts = self.say("notice.facts", h=_number(notice.households), b=_number(notice.buildings))
        self.text(_LEFT, 36.5, f"{facts}    {notice.code}", 12, _QUIET, _WIDTH)
        height = _WIDTH / MAP_RATIO
        self.pdf.image(io.BytesIO(picture), x=_LEFT, y=41, w=_WIDTH, h=height)
        self.pdf.set_draw_color(*_EDGE)
        self.pdf.rect(_LEFT, 41, _WIDTH, height)
        top = 41 + height + 12
        self.heading(_LEFT, top, self.say("notice.people"))
        self.people(_LEFT, top + 9, 90, rows_of(notice.people))
        self.heading(_LEFT + 96, top, self.say("notice.near"))
        self.near(_LEFT + 96, top + 9, 86, notice.near)
        self.foot()
        return bytes(self.pdf.output())

    def people(self, x: float, y: float, width: float, rows: Sequence[tuple[str, list[Duty]]]) -> None:
        lines = [(role if n == 0 else "", duty) for role, group in rows for n, duty in enumerate(group)]
        if not lines:
            self.text(x, y, self.say("notice.nobody"), 11, _QUIET, width)
        most = int((_BOTTOM - 46 - y) // 9) + 1
        shown = lines if len(lines) <= most else lines[: most - 1]
        for role, duty in shown:
            self.text(x, y, role, 11, _QUIET, 26)
            self.text(x + 27, y, duty.name, 14, _INK, 27)
            self.text(x + 55, y, duty.phone, 11, _INK, width - 55)
            y += 9
        if len(shown) < len(lines):
            self.text(x, y, self.say("and_more", n=len(lines) - len(shown)), 11, _QUIET, width)

    def near(self, x: float, y: float, width: float, rows: Sequence[Near]) -> None:
        if not rows:
            self.text(x, y, self.say("notice.nothing"), 11, _QUIET, width)
        most = int((_BOTTOM - 2 - y) // 10.4)
        for row in rows[:most]:
            self.text(x, y, row.kind, 12, _INK, 40)
            self.text(x + 41, y, row.name, 11, _INK, width - 41)
            walk = self.say("notice.walk", m=f"{row.metres:,}", n=row.minutes)
            self.text(x + 41, y + 4.4, walk, 9, _QUIET, width - 41)
            y += 10.4

    def foot(self) -> None:
        notice = self.notice
        self.pdf.image(io.BytesIO(qr_png(notice.report)), x=_LEFT, y=_BOTTOM - 38, w=34, h=34)
        self.text(_LEFT + 38, _BOTTOM - 25, self.say("notice.report"), 15, _ACCENT)
        self.text(_LEFT + 38, _BOTTOM - 18, self.say("notice.report_help"), 9, _QUIET, 52)
        day = written_day(datetime.combine(notice.day, time()), self.lang)
        made = self.say("notice.made", date=day)
        self.text(_LEFT, 290, f"{made}    {notice.attribution}".strip(), 8, _QUIET, _WIDTH)


def _number(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"
