"""Local mirrors of MNIST that answer correctly, wrongly or not at all."""

import contextlib
import gzip
import socket
import struct
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

from torchnet.data.formats.idx_files import FILES

from .formats import gzipped_zeros

LABELS = np.arange(10, dtype=np.uint8)
CONTENT = {
    name: struct.pack(">4I", 0x803, 10, 2, 2) + bytes(range(40))
    if "images" in name
    else struct.pack(">2I", 0x801, 10) + LABELS.tobytes()
    for name in FILES.values()
}

Answer = Callable[[BaseHTTPRequestHandler, bytes], None]


def deliver(handler: BaseHTTPRequestHandler, content: bytes, announced: int | None = None) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(content) if announced is None else announced))
    handler.end_headers()
    handler.wfile.write(content)


def answer_404(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    handler.send_error(404)


def answer_with_a_web_page(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    deliver(handler, b"<html>log in to this network first</html>")


def break_off(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    deliver(handler, content[: len(content) // 2], announced=len(content))
    handler.close_connection = True


def break_off_images(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    (break_off if "images" in handler.path else deliver)(handler, content)


def deliver_another_file(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    deliver(handler, gzip.compress(b"something else") if "images" in handler.path else content)


def say_nothing(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    handler.server.closing.wait(timeout=20)


def drip_headers(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    """Send a byte of a header steadily, and never finish."""
    handler.send_response(200)
    handler.flush_headers()
    while not handler.server.closing.wait(timeout=0.05):
        handler.wfile.write(b"X")
        handler.wfile.flush()


def pause_twice(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    """Deliver a file in three parts, as a slow connection does."""
    handler.send_response(200)
    handler.end_headers()
    third = len(content) // 3
    for part in (content[:third], content[third : 2 * third]):
        handler.wfile.write(part)
        handler.wfile.flush()
        handler.server.closing.wait(timeout=0.4)
    handler.wfile.write(content[2 * third :])


def answer_500(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    handler.send_error(500)


def redirect_to_http(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    """Redirect to an http URL that would deliver the file."""
    if "again" in handler.path:
        deliver(handler, content)
        return
    handler.send_response(302)
    handler.send_header("Location", f"http://127.0.0.1:{handler.server.server_port}/again{handler.path}")
    handler.end_headers()


def deliver_endlessly(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    handler.send_response(200)
    handler.end_headers()
    while not handler.server.closing.is_set():
        handler.wfile.write(bytes(2**20))


def trickle(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    """Send single bytes steadily and never finish."""
    handler.send_response(200)
    handler.end_headers()
    while not handler.server.closing.wait(timeout=0.05):
        handler.wfile.write(b"x")
        handler.wfile.flush()


def reset(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    break_off(handler, content)
    handler.wfile.flush()
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


def deliver_a_bomb(handler: BaseHTTPRequestHandler, content: bytes) -> None:
    deliver(handler, gzipped_zeros(2**30))


def for_images(answer: Answer) -> Answer:
    """Give a bad answer for images only, after the mirror was found to be reachable."""
    return lambda handler, content: (answer if "images" in handler.path else deliver)(handler, content)


class Mirrors:
    """Local mirrors, one per answer. `asked` records the requested paths of each."""

    def __init__(self, *answers: Answer) -> None:
        self.asked: list[list[str]] = []
        self.urls: list[str] = []
        self._servers: list[ThreadingHTTPServer] = []
        for answer in answers:
            self._start(answer)

    def _start(self, answer: Answer) -> None:
        paths: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                paths.append(self.path)
                with contextlib.suppress(ConnectionError):  # the client closed the connection
                    answer(self, gzip.compress(CONTENT[self.path.strip("/").removesuffix(".gz")]))

            def log_message(self, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.closing = threading.Event()
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        self._servers.append(server)
        self.asked.append(paths)
        self.urls.append(f"http://127.0.0.1:{server.server_port}/")

    def close(self) -> None:
        for server in self._servers:
            server.closing.set()
            server.shutdown()
            server.server_close()
