"""What a station should not send: the right error or close, never a crash, never unbounded memory."""
import json
import resource
import socket

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from galvan import base_config, free_ports, rss_kib


@pytest.fixture(scope='module')
def cloud(lasting_cloud):
    """One for all of them: whoever harmed it would fail those behind him, too."""
    return lasting_cloud


@pytest.fixture
def line(cloud):
    """A connected station as bare frames."""
    cloud.put_device('ocpp:CP001')
    with connect(cloud.ws + '/CP001', subprotocols=['ocpp1.6'], max_size=None) as ws:
        yield ws
    assert cloud.instance('ocpp')['restarts'] == 0, 'ocpp must not have crashed'
    assert cloud.instance('link')['restarts'] == 0, 'link must not have crashed'


def ask(ws, frame):
    ws.send(frame if isinstance(frame, (str, bytes)) else json.dumps(frame))


def alive(ws, number=[0]):
    """Answers still come: the next one is this call's."""
    number[0] += 1
    ask(ws, [2, 'alive%d' % number[0], 'Heartbeat', {}])
    while True:
        answer = json.loads(ws.recv(timeout=10))
        if answer[1] == 'alive%d' % number[0]:
            assert answer[0] == 3
            return True


@pytest.mark.parametrize('frame', [
    '[2,"1","Heartbeat",{', '', 'null', '{}', '[]', '[2]', '[2,"1"]', '[2,"1","Heartbeat"]', '[9,"1","x",{}]', '[3,"nobody asked",{}]',
    '[4,"nobody asked","GenericError","",{}]', '"\\ud800"', '[' * 10000, '[2,"1","Heartbeat",' + '{"a":' * 5000, 'NaN', '[2,1e999,"H",{}]',
])
def test_frames_that_are_no_call_do_no_harm(line, frame):
    """1.6 has no answer for what has no readable id; a station that sends such a thing is still served."""
    ask(line, frame)
    assert alive(line)


@pytest.mark.parametrize('call, code', [
    ([2, '1', 'Levitate', {}], 'NotImplemented'),
    ([2, '1', 'StatusNotification', {}], 'OccurenceConstraintViolation|ProtocolError|FormationViolation'),
    ([2, '1', 'StatusNotification', {'connectorId': {}, 'errorCode': 'NoError', 'status': 'Available'}],
     'TypeConstraintViolation|FormationViolation'),
    ([2, '1', 'StatusNotification', {'connectorId': 1, 'errorCode': 'NoError', 'status': 'Happy'}],
     'PropertyConstraintViolation|FormationViolation|TypeConstraintViolation'),
    ([2, '1', 'BootNotification', 'no object'], 'TypeConstraintViolation|FormationViolation|ProtocolError'),
    ([2, '1', 'BootNotification', {'chargePointVendor': [], 'chargePointModel': {}}], 'TypeConstraintViolation|FormationViolation'),
])
def test_calls_that_are_wrong_get_the_right_error(line, call, code):
    ask(line, call)
    answer = json.loads(line.recv(timeout=10))
    assert answer[:2] == [4, '1']
    assert answer[2] in code.split('|')
    assert alive(line)


def test_a_frame_of_a_megabyte_closes_with_1009(line):
    ask(line, json.dumps([2, '1', 'DataTransfer', {'vendorId': 'v', 'data': 'x' * (1 << 20)}]))
    with pytest.raises(ConnectionClosed) as e:
        line.recv(timeout=10)
    assert e.value.rcvd is None or e.value.rcvd.code == 1009


def test_a_frame_of_two_megabytes_in_many_fragments_closes_too(line):
    with pytest.raises(ConnectionClosed):
        line.send('x' * 8192 for _ in range(256))
        line.recv(timeout=10)


def test_a_binary_frame_is_no_ocpp(line):
    """Either the connection goes on without an answer or it ends with 1003: both are clean."""
    ask(line, b'\x00\x01\x02')
    try:
        assert alive(line)
    except ConnectionClosed as e:
        assert e.rcvd is None or e.rcvd.code in (1002, 1003)


def test_text_that_is_no_utf8_closes_with_1007(cloud):
    cloud.put_device('ocpp:CP001')
    with connect(cloud.ws + '/CP001', subprotocols=['ocpp1.6']) as ws:
        raw = ws.socket
        payload = b'[2,"\xff\xfe","Heartbeat",{}]'
        raw.sendall(bytes([0x81, 0x80 | len(payload)]) + b'\0\0\0\0' + payload)
        with pytest.raises(ConnectionClosed) as e:
            ws.recv(timeout=10)
        assert e.value.rcvd is None or e.value.rcvd.code == 1007
    assert cloud.instance('link')['restarts'] == 0


@pytest.mark.parametrize('request_bytes', [
    b'\0' * 4096, b'GET ', b'GET / HTTP/9.9\r\n\r\n', b'GET /ocpp/CP001 HTTP/1.1\r\n' + b'X: ' + b'y' * 70000 + b'\r\n\r\n',
    b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', b'POST /ocpp/CP001 HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n',
    b'GET /ocpp/%00%ff%zz HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n'
    b'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: ocpp1.6\r\n\r\n',
])
def test_what_is_no_handshake_harms_nobody(cloud, request_bytes):
    cloud.put_device('ocpp:CP001')
    with socket.create_connection(('127.0.0.1', cloud.ws_port), timeout=10) as s:
        s.sendall(request_bytes)
        with connect(cloud.ws + '/CP001', subprotocols=['ocpp1.6']) as ws:
            assert alive(ws)
    assert cloud.instance('link')['restarts'] == 0


def raise_files(wanted):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip('only %d files may be open here' % hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def test_ten_thousand_sockets_that_say_nothing(run):
    """No handshake ever comes: each is closed after the handshake's time, and meanwhile costs little and keeps nobody out."""
    raise_files(10500)
    ws, = free_ports(1)
    config = base_config(ws)
    config['plugins']['link']['config'].update(handshake_timeout_s=5, max_connections=12000)
    node = run(config)
    node.put_device('ocpp:CP001')
    pid = int(node.instance('link')['pid'])
    before = rss_kib(pid)
    silent = [socket.create_connection(('127.0.0.1', ws), timeout=30) for _ in range(10000)]
    try:
        with connect('ws://127.0.0.1:%d/ocpp/CP001' % ws, subprotocols=['ocpp1.6'], open_timeout=30) as line:
            assert alive(line)
            grown = rss_kib(pid) - before
            assert grown < 10000 * 16, 'each silent socket cost %.1f KiB' % (grown / 10000)
            for s in silent:
                assert s.recv(1) == b'', 'closed when its time for a handshake was over'
            assert alive(line)
    finally:
        for s in silent:
            s.close()
