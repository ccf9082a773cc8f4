"""The driver bluetooth over BlueZ, with a mock of org.bluez on a D-Bus of its own: what it asks BlueZ for, and how it takes what goes wrong."""
import os
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from bluez import ADDRESS, MOCK, Bus, Mock
from galvan import Refused, until
from peripherals import CONNECT, LIST, RADIO, SERVICE, closed, line, radio_config

ACQUIRED = ['Connect', 'AcquireNotify', 'AcquireWrite']


@pytest.fixture(autouse=True)
def built():
    for file in (RADIO, MOCK):
        if not os.path.isfile(file):
            pytest.skip('the fixtures are not built: %s' % file)
    if not shutil.which('dbus-daemon'):
        pytest.skip('dbus-daemon is not installed')


@pytest.fixture
def bus():
    made = Bus()
    yield made
    made.close()


@pytest.fixture
def mock(bus):
    made = Mock(bus)
    yield made
    made.close()


def start(run, bus, **config):
    node = run(radio_config(bus=bus.address, **config))
    node.in_reach = lambda: until('it is in reach', lambda: node.call(LIST)['peripherals'])
    return node


def searching(run, bus, mock, **config):
    """A node that looks for the peripheral and has it in reach."""
    node = start(run, bus, **config)
    assert mock.wait('StartDiscovery') == ['SetDiscoveryFilter le 1 ' + SERVICE, 'StartDiscovery']
    node.in_reach()
    return node


def connect(node, **request):
    return node.call(CONNECT, dict(address=ADDRESS, **request))


def refusal(node, **request):
    with pytest.raises(Refused) as refused:
        connect(node, **request)
    return refused.value


def exchange(mock, how, values):
    """Values that the peripheral notifies are written back by radio."""
    for value in values:
        mock.do('notify ' + value)
    assert [mock.next() for _ in values] == ['%s %s' % (how, v) for v in values]


@pytest.mark.parametrize('mtu', [23, 185, 517])
def test_values_go_by_the_acquired_sockets(run, bus, mock, mtu):
    mock.do('set mtu %d' % mtu)
    node = searching(run, bus, mock)
    assert connect(node)['mtu'] == mtu
    assert [mock.next() for _ in ACQUIRED] == ACQUIRED
    exchange(mock, 'wrote', ['%02x' % i for i in range(40)] + ['ab' * min(mtu - 3, 512)])
    assert line(node, ADDRESS)['path'] == '?mtu=%d' % mtu
    mock.do('notify ' + b'bye'.hex())
    assert mock.wait('Disconnect')[0] == 'wrote ' + b'bye'.hex(), 'what was written leaves before the end'
    closed(node, ADDRESS, 1000)


@pytest.mark.parametrize('lacking, asked', [
    (['set acquire_write 0', 'set acquire_notify 0'], ['AcquireNotify', 'StartNotify', 'AcquireWrite']),
    (['set write_flags 1', 'set notify_flags 2'], ['StartNotify']),
])
def test_where_sockets_are_not_supported_values_go_one_by_one(run, bus, mock, lacking, asked):
    mock.do(*lacking)
    node = searching(run, bus, mock)
    assert connect(node)['mtu'] == 185
    assert [mock.next() for _ in ['Connect'] + asked] == ['Connect'] + asked
    exchange(mock, 'WriteValue', ['%02x' % i for i in range(20)] + ['ab' * 182])
    mock.do('notify ' + b'bye'.hex())
    assert mock.wait('Disconnect')[0] == 'WriteValue ' + b'bye'.hex()
    closed(node, ADDRESS, 1000)


def test_a_peripheral_that_does_not_stand_sockets_is_named_in_the_config(run, bus, mock):
    node = searching(run, bus, mock, no_sockets=[ADDRESS])
    connect(node)
    assert [mock.next(), mock.next()] == ['Connect', 'StartNotify']
    exchange(mock, 'WriteValue', ['01', '02'])


def test_a_link_that_is_lost_ends_the_connection_after_what_came_before_and_the_next_acquires_anew(run, bus, mock):
    node = searching(run, bus, mock)
    first = connect(node)
    mock.wait('AcquireWrite')
    exchange(mock, 'wrote', ['01'])
    mock.do('notify 02', 'drop')
    assert ADDRESS + ' is no longer connected' in closed(node, ADDRESS, 1006)
    until('it was heard', lambda: line(node, ADDRESS)['frames'] == 2)
    second = connect(node)
    assert second['conn'] != first['conn']
    assert mock.wait('AcquireWrite')[-3:] == ACQUIRED
    exchange(mock, 'wrote', ['03'])


def test_what_is_left_of_a_connection_before_is_broken_off_and_tried_again(run, bus, mock):
    mock.do('set hold_sockets 1')
    node = searching(run, bus, mock)
    connect(node)
    assert mock.wait('AcquireWrite') == ['Connect', 'AcquireNotify', 'Disconnect'] + ACQUIRED
    exchange(mock, 'wrote', ['04'])


