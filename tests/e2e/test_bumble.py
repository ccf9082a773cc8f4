"""Another Bluetooth stack than BlueZ between the driver bluetooth and a peripheral (bumble_air.py): its ATT carries our
values whole, in order, at the MTU that it has agreed on itself."""
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from bumble_air import BumbleAir
from peripherals import CONNECT, RADIO, Peripheral, closed, line, radio_config

ADDRESS = 'AA-BB-CC-00-11-22'


@pytest.fixture
def folders(folder):
    if not os.path.isfile(RADIO):
        pytest.skip('the fixture plugins are not built: %s' % RADIO)
    made = [os.path.join(folder, name) for name in ('near', 'far')]
    for path in made:
        os.mkdir(path)
    return made


def connect(node, pile):
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(node.call, CONNECT, {'address': ADDRESS})
        pile.accept()
        return answer.result()


@pytest.mark.parametrize('mtu', [23, 185, 517])
def test_values_cross_another_stack_whole_at_the_mtu_that_it_agrees_on(run, folders, mtu):
    near, far = folders
    pile = Peripheral(far, ADDRESS, mtu=mtu)
    air = BumbleAir(near, far, ADDRESS)
    node = run(radio_config(loopback={'folder': near, 'mtu': 517}))
    assert connect(node, pile)['mtu'] == mtu and air.exchanged == [mtu]
    values = [b'%d' % i for i in range(60)] + [os.urandom(min(mtu - 3, 512)) for _ in range(5)]
    for value in values:
        pile.notify(value)
    assert [pile.written() for _ in values] == values
    pile.notify(b'bye')
    assert [pile.written(), pile.written()] == [b'bye', b'']
    closed(node, ADDRESS, 1000)
    connect(node, pile)
    pile.hang_up()
    closed(node, ADDRESS, 1006)
    assert line(node, ADDRESS)['opened'] == 2 and air.exchanged == [mtu, mtu]
    air.close()
