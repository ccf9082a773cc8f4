"""The driver bluetooth over its loopback, on the real binary: who is in reach, connections, and values both ways."""
import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
from websockets.sync.client import connect as websocket

from galvan import Refused, free_ports, until
from peripherals import CONNECT, LIST, RADIO, Peripheral, closed, line, radio_config

ADDRESS = 'AA-BB-CC-00-11-22'
OTHER = 'AA-BB-CC-00-11-23'


@pytest.fixture(autouse=True)
def built():
    if not os.path.isfile(RADIO):
        pytest.skip('the fixture plugins are not built: %s' % RADIO)


@pytest.fixture
def air(folder):
    path = os.path.join(folder, 'air')
    os.mkdir(path)
    return path


def start(run, air, max_connections=None, **knobs):
    config = radio_config(loopback=dict(folder=air, **knobs))
    if max_connections:
        config['plugins']['bluetooth']['config']['max_connections'] = max_connections
    return run(config)


def connected(node, peripheral, **request):
    """The answer of Connect, which the peripheral accepts meanwhile."""
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(node.call, CONNECT, dict(address=peripheral.address, **request))
        peripheral.accept()
        return answer.result()


def refusal(node, **request):
    with pytest.raises(Refused) as refused:
        node.call(CONNECT, request)
    return refused.value


def test_values_go_both_ways_in_order_and_the_smaller_mtu_holds(run, air):
    near, small = Peripheral(air, ADDRESS), Peripheral(air, OTHER, mtu=23)
    node = start(run, air, mtu=185)
    answer = connected(node, near)
    assert answer['mtu'] == 185 and near.agreed == 185
    for i in range(100):
        near.notify(b'%d' % i)
    assert [near.written() for _ in range(100)] == [b'%d' % i for i in range(100)]
    near.notify(b'x' * 182)
    assert near.written() == b'x' * 182
    assert line(node, ADDRESS)['path'] == '?mtu=185' and line(node, ADDRESS)['conn'] == answer['conn']
    assert connected(node, small)['mtu'] == 23
    small.notify(b'x' * 20)
    assert small.written() == b'x' * 20
    small.notify(b'x' * 21)
    assert 'notified a value of 21 bytes with an MTU of 23' in closed(node, OTHER, 1009)


def test_who_is_in_reach_is_told_and_listed(run, air):
    node = start(run, air)
    events = node.events('galvan.bluetooth.v1.PeripheralSeen', 'galvan.bluetooth.v1.PeripheralGone')
    stranger = Peripheral(air, OTHER, service='180a')
    near = Peripheral(air, ADDRESS, name='pile 7', service_data=b'\x01\x02')
    seen = events.wait('PeripheralSeen')
    assert seen['event']['peripheral']['name'] == 'pile 7' and seen['event']['peripheral']['serviceData'] == 'AQI='
    near.advertise(name='pile 7', service_data=b'\x01\x03')
    assert events.wait('PeripheralSeen')['event']['peripheral']['serviceData'] == 'AQM='
    assert [(p['address'], p['connected']) for p in node.call(LIST)['peripherals']] == [(ADDRESS, False)]
    connected(node, near)
    assert node.call(LIST)['peripherals'][0]['connected']
    near.gone()
    assert events.wait('PeripheralGone')['event']['address'] == ADDRESS
    near.notify(b'still here')
    assert near.written() == b'still here', 'who stops advertising may stay connected'
    near.hang_up()
    until('it is forgotten', lambda: not node.call(LIST)['peripherals'])
    stranger.gone()
    events.close()


def test_connected_already_is_the_same_connection_and_after_its_end_there_is_another(run, air):
    near = Peripheral(air, ADDRESS)
    node = start(run, air)
    first = connected(node, near)
    assert node.call(CONNECT, {'address': 'aa:bb:cc:00:11:22'}) == first
    near.notify(b'bye')
    assert near.written() == b'bye', 'what was sent before the end arrives'
    assert near.written() == b''
    closed(node, ADDRESS, 1000)
    second = connected(node, near)
    assert second['conn'] != first['conn']
    near.hang_up()
    assert ADDRESS + ' has closed the connection' in closed(node, ADDRESS, 1006)
    assert line(node, ADDRESS)['opened'] == 2


