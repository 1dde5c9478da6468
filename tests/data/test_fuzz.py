"""A fixed sample of `python -m tests.data.fuzz`."""

from . import fuzz


def test_corrupt_files_are_refused_or_read_correctly():
    said = []
    assert fuzz.main(["--cases", "1400"], said.append) == 0, "\n".join(said)
    table = "\n".join(said)
    assert "1400 of 1400 cases tried, 0 wrong" in table
    for kind in fuzz.FORMATS:
        assert f"{kind:15} refused" in table
    assert "another data set" in table
    assert "the same" in table


def test_the_fuzzer_detects_wrong_arrays(monkeypatch, tmp_path):
    kind, source = fuzz.write_case(fuzz.FORMATS.index("gzip"), tmp_path)
    monkeypatch.setattr(fuzz, "load", lambda source: fuzz.WIDE)
    assert "although there is a checksum" in fuzz.verdict(kind, source)
    assert "other arrays than an independent reader finds" in fuzz.verdict("idx", _valid_idx(tmp_path))


def _valid_idx(folder):
    for name, content in fuzz.IDX.items():
        (folder / name).write_bytes(content)
    return folder
