"""A station's certificate, whole: it makes a key and a request, gets its chain, comes in with it on profile 3, is revoked, is cut and kept out.
And what is refused on the way becomes a security event."""
import os
import subprocess

import pytest

from certificates import Pair, request, trust
from galvan import Gone, Refused, until
from security import OPERATOR, PASSWORD, Site
from stations import OcppRpc

PKI = {'config': {'secret': 'a secret of sixteen and more', 'operator_name': OPERATOR}}


@pytest.fixture
def site(run, folder, authorities):
    return Site(run, folder, authorities, pki=PKI)


@pytest.fixture
def one(any_station):
    return any_station()


def ask(site, folder, station, identity, subject=None, kind='ec'):
    """SignCertificate, as the station does it: (its key's file, the answer)."""
    key, csr = request(os.path.join(folder, identity + kind), subject or '/O=%s/CN=%s' % (OPERATOR, identity), kind)
    station.answer('CertificateSigned', {'status': 'Accepted'})
    with open(csr, encoding='ascii') as f:
        return key, station.call('SignCertificate', {'csr': f.read()})


def signed(site, folder, station, identity, kind='ec'):
    """The pair that the station has when all has gone well."""
    key, answer = ask(site, folder, station, identity, kind=kind)
    assert answer == {'status': 'Accepted'}
    cert = key + '.pem'
    with open(cert, 'w', encoding='ascii') as f:
        f.write(station.asked('CertificateSigned')['certificateChain'])
    return Pair(cert, key)


def certificates(site, identity):
    return site.node.call('galvan.pki.v1.Pki/List', {'device': 'ocpp:' + identity})['certificates']


def test_a_station_gets_its_certificate_and_is_cut_when_it_is_revoked(site, folder, station):
    site.device('CP1', security_profile=2, password=PASSWORD)
    station.connect(site.secure, 'CP1', PASSWORD, tls={'ca': site.server_ca.cert})
    own = signed(site, folder, station, 'CP1')

    # The chain holds by an independent check against the root that everybody can ask for.
    root = os.path.join(folder, 'root.pem')
    with open(root, 'w', encoding='ascii') as f:
        f.write(site.node.call('galvan.pki.v1.Pki/GetRoot')['certificate'])
    subprocess.run(['openssl', 'verify', '-purpose', 'sslclient', '-x509_strict', '-CAfile', root, own.cert], check=True)

    station.connect(site.secure, 'CP1', tls={'ca': site.server_ca.cert, 'cert': own.cert, 'key': own.key})
    assert 'currentTime' in station.call('Heartbeat', {})
    until('profile 3 is what it has now', lambda: site.registered('CP1')['securityProfile'] == 3)

    serial, = (c['serial'] for c in certificates(site, 'CP1'))
    site.node.call('galvan.pki.v1.Pki/Revoke', {'serial': serial, 'reason': 'stolen'})
    station.wait_closed()
    site.refused('CP1', 'revoked', trust(site.server_ca.cert, own), secure=True)
    assert site.told('CP1', 'revoked')['subject'] == 'O = %s, CN = CP1' % OPERATOR
    site.node.restart()
    site.refused('CP1', 'revoked', trust(site.server_ca.cert, own), secure=True)


def test_a_renewal_leaves_the_station_connected_and_the_old_one_valid(site, folder, one):
    """The operator has it renewed; the station asks for another, with another key."""
    site.device('CP1', password=PASSWORD)
    one.connect(site.secure, 'CP1', PASSWORD, tls={'ca': site.server_ca.cert})
    first = signed(site, folder, one, 'CP1')
    one.answer('ExtendedTriggerMessage', {'status': 'Accepted'})
    site.node.call('galvan.charging.v1.Charging/Trigger', {'device': 'ocpp:CP1', 'message': 'SignChargePointCertificate'})
    assert one.asked('ExtendedTriggerMessage')['requestedMessage'] == 'SignChargePointCertificate'
    second = signed(site, folder, one, 'CP1', kind='rsa')
    assert [c['renewed'] for c in certificates(site, 'CP1')] == [True, False]
    for pair in (first, second):
        with site.connect('CP1', trust(site.server_ca.cert, pair), secure=True):
            pass


def test_in_2_0_1_the_type_comes_back_and_passwords_are_variables(site, folder):
    """By npm's ocpp-rpc, which holds all that both sides say against its schemas."""
    station = OcppRpc('ocpp2.0.1')
    site.device('CP1', password=PASSWORD)
    station.connect(site.secure, 'CP1', PASSWORD, tls={'ca': site.server_ca.cert}, strict=True)
    key, csr = request(os.path.join(folder, 'CP1'), '/O=%s/CN=CP1' % OPERATOR)
    station.answer('CertificateSigned', {'status': 'Accepted'})
    with open(csr, encoding='ascii') as f:
        answer = station.call('SignCertificate', {'csr': f.read(), 'certificateType': 'ChargingStationCertificate'})
    assert answer == {'status': 'Accepted'}
    told = station.asked('CertificateSigned')
    assert told['certificateType'] == 'ChargingStationCertificate'
    with open(key + '.pem', 'w', encoding='ascii') as f:
        f.write(told['certificateChain'])
    variable = {'component': {'name': 'SecurityCtrlr'}, 'variable': {'name': 'BasicAuthPassword'}}
    station.answer('SetVariables', {'setVariableResult': [dict(variable, attributeStatus='Accepted')]})
    assert site.node.call('galvan.ocpp.v1.Ocpp/RotatePassword', {'device': 'ocpp:CP1'}) == {'status': 'Accepted'}
    data, = station.asked('SetVariables')['setVariableData']
    assert dict(data, attributeValue='') == dict(variable, attributeValue='')
    with site.connect('CP1', trust(site.server_ca.cert), data['attributeValue'], secure=True, version='ocpp2.0.1'):
        pass
    with site.connect('CP1', trust(site.server_ca.cert, Pair(key + '.pem', key)), secure=True, version='ocpp2.0.1'):
        pass
    assert station.invalid == []
    station.close()


