"""The upload page: look, ask, import, take back; within one's area; nothing of others; limits."""

from __future__ import annotations

import io
import re
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
from flask import Flask
from flask.testing import FlaskClient
from shapely.geometry import Point

from gridmap.stores import open_store
from tests.webapp.small_city import CODES, CRS, STREETS, X, Y, log_in, token_of


def degrees(places: list[tuple[float, float]]) -> gpd.GeoSeries:
    return gpd.GeoSeries([Point(X + x, Y + y) for x, y in places], crs=CRS).to_crs(4326)


def table(places: list[tuple[float, float]], **columns: Any) -> bytes:
    """A CSV of facilities at places, metres from the corner of the city."""
    where = degrees(places)
    made = {"名称": [f"新食堂{n}" for n in range(len(places))], "类别": "社区食堂", "经度": where.x, "纬度": where.y}
    return pd.DataFrame({**made, **columns}).to_csv(index=False).encode("gb18030")


def send(client: FlaskClient, *files: tuple[str, bytes], to: str = "/upload", **form: str) -> Any:
    told = {"datum": "wgs84", **form, "csrf_token": token_of(client.get("/upload").text)}
    sent = [(io.BytesIO(content), name) for name, content in files]
    return client.post(to, data={**told, "files": sent}, content_type="multipart/form-data")


