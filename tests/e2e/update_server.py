"""A server of updates in a thread, for devices' agents: a repository's folder, assignments, deltas, reports; and it can be told to misbehave."""
import base64
import hashlib
import http.server
import json
import os
import re
import ssl
import threading


class Server:
    """`repository` is a repositories.Repository; `assignments` and `deltas` are bytes by device and by hash."""

    def __init__(self, repository, password='secret', pair=None):
        self.repository = repository
        self.password = password
        self.assignments = {}
        self.deltas = {}
        self.reports = []           # in the order in which they came, doubles too
        self.requests = []          # (path, Range)
        self.instead = {}           # path below /ota/: bytes to serve in its place, or a function of the handler
        self.cut_after = None       # bytes of a file after which the connection breaks, once
        self.refuse_reports = 0     # so many reports get 503
        self.changed = threading.Condition()
        handler = type('Handler', (Handler,), {'server_of': self})
        self.http = http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler)
        self.http.daemon_threads = True
        self.scheme = 'https' if pair else 'http'
        if pair:  # a certificates.Pair
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pair.cert, pair.key)
            self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    @property
    def address(self):
        return '%s://127.0.0.1:%d/ota' % (self.scheme, self.http.server_port)

    def close(self):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    def steps(self):
        """Each report once, in order."""
        return [report['step'] for report in self.unique()]

    def unique(self):
        return list({report['sequence']: report for report in self.reports}.values())

    def offer(self, data):
        """A delta, by its hash."""
        sha256 = hashlib.sha256(data).hexdigest()
        self.deltas[sha256] = data
        return sha256

    def find(self, path):
        if path.startswith('tuf/deltas/'):
            return self.deltas.get(path[len('tuf/deltas/'):])
        if path.startswith('devices/'):
            return self.assignments.get(path.split('/')[1])
        try:
            with open(os.path.join(self.repository.folder, path[len('tuf/'):]), 'rb') as f:
                return f.read()
        except OSError:
            return None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    server_of = None

    def log_message(self, *arguments):
        pass

    def send(self, status, data=b'', **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace('_', '-'), value)
        self.send_header('Content-Length', str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def allowed(self):
        device = self.path.split('/')[3] if self.path.startswith('/ota/devices/') else None
        word = (self.headers.get('Authorization') or '').removeprefix('Basic ')
        user, _, password = base64.b64decode(word).decode().partition(':')
        return password == self.server_of.password and device in (None, user.replace('%3A', ':'))

    def do_GET(self):
        server, path = self.server_of, self.path.removeprefix('/ota/')
        with server.changed:
            server.requests.append((path, self.headers.get('Range')))
            server.changed.notify_all()
        if not self.allowed():
            return self.send(401)
        instead = server.instead.get(path)
        if callable(instead):
            return instead(self)
        data = server.find(path) if instead is None else instead
        if data is None:
            return self.send(404)
        return self.send_file(data, re.search('[0-9a-f]{64}', path))

    def send_file(self, data, named):
        """Whole, or from where the device says; broken off in the middle where the test wants that."""
        server = self.server_of
        etag = '"%s"' % (named.group() if named else hashlib.sha256(data).hexdigest())
        start, status = 0, 200
        wanted = re.fullmatch(r'bytes=(\d+)-', self.headers.get('Range') or '')
        if wanted and self.headers.get('If-Range') in (None, etag):
            start, status = int(wanted.group(1)), 206
            if start >= len(data):
                return self.send(416)
        self.send_response(status)
        if status == 206:
            self.send_header('Content-Range', 'bytes %d-%d/%d' % (start, len(data) - 1, len(data)))
        self.send_header('ETag', etag)
        self.send_header('Content-Length', str(len(data) - start))
        self.end_headers()
        if named and server.cut_after is not None and len(data) - start > server.cut_after:
            self.wfile.write(data[start:start + server.cut_after])
            server.cut_after = None
            self.close_connection = True
            return self.connection.close()
        return self.wfile.write(data[start:])

    def do_POST(self):
        server = self.server_of
        body = self.rfile.read(int(self.headers['Content-Length']))
        if not self.allowed():
            return self.send(401)
        with server.changed:
            if server.refuse_reports:
                server.refuse_reports -= 1
                return self.send(503)
            server.reports.append(json.loads(body))
            server.changed.notify_all()
        return self.send(204)


def endless(handler):
    """Bytes until nobody listens any more."""
    handler.send_response(200)
    handler.end_headers()
    handler.close_connection = True
    try:
        while True:
            handler.wfile.write(b' ' * 65536)
    except OSError:
        pass
