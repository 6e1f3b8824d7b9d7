"""gunicorn's worker with threads, which slow clients cannot hold, and that leaves nobody behind.

gthread gives every connection a thread from its first moment, with no limit to how long it may be
read. Here a request is collected first, and gets a thread when it is whole, as behind a buffering
proxy; a body larger than any that we take is refused unread, and chunks are never waited for: that
holds a thread for a second at most. What still holds one longer: a client that asks to be told to
go on (`Expect`) and then is slow, ten seconds; and one that reads its answer slowly. So this does
not replace a proxy towards the internet. A worker told to stop answers whoever is connected
already, also those whom no worker has accepted yet, as far as it may have connections.
"""

import contextlib
import ctypes
import errno
import re
import selectors
import socket
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from typing import Any, NamedTuple

from gunicorn import util
from gunicorn.http.body import LengthReader
from gunicorn.http.errors import LimitRequestHeaders, ParseException
from gunicorn.workers.gthread import TConn, ThreadWorker

from minicrm.bad_requests import AnswersBadRequests, BodyTooLarge
from minicrm.connection_counts import ConnectionCounts

READ_SECONDS = 10.0  # for the head and the body of one request together
# Bytes. The largest form, the weights of a source's 1,000 operators, has 100 a row at most.
MAX_BODY = 160 * 1024
MAX_HEAD = 128 * 1024
RECEIVE_BYTES = 64 * 1024
LINGER_SECONDS = 1.0  # to let a client read why its body was not wanted
ALL_TIME = 1.0  # seconds that a thread may go on while another one wants to
GO_FIRST_SECONDS = 0.001  # for a worker with fewer connections, to wake up and take this one
NAP_SECONDS = 0.02  # when there are no descriptors: the connection waits, and so do we
NO_DESCRIPTORS = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
END_OF_HEAD = b"\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,9})[ \t]*\r\n", re.IGNORECASE)
WAITS = re.compile(rb"\r\nexpect:", re.IGNORECASE)  # with the body, for a word from us


class Collected:
    """What has come of a request so far. Each byte is looked at once, however small the parts."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.no_end = False  # of the head, and too much of it
        self._wanted: int | None = None  # bytes in all, once the head is there

    def add(self, data: bytes) -> bool:
        """Take what has come; whether a thread can go to work: it is all, or not worth waiting."""
        searched = max(0, len(self.data) - len(END_OF_HEAD) + 1)
        self.data += data
        if self._wanted is None:
            end = self.data.find(END_OF_HEAD, searched)
            if end < 0:
                self.no_end = len(self.data) > MAX_HEAD
                return self.no_end
            self._wanted = self._bytes_wanted(end + len(END_OF_HEAD))
        return len(self.data) >= self._wanted

    def _bytes_wanted(self, end: int) -> int:
        if WAITS.search(self.data, 0, end):
            return end
        length = LENGTH.search(self.data, 0, end)
        wanted = int(length[1]) if length else 0
        return end + wanted if wanted <= MAX_BODY else end


def receive(client: socket.socket) -> bytes | None:
    """Return what has come; nothing at the end, and None when there is more to be waited for."""
    try:
        return client.recv(RECEIVE_BYTES)
    except BlockingIOError:
        return None
    except OSError:
        return b""


class WholeBody(LengthReader):  # type: ignore[misc]  # gunicorn has no type information
    """A body that is read whole or not at all.

    gunicorn takes one that ends early for complete: half a form would be obeyed.
    """

    def __init__(self, reader: LengthReader, done: Callable[[], object]) -> None:
        super().__init__(reader.unreader, reader.length)
        self._done = done

    def read(self, size: int) -> bytes:
        """Return up to so many bytes; ConnectionResetError when the client has stopped early."""
        wanted = min(self.length, size)
        data: bytes = super().read(size)
        if len(data) < wanted:
            raise ConnectionResetError(errno.ECONNRESET, "The request ended before its body did.")
        if self.length == 0:
            self._done()
        return data


# Calls through it keep the interpreter, where Python's own would let other threads run meanwhile.
LIBC = ctypes.PyDLL(None, use_errno=True)
NOT_THE_LAST = {errno.EINTR, errno.ECONNABORTED}  # of those who wait


class Taken(NamedTuple):
    """A connection that has been accepted, in the place of the listener that it came by."""

    client: socket.socket
    address: Any

    def accept(self) -> tuple[socket.socket, Any]:
        """Return what a listener's `accept` does."""
        return self.client, self.client.getpeername()

    def getsockname(self) -> Any:
        """Return the listener's address."""
        return self.address


def take_all_and_close(listener: socket.socket, most: int) -> Iterator[Taken]:
    """Accept everybody who waits, and close at once; yield them.

    Who connects between the last look and the close is lost. No other thread comes in between, only
    the kernel may put another process first.
    """
    found: list[int] = []
    accept, close = LIBC.accept, LIBC.close
    address, number, before = listener.getsockname(), listener.detach(), sys.getswitchinterval()
    sys.setswitchinterval(ALL_TIME)
    while len(found) < most:
        client = accept(number, None, None)
        if client >= 0:
            found.append(client)
        elif ctypes.get_errno() not in NOT_THE_LAST:
            break
    close(number)
    sys.setswitchinterval(before)
    return (Taken(_as_socket(client), address) for client in found)


def _as_socket(number: int) -> socket.socket:
    client = socket.socket(fileno=number)
    client.set_inheritable(False)  # as Python's own `accept` makes them
    return client


CONNECTIONS = ConnectionCounts()


