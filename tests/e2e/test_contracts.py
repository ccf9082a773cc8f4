"""Contracts of cars with real certificates: openssl signs, revokes and answers OCSP, and a station that is not ours asks."""
import base64
import os

import pytest

from certificates import Authority, Responder, SigningServer, openssl, request
from galvan import base_config, free_ports, until
from stations import OcppRpc

BOOT = {'reason': 'PowerUp', 'chargingStation': {'vendorName': 'V', 'model': 'M'}}


@pytest.fixture
def authority(folder):
    return Authority(folder, 'mo')


@pytest.fixture
def responder(authority):
    port, = free_ports(1)
    responder = Responder(authority, port)
    yield responder
    responder.close()


@pytest.fixture
def signer(authority):
    server = SigningServer.start(authority)
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def node(run, responder, authority, signer):
    ws, = free_ports(1)
    config = base_config(ws)
    with open(authority.cert, encoding='ascii') as f:
        config['plugins']['ocpp']['config']['contracts'] = {
            'ocsp_hosts': [responder.url.split('/')[2]], 'ocsp_private_addresses': True, 'roots': [f.read()], 'v2g_ca_url': signer.url,
            'v2g_ca_authorization': 'Bearer of-the-node'}
    node = run(config)
    node.ws = 'ws://127.0.0.1:%d/ocpp' % ws
    node.put_device('ocpp:CP001')
    return node


@pytest.fixture
def station(node):
    station = OcppRpc('ocpp2.0.1')
    station.connect(node.ws, 'CP001', strict=True)
    station.call('BootNotification', BOOT)
    yield station
    assert station.invalid == []
    station.close()


def test_a_station_gets_what_the_responder_has_signed(station, responder, authority, folder):
    pair, other = (authority.sign('/CN=DEABC12345678X', responder=responder.url) for _ in range(2))
    responder.start()
    answer = station.call('GetCertificateStatus', {'ocspRequestData': responder.asks(pair)})
    assert answer['status'] == 'Accepted'
    response = os.path.join(folder, 'response.der')
    with open(response, 'wb') as f:
        f.write(base64.b64decode(answer['ocspResult']))
    said = openssl('ocsp', '-respin', response, '-sha256', '-issuer', authority.cert, '-cert', pair.cert, '-CAfile', authority.cert)
    assert said.splitlines()[0].endswith(': good')
    elsewhere = 'http://127.0.0.1:1/'
    assert station.call('GetCertificateStatus', {'ocspRequestData': responder.asks(pair, elsewhere)})['status'] == 'Accepted', 'it is known already'
    refused = station.call('GetCertificateStatus', {'ocspRequestData': responder.asks(other, elsewhere)})
    assert (refused['status'], refused['statusInfo']['reasonCode']) == ('Failed', 'NotAllowed')


def test_a_contract_is_let_in_as_its_certificate_says(station, responder, authority):
    def contract(name='DEABC12345678X', **options):
        return authority.sign('/CN=' + name, responder=responder.url, **options)

    def authorize(pair):
        with open(pair.cert, encoding='ascii') as f:
            answer = station.call('Authorize', {'idToken': {'idToken': 'DEABC12345678X', 'type': 'eMAID'}, 'certificate': f.read()})
        return answer['idTokenInfo']['status'], answer['certificateStatus']

    good, revoked, expired, other = contract(), contract(), contract(begin=-2, end=-1), contract('DEXYZ1')
    authority.revoke(revoked)
    assert authorize(good) == ('Invalid', 'NoCertificateAvailable'), 'nobody answers there yet'
    responder.start()
    assert authorize(good) == ('Accepted', 'Accepted')
    assert authorize(revoked) == ('Invalid', 'CertificateRevoked')
    assert authorize(expired) == ('Invalid', 'CertificateExpired')
    assert authorize(other) == ('Invalid', 'CertChainError')


def test_a_station_gets_its_v2g_certificate_from_the_authority_that_is_named(node, station, signer, authority, folder):
    """And where that one does not sign, a security event says why."""
    key, csr = request(os.path.join(folder, 'secc'), '/CN=SECC-CP001')
    station.answer('CertificateSigned', {'status': 'Accepted'})

    def ask():
        with open(csr, encoding='ascii') as f:
            return station.call('SignCertificate', {'csr': f.read(), 'certificateType': 'V2GCertificate'})

    assert ask() == {'status': 'Accepted'}
    signed = station.asked('CertificateSigned')
    assert signed['certificateType'] == 'V2GCertificate'
    chain = os.path.join(folder, 'chain.pem')
    with open(chain, 'w', encoding='ascii') as f:
        f.write(signed['certificateChain'])
    openssl('verify', '-CAfile', authority.cert, chain)
    assert openssl('x509', '-in', chain, '-noout', '-pubkey') == openssl('pkey', '-in', key, '-pubout')
    posted, headers = signer.asked[0]
    assert (posted['certificateType'], headers['authorization']) == ('V2GCertificate', 'Bearer of-the-node')

    signer.status = 503
    assert ask() == {'status': 'Accepted'}
    event = until('a security event', lambda: next(
        (e for e in node.call('galvan.ocpp.v1.Ocpp/ListSecurityEvents', {'device': 'ocpp:CP001'})['events']), None))
    assert (event['type'], event['detail']) == ('certificate-not-signed', 'V2G certificate: it answered HTTP 503')
