"""How chargers of the real world connect, row by row of the table of quirks (docs/protocols/ocpp-quirks.md): what is done about each, and
that it is counted."""
import base64
import pathlib
import re

import pytest
from websockets.sync.client import connect

from certificates import Authority, trust
from galvan import base_config, free_ports, until
from wire import BINARY, FIN, HEARTBEAT, PING, RSV1, TEXT, Wire, counted, metered, wait_counted

ROOT = pathlib.Path(__file__).parents[2]
CONNECTIONS = 'galvan.link.v1.Link/ListConnections'
STATIONS = 'galvan.ocpp.v1.Ocpp/ListStations'


@pytest.fixture
def node(run):
    return metered(run)


def known(node, identity='CP001', **attributes):
    node.put_device('ocpp:' + identity, attributes=attributes)
    return '/ocpp/' + identity


def serves(wire):
    wire.text(HEARTBEAT)
    assert 'currentTime' in wire.answer()


def refused(node, target, status, **options):
    with Wire(node.ws_port) as wire:
        code, head = wire.upgrade(target, **options)
        assert code == status, head


def names_by_file():
    """The names of all tests, by the name of their file."""
    names = {}
    for path in (ROOT / 'tests').rglob('test_*.[cp]*'):
        if 'node_modules' not in path.parts:
            names.setdefault(path.name, set()).update(re.findall(r'^(?:Test\(\w+,\s*|def test_)(\w+)', path.read_text(), re.MULTILINE))
    return names


def names_in(cell):
    """The tests that a row names: those of a file stand behind it."""
    file, names = '', {}
    for word in re.findall('`([a-z0-9_.]+)`', cell):
        if word.endswith(('.c', '.py')):
            file = word
            names[file] = []
        else:
            names[file].append(word.removeprefix('test_'))
    return names


def policies():
    """What is done about each quirk, as ocpp has it."""
    listed = (ROOT / 'plugins/ocpp/spec/quirk.h').read_text()
    return {name: policy.lower() for name, policy in re.findall(r'X\(\w+,\s*"([a-z-]+)",\s*"\w+",[\s\\]*(\w+),', listed)}


def test_each_row_names_a_policy_a_counter_and_a_test_that_there_are():
    """In the files of quirks a test has the row's number in its name; elsewhere the row says its name. A row says one policy, or that of
    each of its quirks; one whose quirks are link's, or that only has a counter, tolerates."""
    policy = policies()
    assert set(policy.values()) == {'tolerate', 'flag', 'refuse'}
    sources = ''.join(p.read_text() for plugin in ('link', 'ocpp') for p in (ROOT / 'plugins' / plugin).rglob('*.[ch]'))
    tests = names_by_file()
    rows = re.findall(r'^\| (\d+) \| .* \| (.*) \| (.*) \| (.*) \|$', (ROOT / 'docs/protocols/ocpp-quirks.md').read_text(), re.MULTILINE)
    assert [int(number) for number, _, _, _ in rows] == list(range(1, 54))
    for number, said, counters, places in rows:
        counters, places = re.findall('`([a-z_-]+)`', counters), names_in(places)
        assert counters and places, number
        assert all('"%s"' % name in sources for name in counters), (number, counters)
        done = [policy[name] for name in counters if name in policy] or ['tolerate']
        assert said.split(', ') == (done if len(set(done)) > 1 else done[:1]), (number, said, done)
        for file, names in places.items():
            if file.startswith('test_quirks_'):
                assert any(name.startswith('q%02d_' % int(number)) for name in tests[file]), (number, file)
            else:
                assert names and set(names) <= tests[file], (number, file, names)


def test_q01_no_subprotocol_is_served_where_the_device_says_which_is_meant(node):
    path = known(node, defaultSubprotocol='ocpp1.6')
    with Wire(node.ws_port) as wire:
        status, head = wire.upgrade(path, subprotocol=None)
        assert status == 101
        assert 'Sec-WebSocket-Protocol' not in head, 'it must not be told what it did not ask for'
        serves(wire)
        assert node.call(CONNECTIONS, {})['connections'][0]['subprotocol'] == 'ocpp1.6'
    with Wire(node.ws_port) as wire:
        assert wire.upgrade(known(node, 'CP002'), subprotocol=None)[0] == 101
        assert wire.closed()[0] == 1002, 'nobody said which is meant'
    wait_counted(node, 'quirk_no_subprotocol')


def test_q02_a_list_of_subprotocols_may_have_empty_items_and_several_versions(node):
    path = known(node)
    for asked in (',ocpp1.6', 'ocpp1.2, ,ocpp1.6,', 'ocpp9.9,ocpp1.6'):
        with Wire(node.ws_port) as wire:
            status, head = wire.upgrade(path, subprotocol=asked)
            assert status == 101
            assert 'Sec-WebSocket-Protocol: ocpp1.6' in head.split('\r\n')
            serves(wire)
    wait_counted(node, 'quirk_empty_subprotocol', 2)


