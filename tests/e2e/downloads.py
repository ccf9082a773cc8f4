"""A node with a plugin that answers with files (tests/fixtures/plugins/downloads.c), and clients of it."""
import email
import email.policy
import hashlib
import http.client
import os
import re
import socket
import ssl

from galvan import PATIENCE_S, PLUGINS, Http, Node, base_config, free_ports

PLUGIN = os.path.join(PLUGINS, 'tests', 'fixtures', 'plugins', 'downloads.so')


class Answer:
    def __init__(self, response, body):
        self.status = response.status
        self.headers = response.headers
        self.body = body

    def parts(self):
        """[(content type, content range, bytes)] of multipart/byteranges."""
        head = 'Content-Type: %s\r\n\r\n' % self.headers['Content-Type']
        message = email.message_from_bytes(head.encode() + self.body, policy=email.policy.HTTP)
        assert message.is_multipart() and not message.defects, message.defects
        return [(p.get_content_type(), p['Content-Range'], p.get_payload(decode=True)) for p in message.iter_parts()]


class Files:
    def __init__(self, folder, authorities):
        self.plain, self.secure, api = free_ports(3)
        config = base_config(self.plain, api, downloads={'path': PLUGIN, 'grants': ['listen:/files/']})
        config['plugins']['link']['config']['listen'].append({'ws': self.secure, 'host': '127.0.0.1', 'tls': {
            'cert': authorities.cert.cert, 'key': authorities.cert.key}})
        self.node = Node(folder, config).start()
        self.ca = authorities.server_ca.cert
        self.blobs = os.path.join(self.node.data, 'blobs')
        self.metrics = Http(api)

    # ---- what is served

    def put(self, data):
        """A file in the node's store; its id."""
        name = hashlib.sha256(data).hexdigest()
        with open(self._make(name), 'wb') as f:
            f.write(data)
        return name

    def put_sparse(self, size, pieces):
        """A file of this size that holds these pieces {offset: bytes} and zeros. Its id is not its hash: to read it all would take long."""
        name = 'ab' + 62 * '0'
        with open(self._make(name), 'wb') as f:
            for offset, data in pieces.items():
                f.seek(offset)
                f.write(data)
            f.truncate(size)
        return name

    def _make(self, name):
        os.makedirs(os.path.join(self.blobs, name[:2]), exist_ok=True)
        return os.path.join(self.blobs, name[:2], name[2:])

    # ---- clients

    def url(self, name, tls=False):
        return '%s://localhost:%d%s' % ('https' if tls else 'http', self.secure if tls else self.plain, path(name))

    def connect(self, tls=False, buffer=None):
        """A connection; `buffer`: bytes of its receive buffer."""
        line = socket.socket()
        if buffer:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        line.settimeout(PATIENCE_S)
        line.connect(('127.0.0.1', self.secure if tls else self.plain))
        if tls:
            line = ssl.create_default_context(cafile=self.ca).wrap_socket(line, server_hostname='localhost')
        connection = http.client.HTTPConnection('localhost')
        connection.sock = line
        return connection

    def get(self, name, headers=None, method='GET', tls=False, budgets=''):
        connection = self.connect(tls)
        try:
            return ask(connection, name, headers, method, budgets)
        finally:
            connection.close()

    # ---- what link says of itself

    def metric(self, name, plugin='link'):
        """None as long as its host has not reported it."""
        found = re.search(r'^galvan_%s\{plugin="%s",[^}]*\} ([0-9.e+]+)$' % (name, plugin), self.metrics.get('/metrics')[1], re.MULTILINE)
        return float(found.group(1)) if found else None


def path(name, budgets=''):
    return '/files/' + name + ('?' + budgets if budgets else '')


def ask(connection, name, headers=None, method='GET', budgets=''):
    connection.request(method, path(name, budgets), headers=headers or {})
    response = connection.getresponse()
    return Answer(response, response.read())
