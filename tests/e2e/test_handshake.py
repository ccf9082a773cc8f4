"""Who may connect, as what, and what the handshake says otherwise."""
import base64
import os
import ssl
import subprocess

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from galvan import base_config, free_ports
from stations import StationError

HEARTBEAT = '[2,"h","Heartbeat",{}]'


def basic(user, password):
    return {'Authorization': 'Basic ' + base64.b64encode((user + ':' + password).encode()).decode()}


def status_of(url, **options):
    with pytest.raises(InvalidStatus) as e:
        connect(url, subprotocols=['ocpp1.6'], **options)
    return e.value.response.status_code, e.value.response.headers


def test_an_unknown_station_gets_404(cloud):
    assert status_of(cloud.ws + '/NOBODY')[0] == 404


def test_a_deleted_station_gets_404_again(cloud):
    cloud.put_device('ocpp:CP001')
    with connect(cloud.ws + '/CP001', subprotocols=['ocpp1.6']):
        pass
    cloud.call('galvan.registry.v1.Registry/DeleteDevice', {'id': 'ocpp:CP001'})
    assert status_of(cloud.ws + '/CP001')[0] == 404


def test_wrong_credentials_get_401(cloud, station):
    """And the right ones, whichever client sends them, get in as soon as PutDevice was answered."""
    cloud.put_device('ocpp:CP001', password='correct horse 12')
    for headers in ({}, basic('CP001', 'wrong'), basic('CP002', 'correct horse 12'), {'Authorization': 'Bearer x'}):
        code, answer = status_of(cloud.ws + '/CP001', additional_headers=headers)
        assert code == 401
        assert answer['WWW-Authenticate'].startswith('Basic')
    with pytest.raises(StationError):
        station.connect(cloud.ws, 'CP001', 'wrong password')
    station.connect(cloud.ws, 'CP001', 'correct horse 12')
    assert 'currentTime' in station.call('Heartbeat', {})


def test_a_changed_password_counts_at_once(cloud):
    cloud.put_device('ocpp:CP001', password='first password')
    with connect(cloud.ws + '/CP001', subprotocols=['ocpp1.6'], additional_headers=basic('CP001', 'first password')):
        pass
    cloud.put_device('ocpp:CP001', password='second password')
    assert status_of(cloud.ws + '/CP001', additional_headers=basic('CP001', 'first password'))[0] == 401
    with connect(cloud.ws + '/CP001', subprotocols=['ocpp1.6'], additional_headers=basic('CP001', 'second password')):
        pass


def test_a_password_never_comes_back(cloud):
    reply = cloud.put_device('ocpp:CP001', password='correct horse 12')
    assert reply['device']['hasPassword'] is True
    assert 'correct horse' not in str(reply)
    assert 'correct horse' not in str(cloud.call('galvan.registry.v1.Registry/GetDevice', {'id': 'ocpp:CP001'}))
    assert 'correct horse' not in cloud.read_log()


def test_no_common_subprotocol_is_a_handshake_without_one_and_a_close(cloud):
    cloud.put_device('ocpp:CP001')
    with connect(cloud.ws + '/CP001', subprotocols=['ocpp9.9']) as ws:
        assert ws.subprotocol is None
        with pytest.raises(ConnectionClosed):
            ws.recv(timeout=10)


def test_the_stations_order_of_subprotocols_decides(cloud):
    cloud.put_device('ocpp:CP001')
    with connect(cloud.ws + '/CP001', subprotocols=['ocpp9.9', 'ocpp1.6', 'soap']) as ws:
        assert ws.subprotocol == 'ocpp1.6'


def test_the_identity_is_the_percent_decoded_last_segment(cloud):
    cloud.put_device('ocpp:CP 007')
    with connect(cloud.ws + '/some/where/CP%20007', subprotocols=['ocpp1.6']) as ws:
        ws.send(HEARTBEAT)
        assert 'currentTime' in ws.recv(timeout=10)
    with connect(cloud.ws + '/cp%20007', subprotocols=['ocpp1.6']) as ws:
        ws.send(HEARTBEAT)
        assert 'currentTime' in ws.recv(timeout=10)


def test_a_new_connection_replaces_the_old_at_once(cloud):
    """A station whose line broke without a word is back before any time-out has noticed."""
    cloud.put_device('ocpp:CP001')
    with connect(cloud.ws + '/CP001', subprotocols=['ocpp1.6']) as old, connect(cloud.ws + '/CP001', subprotocols=['ocpp1.6']) as new:
        new.send(HEARTBEAT)
        assert 'currentTime' in new.recv(timeout=10)
        with pytest.raises(ConnectionClosed):
            old.recv(timeout=10)
        answer = cloud.call('galvan.link.v1.Link/ListConnections', {'device': 'ocpp:CP001'})
        assert len(answer['connections']) == 1


def certificate(folder):
    cert, key = os.path.join(folder, 'cert.pem'), os.path.join(folder, 'key.pem')
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
                    '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', key, '-out', cert],
                   check=True, capture_output=True)
    return cert, key


def test_tls(run, folder):
    cert, key = certificate(folder)
    plain, secure = free_ports(2)
    config = base_config(plain)
    config['plugins']['link']['config']['listen'].append({'ws': secure, 'host': '127.0.0.1', 'tls': {'cert': cert, 'key': key}})
    node = run(config)
    node.put_device('ocpp:CP001', password='correct horse 12')
    trust = ssl.create_default_context(cafile=cert)
    url = 'wss://127.0.0.1:%d/ocpp/CP001' % secure
    assert status_of(url, ssl=trust)[0] == 401
    with connect(url, subprotocols=['ocpp1.6'], ssl=trust, additional_headers=basic('CP001', 'correct horse 12')) as ws:
        ws.send(HEARTBEAT)
        assert 'currentTime' in ws.recv(timeout=10)
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname = False
    old.verify_mode = ssl.CERT_NONE
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers('DEFAULT:@SECLEVEL=0')
    with pytest.raises((ssl.SSLError, ConnectionError, EOFError)):
        connect(url, subprotocols=['ocpp1.6'], ssl=old)