def test_a_request_for_another_name_is_refused_and_told(site, folder, one):
    site.device('CP1', password=PASSWORD)
    site.device('CP2', password=PASSWORD)
    for identity, subject, why in (('CP1', '/O=%s/CN=CP2' % OPERATOR, 'its common name is "CP2"'),
                                   ('CP2', '/O=Somebody Else/CN=CP2', 'its organisation is')):
        one.connect(site.plain, identity, PASSWORD)
        assert ask(site, folder, one, identity, subject)[1] == {'status': 'Accepted'}  # that it can be processed, no more
        assert why in site.told(identity, 'certificate-not-signed')['detail']
    assert certificates(site, 'CP1') == certificates(site, 'CP2') == []


def test_what_is_no_request_is_refused(site):
    for csr, why in {'hello': 'no PKCS #10 request', site.cert.text(): 'no PKCS #10 request'}.items():
        with pytest.raises(Refused) as e:
            site.node.call('galvan.pki.v1.Pki/Sign', {'device': 'ocpp:CP1', 'csr': csr})
        assert why in e.value.text


def test_a_small_key_is_refused(site, folder):
    path = os.path.join(folder, 'small')
    subprocess.run(['openssl', 'req', '-new', '-newkey', 'rsa:1024', '-nodes', '-subj', '/O=%s/CN=CP1' % OPERATOR, '-keyout', path,
                    '-out', path + '.csr'], check=True, capture_output=True)
    with open(path + '.csr', encoding='ascii') as f, pytest.raises(Refused) as e:
        site.node.call('galvan.pki.v1.Pki/Sign', {'device': 'ocpp:CP1', 'csr': f.read()})
    assert 'RSA key has 1024 bits' in e.value.text


def test_a_certificate_that_the_station_refuses_is_told(site, folder, one):
    site.device('CP1', password=PASSWORD)
    one.connect(site.plain, 'CP1', PASSWORD)
    key, csr = request(os.path.join(folder, 'CP1'), '/O=%s/CN=CP1' % OPERATOR)
    one.answer('CertificateSigned', {'status': 'Rejected'})
    with open(csr, encoding='ascii') as f:
        one.call('SignCertificate', {'csr': f.read()})
    assert 'Rejected' in site.told('CP1', 'certificate-refused')['detail']


def test_without_an_authority_a_request_is_rejected(run, folder, authorities, one):
    site = Site(run, folder, authorities)
    site.device('CP1', password=PASSWORD)
    one.connect(site.plain, 'CP1', PASSWORD)
    assert ask(site, folder, one, 'CP1')[1] == {'status': 'Rejected'}


def test_the_authoritys_key_opens_with_its_secret_alone(site):
    """Another one starts nothing and spoils nothing."""
    root = site.node.call('galvan.pki.v1.Pki/GetRoot')
    config = site.node.config['plugins']['pki']['config']
    right = config['secret']
    site.node.stop()
    site.node.config['plugins']['pki']['config'] = dict(config, secret='another secret, a wrong one')
    site.node.write_config()
    with pytest.raises(Gone, match='not the one that the authority'):
        site.node.start()
    site.node.config['plugins']['pki']['config'] = dict(config, secret=right)
    site.node.write_config()
    site.node.start()
    assert site.node.call('galvan.pki.v1.Pki/GetRoot') == root


def test_security_events_of_stations_are_kept_and_paged(site, one):
    site.device('CP1', password=PASSWORD)
    one.connect(site.plain, 'CP1', PASSWORD)
    for n in range(5):
        one.call('SecurityEventNotification', {'type': 'TamperDetectionActivated', 'timestamp': '2025-01-01T00:00:0%dZ' % n,
                                                   'techInfo': 'door %d' % n})
    first = site.node.call('galvan.ocpp.v1.Ocpp/ListSecurityEvents', {'device': 'ocpp:CP1', 'limit': 3})
    rest = site.node.call('galvan.ocpp.v1.Ocpp/ListSecurityEvents', {'device': 'ocpp:CP1', 'limit': 3, 'before': first['nextBefore']})
    assert [e['detail'] for e in first['events'] + rest['events']] == ['door %d' % n for n in (4, 3, 2, 1, 0)]
    assert all(e['critical'] and e['source'] == 'station' for e in first['events'])
    assert rest['nextBefore'] == '0'
