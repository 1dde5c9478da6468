"""`python -m torchnet demo`: where it writes, which input it rejects, and that names are escaped."""

import numpy as np
import pytest

from torchnet import MLP
from torchnet.cli.main import main as train
from torchnet.commands import main
from torchnet.data import Pixels, Preprocessing
from torchnet.demo import ShownNetwork, content_of, demo_page, kind_of, page_of

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
