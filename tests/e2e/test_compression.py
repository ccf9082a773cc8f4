"""permessage-deflate (RFC 7692; OCPP 2.0.1 J 5 requires it of a central system) with clients that are not ours."""
import json
import zlib

from websockets.sync.client import connect

from galvan import base_config, free_ports, until
from loads import Load, check_all_answered_is_stored, put_devices
from stations import CLIENTS
from wire import FIN, HEARTBEAT, RSV1, TEXT, Wire, counted, metered, wait_counted

CALL = 'galvan.ocpp.v1.Ocpp/Call'
OFFER = 'permessage-deflate; client_max_window_bits'
SETTINGS = {'configurationKey': [{'key': 'Vendor.Setting%03d' % i, 'readonly': i % 2 == 0, 'value': 'A long value of number %d, ' % i * 6}
                                 for i in range(300)]}
LETTER = {'vendorId': 'elsewhere', 'messageId': 'letter', 'data': 'One sentence, and the same sentence again. ' * 1000}


def test_large_messages_pass_compressed_in_both_directions(run):
    """npm's ws and Python's websockets offer it by default."""
    node = metered(run)
    for number, name in enumerate(sorted(CLIENTS)):
        station = CLIENTS[name]()
        try:
            identity = 'CP00%d' % number
            node.put_device('ocpp:' + identity)
            station.answer('GetConfiguration', SETTINGS)
            station.answer('DataTransfer', {'status': 'Accepted', 'data': 'read'})
            station.connect(node.ws, identity)
            station.call('BootNotification', {'chargePointVendor': 'Elsewhere', 'chargePointModel': 'Two'})
            received, sent = counted(node, 'compressed_in'), counted(node, 'compressed_out')
            answer = node.call(CALL, {'device': 'ocpp:' + identity, 'action': 'GetConfiguration', 'payload': {}})
            assert answer['payload'] == SETTINGS
            answer = node.call(CALL, {'device': 'ocpp:' + identity, 'action': 'DataTransfer', 'payload': LETTER})
            assert answer['payload'] == {'status': 'Accepted', 'data': 'read'}
            assert station.asked('DataTransfer') == LETTER
            wait_counted(node, 'compressed_in', received + 1)
            wait_counted(node, 'compressed_out', sent + 1)
        finally:
            station.close()


def heartbeat(ws):
    ws.send(HEARTBEAT.decode())
    return json.loads(ws.recv(timeout=10))[2]


def extensions(ws):
    return ws.response.headers.get('Sec-WebSocket-Extensions')


def test_who_does_not_want_it_goes_without(run):
    node = metered(run)
    node.put_device('ocpp:CP001')
    node.put_device('ocpp:CP002', attributes={'compression': 'off'})
    with connect(node.ws + '/CP001', subprotocols=['ocpp1.6'], compression=None) as ws:
        assert extensions(ws) is None
        assert 'currentTime' in heartbeat(ws)
    with connect(node.ws + '/CP002', subprotocols=['ocpp1.6']) as ws:
        assert extensions(ws) is None, 'the device has the attribute compression: off'
        assert 'currentTime' in heartbeat(ws)
    with connect(node.ws + '/CP001', subprotocols=['ocpp1.6']) as ws:
        assert extensions(ws).startswith('permessage-deflate;')
        assert 'currentTime' in heartbeat(ws)
    assert counted(node, 'compressed_out') == 0, 'these answers are too short to be worth it'


def test_it_can_be_turned_off_for_all(run):
    node = metered(run, compression='off')
    node.put_device('ocpp:CP001')
    with connect(node.ws + '/CP001', subprotocols=['ocpp1.6']) as ws:
        assert extensions(ws) is None
        assert 'currentTime' in heartbeat(ws)


def compressed(text):
    stream = zlib.compressobj(wbits=-15)
    return (stream.compress(text) + stream.flush(zlib.Z_SYNC_FLUSH))[:-4]


def test_a_bomb_closes_with_1009_and_costs_nobody_else_anything(run):
    bomb = compressed(b' ' * (200 << 20))  # 200 KiB for 200 MiB; made first, as chargers that say nothing for long are asked for their boot
    node = metered(run)
    node.put_device('ocpp:CP001')
    node.put_device('ocpp:CP002')
    with Wire(node.ws_port) as bomber, Wire(node.ws_port) as other:
        assert bomber.upgrade('/ocpp/CP001', Sec_WebSocket_Extensions=OFFER)[0] == 101
        assert other.upgrade('/ocpp/CP002', Sec_WebSocket_Extensions=OFFER)[0] == 101
        bomber.send(FIN | RSV1 | TEXT, bomb)
        assert bomber.closed()[0] == 1009
        other.send(FIN | RSV1 | TEXT, compressed(HEARTBEAT))
        assert 'currentTime' in other.answer()
    wait_counted(node, 'compression_errors')


def test_under_load_every_compressed_call_is_answered_and_stored(run):
    node = metered(run)
    put_devices(node, 20)
    load = Load(run, node, connections=20, calls=2000, payloadBytes=2000, compression=True)
    report = load.wait('done')
    assert {k: int(report[k]) for k in ('errors', 'wrong', 'doubled', 'unexpected', 'unanswered')} == dict.fromkeys(
        ('errors', 'wrong', 'doubled', 'unexpected', 'unanswered'), 0)
    assert check_all_answered_is_stored(node, report) == 20
    wait_counted(node, 'compressed_in', 2000)


def test_a_simulated_charger_compresses_where_its_fleet_says_so(run):
    ws, http = free_ports(2)
    fleet = {'name': 'F', 'url': 'ws://127.0.0.1:%d/ocpp/' % ws, 'compression': True}
    node = metered(run, base_config(ws, http, sim={'config': {'fleets': [fleet]}}), unknown_station='accept')
    until('it is connected', lambda: node.call('galvan.sim.v1.Sim/ListChargers', {})['connected'] == 1)
    answer = node.call(CALL, {'device': 'ocpp:F-0001', 'action': 'GetConfiguration', 'payload': {}})
    assert len(answer['payload']['configurationKey']) > 5
    wait_counted(node, 'compressed_in')
