"""The runs over HTTP: who may list them, and what opens their reports."""

from __future__ import annotations

import re
import time
from urllib.parse import parse_qsl, urlsplit

import pytest

from headstart.serving.http.failures import RequestFailure
from headstart.serving.http.run_pages import ReportAddresses


def rows(web):
    listed = web.ask("GET", "/v1/runs").json
    return {row["name"]: row for board in listed["boards"] for row in board["runs"]}


def test_runs_are_listed_for_those_with_the_token_alone(web) -> None:
    assert web.ask("GET", "/v1/runs", Authorization="").status == 401
    listed = rows(web)
    assert {"good", "nested/bad", "report-out"} <= listed.keys()
    assert (listed["good"]["place"], listed["nested/bad"]["place"]) == (1, 4)
    assert listed["good"]["metrics"]["accuracy"]["value"] == 1


def test_nothing_tells_where_the_folder_is(web) -> None:
    told = web.ask("GET", "/v1/runs")
    assert b"secret" not in told.body
    assert b"TOP" not in told.body


def test_a_report_opens_by_its_signed_address_in_a_sandbox(web) -> None:
    told = web.ask("GET", rows(web)["good"]["report"], Authorization="")
    assert told.status == 200
    assert b"a report" in told.body
    policy = told.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts; default-src 'none';")
    assert "allow-same-origin" not in policy
    assert "connect-src" not in policy
    assert told.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda it: it, 200),
        (lambda it: re.sub("run=.{6}", "run=aaaaaa", it), 403),
        (lambda it: re.sub(r"until=\d", "until=9", it), 403),
        (lambda it: it[:-1], 403),
        (lambda it: "/report", 403),
        (lambda it: "/report?run=../../../etc/passwd&until=9999999999&signature=%C3%A9", 403),
    ],
)
def test_addresses_that_were_not_given_out_open_nothing(web, change, status: int) -> None:
    address = change(rows(web)["good"]["report"])
    assert web.ask("GET", address, Authorization="").status == status


def test_links_out_of_the_folder_are_not_followed(web) -> None:
    listed = web.ask("GET", "/v1/runs").json
    named = rows(web)
    assert "linked" not in named
    assert named["report-out"]["report"] is None
    assert {one["name"]: one["reason"] for one in listed["broken"]} == {
        "damaged": "its files are damaged, or no run's",
        "figures-out": "it links to files outside the folder of runs",
    }


def test_a_report_that_became_a_link_since_is_not_opened(web) -> None:
    address = rows(web)["nested/bad"]["report"]
    report = web.runs / "nested" / "bad" / "report.html"
    content = report.read_text()
    report.unlink()
    report.symlink_to(web.runs.parent / "outside" / "report.html")
    try:
        told = web.ask("GET", address)
    finally:
        report.unlink()
        report.write_text(content)
    assert (told.status, told.json["error"]["code"]) == (404, "no_report")


def test_leaderboards_of_benchmarks_are_listed(web) -> None:
    (page,) = web.ask("GET", "/v1/runs").json["pages"]
    assert page["name"] == "benchmark"
    assert web.ask("GET", page["report"], Authorization="").status == 200


def test_addresses_end() -> None:
    addresses = ReportAddresses(valid_s=-1)
    query = dict(parse_qsl(urlsplit(addresses.address("a")).query))
    with pytest.raises(RequestFailure, match="has ended"):
        addresses.key(query)
    valid = ReportAddresses()
    query = dict(parse_qsl(urlsplit(valid.address("a&b=c é")).query))
    assert valid.key(query) == "a&b=c é"
    assert int(query["until"]) > time.time()
    with pytest.raises(RequestFailure):
        ReportAddresses().key(query)  # another process
