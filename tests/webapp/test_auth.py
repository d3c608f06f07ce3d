"""Logging in: who gets in, who waits, and what a session is worth."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from gridmap.accounts import add_account, disable_account, set_password
from gridmap.stores import Account, open_store
from tests.webapp.small_city import PASSWORD, log_in, token_of
from webapp.attempts import Attempts


def _try(app: Flask, name: str, password: str, **more: str) -> int:
    client = app.test_client()
    token = token_of(client.get("/login").text)
    return client.post("/login", data={"name": name, "password": password, "csrf_token": token}, **more).status_code


def test_the_right_password_opens(app: Flask) -> None:
    client = log_in(app, "grid_leader")
    assert client.get("/").status_code == 200
    assert "grid_leader" in client.get("/").text


@pytest.mark.parametrize(("name", "password"), [
    ("grid_leader", "wrong-password"), ("nobody", PASSWORD), ("gone", PASSWORD), ("' OR 1=1 --", PASSWORD),
    ("%", PASSWORD),
])
def test_anything_else_does_not_and_says_no_more(fresh: Callable[..., Flask], name: str, password: str) -> None:
    app = fresh()
    client = app.test_client()
    token = token_of(client.get("/login").text)
    answer = client.post("/login", data={"name": name, "password": password, "csrf_token": token})
    assert answer.status_code == 401
    assert "用户名或密码不正确" in answer.text
    assert client.get("/").status_code == 302


def test_after_five_failures_one_waits_and_others_do_not(fresh: Callable[..., Flask]) -> None:
    app = fresh()
    assert [_try(app, "grid_leader", "wrong-password") for _ in range(6)] == [401] * 5 + [429]
    assert _try(app, "grid_leader", PASSWORD) == 429  # even with the right one
    assert _try(app, "planner", PASSWORD) == 302
    elsewhere = {"environ_base": {"REMOTE_ADDR": "10.1.2.3"}}
    assert _try(app, "grid_leader", PASSWORD, **elsewhere) == 302


def test_many_names_from_one_address_wait_too(fresh: Callable[..., Flask]) -> None:
    app = fresh()
    app.extensions["attempts"]["address"] = Attempts(most=3)
    assert [_try(app, f"guess-{n}", "wrong-password") for n in range(4)] == [401, 401, 401, 429]


def test_a_forgotten_failure_no_longer_counts() -> None:
    now = [0.0]
    attempts = Attempts(most=2, window=60, clock=lambda: now[0])
    attempts.failed("li")
    now[0] = 59.0
    attempts.failed("li")
    assert attempts.wait("li") == pytest.approx(1.0)
    now[0] = 61.0
    assert attempts.wait("li") == 0.0


def test_attempts_do_not_fill_the_memory() -> None:
    attempts = Attempts(most=1, keys=100)
    for number in range(1000):
        attempts.failed(f"guess-{number}")
    assert len(attempts._failures) == 100
    assert attempts.wait("guess-999") > 0


def test_logging_out_ends_the_session(app: Flask) -> None:
    client = log_in(app, "planner")
    assert client.get("/logout").status_code == 405
    client.post("/logout", data={"csrf_token": token_of(client.get("/").text)})
    assert client.get("/").status_code == 302


def test_what_changes_in_an_account_changes_at_once(fresh: Callable[..., Flask]) -> None:
    app = fresh()
    city = app.config["CITY"]
    leader, planner, member = (log_in(app, name) for name in ("grid_leader", "planner", "grid_member"))
    assert len(leader.get("/data/micro_grids.geojson").json["features"]) == 4
    with open_store(city) as store:
        old = store.account("grid_leader")
        assert old is not None
        store.keep_account(Account(
            name=old.name, role=old.role, area="990101002001002001", password_hash=old.password_hash,
        ))
    assert len(leader.get("/data/micro_grids.geojson").json["features"]) == 1
    disable_account(city, "planner")
    assert planner.get("/").status_code == 302
    set_password(city, "grid_member", "another-password")
    assert member.get("/").status_code == 302  # sessions of the old password are over


def test_a_session_cannot_be_made_up(app: Flask) -> None:
    client = app.test_client()
    client.set_cookie("gridmap", "eyJfdXNlcl9pZCI6ImFkbWluIn0.aaaa.bbbb")
    assert client.get("/").status_code == 302


def test_forms_need_their_token(app: Flask) -> None:
    client = app.test_client()
    assert client.post("/login", data={"name": "admin", "password": PASSWORD}).status_code == 400
    admin = log_in(app, "admin")
    answer = admin.post("/users", data={"name": "x", "role": "admin", "password": "long-enough"})
    assert answer.status_code == 400
    assert "页面已过期" in answer.text


@pytest.mark.parametrize(("target", "goes"), [
    ("/export", "/export"), ("/?lang=en", "/?lang=en"), ("https://example.org/", "/"), ("//example.org/", "/"),
    ("/\\example.org", "/"), ("\\\\example.org", "/"), ("javascript:alert(1)", "/"), ("export", "/"),
])
def test_one_goes_on_to_where_one_wanted_but_never_to_another_host(app: Flask, target: str, goes: str) -> None:
    client = app.test_client()
    page = client.get("/login", query_string={"next": target})
    data = {"name": "planner", "password": PASSWORD, "csrf_token": token_of(page.text)}
    answer = client.post("/login", query_string={"next": target}, data=data)
    assert answer.location == goes


def test_the_door_remembers_where_one_wanted_to_go(app: Flask) -> None:
    assert app.test_client().get("/export").location == "/login?next=/export"
    assert app.test_client().get("/data/micro_grids.geojson").status_code == 401


def test_the_cookie_is_for_the_server_alone(app: Flask) -> None:
    client = app.test_client()
    cookie = client.get("/login").headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Secure" not in cookie


def test_behind_https_the_cookie_is_for_https(fresh: Callable[..., Flask]) -> None:
    answer = fresh(HTTPS=True).test_client().get("/login")
    assert "Secure" in answer.headers["Set-Cookie"]
    assert "max-age" in answer.headers["Strict-Transport-Security"]


def test_accounts_are_managed_by_the_admin(fresh: Callable[..., Flask]) -> None:
    app = fresh()
    admin = log_in(app, "admin")
    token = token_of(admin.get("/users").text)

    def post(path: str, **data: str) -> str:
        return admin.post(path, data={"csrf_token": token, **data}, follow_redirects=True).text

    new = {"name": "新网格长", "role": "grid_leader", "area": "990101001001001", "password": "new-password"}
    assert "已新增账号 新网格长" in post("/users", **new)
    assert "已存在" in post("/users", **new)
    assert len(log_in(app, "新网格长", "new-password").get("/data/micro_grids.geojson").json["features"]) == 4
    assert "超出" in post("/users", **{**new, "name": "b", "role": "street_office", "area": "990101"})
    assert "密码至少 8 个字符" in post("/users", **{**new, "name": "c", "password": "short"})
    post("/users/新网格长/password", password="other-password")
    log_in(app, "新网格长", "other-password")
    post("/users/新网格长/disable")
    assert _try(app, "新网格长", "other-password") == 401
    assert admin.post("/users/admin/disable", data={"csrf_token": token}).status_code == 409
    assert admin.post("/users/nobody/disable", data={"csrf_token": token}).status_code == 404


def test_two_services_share_a_key_and_so_their_sessions(fresh: Callable[..., Flask]) -> None:
    one, two = fresh(), fresh()
    assert one.config["SECRET_KEY"] == two.config["SECRET_KEY"]
    assert len(one.config["SECRET_KEY"]) == 64
    add_account(one.config["CITY"], "li", password="long-enough", role="planner", area="990101")
    client = log_in(one, "li", "long-enough")
    cookie = client.get_cookie("gridmap")
    assert cookie is not None
    other = two.test_client()
    other.set_cookie("gridmap", cookie.value)
    assert other.get("/").status_code == 200