def test_a_value_that_does_not_fit_closes_with_a_reason(run, air):
    near = Peripheral(air, ADDRESS)
    node = start(run, air)
    connected(node, near)
    near.notify(b'long')
    assert 'radio sent a value of 513 bytes, and its mtu of 247 takes 244' in closed(node, ADDRESS, 1009)


def test_every_refusal_says_what_to_do(run, air):
    near, other, strange = Peripheral(air, ADDRESS), Peripheral(air, OTHER), Peripheral(air, 'AA-BB-CC-00-11-24', service='180a')
    node = start(run, air, max_connections=1)
    assert refusal(node, address='pile').text == 'invalid_argument: address: "pile" is none like AA-BB-CC-00-11-22'
    assert refusal(node, address=ADDRESS, service='x').text == 'invalid_argument: service: "x" is no UUID'
    assert 'is not in reach' in refusal(node, address='AA-BB-CC-00-11-25').text
    assert 'offers no service that a plugin of this node listens for' in refusal(node, address=strange.address).text
    late = refusal(node, address=ADDRESS, timeout_ms=50)
    assert late.code == 'deadline_exceeded' and ADDRESS + ' did not answer within 50 ms' in late.text
    near.ignore()
    connected(node, near)
    assert '1 connections are open, as many as max_connections allows' in refusal(node, address=other.address).text
    other.gone()


def test_a_connection_outlives_its_plugin_and_values_wait_for_it(run, air):
    near = Peripheral(air, ADDRESS)
    node = start(run, air)
    connected(node, near)
    os.kill(int(node.instance('radio')['pid']), signal.SIGKILL)
    near.notify(b'meanwhile')
    assert near.written() == b'meanwhile'
    until('it is back', lambda: node.instance('radio')['restarts'] >= 1)
    near.notify(b'after')
    assert near.written() == b'after'
    os.kill(int(node.instance('bluetooth')['pid']), signal.SIGKILL)
    assert near.written() == b'', 'the driver takes its connections with it'
    closed(node, ADDRESS, 1006)
    until('it is in reach again', lambda: node.instance('bluetooth')['state'] == 'running' and node.call(LIST)['peripherals'])
    again = connected(node, near)
    until('its plugin is told', lambda: line(node, ADDRESS)['conn'] == again['conn'])


def test_two_drivers_of_one_plugin_each_have_their_own_listeners(run, air):
    near = Peripheral(air, ADDRESS)
    ws, = free_ports(1)
    config = radio_config(loopback={'folder': air})
    config['plugins'].update(link={'config': {'listen': [{'ws': ws, 'host': '127.0.0.1'}]}}, registry={})
    node = run(config)
    connected(node, near)
    with websocket('ws://127.0.0.1:%d/radio/web' % ws) as web:
        for i in range(10):
            near.notify(b'air %d' % i)
            web.send('web %d' % i)
            assert near.written() == b'air %d' % i and web.recv() == 'web %d' % i
    assert line(node, ADDRESS)['frames'] == 10
    assert 'is left out' not in node.read_log()


def what_arrives(run, folder, number):
    air = os.path.join(folder, 'air%d' % number)
    os.mkdir(air)
    near = Peripheral(air, ADDRESS)
    node = start(run, air, lose_permille=300, double_permille=300, delay_ms=20, seed=7)
    connected(node, near)
    for i in range(40):
        near.notify(b'%d' % i)
    near.notify(b'bye')
    arrived = []
    while True:
        value = near.written()
        if not value:
            return [int(v) for v in arrived if v != b'bye']
        arrived.append(value)


def test_what_is_lost_and_doubled_follows_from_the_seed_and_order_is_kept(run, folder):
    first = what_arrives(run, folder, 1)
    assert first == sorted(first)
    assert len(set(first)) < 40 and len(set(first)) < len(first), 'some were lost and some came twice'
    assert what_arrives(run, folder, 2) == first
