"""Certificate authorities of the tests' own, by the openssl command: what they sign is as right or as wrong as a test wants it."""
import http.server
import json
import os
import ssl
import subprocess
import threading
from datetime import datetime, timedelta, timezone

CONFIG = '''
[ca]
default_ca = own
[own]
dir = %(folder)s
database = %(folder)s/index
serial = %(folder)s/serial
new_certs_dir = %(folder)s
certificate = %(folder)s/ca.pem
private_key = %(folder)s/ca.key
default_md = sha256
default_crl_days = 2
policy = any
unique_subject = no
copy_extensions = copy
[any]
commonName = supplied
organizationName = optional
[req]
distinguished_name = name
[name]
[client]
extendedKeyUsage = clientAuth
[server]
extendedKeyUsage = serverAuth
'''
KINDS = {'ec': ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'], 'rsa': ['-newkey', 'rsa:2048']}


def openssl(*args, **options):
    return subprocess.run(['openssl', *args], check=True, capture_output=True, text=True, **options).stdout


def moment(days):
    return (datetime.now(timezone.utc) + timedelta(days=days)).strftime('%Y%m%d%H%M%SZ')


def request(path, subject, kind='ec', names=None, responder=None):
    """A key and a certificate request: (key file, request file)."""
    extra = ['-addext', 'subjectAltName=' + names] if names else []
    extra += ['-addext', 'authorityInfoAccess=OCSP;URI:' + responder] if responder else []
    openssl('req', *KINDS[kind], '-nodes', '-subj', subject, *extra, '-keyout', path + '.key', '-out', path + '.csr')
    return path + '.key', path + '.csr'


class Pair:
    """A certificate and its key, as files."""

    def __init__(self, cert, key):
        self.cert = cert
        self.key = key

    def text(self):
        with open(self.cert, encoding='ascii') as f:
            return f.read()


class Authority:
    def __init__(self, folder, name):
        self.folder = os.path.join(folder, name)
        self.made = 0
        os.makedirs(self.folder)
        self.config = os.path.join(self.folder, 'config')
        with open(self.config, 'w', encoding='ascii') as f:
            f.write(CONFIG % {'folder': self.folder})
        with open(os.path.join(self.folder, 'serial'), 'w', encoding='ascii') as f:
            f.write('1000\n')
        with open(os.path.join(self.folder, 'index'), 'w', encoding='ascii'):
            pass
        self.cert = os.path.join(self.folder, 'ca.pem')
        openssl('req', '-x509', *KINDS['ec'], '-nodes', '-days', '3', '-subj', '/O=Tests/CN=' + name, '-keyout',
                os.path.join(self.folder, 'ca.key'), '-out', self.cert)

    def sign(self, subject, use='client', kind='ec', names=None, begin=-1, end=1, responder=None):
        """From `begin` to `end`, in days from now; `responder`: the address that it names for OCSP."""
        self.made += 1
        path = os.path.join(self.folder, 'pair%d' % self.made)
        key, csr = request(path, subject, kind, names, responder)
        return Pair(self.sign_request(csr, use, begin, end), key)

    def sign_request(self, csr, use='client', begin=-1, end=1):
        """The certificate's file."""
        openssl('ca', '-batch', '-config', self.config, '-extensions', use, '-startdate', moment(begin), '-enddate', moment(end),
                '-notext', '-in', csr, '-out', csr + '.pem')
        return csr + '.pem'

    def server(self, kind='ec'):
        return self.sign('/CN=localhost', 'server', kind, 'DNS:localhost,IP:127.0.0.1')

    def revoke(self, *pairs):
        """A revocation list of these: its file."""
        for pair in pairs:
            openssl('ca', '-config', self.config, '-revoke', pair.cert)
        path = os.path.join(self.folder, 'crl.pem')
        openssl('ca', '-config', self.config, '-gencrl', '-out', path)
        return path


class SigningServer(http.server.BaseHTTPRequestHandler):
    """An authority behind HTTP, as contracts.v2g_ca_url wants one. `asked` holds what was posted and its headers."""

    @classmethod
    def start(cls, authority):
        server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), cls)
        server.authority, server.asked, server.status = authority, [], 200
        server.url = 'http://127.0.0.1:%d/v2g' % server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server

    def do_POST(self):
        posted = json.loads(self.rfile.read(int(self.headers['content-length'])))
        self.server.asked.append((posted, dict(self.headers)))
        csr = os.path.join(self.server.authority.folder, 'asked%d' % len(self.server.asked))
        with open(csr, 'w', encoding='ascii') as f:
            f.write(posted['csr'])
        chain = ''
        for path in (self.server.authority.sign_request(csr, 'server'), self.server.authority.cert):
            with open(path, encoding='ascii') as f:
                chain += f.read()
        body = json.dumps({'certificateChain': chain}).encode()
        self.send_response(self.server.status)
        self.send_header('content-length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):
        pass


class Responder:
    """openssl's OCSP responder for what an authority has signed and revoked until it is started."""

    def __init__(self, authority, port):
        self.url = 'http://127.0.0.1:%d/' % port
        self._authority = authority
        self._port = port
        self._process = None

    def start(self):
        self._process = subprocess.Popen(
            ['openssl', 'ocsp', '-port', str(self._port), '-index', os.path.join(self._authority.folder, 'index'), '-CA',
             self._authority.cert, '-rsigner', self._authority.cert,
             '-rkey', os.path.join(self._authority.folder, 'ca.key'), '-ndays', '1'], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        while not self._process.stdout.readline().startswith(('ACCEPT', 'ocsp: waiting')):
            if self._process.poll() is not None:
                raise RuntimeError('the responder did not start')

    def asks(self, pair, url=None):
        """How OCPP names the certificate: OCSPRequestDataType, by openssl's own reckoning."""
        text = openssl('ocsp', '-sha256', '-issuer', self._authority.cert, '-cert', pair.cert, '-req_text', '-reqout', os.devnull)
        found = dict(line.strip().partition(': ')[::2] for line in text.splitlines())
        return {'hashAlgorithm': 'SHA256', 'issuerNameHash': found['Issuer Name Hash'], 'issuerKeyHash': found['Issuer Key Hash'],
                'serialNumber': found['Serial Number'].lstrip('0'), 'responderURL': url or self.url}

    def close(self):
        if self._process:
            self._process.kill()
            self._process.wait()


def trust(ca_file, pair=None):
    """What a client needs: whom it trusts, and its own certificate."""
    context = ssl.create_default_context(cafile=ca_file)
    if pair:
        context.load_cert_chain(pair.cert, pair.key)
    return context
