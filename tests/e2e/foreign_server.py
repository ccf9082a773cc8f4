"""A WebSocket server that is not ours (PyPI websockets), for connections that link makes."""
import queue
import threading

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import basic_auth, serve

from galvan import PATIENCE_S, free_ports


class ForeignServer:
    """Keeps each connection open and hands it to who waits for it."""

    def __init__(self, port=None, user=None, password=None, **options):
        self.port = port or free_ports(1)[0]
        self._arrived = queue.Queue()
        self._closing = threading.Event()
        if user:
            options['process_request'] = basic_auth(credentials=(user, password))
        self._server = serve(self._serve, '127.0.0.1', self.port, **options)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def _serve(self, connection):
        self._arrived.put(connection)
        self._closing.wait()

    def url(self, path='/a/path', host='127.0.0.1', scheme='ws'):
        return '%s://%s:%d%s' % (scheme, host, self.port, path)

    def next(self, limit_s=PATIENCE_S):
        """The next client that has come in."""
        return self._arrived.get(timeout=limit_s)

    def close(self):
        """Closes all with 1000 or 1001."""
        self._closing.set()
        self._server.shutdown()
        self._thread.join(PATIENCE_S)


def how_it_ended(connection):
    """(code, reason) of the close that the other end sent."""
    try:
        while True:
            connection.recv(timeout=PATIENCE_S)
    except ConnectionClosed as e:
        return (e.rcvd.code, e.rcvd.reason) if e.rcvd else (1006, '')
