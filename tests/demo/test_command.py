"""`python -m torchnet demo`: where it writes, which input it rejects, and that names are escaped."""

import json
import re
import shutil

import numpy as np
import pytest

from torchnet import MLP
from torchnet.cli.main import main as train
from torchnet.commands import main
from torchnet.data import Pixels, Preprocessing
from torchnet.demo import ShownNetwork, content_of, demo_page, kind_of

from ..conftest import ROOT


def test_it_writes_into_the_folder_of_the_run_and_prints_the_path(digits_run, capsys):
    (checkpoint,) = digits_run.glob("checkpoints/*.ckpt")
    for named in (digits_run, checkpoint):
        (digits_run / "demo.html").unlink(missing_ok=True)
        assert main(["demo", str(named)]) == 0
        assert capsys.readouterr().out == f"{digits_run / 'demo.html'}\n"
        assert (digits_run / "demo.html").is_file()


def test_last_is_the_newest_run_under_the_root(digits_run, capsys, tmp_path):
    page = tmp_path / "page.html"
    assert main(["demo", "last", str(page), "--root", str(digits_run.parent.parent)]) == 0
    assert capsys.readouterr().out == f"{page}\n"
    assert page.read_text().count("<html") == 1


def networks_in(page):
    return [(it["name"], it["steps"], it["score"]) for it in content_of(page.read_text())["networks"]]


@pytest.fixture
def other_run(digits_run, tmp_path):
    """A run of another name with the same network."""
    folder = tmp_path / "runs" / "other" / digits_run.name
    shutil.copytree(digits_run, folder)
    (folder / "demo.html").unlink(missing_ok=True)
    config = (folder / "config.yaml").read_text()
    (folder / "config.yaml").write_text(config.replace("name: digits", "name: other"))
    return folder


def test_several_networks_share_a_page(digits_run, other_run, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (checkpoint,) = digits_run.glob("checkpoints/*.ckpt")
    steps = int(checkpoint.stem.removeprefix("step="))
    report = json.loads((digits_run / "report.json").read_text())
    score = f"test accuracy {report['accuracy']['test']:.2%}"
    assert main(["demo", str(digits_run), str(other_run)]) == 0
    assert capsys.readouterr().out == "demo.html\n"
    assert networks_in(tmp_path / "demo.html") == [("digits", steps, score), ("other", steps, score)]
    for words in (["both.html"], ["--output", "both.html"], ["-o", "both.html"]):
        assert main(["demo", str(other_run), str(checkpoint), *words]) == 0
        assert capsys.readouterr().out == "both.html\n"
        assert [name for name, *_ in networks_in(tmp_path / "both.html")] == ["other", "digits"]
        (tmp_path / "both.html").unlink()
    assert list(other_run.glob("*.html")) == list(other_run.glob("report.html"))


def test_two_checkpoints_of_one_run_have_different_names(other_run, tmp_path):
    (checkpoint,) = other_run.glob("checkpoints/*.ckpt")
    assert main(["demo", str(checkpoint), str(other_run), str(tmp_path / "page.html")]) == 0
    names = [name for name, *_ in networks_in(tmp_path / "page.html")]
    assert names == ["other (1)", "other (2)"]


def test_a_score_is_shown_for_the_weights_that_were_evaluated_only(other_run, tmp_path):
    (checkpoint,) = other_run.glob("checkpoints/*.ckpt")
    earlier = shutil.copy(checkpoint, checkpoint.with_name("step=1.ckpt"))
    page = tmp_path / "page.html"
    assert main(["demo", str(earlier), str(page)]) == 0
    assert networks_in(page)[0][2] == ""
    (other_run / "report.json").unlink()
    assert main(["demo", str(other_run), str(page)]) == 0
    assert networks_in(page)[0][2] == ""


def test_networks_of_other_inputs_need_a_page_of_their_own(digits_run, capsys, tmp_path):
    np.savez(tmp_path / "some.npz", x_train=np.eye(20, 5), y_train=np.arange(20) % 3, x_test=np.eye(5), y_test=[0] * 5)
    options = (f"--data.source={tmp_path / 'some.npz'}", "--trainer.max_epochs=1", "--data.batch_size=5")
    assert train(ROOT / "configs", [*options, f"--trainer.default_root_dir={tmp_path / 'runs'}"]) == 0
    (run,) = tmp_path.glob("runs/*/*")
    capsys.readouterr()
    assert main(["demo", str(digits_run), str(run), "-o", str(tmp_path / "page.html")]) == 2
    err = capsys.readouterr().err
    assert re.search(
        r"expected a network with the inputs and outputs of \S+, got another one: write a page for each", err
    )
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize(
    ("words", "code", "error"),
    [
        (["page.html"], 66, "page.html: no such checkpoint"),
        (["RUN", "page.txt"], 66, "page.txt: no such checkpoint"),
        (["RUN", "-o", "page.txt"], 2, "page.txt: expected a file name that ends with .html or .htm"),
        (["RUN", "page.html", "-o", "other.html"], 66, "page.html: no such checkpoint"),
        ([], 2, "the following arguments are required: RUN"),
    ],
)
def test_wrong_words_are_refused(words, code, error, digits_run, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    try:
        got = main(["demo", *(str(digits_run) if word == "RUN" else word for word in words)])
    except SystemExit as stop:
        got = stop.code
    assert got == code
    assert error in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_name_is_escaped():
    name = '</script><script>alert("x")</script>&{{ 7 * 7 }}'
    networks = [ShownNetwork(MLP((4, 2)), "cross_entropy", name, 0, score=name)]
    page = demo_page(networks, Preprocessing.of_digits(4, 2))
    assert page.count("<script") == page.count("</script>") == 2
    assert "&lt;/script&gt;&lt;script&gt;alert(&#34;x&#34;)&lt;/script&gt;&amp;{{ 7 * 7 }}" in page
    assert content_of(page)["networks"][0]["score"] == name
    assert "http" not in page.replace("http-equiv", "")


@pytest.mark.parametrize(
    ("shape", "kind"), [((8, 8), "image"), ((8, 8, 3), "image"), ((3, 8, 8), "image"), ((1, 1), "image")]
)
def test_square_images_are_painted(shape, kind):
    assert kind_of(Pixels(shape)) == kind


@pytest.mark.parametrize(
    ("shape", "got"),
    [((8, 9), "8 x 9"), ((8, 9, 3), "8 x 9"), ((3, 8, 9), "8 x 9"), ((3, 8), "3 x 8"), ((64,), "rows of 64 pixels")],
)
def test_other_pixels_are_refused(shape, got):
    with pytest.raises(ValueError, match=f"expected a network for square images or for a table, got one for .*{got}"):
        kind_of(Pixels(shape))


def test_a_network_for_images_that_are_not_square_is_rejected(capsys, tmp_path):
    images, labels = np.arange(480, dtype=np.uint8).reshape(20, 6, 4), np.arange(20, dtype=np.uint8) % 10
    np.savez(tmp_path / "narrow.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    options = (f"--data.source={tmp_path / 'narrow.npz'}", "--trainer.max_epochs=1", "--data.batch_size=5")
    assert train(ROOT / "configs", [*options, f"--trainer.default_root_dir={tmp_path / 'runs'}"]) == 0
    capsys.readouterr()
    (run,) = tmp_path.glob("runs/*/*")
    assert main(["demo", str(run)]) == 2
    err = capsys.readouterr().err
    assert "expected a network for square images or for a table, got one for images of 6 x 4 pixels" in err
    assert err.count("\n") == 1
