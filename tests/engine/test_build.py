"""Compiling the CPU's step: once, into the user's cache; without a compiler there is a sentence."""

import os
import stat
import sys
from pathlib import Path

import pytest

from torchnet.engine.fused import build as module
from torchnet.engine.fused.build import build, cache_folder, load
from torchnet.engine.fused.description import NotFusedError


@pytest.fixture
def library(monkeypatch):
    """The compiled step of this machine."""
    with monkeypatch.context() as patched:
        patched.delenv("XDG_CACHE_HOME")
        return build()


@pytest.fixture(autouse=True)
def _a_cache_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    load.cache_clear()
    yield
    load.cache_clear()


@pytest.fixture
def compiler(tmp_path, monkeypatch):
    """A program that stands in for the compiler: it counts its calls, and copies a file to the output."""

    def make(text: str) -> Path:
        path = tmp_path / "fake-c++"
        head = "import sys, pathlib, time\nif '--version' in sys.argv: sys.exit(print('fake 1.0'))"
        path.write_text(f"#!{sys.executable}\n{head}\n{text}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("CXX", str(path))
        return path

    return make


WRITE = "pathlib.Path(sys.argv[sys.argv.index('-o') + 1]).write_text('library')"


def test_it_is_compiled_once(compiler):
    compiler(WRITE)
    notices = []
    path = build(notices.append)
    assert path.parent == cache_folder()
    assert path.read_text() == "library"
    assert build(notices.append) == path
    assert len(notices) == 1
    assert "compiling" in notices[0]
    assert [it.name for it in cache_folder().iterdir()] == [path.name]


def test_another_compiler_source_or_processor_has_a_library_of_its_own(compiler, monkeypatch, tmp_path):
    compiler(WRITE)
    paths = {build()}
    monkeypatch.setattr(module, "_processor", lambda: "another")
    paths.add(build())
    sources = tmp_path / "sources"
    sources.mkdir()
    for name in module._SOURCES:
        (sources / name).write_text("another")
    monkeypatch.setattr(module, "_FOLDER", sources)
    paths.add(build())
    other = tmp_path / "other-c++"
    other.write_text(Path(os.environ["CXX"]).read_text())
    other.chmod(0o700)
    monkeypatch.setenv("CXX", str(other))
    paths.add(build())
    assert len(paths) == 4


def test_without_a_compiler_there_is_a_sentence(monkeypatch, tmp_path):
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotFusedError, match=r"there is no C\+\+ compiler: install g\+\+"):
        build()
    monkeypatch.setenv("CXX", "missing-c++")
    with pytest.raises(NotFusedError, match=r"CXX names missing-c\+\+, which is not a program"):
        build()


def test_a_compiler_that_fails_or_hangs_is_reported(compiler, monkeypatch):
    compiler("sys.exit('step.cpp:1: error: something is wrong')")
    with pytest.raises(NotFusedError, match=r"fails .*something is wrong"):
        build()
    monkeypatch.setattr(module, "_TIMEOUT", 0.5)
    compiler("time.sleep(60)")
    with pytest.raises(NotFusedError, match="did not finish within"):
        build()
    assert not list(cache_folder().iterdir())


def test_a_cache_that_cannot_be_written_is_reported(compiler, tmp_path, monkeypatch):
    compiler(WRITE)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(NotFusedError, match="cannot be written to"):
        build()


def test_a_damaged_library_is_compiled_again(compiler, library):
    compiler(f"import shutil; shutil.copy({str(library)!r}, sys.argv[sys.argv.index('-o') + 1])")
    path = build()
    path.write_bytes(b"no library")
    assert load().rounds_to_bfloat16() in (0, 1)
    assert path.read_bytes() == library.read_bytes()


def test_a_library_that_cannot_be_loaded_is_reported(compiler):
    compiler(WRITE)
    with pytest.raises(NotFusedError, match="cannot be loaded"):
        load()
