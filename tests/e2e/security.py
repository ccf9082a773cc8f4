"""A cloud with a plain port and a TLS port, and authorities for both ends of it."""
import base64
import shutil

import pytest
import websockets
from websockets.sync.client import connect

from certificates import Authority, Pair
from galvan import base_config, free_ports, until

OPERATOR = 'Example Operator'
PASSWORD = 'correct horse 12'


class Authorities:
    """What costs time to make and is the same for all tests. `revoked` is a certificate of CP3 that its authority took back."""

    def __init__(self, folder):
        self.server_ca, self.client_ca, self.other_ca = (Authority(folder, n) for n in ('server', 'client', 'other'))
        self.cert, self.rsa = self.server_ca.server('ec'), self.server_ca.server('rsa')
        self.revoked = self.client('CP3')
        self.crl = self.client_ca.revoke(self.revoked)

    def client(self, common_name, operator=OPERATOR, **options):
        return self.client_ca.sign('/O=%s/CN=%s' % (operator, common_name), **options)


class Site:
    """Profiles 1 on `plain`, 2 and 3 on `secure`."""

    def __init__(self, run, folder, authorities, **plugins):
        self.server_ca, self.client_ca, self.other_ca = authorities.server_ca, authorities.client_ca, authorities.other_ca
        self.revoked, self.rsa, self.client = authorities.revoked, authorities.rsa, authorities.client
        self.cert = Pair(shutil.copy(authorities.cert.cert, folder), shutil.copy(authorities.cert.key, folder))
        self.crl = shutil.copy(authorities.crl, folder)
        plain, self.secure_port, self.api = free_ports(3)
        config = base_config(plain, self.api, **plugins)
        config['plugins']['link']['config'].update(operator_name=OPERATOR)
        config['plugins']['link']['config']['listen'].append({'ws': self.secure_port, 'host': '127.0.0.1', 'tls': {
            'cert': self.cert.cert, 'key': self.cert.key, 'second_cert': self.rsa.cert, 'second_key': self.rsa.key,
            'client_ca': self.client_ca.cert, 'crl': self.crl, 'local_ca': 'pki' in plugins}})
        self.node = run(config)
        self.plain = 'ws://127.0.0.1:%d/ocpp' % plain
        self.secure = 'wss://127.0.0.1:%d/ocpp' % self.secure_port

    def device(self, identity, **more):
        if 'security_profile' in more:
            more['securityProfile'] = more.pop('security_profile')
        return self.node.put_device('ocpp:' + identity, **more)

    def registered(self, identity):
        return self.node.call('galvan.registry.v1.Registry/GetDevice', {'id': 'ocpp:' + identity})['device']

    def connect(self, identity, context=None, password=None, secure=False, version='ocpp1.6'):
        headers = {}
        if password is not None:
            secret = password if isinstance(password, bytes) else password.encode()
            headers['Authorization'] = 'Basic ' + base64.b64encode(identity.encode() + b':' + secret).decode()
        return connect((self.secure if secure else self.plain) + '/' + identity, subprotocols=[version], ssl=context,
                       additional_headers=headers)

    def refused(self, identity, reason, context=None, password=None, secure=False):
        """It does not come in, and the log says why. The HTTP status, or None where TLS refused."""
        with pytest.raises((websockets.InvalidStatus, websockets.InvalidMessage, websockets.ConnectionClosed, OSError, EOFError)) as e:
            with self.connect(identity, context, password, secure):
                pass
        self.node.wait_log('reason=' + reason)
        return e.value.response.status_code if isinstance(e.value, websockets.InvalidStatus) else None

    def events(self, identity=None):
        """Security events of the device, newest first; of all where none is given."""
        request = {} if identity is None else {'device': 'ocpp:' + identity if identity else ''}
        return self.node.call('galvan.ocpp.v1.Ocpp/ListSecurityEvents', request)['events']

    def told(self, identity, reason):
        """A security event says so, of this device ('': of none that is known)."""
        device = 'ocpp:' + identity if identity else ''
        return until('a security event %s' % reason, lambda: next(
            (e for e in self.events() if e['type'] == reason and e['device'] == device), None))

    def counter(self, http, name):
        for line in http.get('/metrics')[1].splitlines():
            if line.startswith('galvan_link_%s_total' % name):
                return float(line.split()[-1])
        return 0