def settled(client: FlaskClient, address: str, seconds: float = 240) -> str:
    """The page of an upload when its reading is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if client.get(f"{address}/state").json["state"] not in ("waiting", "reading", "importing"):
            return client.get(address).text
        time.sleep(0.1)
    raise AssertionError("still reading")


def press(client: FlaskClient, page: str, address: str, **form: str) -> Any:
    return client.post(address, data={"csrf_token": token_of(page), **form})


def figures(page: str) -> dict[str, int]:
    return {name: int(n.replace(",", "")) for name, n in re.findall(r'data-figure="(\w+)">([\d,]+)<', page)}


def facilities(app: Flask) -> pd.DataFrame:
    with open_store(app.config["CITY"]) as store:
        return store.read("facilities")


def test_look_import_and_take_back(fresh: Callable[..., Flask]) -> None:
    app = fresh()
    client = log_in(app, "admin")
    before = facilities(app)
    answer = send(client, ("设施.csv", table([(50, 50), (450, 150)])))
    address = answer.location
    page = settled(client, address)
    assert figures(page) == {"rows": 2, "new": 2, "changed": 0, "unchanged": 0, "refused": 0, "merged": 0}
    assert '"新食堂0"' in page and "folium-map" in page  # the rows are on the map
    assert len(facilities(app)) == len(before)  # nothing is written yet
    # the file lacks what the city has: one is asked, and says it is a part
    asked = press(client, page, f"{address}/import")
    assert client.get(asked.location).text.count('role="alert"') and len(facilities(app)) == len(before)
    press(client, page, f"{address}/import", complete="no")
    page = settled(client, address)
    after = facilities(app)
    assert len(after) == len(before) + 2 and after["valid_to"].isna().all()
    assert after.loc[after["name"].isin(["新食堂0", "新食堂1"]), "micro_grid"].notna().all()
    code = re.search(r"I\d{6}", page)
    assert code is not None
    press(client, page, f"/upload/undo/{code[0]}")
    assert sorted(facilities(app)["name"]) == sorted(before["name"])
    assert "已撤销" in client.get(address).text


def test_a_street_office_changes_its_own_street_alone(fresh: Callable[..., Flask]) -> None:
    app = fresh()
    client = log_in(app, "street_office")
    before = facilities(app)
    own = before[before["micro_grid"].str.startswith(STREETS[0])]
    theirs = before[before["micro_grid"].str.startswith(STREETS[1])]
    # a new one here, one of the other street, one with the code of another street's thing, one nowhere
    sent = table([(50, 50), (50, 150), (60, 50), (90000, 50)], 编号=["N1", "N2", theirs["code"].iloc[0], "N4"])
    address = send(client, ("设施.csv", sent)).location
    page = settled(client, address)
    assert figures(page) == {"rows": 4, "new": 1, "changed": 0, "unchanged": 0, "refused": 3, "merged": 0}
    press(client, page, f"{address}/import", complete="yes")
    settled(client, address)
    after = facilities(app).set_index("code")
    assert after.loc[list(own["code"]), "valid_to"].notna().all()  # the file is all of the street
    pd.testing.assert_frame_equal(
        after.loc[list(theirs["code"]), ["name", "kind"]], theirs.set_index("code")[["name", "kind"]]
    )
    assert after.loc[list(theirs["code"]), "valid_to"].isna().all() and set(after.index) - set(before["code"]) == {"N1"}
    # refused rows come back under the same headings with the reason, are corrected and sent again
    with client.get(f"{address}/refused.csv") as answer:
        refused = pd.read_csv(io.BytesIO(answer.data), encoding="utf-8-sig", dtype=str)
    assert list(refused.columns) == ["名称", "类别", "经度", "纬度", "编号", "退回原因"] and len(refused) == 3
    assert refused["退回原因"].str.contains("辖区").all()
    with client.get(f"{address}/refused.csv?lang=en") as answer:
        english = pd.read_csv(io.BytesIO(answer.data), encoding="utf-8-sig", dtype=str)
    assert english["gridmap_reason"].str.contains("outside your area").all()
    with client.get(f"{address}/refused.xlsx?lang=zh") as answer:
        book = pd.read_excel(io.BytesIO(answer.data), dtype=str, engine="openpyxl")
    pd.testing.assert_frame_equal(book, refused)
    place = degrees([(70, 50)])
    refused = refused.head(1).assign(经度=place.x.iloc[0], 纬度=place.y.iloc[0])
    answer = send(client, ("refused.csv", refused.to_csv(index=False).encode()), to=f"{address}/again")
    page = settled(client, answer.location)
    assert figures(page) == {"rows": 1, "new": 1, "changed": 0, "unchanged": 0, "refused": 0, "merged": 0}
    count = len(facilities(app))
    press(client, page, f"{answer.location}/import", complete="no")
    settled(client, answer.location)
    after = facilities(app)  # corrected, it counts; the reason that came along is no column of the city
    assert len(after) == count + 1 and not {"退回原因", "gridmap_reason"} & set(after.columns)


def test_uploads_of_others_are_not_there(fresh: Callable[..., Flask]) -> None:
    app = fresh()
    office, admin = log_in(app, "street_office"), log_in(app, "admin")
    address = send(office, ("设施.csv", table([(50, 50)]))).location
    page = settled(office, address)
    for path in ("", "/state", "/refused.csv", "/findings.csv"):
        assert admin.get(address + path).status_code == 404
    for path in ("/import", "/read", "/discard", "/again", "/places"):
        form = {"csrf_token": token_of(admin.get("/upload").text)}
        assert admin.post(address + path, data=form).status_code == 404
    press(office, page, f"{address}/import", complete="no")
    code = re.search(r"I\d{6}", settled(office, address))
    assert code is not None
    planner = log_in(app, "planner")
    token = token_of(planner.get("/upload").text)
    assert planner.post(f"/upload/undo/{code[0]}", data={"csrf_token": token}).status_code == 403
    assert code[0] not in planner.get("/upload").text and code[0] in admin.get("/upload").text


def test_ambiguous_headings_are_asked_and_the_answer_is_kept(fresh: Callable[..., Flask]) -> None:
    client = log_in(fresh(), "admin")
    sent = table([(50, 50)], 类别="志愿队", 联系电话="020-1", 联系方式="020-2")
    address = send(client, ("组织.csv", sent)).location
    page = settled(client, address)
    row = re.search(r'<tr data-how="ambiguous">.*?</tr>', page, re.DOTALL)
    assert row is not None and "disabled" in page
    told = client.post(f"{address}/read", data={
        "csrf_token": token_of(page), "heading": ["联系电话"], "ours": ["phone"], "layer": "organizations",
        "datum": "wgs84", "encoding": "",
    })
    page = settled(client, told.location)
    assert 'data-how="ambiguous"' not in page and figures(page)["new"] == 1


def test_a_zip_of_several_files_and_a_workbook_of_several_sheets(fresh: Callable[..., Flask]) -> None:
    client = log_in(fresh(), "admin")
    book = io.BytesIO()
    frame = pd.read_csv(io.BytesIO(table([(50, 50)])), encoding="gb18030")
    with pd.ExcelWriter(book) as out:
        frame.to_excel(out, sheet_name="设施", index=False)
        frame.assign(类别="志愿队").to_excel(out, sheet_name="组织", index=False)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("../../organizations.csv", table([(50, 50)], 类别="志愿队"))
        archive.writestr("总表.xlsx", book.getvalue())
        archive.writestr("说明.docx", b"")
    assert send(client, ("全部.zip", packed.getvalue())).location == "/upload"
    page = client.get("/upload").text
    assert "说明.docx" in page
    end = time.monotonic() + 240
    while time.monotonic() < end and re.search(r'data-state="(waiting|reading)"', page):
        time.sleep(0.2)
        page = client.get("/upload").text
    assert page.count('data-state="read"') == 3
    jobs = re.findall(r'data-job="(/upload/\w+)/state" data-state="(\w+)"', page)
    layers = {client.get(address).text.split('class="gw-quiet">')[1].split(" ·")[0] for address, _ in jobs}
    assert [state for _, state in jobs] == ["read"] * 3 and len(layers) == 2


@pytest.mark.parametrize(("content", "said", "in_english"), [
    (b"PK\x03\x04 nothing", "已损坏", "damaged"), (b"\x00\x01\x02" * 50, "不是工作簿", "not a workbook"),
], ids=["damaged", "none"])
def test_a_file_that_cannot_be_read_is_a_sentence(
    fresh: Callable[..., Flask], content: bytes, said: str, in_english: str
) -> None:
    client = log_in(fresh(), "admin")
    where = send(client, ("设施.xlsx", content)).location
    page = settled(client, where)
    assert said in page and in_english not in page and "Traceback" not in page
    assert said in client.get("/admin/jobs").text
    assert in_english in client.get(f"{where}?lang=en").text


def test_limits(fresh: Callable[..., Flask], tmp_path: Path) -> None:
    app = fresh(UPLOAD_BYTES=300_000)
    client = log_in(app, "admin")
    assert send(client, ("a.csv", b"0" * 400_000)).status_code == 413
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", b"0" * 5_000_000)
    send(client, ("a.zip", packed.getvalue()))
    assert "解压后超过上限" in client.get("/upload").text
    left = [path for path in Path(app.config["UPLOADS"]).rglob("*") if path.is_file()]
    assert left == []
    # who may not import does not even get a large form read
    form = {"csrf_token": "x", "files": [(io.BytesIO(b"0" * 100_000), "a.csv")]}
    for who in (log_in(app, "grid_leader"), app.test_client()):
        assert who.post("/upload", data=form, content_type="multipart/form-data").status_code in (400, 403, 413)
        form["files"] = [(io.BytesIO(b"0" * 100_000), "a.csv")]


def test_a_reading_that_takes_too_long_is_ended(fresh: Callable[..., Flask]) -> None:
    client = log_in(fresh(UPLOAD_SECONDS=0.01), "admin")
    page = settled(client, send(client, ("设施.csv", table([(50, 50)]))).location)
    assert "时间过长" in page


def test_files_lie_outside_of_what_is_served(fresh: Callable[..., Flask]) -> None:
    app = fresh()
    folder = Path(app.config["UPLOADS"]).resolve()
    assert not folder.is_relative_to(Path(str(app.static_folder)).resolve())
    assert not folder.is_relative_to(Path(app.config["ASSETS"]).resolve())


def test_hostile_names_and_cells_are_text(fresh: Callable[..., Flask]) -> None:
    client = log_in(fresh(), "admin")
    bad = "<script>alert(1)</script>{{7*7}}"
    sent = table([(50, 50)], 名称=bad).replace("类别".encode("gb18030"), b"<b>kind</b>")
    page = settled(client, send(client, (f"{bad}.csv", sent), layer="facilities").location)
    assert "<script>alert" not in page and "<b>kind" not in page and "{{7*7}}" in page and ">49<" not in page


def doubtful(client: FlaskClient) -> tuple[str, str]:
    """Two reports whose addresses the city does not know for sure, sent and read."""
    rows = pd.DataFrame({"工单编号": ["W1", "W2"], "事件类型": "路灯", "地址": ["桂花街999号", "无人知处"]})
    address = send(client, ("事件.csv", rows.to_csv(index=False).encode())).location
    return address, settled(client, address)


def test_a_person_places_doubtful_addresses(fresh: Callable[..., Flask]) -> None:
    app = fresh()
    client = log_in(app, "street_office")
    address, page = doubtful(client)
    assert figures(page)["refused"] == 2  # what lies nowhere belongs to no street
    assert "data-doubtful" in page and "无人知处" in page and "folium-map" in page
    candidate = re.search(r'name="p2" value="([\d.]+,[\d.]+)"', page)
    assert candidate is not None and 'name="p3" value=""' in page
    again = press(client, page, f"{address}/places")
    assert client.get(again.location).text.count('role="alert"')
    assert client.get(f"{address}/state").json["state"] == "read"
    for wrong in ("1", "a,b", "200,0", "nan,1"):
        assert press(client, page, f"{address}/places", p2=wrong).status_code == 422
    inside, outside = degrees([(350, 50), (350, 150)])
    press(client, page, f"{address}/places", p2=f"{inside.x},{inside.y}", p3=f"{outside.x},{outside.y}")
    page = settled(client, address)
    assert figures(page) == {"rows": 2, "new": 1, "changed": 0, "unchanged": 0, "refused": 1, "merged": 0}
    press(client, page, f"{address}/import", complete="no")
    settled(client, address)
    with open_store(app.config["CITY"]) as store:
        kept = store.read("incidents").set_index("code")
    assert kept.loc["W1", "placed_by"] == "manual" and kept.loc["W1", "micro_grid"] == CODES[3]
    assert "W2" not in kept.index
    _, page = doubtful(client)  # the same file again: what was placed is known
    assert figures(page) == {"rows": 2, "new": 0, "changed": 0, "unchanged": 1, "refused": 1, "merged": 0}


def test_places_are_chosen_anew(fresh: Callable[..., Flask]) -> None:
    client = log_in(fresh(), "admin")
    address, page = doubtful(client)
    here = degrees([(250, 50)])
    press(client, page, f"{address}/places", p2=f"{here.x[0]},{here.y[0]}")
    page = settled(client, address)
    assert 'name="p2"' not in page and 'name="p3"' in page and "已人工定位 1 条" in page
    press(client, page, f"{address}/places", clear="1")
    assert 'name="p2"' in settled(client, address)


def test_what_was_said_of_headings_is_remembered(fresh: Callable[..., Flask]) -> None:
    app = fresh()
    client = log_in(app, "admin")
    sent = table([(50, 50)], 备注="内部", 饭堂容量="300人")
    address = send(client, ("设施.csv", sent)).location
    page = settled(client, address)
    told = {"csrf_token": token_of(page), "layer": "facilities", "datum": "wgs84", "encoding": ""}
    headings = {"heading": ["备注", "饭堂容量"], "ours": ["-", "capacity"]}
    client.post(f"{address}/read", data={**told, **headings})
    page = settled(client, address)
    assert 'data-how="ignored"' in page
    press(client, page, f"{address}/import", complete="no")
    settled(client, address)
    after = facilities(app)
    assert "备注" not in after.columns and after["capacity"].max() == 300
    newer = table([(450, 150)], 备注="另一", 饭堂容量="200人").decode("gb18030").replace("新食堂0", "另一食堂")
    second = send(client, ("设施2.csv", newer.encode()), layer="facilities").location
    page = settled(client, second)
    assert "已按上次的选择对应" in page and 'data-how="ignored"' in page
    # a person may take it back, and nobody else is given it
    client.post(f"{second}/read", data={**told, "heading": ["备注"], "ours": [""]})
    page = settled(client, second)
    assert "已按上次的选择对应" not in page and 'data-how="ignored"' not in page
    planner = log_in(app, "planner")
    page = settled(planner, send(planner, ("设施.csv", newer.encode())).location)
    assert "已按上次的选择对应" not in page and 'data-how="ignored"' not in page


def test_findings_are_said_in_the_readers_language(fresh: Callable[..., Flask]) -> None:
    client = log_in(fresh(), "admin")
    address = send(client, ("设施.csv", table([(50, 50)], 容量="很多", 名称=None))).location
    page = settled(client, address)
    assert "不是数字" in page and "not a whole number" not in page and "not_a_number (" not in page
    assert "not a whole number" in client.get(f"{address}?lang=en").text
    with client.get(f"{address}/findings.csv?lang=zh") as answer:
        told = pd.read_csv(io.BytesIO(answer.data), encoding="utf-8-sig", dtype=str)
    assert told["问题类型"].isin(["不是数字", "没有名称"]).any() and told["问题"].str.contains("第 2 行").any()
    with client.get(f"{address}/findings.csv?lang=en") as answer:
        assert "row 2: no name" in answer.data.decode("utf-8-sig")
