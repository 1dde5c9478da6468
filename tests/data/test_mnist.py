"""The download of MNIST from local mirrors that answer correctly, wrongly or not at all."""

import _thread
import gzip
import hashlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import numpy as np
import pytest

from torchnet.data import MnistUnavailableError, load, mnist
from torchnet.data.formats.idx_files import FILES

from .mirrors import (
    CONTENT,
    LABELS,
    Answer,
    Mirrors,
    answer_404,
    answer_500,
    answer_with_a_web_page,
    break_off,
    break_off_images,
    deliver,
    deliver_another_file,
    deliver_endlessly,
    drip_headers,
    for_images,
    pause_twice,
    redirect_to_http,
    reset,
    say_nothing,
    trickle,
)


@pytest.fixture
def mirrors(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., list[list[str]]]]:
    """Start one mirror per answer; return the list of requested paths of each."""
    started: list[Mirrors] = []

    def start(*answers: Answer) -> list[list[str]]:
        started.append(Mirrors(*answers))
        monkeypatch.setattr(mnist, "_MIRRORS", tuple(started[-1].urls))
        return started[-1].asked

    monkeypatch.setattr(mnist, "_SHA256", {name: hashlib.sha256(data).hexdigest() for name, data in CONTENT.items()})
    yield start
    for mirrors in started:
        mirrors.close()


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TORCHNET_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def expect_complete(place: Path) -> None:
    assert sorted(path.name for path in (place / "mnist").iterdir()) == sorted(f"{name}.gz" for name in CONTENT)
    for name, content in CONTENT.items():
        assert gzip.decompress((place / "mnist" / f"{name}.gz").read_bytes()) == content


def test_downloaded_files_are_read_and_not_downloaded_again(mirrors, place):
    (asked,) = mirrors(deliver)
    data = load("mnist")
    np.testing.assert_array_equal(data.train_targets, LABELS)
    assert data.train_inputs.flatten().tolist() == list(range(40))
    expect_complete(place)
    asked.clear()
    load("mnist")
    assert asked == []


@pytest.mark.parametrize("bad", [answer_404, answer_with_a_web_page, break_off, break_off_images, deliver_another_file])
@pytest.mark.parametrize("position", [0, 1])
def test_a_bad_mirror_is_skipped(mirrors, place, bad, position):
    mirrors(*((bad, deliver) if position == 0 else (deliver, bad)))
    load("mnist")
    expect_complete(place)


@pytest.mark.parametrize("bad", [answer_404, answer_with_a_web_page, break_off, break_off_images, deliver_another_file])
def test_no_partial_files_remain(mirrors, place, bad):
    mirrors(bad, bad)
    with pytest.raises(MnistUnavailableError, match=r"could not be downloaded \(2 mirrors tried\): put mnist_all.mat"):
        load("mnist")
    for path in place.glob("mnist/*"):
        assert gzip.decompress(path.read_bytes()) == CONTENT[path.stem]  # complete files only


def test_an_interrupted_download_is_completed_later(mirrors, place):
    mirrors(break_off_images)
    with pytest.raises(MnistUnavailableError):
        load("mnist")
    mirrors(deliver)
    load("mnist")
    expect_complete(place)


def test_ctrl_c_leaves_no_partial_file(mirrors, place):
    def interrupt(handler: BaseHTTPRequestHandler, content: bytes) -> None:
        break_off(handler, content)
        handler.wfile.flush()
        _thread.interrupt_main()
        handler.server.closing.wait(timeout=20)

    mirrors(interrupt)
    with pytest.raises(KeyboardInterrupt):
        load("mnist")
    assert list(place.rglob("*")) == []