BOOT_16 = b'[2,"b","BootNotification",{"chargePointVendor":"Elsewhere","chargePointModel":"Two"}]'
BOOT_201 = b'[2,"b","BootNotification",{"reason":"PowerUp","chargingStation":{"vendorName":"Elsewhere","model":"Two"}}]'


def test_q02_a_station_that_tries_one_version_after_the_other_is_served_in_each(node):
    """Its old connection need not have ended; the new one is a session of its own, in its own version."""
    path = known(node)
    with Wire(node.ws_port) as older, Wire(node.ws_port) as newer, Wire(node.ws_port) as back:
        for wire, version, boot, other in ((older, 'ocpp1.6', BOOT_16, BOOT_201), (newer, 'ocpp2.0.1', BOOT_201, BOOT_16),
                                           (back, 'ocpp1.6', BOOT_16, BOOT_201)):
            status, head = wire.upgrade(path, subprotocol=version)
            assert status == 101
            assert 'Sec-WebSocket-Protocol: ' + version in head.split('\r\n')
            wire.text(boot)
            assert '"status":"Accepted"' in wire.answer()
            wire.text(other)
            assert wire.answer().startswith('[4,"b"'), 'this is no message of ' + version
            assert [c['subprotocol'] for c in node.call(CONNECTIONS, {'device': 'ocpp:CP001'})['connections']] == [version]
        assert older.closed()[0] == 1000
        assert newer.closed()[0] == 1000
    wait_counted(node, 'quirk_version_change', 2)


def test_q04_connection_upgrade_may_be_missing_where_the_device_says_so(node):
    strict, lax = known(node, 'CP001'), known(node, 'CP002', connectionUpgrade='optional')
    for connection in (None, 'keep-alive'):
        refused(node, strict, 426, connection=connection)
        with Wire(node.ws_port) as wire:
            assert wire.upgrade(lax, connection=connection)[0] == 101
            serves(wire)
    wait_counted(node, 'quirk_missing_upgrade', 2)


def test_q04_the_target_may_be_a_whole_url(node):
    path = known(node)
    with Wire(node.ws_port) as wire:
        assert wire.upgrade('ws://csms.example:9000' + path)[0] == 101
        serves(wire)
    wait_counted(node, 'quirk_absolute_target')


def test_q04_who_connects_and_says_nothing_costs_nothing(node):
    for _ in range(20):
        with Wire(node.ws_port):
            pass
    wait_counted(node, 'quirk_empty_probe', 20)
    assert counted(node, 'refusals') == 0
    assert 'Refused' not in node.read_log()


def test_q05_an_identity_is_known_by_the_last_segment_decoded_once_in_any_case(node):
    known(node, 'CP-001')
    spellings = ['CP%2d001', 'cp-001', 'CP-001/', 'CP-001//', 'CP-001/CP-001', 'v1/eu/CP-001', '%43P-001?token=1']
    for spelling in spellings:
        with Wire(node.ws_port) as wire:
            assert wire.upgrade('/ocpp/' + spelling)[0] == 101, spelling
            serves(wire)
            connections = node.call(CONNECTIONS, {'device': 'ocpp:CP-001'})['connections']
            assert [c['device'] for c in connections] == ['ocpp:CP-001'], "the registry's spelling counts from here on"
    wait_counted(node, 'quirk_other_spelling', len(spellings))


def test_q05_what_is_encoded_twice_is_somebody_else(node):
    known(node, 'CP-001')
    refused(node, '/ocpp/CP%252d001', 404)
    refused(node, '/ocpp/CP-001%2Fx', 404)
    refused(node, '/ocpp/CP-001%zz', 404)


def test_q06_any_frame_is_life_and_pings_go_by_the_device(node):
    """This one never answers a ping; its calls keep it alive. CP002 is never pinged, CP003 says nothing at all."""
    talkative, quiet, dead = known(node, 'CP001', pingS='1'), known(node, 'CP002', pingS='0'), known(node, 'CP003', pingS='1')
    with Wire(node.ws_port) as one, Wire(node.ws_port) as two, Wire(node.ws_port) as three:
        assert [w.upgrade(p)[0] for w, p in ((one, talkative), (two, quiet), (three, dead))] == [101] * 3
        for _ in range(3):
            assert one.receive() == (FIN | PING, b'')
            serves(one)
        assert three.receive() == (FIN | PING, b'')
        with pytest.raises((EOFError, ConnectionError)):
            three.receive()
        two.text(HEARTBEAT)
        assert two.receive()[0] == FIN | TEXT, 'no ping came before'
    wait_counted(node, 'ping_timeouts')
    wait_counted(node, 'quirk_no_pong', 2)
    wait_counted(node, 'quirk_own_ping', 3)


def test_q07_the_newest_connection_wins_and_the_half_open_one_is_gone(node):
    path = known(node)
    with Wire(node.ws_port) as old, Wire(node.ws_port) as new:
        assert old.upgrade(path)[0] == 101
        serves(old)
        assert new.upgrade(path)[0] == 101
        serves(new)
        assert old.closed() == (1000, 'replaced by a new connection')
        assert node.call(CONNECTIONS, {'device': 'ocpp:CP001'})['total'] == '1'
        serves(new)
    wait_counted(node, 'replaced')


