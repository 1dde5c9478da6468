"""metrics.csv holds each row once, whatever the metrics and wherever it was cut."""

import csv
import math
import random

import pytest

from torchnet.reporting.run_files import METRICS, read_metrics
from torchnet.storage import safe_files
from torchnet.training.callbacks.metrics_log import MetricsLog


def expect_rows(got, expected) -> None:
    assert [{name: repr(value) for name, value in row.items()} for row in got] == [
        {name: repr(value) for name, value in row.items()} for row in expected
    ]


def test_a_row_is_in_the_file_at_once_and_a_new_metric_is_a_column_of_all(tmp_path):
    log = MetricsLog(tmp_path)
    log.log_metrics({"epoch": 0, "b": 0.1}, 4)
    log.log_metrics({"epoch": 0, "b": 1e-30}, 9)
    assert (tmp_path / METRICS).read_text() == "b,epoch,step\n0.1,0,4\n1e-30,0,9\n"
    log.log_metrics({"a": -2.5}, 9)
    assert (tmp_path / METRICS).read_text() == "a,b,epoch,step\n,0.1,0,4\n,1e-30,0,9\n-2.5,,,9\n"
    log.log_metrics({"b": 3.0}, 14)
    assert log.rows == 4
    log.save()
    expected = [{"b": 0.1, "epoch": 0, "step": 4}, {"b": 1e-30, "epoch": 0, "step": 9}]
    expect_rows(read_metrics(tmp_path / METRICS, 2), expected)
    expect_rows(read_metrics(tmp_path / METRICS)[2:], [{"a": -2.5, "step": 9}, {"b": 3.0, "step": 14}])


NUMBERS = (math.nan, math.inf, -math.inf, -0.0, -7, 0, 2**70, 5e-324, -1.7976931348623157e308, 0.1, -3.25, 1e16)


@pytest.mark.parametrize("name", ["plain", "a,b", 'say "loss"', "two words", "'", "a\nb", "ä", ";", "#1"])
def test_each_number_comes_back_under_each_name(name, tmp_path):
    log = MetricsLog(tmp_path)
    rows = [{name: value, "step": step} for step, value in enumerate(NUMBERS)]
    for row in rows:
        log.log_metrics({name: row[name]}, row["step"])
    log.log_metrics({"new": 1.0}, 99)
    expect_rows(read_metrics(tmp_path / METRICS, len(rows)), rows)


@pytest.mark.parametrize("seed", range(20))
def test_a_last_line_that_is_torn_is_never_among_the_rows_that_were_there(seed, tmp_path):
    draw = random.Random(seed)
    log, rows = MetricsLog(tmp_path), []
    for step in range(draw.randint(1, 12)):
        metrics = {name: draw.uniform(-1, 1) for name in "abc" if draw.random() < 0.6}
        log.log_metrics(metrics, step)
        rows.append({**dict(sorted(metrics.items())), "step": step})
    path = tmp_path / METRICS
    whole = path.read_bytes()
    with path.open(newline="") as file:
        torn = ",".join("0.123456" for _ in next(csv.reader(file)))
    for cut in range(len(torn) + 1):
        path.write_bytes(whole + torn[:cut].encode())
        expect_rows(read_metrics(path, len(rows)), rows)


def test_a_new_column_that_cannot_be_written_leaves_the_rows_as_they_were(tmp_path, monkeypatch):
    log = MetricsLog(tmp_path)
    log.log_metrics({"a": 1.0}, 0)
    before = (tmp_path / METRICS).read_bytes()

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(safe_files.os, "replace", full)
        with pytest.raises(OSError, match="No space left"):
            log.log_metrics({"b": 1.0}, 1)
    assert [path.name for path in tmp_path.iterdir()] == [METRICS]
    assert (tmp_path / METRICS).read_bytes() == before
    log.log_metrics({"b": 2.0}, 1)
    expect_rows(read_metrics(tmp_path / METRICS), [{"a": 1.0, "step": 0}, {"b": 2.0, "step": 1}])


def test_a_row_without_a_step_has_its_number(tmp_path):
    log = MetricsLog(tmp_path)
    log.log_metrics({"a": 1.0})
    log.log_metrics({"b": 2.0})
    expect_rows(read_metrics(tmp_path / METRICS), [{"a": 1.0, "step": 0}, {"b": 2.0, "step": 1}])
