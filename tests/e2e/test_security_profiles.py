"""Security profiles (OCPP 2.0.1 A00, the 1.6 security extension): who comes in with what, and who is kept out, each with its own reason in the
log, in a counter and as a security event."""
import contextlib
import shutil
import socket
import ssl

import pytest

from certificates import Authority, trust
from galvan import Http, base_config, free_ports, until
from loads import Load, check_all_answered_is_stored, put_devices
from security import OPERATOR, PASSWORD, Site


@pytest.fixture
def site(run, folder, authorities):
    return Site(run, folder, authorities)


def test_the_right_ones_come_in_on_each_profile(site, station):
    """A password in the clear, a password over TLS, a certificate: each where the device's profile asks for it."""
    site.device('CP1', security_profile=1, password=PASSWORD)
    site.device('CP2', security_profile=2, password=PASSWORD)
    site.device('CP3', security_profile=3)
    station.connect(site.plain, 'CP1', PASSWORD)
    assert 'currentTime' in station.call('Heartbeat', {})
    station.connect(site.secure, 'CP2', PASSWORD, tls={'ca': site.server_ca.cert})
    assert 'currentTime' in station.call('Heartbeat', {})
    own = site.client('CP3')
    station.connect(site.secure, 'CP3', tls={'ca': site.server_ca.cert, 'cert': own.cert, 'key': own.key})
    assert 'currentTime' in station.call('Heartbeat', {})


# What is shown for a device of profile 3 and is not enough, by the reason that is to be told.
WRONG = {
    'expired': lambda site: site.client('CP3', begin=-3, end=-1),
    'not-yet-valid': lambda site: site.client('CP3', begin=1, end=3),
    'wrong-identity': lambda site: site.client('CP4'),
    'wrong-operator': lambda site: site.client('CP3', operator='Somebody Else'),
    'wrong-ca': lambda site: site.other_ca.sign('/O=%s/CN=CP3' % OPERATOR),
    'revoked': lambda site: site.revoked,
    'no-certificate': lambda site: None,
}


def test_a_certificate_that_does_not_hold_is_refused_with_its_reason(site):
    http = Http(site.api)
    for reason, shown in WRONG.items():
        site.device('CP3', security_profile=3)  # a changed device has its budget of events anew
        site.refused('CP3', reason, trust(site.server_ca.cert, shown(site)), secure=True)
        assert site.told('CP3', reason)['source'] == 'link'
        until('%s is counted' % reason, lambda name='refused_' + reason.replace('-', '_'): site.counter(http, name) == 1)


def test_plain_text_is_no_way_for_a_device_of_profile_2_or_3(site):
    site.device('CP2', security_profile=2, password=PASSWORD)
    site.device('CP3', security_profile=3, password=PASSWORD)
    for identity in ('CP2', 'CP3'):
        assert site.refused(identity, 'plain-text', password=PASSWORD) == 403
        site.told(identity, 'plain-text')


def test_a_wrong_password_and_none_are_told_apart(site):
    site.device('CP2', security_profile=2, password=PASSWORD)
    context = trust(site.server_ca.cert)
    assert site.refused('CP2', 'wrong-password', context, password='not this one at all', secure=True) == 401
    site.told('CP2', 'wrong-password')
    assert site.refused('CP2', 'no-password', context, secure=True) == 401
    site.told('CP2', 'no-password')


def test_after_a_higher_profile_the_lower_one_is_over(site, station):
    """A05.FR.09: also after everything has died and come back."""
    site.device('CP1', security_profile=1, password=PASSWORD)
    station.connect(site.plain, 'CP1', PASSWORD)
    station.connect(site.secure, 'CP1', PASSWORD, tls={'ca': site.server_ca.cert})
    assert site.refused('CP1', 'plain-text', password=PASSWORD) == 403
    until('the registry knows', lambda: site.registered('CP1')['securityProfile'] == 2)
    site.node.restart()
    assert site.refused('CP1', 'plain-text', password=PASSWORD) == 403
    own = site.client('CP1')
    station.connect(site.secure, 'CP1', tls={'ca': site.server_ca.cert, 'cert': own.cert, 'key': own.key})
    assert site.refused('CP1', 'no-certificate', trust(site.server_ca.cert), password=PASSWORD, secure=True) == 403


