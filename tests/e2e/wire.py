"""A station that is as rude as a test needs: a WebSocket by hand, whose frames are whatever the test says. And link's counters, where its
rudeness shows."""
import re
import socket
import struct

from galvan import PATIENCE_S, Http, base_config, free_ports, until

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
FIN, RSV1 = 0x80, 0x40
KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
HEARTBEAT = b'[2,"h","Heartbeat",{}]'


class Wire:
    def __init__(self, port, tls=None):
        self.socket = socket.create_connection(('127.0.0.1', port), timeout=PATIENCE_S)
        if tls:
            self.socket = tls.wrap_socket(self.socket)
        self._held = b''

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    # ---- the handshake

    def upgrade(self, target, subprotocol='ocpp1.6', connection='Upgrade', **headers):
        """Asks for the upgrade and returns (status, head). A header whose value is None is not sent; `_` in a name is a `-`."""
        lines = {'Host': 'localhost', 'Upgrade': 'websocket', 'Connection': connection, 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': KEY,
                 'Sec-WebSocket-Protocol': subprotocol}
        lines.update({name.replace('_', '-'): value for name, value in headers.items()})
        text = ''.join('%s: %s\r\n' % line for line in lines.items() if line[1] is not None)
        self.socket.sendall(('GET %s HTTP/1.1\r\n%s\r\n' % (target, text)).encode())
        while b'\r\n\r\n' not in self._held:
            self._more()
        head, self._held = self._held.split(b'\r\n\r\n', 1)
        return int(head.split()[1]), head.decode()

    # ---- frames

    def send(self, first, payload=b''):
        """One frame; `first` is its first byte as in RFC 6455, and the mask is all zeros."""
        n = len(payload)
        size = struct.pack('>B', 0x80 | n) if n < 126 else struct.pack('>BH', 0xfe, n) if n < 65536 else struct.pack('>BQ', 0xff, n)
        self.socket.sendall(bytes([first]) + size + bytes(4) + payload)

    def text(self, payload):
        self.send(FIN | TEXT, payload)

    def _more(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError('the server ended the connection; before: %r' % self._held[-200:])
        self._held += data

    def _take(self, n):
        while len(self._held) < n:
            self._more()
        taken, self._held = self._held[:n], self._held[n:]
        return taken

    def receive(self):
        """(first byte, payload) of the next frame."""
        first, size = self._take(2)
        if size == 126:
            size, = struct.unpack('>H', self._take(2))
        elif size == 127:
            size, = struct.unpack('>Q', self._take(8))
        return first, self._take(size)

    def answer(self):
        """The next text; pings in between are passed over, unanswered."""
        while True:
            first, payload = self.receive()
            if first & 15 != PING:
                assert first & 15 == TEXT, (first, payload)
                return payload.decode()

    def closed(self):
        """(code, reason) of the close that must come next."""
        first, payload = self.receive()
        assert first == FIN | CLOSE, (first, payload)
        return struct.unpack('>H', payload[:2])[0], payload[2:].decode()


def metered(run, config=None, **more):
    """A strict cloud whose counters can be read; `more` are options of ocpp. A config of one's own lists a ws and then an http port."""
    config = config or base_config(*free_ports(2))
    config['plugins']['ocpp']['config'].update(more)
    node = run(config)
    listen = config['plugins']['link']['config']['listen']
    node.ws_port = listen[0]['ws']
    node.ws = 'ws://127.0.0.1:%d/ocpp' % node.ws_port
    node.http = Http(listen[1]['http'])
    return node


def counted(node, name):
    """What link has counted under this name; 0 where nothing was."""
    found = re.search(r'^galvan_link_%s_total\{[^}]*\} ([0-9.e+]+)$' % name, node.http.get('/metrics')[1], re.MULTILINE)
    return float(found.group(1)) if found else 0


def wait_counted(node, name, at_least=1):
    """A host reports its counters every so often."""
    until('%s counted' % name, lambda: counted(node, name) >= at_least)
