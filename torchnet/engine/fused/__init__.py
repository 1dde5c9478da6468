"""The training step written out for one processor: in C++ for CPUs, in Triton for NVIDIA GPUs.

Both compute what torchnet/step.py computes, for the networks that `describe` accepts, and add up in another order.
"""