def test_people_can_lower_a_profile(site, station):
    site.device('CP2', security_profile=2, password=PASSWORD)
    site.device('CP2', security_profile=1)
    station.connect(site.plain, 'CP2', PASSWORD)
    assert 'currentTime' in station.call('Heartbeat', {})


def test_a_certificate_may_carry_another_name_than_the_identity(site, station):
    """OCPP wants the serial number there; which one it is, the registry says."""
    site.device('CP3', security_profile=3, attributes={'certificateCn': 'SN-0815'})
    own = site.client('SN-0815')
    station.connect(site.secure, 'CP3', tls={'ca': site.server_ca.cert, 'cert': own.cert, 'key': own.key})
    assert 'currentTime' in station.call('Heartbeat', {})
    site.refused('CP3', 'wrong-identity', trust(site.server_ca.cert, site.client('CP3')), secure=True)


def test_a_station_may_have_to_speak_a_later_tls_than_its_port_takes(site):
    """Each has its own least version: the attribute tlsMin."""
    site.device('CP1', password=PASSWORD, attributes={'tlsMin': '1.3'})
    site.device('CP2', password=PASSWORD, attributes={'tlsMin': '1.2'})
    older = trust(site.server_ca.cert)
    older.maximum_version = ssl.TLSVersion.TLSv1_2
    assert site.refused('CP1', 'tls-version', older, PASSWORD, secure=True) == 403
    assert site.told('CP1', 'tls-version')['source'] == 'link'
    for identity, context in (('CP1', trust(site.server_ca.cert)), ('CP2', older)):
        with site.connect(identity, context, PASSWORD, secure=True):
            pass
    assert site.refused('CP2', 'plain-text', password=PASSWORD) == 403
    site.device('CP2', attributes={'tlsMin': ''})
    with site.connect('CP2', password=PASSWORD):
        pass