@pytest.mark.parametrize("bad", [answer_500, deliver_endlessly, redirect_to_http, reset, trickle])
def test_a_mirror_that_fails_later_leaves_only_verified_files(mirrors, place, monkeypatch, bad):
    monkeypatch.setattr(mnist, "_WAIT_SECONDS", 0.5)
    (asked,) = mirrors(for_images(bad))
    with pytest.raises(MnistUnavailableError):
        load("mnist")
    assert any("images" in path for path in asked)
    assert not any("again" in path for path in asked)
    left = {path.name.removesuffix(".gz"): gzip.decompress(path.read_bytes()) for path in place.rglob("*.*")}
    assert not any("images" in name for name in left)
    assert all(hashlib.sha256(content).hexdigest() == mnist._SHA256[name] for name, content in left.items())


def test_a_file_is_fsynced_before_it_is_renamed(mirrors, place, monkeypatch):
    mirrors(deliver)
    calls = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *args, name=name, real=real: calls.append(name) or real(*args))
    load("mnist")
    assert calls == ["fsync", "replace", "fsync"] * len(CONTENT)


@pytest.mark.parametrize("bad", [say_nothing, drip_headers, trickle])
def test_slow_mirrors_time_out(mirrors, place, monkeypatch, bad):
    monkeypatch.setattr(mnist, "_WAIT_SECONDS", 0.5)
    asked = mirrors(bad, bad, bad)
    began = time.monotonic()
    with pytest.raises(MnistUnavailableError):
        load("mnist")
    assert time.monotonic() - began < 10
    assert [len(paths) for paths in asked] == [1, 1, 1]
    assert not place.exists()


@pytest.mark.parametrize("bad", [say_nothing, drip_headers, trickle])
def test_a_slow_mirror_is_asked_for_one_file_only(mirrors, place, monkeypatch, bad):
    monkeypatch.setattr(mnist, "_WAIT_SECONDS", 0.5)
    first, second = mirrors(bad, deliver)
    load("mnist")
    expect_complete(place)
    assert (len(first), len(second)) == (1, len(CONTENT))


def test_a_name_lookup_that_hangs_does_not_delay_another_mirror(mirrors, place, monkeypatch):
    monkeypatch.setattr(mnist, "_WAIT_SECONDS", 0.5)
    mirrors(deliver)
    monkeypatch.setattr(mnist, "_MIRRORS", ("http://hangs.example/", *mnist._MIRRORS))
    real, done = socket.getaddrinfo, threading.Event()

    def look_up(host: str, *args: object, **kwargs: object) -> object:
        if host == "hangs.example":
            done.wait(timeout=20)
            raise OSError("no such host")
        return real(host, *args, **kwargs)

    monkeypatch.setattr("socket.getaddrinfo", look_up)
    try:
        load("mnist")
    finally:
        done.set()
    expect_complete(place)


def test_a_download_may_take_longer_than_the_wait_if_it_goes_on(mirrors, place, monkeypatch):
    monkeypatch.setattr(mnist, "_WAIT_SECONDS", 0.7)
    monkeypatch.setattr(mnist, "_SLOWEST", 40)
    mirrors(for_images(pause_twice))
    load("mnist")
    expect_complete(place)


def test_any_error_counts_as_an_unreachable_mirror(mirrors, place, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
    monkeypatch.setattr(mnist, "_MIRRORS", ("https://127.0.0.1:9/",))
    with pytest.raises(MnistUnavailableError):
        load("mnist")


def test_the_timeouts_sum_to_less_than_fifteen_seconds():
    assert len(mnist._MIRRORS) * mnist._WAIT_SECONDS < 15


def test_the_real_mirrors_use_https():
    assert len(mnist._MIRRORS) >= 2
    assert all(url.startswith("https://") and url.endswith("/") for url in mnist._MIRRORS)


def test_the_pinned_hashes_are_those_of_mnist(mnist_place):
    paths = mnist.find_idx_files(mnist_place)
    if paths.keys() != FILES.keys():
        pytest.skip(f"{mnist_place} has no IDX files")
    for key, path in paths.items():
        expected = mnist._SHA256[FILES[key]]
        content = path.read_bytes()
        content = gzip.decompress(content) if path.suffix == ".gz" else content
        assert hashlib.sha256(content).hexdigest() == expected
        assert len(content) <= mnist._LARGEST_FILE