def test_sockets_that_somebody_else_holds_are_tried_again_and_then_refused_with_the_way_out(run, bus, mock):
    mock.do('set hold_sockets 99')
    node = searching(run, bus, mock)
    refused = refusal(node)
    assert refused.code == 'unavailable'
    assert ADDRESS + ' cannot be listened to' in refused.text and 'bluetoothctl disconnect' in refused.text
    mock.do('set hold_sockets 0')
    connect(node)


def test_bluetoothd_may_end_and_come_back(run, bus, mock):
    node = searching(run, bus, mock)
    events = node.events('galvan.bluetooth.v1.PeripheralGone', 'galvan.bluetooth.v1.PeripheralSeen')
    connect(node)
    mock.close()
    closed(node, ADDRESS, 1006)
    assert events.wait('PeripheralGone')['event']['address'] == ADDRESS
    node.wait_log('bluetoothd has ended; its connections are gone until it is back')
    again = Mock(bus)
    again.wait('StartDiscovery')
    events.wait('PeripheralSeen')
    connect(node)
    again.wait('AcquireWrite')
    exchange(again, 'wrote', ['05'])
    events.close()
    again.close()


def test_an_adapter_may_be_missing_off_or_taken_away(run, bus):
    mock = Mock(bus, bare=True)
    node = start(run, bus, adapter='hci0')
    node.wait_log('There is no Bluetooth adapter named hci0: plug one in')
    mock.do('set fail_power 1', 'adapter')
    mock.wait('Powered 1')
    node.wait_log('The adapter is off and cannot be switched on: try `rfkill unblock bluetooth`')
    mock.do('adapter on', 'device')
    mock.wait('StartDiscovery')
    node.in_reach()
    connect(node)
    mock.do('adapter off')
    assert 'the adapter was switched off' in closed(node, ADDRESS, 1006)
    until('nobody is in reach', lambda: not node.call(LIST)['peripherals'])
    mock.do('adapter on')
    mock.wait('StartDiscovery')
    mock.do('data 0102')
    node.in_reach()
    connect(node)
    mock.do('adapter remove')
    closed(node, ADDRESS, 1006)
    mock.do('adapter', 'device')
    mock.wait('StartDiscovery')
    node.in_reach()
    mock.close()


def test_answers_and_signals_may_come_in_any_order(run, bus, mock):
    mock.do('set reply_first 1', 'set hold_services 1', 'set hide_services 1')
    node = searching(run, bus, mock)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(connect, node)
        assert mock.next() == 'Connect'
        mock.do('data 0103', 'resolve')
        assert answer.result()['mtu'] == 185
    mock.wait('AcquireWrite')
    exchange(mock, 'wrote', ['06'])


def test_a_connection_that_fails_is_tried_again_and_then_refused(run, bus, mock):
    mock.do('set fail_connects 2')
    node = searching(run, bus, mock)
    connect(node)
    assert mock.wait('AcquireWrite').count('Connect') == 3
    mock.do('drop', 'set fail_connects 9')
    closed(node, ADDRESS, 1006)
    refused = refusal(node)
    assert refused.code == 'unavailable'
    assert ADDRESS + ' cannot be connected to; see that it is near' in refused.text and 'le-connection-abort-by-local' in refused.text


def test_a_peripheral_that_does_not_answer_is_given_up(run, bus, mock):
    mock.do('set hold_connects 1')
    node = searching(run, bus, mock)
    assert refusal(node, timeout_ms=300).code == 'deadline_exceeded'
    assert mock.wait('Disconnect') == ['Connect', 'Disconnect'], 'BlueZ is told to give up, too'
    mock.do('set hold_connects 0')
    connect(node)


def test_a_peripheral_without_the_characteristics_is_refused_by_what_it_lacks(run, bus, mock):
    mock.do('set notify_flags 0')
    node = searching(run, bus, mock)
    refused = refusal(node)
    assert refused.code == 'failed_precondition'
    assert refused.text.endswith(ADDRESS + ': characteristic to be notified by does not notify')


def test_who_is_heard_is_told_as_it_changes_and_goes(run, bus, mock):
    node = start(run, bus)
    events = node.events('galvan.bluetooth.v1.PeripheralSeen', 'galvan.bluetooth.v1.PeripheralGone')
    mock.wait('StartDiscovery')
    node.in_reach()
    mock.do('data 010203')
    seen = events.wait('PeripheralSeen', lambda e: e['event']['peripheral']['serviceData'] == 'AQID')['event']['peripheral']
    assert (seen['name'], seen['rssiDbm'], seen['service']) == ('pile 7', -61, SERVICE)
    mock.do('device remove')
    assert events.wait('PeripheralGone')['event']['address'] == ADDRESS
    assert 'is not in reach' in refusal(node).text
    events.close()


def test_without_a_bus_or_without_bluetoothd_the_node_runs_and_says_what_is_missing(run, bus):
    node = run(radio_config(bus='unix:path=/nonexistent'))
    node.wait_log('There is no D-Bus to reach BlueZ by; is dbus running?')
    other = start(run, bus)
    other.wait_log('bluetoothd does not run: install bluez')
    mock = Mock(bus)
    mock.wait('StartDiscovery')
    assert node.stop() == 0 and other.stop() == 0
    mock.close()
