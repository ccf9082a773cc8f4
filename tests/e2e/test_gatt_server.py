"""This machine as a GATT peripheral over BlueZ (plugins/bluetooth/peripheral), with a mock of org.bluez on a D-Bus of its own."""
import os
import shutil

import pytest

from bluez import MOCK, PERIPHERAL, Bus, Mock, Program

SERVICE = 'f3a1000%d-2b6e-4d38-9c57-8e0d4c1b7a60'
DATA = '01000704aabbccdd'
REGISTERED = ['Powered 1', 'RegisterApplication', 'characteristic %s read' % (SERVICE % 2),
              'characteristic %s write write-without-response' % (SERVICE % 3), 'characteristic %s notify' % (SERVICE % 4),
              'RegisterAdvertisement ' + DATA]
FIRST, SECOND = 'dev_11_22_33_44_55_66', 'dev_11_22_33_44_55_67'


@pytest.fixture
def bus():
    for file in (MOCK, PERIPHERAL):
        if not os.path.isfile(file):
            pytest.skip('the fixtures are not built: %s' % file)
    if not shutil.which('dbus-daemon'):
        pytest.skip('dbus-daemon is not installed')
    made = Bus()
    yield made
    made.close()


@pytest.fixture
def mock(bus):
    made = Mock(bus, 'adapter', bare=True)
    yield made
    made.close()


@pytest.fixture
def pile(bus, mock):
    made = Program(PERIPHERAL, '--bus', bus.address)
    yield made
    made.close()


def test_it_registers_its_characteristics_and_advertises_them(mock, pile):
    assert sorted(mock.wait(REGISTERED[-1])) == sorted(REGISTERED)
    assert pile.next() == 'advertised'
    pile.say('advertise 0102030405060708')
    mock.wait('advertisement changed')


def test_service_data_of_another_size_are_registered_anew_as_a_change_that_does_not_fit_kills_bluetoothd(mock, pile):
    mock.wait(REGISTERED[-1])
    pile.wait('advertised')
    pile.say('advertise 0102')
    assert [mock.next(), mock.next()] == ['UnregisterAdvertisement', 'RegisterAdvertisement 0102']
    pile.wait('advertised')


def test_bytes_go_both_ways_for_one_client_at_a_time(mock, pile):
    pile.wait('advertised')
    mock.wait(REGISTERED[-1])
    mock.do('client listen')
    assert (mock.next(), pile.next()) == ('accepted', 'listening 1')
    mock.do('set mtu 247', 'client write %s 0102' % FIRST)
    assert (mock.next(), pile.next()) == ('accepted', 'written 11-22-33-44-55-66 247 0102')
    mock.do('client write %s 03' % SECOND)
    assert mock.next() == 'refused org.bluez.Error.NotPermitted'
    for i in range(50):
        pile.say('notify %02x' % i)
    pile.say('notify ' + 'ab' * 512)
    assert [mock.next() for _ in range(51)] == ['notified %02x' % i for i in range(50)] + ['notified ' + 'ab' * 512]
    mock.do('client read')
    assert mock.next() == 'read ' + b'info'.hex()
    mock.do('client leave')
    assert pile.next() == 'gone'
    mock.do('client write %s 04' % SECOND)
    assert (mock.next(), pile.next()) == ('accepted', 'written 11-22-33-44-55-67 247 04')


def test_where_service_data_do_not_fit_it_advertises_without(bus, mock):
    mock.do('set short_advertisements 1')
    pile = Program(PERIPHERAL, '--bus', bus.address)
    pile.wait("trouble: The adapter's advertisements have no room for service data beside the service's UUID: it is left out")
    pile.wait('advertised')
    pile.close()


def test_it_waits_for_bluetoothd_and_an_adapter_and_registers_again(bus):
    pile = Program(PERIPHERAL, '--bus', bus.address, '--adapter', 'hci0')
    assert pile.next().startswith('trouble: bluetoothd does not answer: install bluez')
    first = Mock(bus, 'adapter', bare=True)
    first.wait(REGISTERED[-1])
    pile.wait('advertised')
    first.do('client write %s 01' % FIRST)
    first.close()
    pile.wait('gone')
    second = Mock(bus, 'adapter', bare=True)
    second.wait(REGISTERED[-1])
    pile.wait('advertised')
    pile.say('quit')
    pile.wait('closed')
    assert pile.end() == 0, 'nothing is left on its loop'
    second.close()
    pile.close()