class Worker(AnswersBadRequests, ThreadWorker):  # type: ignore[misc]
    """gthread, with an end to reading, and a stop that empties the queue of connections.

    Of several, those with fewer connections accept first.
    """

    sockets: list[socket.socket]
    place: int  # among the living workers of the same parent, which gives it

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._reading: dict[TConn, float] = {}  # until when, of requests not yet read whole

    def accept(self, listener: socket.socket | Taken) -> None:
        """Accept a connection; without descriptors it stays where it is, and the worker lives."""
        if self._accepting and self.nr_conns > CONNECTIONS.fewest() + 1:
            time.sleep(GO_FIRST_SECONDS)
        try:
            super().accept(listener)
            self._tell_connections()
        except OSError as error:
            if error.errno not in NO_DESCRIPTORS:
                raise
            time.sleep(NAP_SECONDS)

    def notify(self) -> None:
        """Tell the parent that we live, and the other workers how many connections we have."""
        super().notify()
        self._tell_connections()

    def _tell_connections(self) -> None:
        if self._accepting:
            CONNECTIONS.tell(self.place, self.nr_conns)

    def stop_counting(self) -> None:
        """Tell the other workers that we accept no connections; the parent does it at our end."""
        CONNECTIONS.leave(self.place)

    def enqueue_req(self, conn: TConn) -> None:
        """Give a connection to a thread, a new one when its request has been collected."""
        if conn.initialized or conn.data_ready:
            super().enqueue_req(conn)
        else:
            self._collect(conn)

    def on_client_socket_readable(self, conn: TConn, client: socket.socket) -> None:
        """Collect the next request of a connection that was kept."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._collect(conn)

    def _collect(self, conn: TConn, early: bytes = b"") -> None:
        conn.received = Collected()
        conn.sock.setblocking(False)
        data = early or receive(conn.sock)  # mostly it is there: a turn of the loop is spared
        if data is not None and (not data or conn.received.add(data)):
            super().enqueue_req(conn)
            return
        conn.timeout = time.monotonic() + READ_SECONDS
        self.pending_conns.append(conn)
        ready = partial(self.on_pending_socket_readable, conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, ready)

    def on_pending_socket_readable(self, conn: TConn, client: socket.socket) -> None:
        """Take what has come, and call a thread when that is all."""
        data = receive(client)
        if data is not None and (not data or conn.received.add(data)):
            super().on_pending_socket_readable(conn, client)

    def handle(self, conn: TConn) -> object:
        """Answer one request, in a thread; close the connection here if it is not to be kept.

        gthread would do that in the one loop that serves all connections, and wait there for the
        client to close its side.
        """
        self._reading[conn] = time.monotonic() + READ_SECONDS
        keep: object = False
        try:
            conn.init()
            received, conn.received = conn.received, Collected()
            if received.no_end:
                self.handle_error(None, conn.sock, conn.client, LimitRequestHeaders(""))
            else:
                conn.parser.unreader.unread(bytes(received.data))
                keep = super().handle(conn)
        finally:
            unread = self._reading.pop(conn, None) is not None
            if not keep:
                util.close_graceful(conn.sock, timeout=LINGER_SECONDS if unread else 0)
        return keep

    def _keepalive_after(self, conn: TConn, keepalive: bool) -> bool:
        try:
            return bool(super()._keepalive_after(conn, keepalive))
        except ParseException:
            return False  # what is left of a body is none; its request has been answered

    def handle_request(self, req: Any, conn: TConn) -> bool:
        """Run the application; the time to read ends with the body's last byte."""
        done = partial(self._reading.pop, conn, None)
        reader = req.body.reader
        if not isinstance(reader, LengthReader):
            req.force_close()  # chunks, which the application does not read: nor do we, to go on
        elif reader.length > MAX_BODY:
            raise BodyTooLarge
        else:
            req.body.reader = WholeBody(reader, done)
            if reader.length == 0:
                done()
        return bool(super().handle_request(req, conn))

    def finish_request(self, conn: TConn, fs: "Future[object]") -> None:
        """Keep the connection for more, or count it off."""
        if fs.cancelled() or fs.exception():
            super().finish_request(conn, fs)
        elif not fs.result():
            self.nr_conns -= 1  # `handle` has closed it
        elif early := conn.parser.unreader.take_buffered():
            self._collect(conn, early)  # of the next request, which came with this one
        else:
            super().finish_request(conn, fs)

    def murder_pending(self) -> None:
        """Give up the connections that have said nothing, or not all of it, for too long."""
        super().murder_pending()
        now = time.monotonic()
        for conn, until in list(self._reading.items()):
            if now > until:
                # The thread that waits for more is told that there is none.
                with contextlib.suppress(OSError):
                    conn.sock.shutdown(socket.SHUT_RD)

    def set_accept_enabled(self, enabled: bool) -> None:
        """Accept connections or not; at the end take in all who wait, and send the others away.

        A listening socket that is left open until the last request is done goes on collecting
        clients that nobody will answer. Closed, it is refused at once where this was the last
        process that had it, which a proxy takes for "ask the next one"; after HUP the new workers
        have it as well.
        """
        super().set_accept_enabled(enabled)
        if not enabled:
            self.stop_counting()
        if enabled or self.alive:
            return
        listeners, self.sockets = self.sockets, []  # gthread may come here twice
        for listener in listeners:
            for taken in take_all_and_close(listener, self.worker_connections - self.nr_conns):
                with contextlib.suppress(OSError):  # who is gone again
                    self.accept(taken)
