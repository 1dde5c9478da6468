"""Readers of files, one for each format. They return what is in a file as a `torchnet.data.Dataset`."""
