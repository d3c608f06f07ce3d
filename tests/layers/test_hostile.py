"""Files made to harm: entities, cells of no end, sheets that reach to the moon. A sentence or a reading, and soon."""

from __future__ import annotations

import io
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest

from layers.errors import BadFile, GridmapError
from layers.read import read_file
from layers.workbook_size import far_cell

SECRET = "root-of-all-secrets"


def workbook(*rows: list[object]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows or (["姓名", "角色", "区域"], ["某甲", "网格长", "990101"]):
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def changed(data: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    """A workbook with every part of it changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return out.getvalue()


def far(reference: str, *, in_row: int | None = None) -> bytes:
    row = in_row or int("".join(c for c in reference if c.isdigit()))
    cell = f'<row r="{row}"><c r="{reference}" t="n"><v>1</v></c></row></sheetData>'.encode()
    return changed(workbook(), lambda name, data: data.replace(b"</sheetData>", cell) if "sheet1" in name else data)


@pytest.mark.parametrize("in_row", [None, 3])
def test_a_sheet_that_reaches_to_the_last_cell_is_refused_at_once(tmp_path: Path, in_row: int | None) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(far("XFD1048576", in_row=in_row))
    assert path.stat().st_size < 20_000
    # in a process of its own: without the check the reader ends it, by the memory that it asks for
    code = f"from layers.read import read_file\nread_file({str(path)!r}, 'staff')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1 and "XFD1048576" in done.stderr and "delete the rows and columns" in done.stderr


def test_a_cell_aside_is_no_harm(tmp_path: Path) -> None:
    assert far_cell(workbook()) is None and far_cell(far("AB900")) is None and far_cell(far("C1048576")) is None
    path = tmp_path / "a.xlsx"
    path.write_bytes(far("ZZ9"))
    assert len(read_file(path, "staff").frame) >= 1


@pytest.mark.parametrize("name", ["xl/sharedStrings.xml", "xl/workbook.xml", "xl/worksheets/sheet1.xml"])
@pytest.mark.parametrize("kind", ["external", "laughs"])
def test_entities_of_a_workbook_fetch_and_grow_nothing(tmp_path: Path, name: str, kind: str) -> None:
    (tmp_path / "secret.txt").write_text(SECRET)
    if kind == "external":
        told = f'<!DOCTYPE x [<!ENTITY e SYSTEM "{(tmp_path / "secret.txt").as_uri()}">]>'
    else:
        grown = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
        told = f'<!DOCTYPE x [<!ENTITY e0 "haha">{grown}<!ENTITY e "&e11;">]>'

    def change(part: str, data: bytes) -> bytes:
        if part != name:
            return data
        start, rest = (data[: data.index(b"?>") + 2], data[data.index(b"?>") + 2 :]) if b"?>" in data else (b"", data)
        return start + told.encode() + rest.replace("某甲".encode(), b"&e;")

    path = tmp_path / "a.xlsx"
    path.write_bytes(changed(workbook(), change))
    begin = time.monotonic()
    try:
        read = read_file(path, "staff")
    except GridmapError as error:
        said = str(error)
    else:
        said = read.frame.to_csv() + read.findings.to_frame().to_csv()
    assert SECRET not in said and len(said) < 100_000 and time.monotonic() - begin < 60


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_a_cell_without_end_is_one_cell(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    endless = "长" * (8_000_000 if ending == "csv" else 32_000)
    if ending == "csv":
        rows = f"姓名,角色,区域,任职日期\n{endless},网格长,990101,{endless}\n乙,网格员,990101,\n"
        path.write_text(rows, encoding="utf-8")
    else:
        headings = ["姓名", "角色", "区域", "任职日期"]
        path.write_bytes(workbook(headings, [endless, "网格长", "1", endless], ["乙", "员", "1", ""]))
    begin = time.monotonic()
    read = read_file(path, "staff")
    assert len(read.frame) == 2 and time.monotonic() - begin < 60
    assert read.findings.counts().get("not_a_date") == 1
    assert max(len(item.what) for item in read.findings) < 300  # told in a few words


def test_a_table_of_endless_headings_is_a_sentence_or_a_reading(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("姓名,角色,区域," + ",".join("列" * 500 for _ in range(3000)) + "\n甲,员,1\n", encoding="utf-8")
    try:
        read = read_file(path, "staff")
    except BadFile as error:
        assert len(str(error)) < 1000
    else:
        assert len(read.frame) == 1