def test_a_station_may_have_to_speak_one_of_the_suites_that_are_named_for_it(site):
    """The attribute tlsCiphers; by OpenSSL's names or the standard's."""
    site.device('CP1', password=PASSWORD, attributes={'tlsCiphers': 'ECDHE-ECDSA-AES256-GCM-SHA384:TLS_AES_256_GCM_SHA384'})
    site.device('CP2', password=PASSWORD, attributes={'tlsCiphers': 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256'})
    weaker, stronger = trust(site.server_ca.cert), trust(site.server_ca.cert)
    for context, suite in ((weaker, 'ECDHE-ECDSA-AES128-GCM-SHA256'), (stronger, 'ECDHE-ECDSA-AES256-GCM-SHA384')):
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(suite)
    assert site.refused('CP1', 'tls-cipher', weaker, PASSWORD, secure=True) == 403
    assert site.told('CP1', 'tls-cipher')['source'] == 'link'
    site.node.wait_log('attribute tlsCiphers has not the suite ECDHE-ECDSA-AES128-GCM-SHA256')
    assert site.refused('CP2', 'tls-cipher', stronger, PASSWORD, secure=True) == 403
    for identity, context in (('CP1', stronger), ('CP1', trust(site.server_ca.cert)), ('CP2', weaker)):
        with site.connect(identity, context, PASSWORD, secure=True):
            pass
    assert site.refused('CP1', 'plain-text', password=PASSWORD) == 403


def test_a_hostile_peer_fills_no_journal(site):
    """Five events at once, then one a minute with the number of those between; the counter counts all."""
    site.device('CP3', security_profile=3)
    for _ in range(12):
        site.refused('CP3', 'no-certificate', trust(site.server_ca.cert), secure=True)
    http = Http(site.api)
    until('all are counted', lambda: site.counter(http, 'refused_no_certificate') == 12)
    assert len(site.events('CP3')) == 5


def test_a_renewed_server_certificate_counts_without_a_restart(site, station):
    """Also when another authority signed it: who trusts only that one gets in now, and the connection from before stays."""
    site.device('CP1', password=PASSWORD)
    station.connect(site.secure, 'CP1', PASSWORD, tls={'ca': site.server_ca.cert})
    fresh = site.other_ca.server('ec')
    shutil.copy(fresh.cert, site.cert.cert)
    shutil.copy(fresh.key, site.cert.key)
    with site.connect('CP1', trust(site.other_ca.cert), PASSWORD, secure=True):
        pass
    assert 'TLS files have changed and are used from now on' in site.node.read_log()


def test_a_certificate_without_its_key_replaces_nothing(site, station):
    site.device('CP1', password=PASSWORD)
    shutil.copy(site.other_ca.server('ec').cert, site.cert.cert)
    station.connect(site.secure, 'CP1', PASSWORD, tls={'ca': site.server_ca.cert})
    assert 'what was loaded before stays' in site.node.read_log()


def test_a_new_revocation_list_counts_without_a_restart(site):
    site.device('CP3', security_profile=3)
    own = site.client('CP3')
    with site.connect('CP3', trust(site.server_ca.cert, own), secure=True):
        pass
    shutil.copy(site.client_ca.revoke(own), site.crl)
    site.refused('CP3', 'revoked', trust(site.server_ca.cert, own), secure=True)


SUITES = ['ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-AES256-GCM-SHA384', 'AES128-GCM-SHA256', 'AES256-GCM-SHA384']


def test_the_suites_that_ocpp_names_are_spoken(site):
    """A00.FR.318: by a client that can do nothing else, with the certificate of the kind that it needs, without SNI."""
    for suite in SUITES:
        context = trust(site.server_ca.cert)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.check_hostname = False
        context.set_ciphers(suite)
        with socket.create_connection(('127.0.0.1', site.secure_port)) as raw, context.wrap_socket(raw) as s:
            assert s.cipher()[0] == suite


def test_what_only_speaks_weaker_suites_is_refused(site):
    context = trust(site.server_ca.cert)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers('ECDHE-RSA-AES128-SHA256:AES128-SHA')
    with socket.create_connection(('127.0.0.1', site.secure_port)) as raw, pytest.raises(OSError):
        context.wrap_socket(raw, server_hostname='localhost')
    site.told('', 'tls-cipher')


def test_what_fails_before_any_request_is_told_too(site):
    with socket.create_connection(('127.0.0.1', site.secure_port)) as s, contextlib.suppress(ConnectionResetError):
        s.sendall(b'GET /ocpp/CP1 HTTP/1.1\r\nHost: x\r\n\r\n')
        s.recv(100)
    site.told('', 'plain-text')


def test_a_client_certificate_is_that_ports_business(run, folder):
    """The name that a client asks for (SNI) must not have another port's authorities vouch for it."""
    one, other, server = (Authority(folder, name) for name in ('one', 'other', 'server'))
    cert = server.server()
    first, second = free_ports(2)
    tls = {'cert': cert.cert, 'key': cert.key}
    config = base_config(first)
    config['plugins']['link']['config']['listen'] = [
        {'ws': first, 'host': '127.0.0.1', 'tls': dict(tls, client_ca=one.cert)},
        {'ws': second, 'host': '127.0.0.1', 'tls': dict(tls, client_ca=other.cert)}]
    node = run(config)
    context = trust(server.cert, other.sign('/CN=CP3'))
    context.check_hostname = False
    with socket.create_connection(('127.0.0.1', first)) as raw, pytest.raises(OSError):
        with context.wrap_socket(raw, server_hostname='tls-%d' % second) as s:
            s.sendall(b'GET / HTTP/1.1\r\n\r\n')
            assert s.recv(1)
    node.wait_log('reason=wrong-ca')


def test_a_load_of_simulated_chargers_speaks_tls(site, run):
    """What the bench's storm over TLS stands on: each call is answered rightly, and what was answered is stored."""
    put_devices(site.node, 20)
    site.node.ws = site.secure
    load = Load(run, site.node, connections=20, message='MeterValues', seconds=60, calls=400)
    report = load.wait('done')
    assert (report['errors'], report['wrong'], report['unanswered'], report['failedConnections']) == ('0', '0', '0', 0)
    assert int(report['answered']) >= 400
    assert check_all_answered_is_stored(site.node, report) == 20