def test_q08_compressed_frames_that_nobody_agreed_to_close_with_1002_and_are_shown(node):
    path = known(node)
    for first in (FIN | RSV1 | TEXT, FIN | RSV1 | BINARY, RSV1 | TEXT):
        with Wire(node.ws_port) as wire:
            assert wire.upgrade(path)[0] == 101
            serves(wire)
            wire.send(first, b'\xf2\x48\xcd\xc9\xc9\x07\x00')
            assert wire.closed() == (1002, 'compressed frames though no extension was agreed')
    wait_counted(node, 'quirk_compressed_unasked', 3)
    until('the station is flagged',
          lambda: 'compressed-unasked' in node.call(STATIONS, {'device': 'ocpp:CP001'})['stations'][0]['quirks'])
    assert 'turn compression off in the device' in node.read_log()


def test_q09_fragmented_and_empty_text_is_tolerated(node):
    path = known(node)
    with Wire(node.ws_port) as wire:
        assert wire.upgrade(path)[0] == 101
        wire.send(TEXT, HEARTBEAT[:5])
        wire.send(0, b'')
        wire.send(FIN | PING, b'between')
        wire.send(FIN, HEARTBEAT[5:])
        assert wire.receive()[1] == b'between'
        assert 'currentTime' in wire.answer()
        wire.text(b'')
        serves(wire)
    wait_counted(node, 'quirk_fragmented')
    wait_counted(node, 'quirk_empty_message')


def test_q45_a_key_is_known_as_bytes_and_as_hex_and_with_colons(node):
    password = 'pass:word:0123456'
    for identity, shown in (('BYTES', password.encode()), ('HEX', password.encode().hex().encode())):
        node.put_device('ocpp:' + identity, password=password)
        with Wire(node.ws_port) as wire:
            basic = base64.b64encode(identity.encode() + b':' + shown).decode()
            assert wire.upgrade('/ocpp/' + identity, Authorization='Basic ' + basic)[0] == 101
            serves(wire)
    wait_counted(node, 'quirk_password_form')
    assert counted(node, 'quirk_password_form') == 1, 'the other was as it was given'


def test_q46_who_names_no_server_gets_the_ports_certificate(run, folder):
    authority = Authority(folder, 'ours')
    pair = authority.server()
    ws, http, tls = free_ports(3)
    config = base_config(ws, http)
    config['plugins']['link']['config']['listen'].append({'ws': tls, 'host': '127.0.0.1', 'tls': {'cert': pair.cert, 'key': pair.key}})
    node = metered(run, config)
    node.put_device('ocpp:CP001')
    context = trust(authority.cert)
    context.check_hostname = False
    url = 'wss://127.0.0.1:%d/ocpp/CP001' % tls
    with connect(url, subprotocols=['ocpp1.6'], ssl=context, server_hostname='csms.example') as ws:
        ws.send(HEARTBEAT.decode())
        assert 'currentTime' in ws.recv(timeout=10)
    with Wire(tls, context) as wire:  # no name in its ClientHello
        assert wire.upgrade('/ocpp/CP001')[0] == 101
        serves(wire)
    wait_counted(node, 'quirk_no_sni')


def test_q48_refusals_are_cheap_for_those_that_come_again_for_ever(node):
    """No event, no turn, few lines in the log: only the counter knows how many there were."""
    events = node.events('galvan.link.v1.ConnectionOpened')
    for _ in range(200):
        refused(node, '/ocpp/NOBODY', 404)
    path = known(node)
    with Wire(node.ws_port) as wire:
        assert wire.upgrade(path)[0] == 101
        first = events.wait('ConnectionOpened')
    events.close()
    assert first['event']['device'] == 'ocpp:CP001'
    assert counted(node, 'refusals') <= 200
    wait_counted(node, 'refusals', 200)


def comes_again(node, path):
    """As a station that was sent away does; until it is served it is told when to come again."""
    def attempt():
        wire = Wire(node.ws_port)
        status, head = wire.upgrade(path)
        if status == 101:
            return wire
        wire.socket.close()
        assert status == 503 and 'Retry-After: 5' in head, head
        return None
    return until('it is served again', attempt)


def test_q48_a_reload_hands_its_stations_over(node):
    """They are told to come again, and find everything as it was."""
    path = known(node)
    with Wire(node.ws_port) as wire:
        assert wire.upgrade(path)[0] == 101
        wire.text(b'[2,"1","StartTransaction",{"connectorId":1,"idTag":"T","meterStart":5,"timestamp":"2025-01-15T02:09:54Z"}]')
        started = wire.answer()
        node.ctl('reload', 'link')
        assert wire.closed() == (1012, 'service restart')
    with comes_again(node, path) as wire:
        wire.text(b'[2,"2","StartTransaction",{"connectorId":1,"idTag":"T","meterStart":5,"timestamp":"2025-01-15T02:09:54Z"}]')
        assert wire.answer()[6:] == started[6:], 'the same transaction'

