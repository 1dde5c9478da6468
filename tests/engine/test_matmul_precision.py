"""Products of float32 matrices keep float32, whatever library computes them, and the setting is put back."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional

from torchnet import Identity, Linear, Network
from torchnet.engine import matmul_precision
from torchnet.engine.matmul_precision import float32_products, unsupported
from torchnet.training.evaluated_module import EvaluatedModule

CPU = torch.device("cpu")


def setting() -> str:
    return torch.backends.mkldnn.matmul.fp32_precision


@pytest.fixture(params=["AMD", "Intel"])
def vendor(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(matmul_precision, "_prefers_onednn", lambda: request.param == "AMD" and keeps_float32())
    return request.param


def keeps_float32() -> bool:
    return matmul_precision._onednn_keeps_float32()


def test_the_setting_is_put_back(vendor):
    before = setting()
    with float32_products(CPU):
        assert setting() == ("bf16" if vendor == "AMD" and keeps_float32() else "ieee")
    assert setting() == before


def test_the_setting_is_put_back_after_an_exception(vendor):
    before = setting()
    with pytest.raises(KeyboardInterrupt), float32_products(CPU):
        raise KeyboardInterrupt
    assert setting() == before


@pytest.mark.parametrize(("tf32", "inside"), [(True, "tf32"), (False, "ieee")])
def test_a_gpu_rounds_to_tf32_only_if_asked(tf32, inside, monkeypatch):
    """torch's default is to round the operands of convolutions, and not those of products."""
    matmul, conv = SimpleNamespace(fp32_precision="none"), torch.backends.cudnn.conv
    monkeypatch.setattr(torch.backends.cuda, "matmul", matmul)
    before = conv.fp32_precision
    with float32_products(torch.device("cuda"), tf32):
        assert (matmul.fp32_precision, conv.fp32_precision) == (inside, inside)
    assert (matmul.fp32_precision, conv.fp32_precision) == ("none", before)


def test_convolutions_on_a_gpu_have_the_same_bits_in_every_run():
    """cuDNN may neither add up in any order nor choose an algorithm by a measurement, even if the user lets it."""
    cudnn = torch.backends.cudnn
    cudnn.benchmark = True
    try:
        with float32_products(torch.device("cuda")):
            assert (cudnn.deterministic, cudnn.benchmark) == (True, False)
        assert (cudnn.deterministic, cudnn.benchmark) == (False, True)
    finally:
        cudnn.benchmark = False


def test_convolutions_keep_full_float32_whatever_is_allowed_elsewhere():
    library = torch.backends.mkldnn.conv
    before, library.fp32_precision = library.fp32_precision, "bf16"
    images = 1 + torch.arange(4 * 32 * 14 * 14).view(4, 32, 14, 14) / 2**20  # bfloat16 has 8 bits of mantissa
    images = images.to(memory_format=torch.channels_last)
    with float32_products(CPU):
        found = functional.conv2d(images, torch.eye(32).view(32, 32, 1, 1))
    after, library.fp32_precision = library.fp32_precision, before
    assert torch.equal(found, images)
    assert after == "bf16"


SHAPES = [(20, 784, 64), (1, 7, 1), (64, 20, 784), (256, 512, 256), (1000, 784, 10)]


@pytest.mark.parametrize(("n", "k", "m"), SHAPES)
def test_products_keep_full_float32(vendor, n, k, m):
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn((n, k), generator=generator), torch.randn((k, m), generator=generator)
    with float32_products(CPU):
        product, transposed = a @ b, (b.T @ a.T).T
    bound = k * torch.finfo(torch.float32).eps / 2 * (a.double().abs() @ b.double().abs())
    for got in (product, transposed):
        assert ((got.double() - a.double() @ b.double()).abs() <= bound).all()


@pytest.mark.parametrize("n", [1, 64, 512])
def test_numbers_that_bfloat16_would_round_stay_as_they_are(vendor, n):
    numbers = 1 + torch.arange(n * n).view(n, n) / 2**20
    assert not torch.equal(numbers.bfloat16().float(), numbers) or n == 1
    with float32_products(CPU):
        assert torch.equal(numbers @ torch.eye(n), numbers)
        assert torch.equal(torch.eye(n) @ numbers, numbers)


@pytest.mark.parametrize(("cpuinfo", "expected"), [("vendor_id: AuthenticAMD", True), ("GenuineIntel", False)])
def test_onednn_is_preferred_on_amd_where_it_keeps_float32(cpuinfo, expected, monkeypatch):
    monkeypatch.setattr(Path, "is_file", lambda path: True)
    monkeypatch.setattr(Path, "read_text", lambda path: cpuinfo)
    for keeps in (True, False):
        monkeypatch.setattr(matmul_precision, "_onednn_keeps_float32", lambda keeps=keeps: keeps)
        assert matmul_precision._prefers_onednn.__wrapped__() is (expected and keeps)


def test_the_question_whether_onednn_keeps_float32_puts_the_setting_back():
    before = setting()
    keeps_float32()
    assert setting() == before


@pytest.mark.parametrize("layout", ["plain", "first operand transposed", "second operand transposed"])
def test_rounding_of_large_products_in_one_layout_alone_is_noticed(layout, monkeypatch):
    """As oneDNN does with AMX, which it uses for large products only."""
    exact = torch.Tensor.__matmul__

    def product(a, b):
        transposed = [operand for operand, x in (("first", a), ("second", b)) if not x.is_contiguous()]
        found = f"{transposed[0]} operand transposed" if transposed else "plain"
        return exact(a.bfloat16().float(), b) if found == layout and a.numel() > 64 * 64 else exact(a, b)

    monkeypatch.setattr(torch.Tensor, "__matmul__", product)
    assert not keeps_float32()


def test_what_is_unsupported_is_said(monkeypatch):
    assert unsupported(None, CPU) is None
    assert "needs an NVIDIA GPU from Ampere (2020) on, and the device is cpu" in unsupported("tf32", CPU)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    assert "needs a processor with AVX512-BF16" in unsupported("bfloat16", CPU)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    assert unsupported("bfloat16", CPU) is None


@pytest.mark.parametrize("matmul_dtype", ["tf32", "bfloat16"])
def test_a_gpu_rounds_from_ampere_on(matmul_dtype, monkeypatch):
    for capability, supported in (((7, 5), False), ((8, 0), True), ((9, 0), True)):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device, c=capability: c)
        assert (unsupported(matmul_dtype, torch.device("cuda")) is None) is supported


class _Seen(Identity):
    """Remembers which rounding its forward pass was allowed."""

    def forward(self, x):
        self.allowed = torch.backends.mkldnn.conv.fp32_precision
        return super().forward(x)


@pytest.mark.parametrize("way", ["forward", "outputs_on"])
def test_an_evaluation_keeps_full_float32_whatever_is_allowed_elsewhere(way, monkeypatch):
    seen, samples = _Seen(), torch.zeros((2, 3))
    monkeypatch.setattr(EvaluatedModule, "trained", Network(seen, Linear(3, 4)))
    module = EvaluatedModule("classification", "cross_entropy", 4, torch.float32)
    library = torch.backends.mkldnn.conv
    before, library.fp32_precision = library.fp32_precision, "bf16"
    if way == "forward":
        module(samples)
    else:
        module.outputs_on([SimpleNamespace(inputs=samples, targets=torch.zeros(2))])
    library.fp32_precision = before
    assert seen.allowed == "ieee"
