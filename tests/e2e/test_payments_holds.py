"""Holds, captures and what can go wrong with them: billing's payments alone, under an owner that does what a test says."""
import os
import signal

import pytest

from fake_stripe import FAULTS, Gate, Plan
from galvan import PLUGINS, Refused, free_ports, until
from payments import stripe_config, sums

PAY = 'galvan.paytest.v1.PayTest/'
GRANTS = ['serve:galvan.paytest.v1.PayTest', 'call:galvan.link.v1.Http', 'emit:galvan.billing.v1.PaymentChanged', 'listen:/pay/']
PATH = os.path.join(PLUGINS, 'tests', 'fixtures', 'payments', 'paytest.so')


@pytest.fixture
def node(run, stripe):
    ws, = free_ports(1)
    stripe.hook = ('127.0.0.1', ws)
    return run({'node': {'name': 'pay'}, 'plugins': {
        'link': {'config': {'listen': [{'ws': ws, 'host': '127.0.0.1'}]}},
        'paytest': {'path': PATH, 'grants': GRANTS, 'config': stripe_config(stripe)}}})


def begin(node, payment, amount=5000, hold=True, then=-1):
    node.call(PAY + 'Begin', {'id': payment, 'amount': amount, 'hold': hold, 'provider': 'stripe', 'thenCapture': then})
    return wait(node, payment, 'OPEN')


def get(node, payment):
    return node.call(PAY + 'Get', {'id': payment})['payment']


def wait(node, payment, state, what=lambda p: True):
    def there():
        p = get(node, payment)
        return p if p['state'] == 'PAYMENT_STATE_' + state and what(p) else None
    return until('%s is %s' % (payment, state), there)


def authorise(node, stripe, payment, amount=5000):
    begin(node, payment, amount)
    assert stripe.pay(payment)
    return wait(node, payment, 'AUTHORISED')


def check(node, stripe):
    payments = {p['id']: p for p in node.call(PAY + 'List')['payments']}
    assert sums(payments) == {i: both for i, both in stripe.books().items() if both[0]}
    assert {move: n for move, n in stripe.moves.items() if n > 1} == {}


def test_a_hold_is_captured_in_part_and_the_rest_released(node, stripe):
    payment = authorise(node, stripe, 'order:1')
    assert int(payment['captureBeforeMs']) > int(payment['createdAtMs'])
    assert payment['captured'] == '0'
    node.call(PAY + 'Capture', {'id': 'order:1', 'amount': 2700})
    assert wait(node, 'order:1', 'CAPTURED')['captured'] == '2700'
    node.call(PAY + 'Capture', {'id': 'order:1', 'amount': 2700})
    with pytest.raises(Refused):
        node.call(PAY + 'Capture', {'id': 'order:1', 'amount': 2701})
    with pytest.raises(Refused):
        node.call(PAY + 'Capture', {'id': 'order:1', 'amount': 0})
    node.call(PAY + 'Refund', {'id': 'order:1', 'refund': 'R-1', 'amount': 2700})
    wait(node, 'order:1', 'CAPTURED', lambda p: p['refunded'] == '2700')
    check(node, stripe)


def test_only_a_hold_can_be_captured_and_no_more_than_it_holds(node, stripe):
    begin(node, 'order:1')
    for amount in (1, 5001, -1):
        with pytest.raises(Refused):
            node.call(PAY + 'Capture', {'id': 'order:1', 'amount': amount})
    stripe.pay('order:1')
    wait(node, 'order:1', 'AUTHORISED')
    for amount in (5001, -1):
        with pytest.raises(Refused):
            node.call(PAY + 'Capture', {'id': 'order:1', 'amount': amount})
    with pytest.raises(Refused):
        node.call(PAY + 'Refund', {'id': 'order:1', 'refund': 'R-1', 'amount': 1})
    node.call(PAY + 'Capture', {'id': 'order:1', 'amount': 5000})
    assert wait(node, 'order:1', 'CAPTURED')['captured'] == '5000'


def test_a_hold_is_released(node, stripe):
    authorise(node, stripe, 'order:1')
    node.call(PAY + 'Capture', {'id': 'order:1', 'amount': 0})
    assert wait(node, 'order:1', 'RELEASED')['captured'] == '0'
    check(node, stripe)


def test_less_than_the_provider_takes_is_not_taken(node, stripe):
    authorise(node, stripe, 'order:1')
    node.call(PAY + 'Capture', {'id': 'order:1', 'amount': 10})
    payment = wait(node, 'order:1', 'RELEASED')
    assert 'at least 50' in payment['error']
    node.call(PAY + 'Capture', {'id': 'order:1', 'amount': 10})
    check(node, stripe)


def test_a_hold_that_expires_is_gone_and_said_so(node, stripe):
    for payment in ('order:1', 'order:2'):
        authorise(node, stripe, payment)
    stripe.expire_hold('order:1')
    assert 'cancelled' in wait(node, 'order:1', 'RELEASED')['error']
    stripe.plans['order:2'] = Plan(events='never')
    stripe.expire_hold('order:2')
    node.call(PAY + 'Capture', {'id': 'order:2', 'amount': 100})
    assert wait(node, 'order:2', 'RELEASED')['captured'] == '0'
    check(node, stripe)


def test_giving_up(node, stripe):
    """Whatever the payment has come to by then, the person's money is free in the end."""
    begin(node, 'order:open')
    begin(node, 'order:paid-meanwhile')
    begin(node, 'order:charged', hold=False)
    authorise(node, stripe, 'order:held')
    stripe.default = Plan(events='never')
    stripe.pay('order:paid-meanwhile')
    stripe.pay('order:charged')
    for payment, end in (('order:open', 'FAILED'), ('order:paid-meanwhile', 'RELEASED'), ('order:held', 'RELEASED')):
        node.call(PAY + 'Cancel', {'id': payment})
        wait(node, payment, end)
    node.call(PAY + 'Cancel', {'id': 'order:charged'})
    wait(node, 'order:charged', 'CAPTURED', lambda p: p['refunded'] == '5000')
    assert not stripe.pay('order:open')
    check(node, stripe)


@pytest.mark.parametrize('step', ['capture', 'cancel'])
def test_it_happens_once_whatever_becomes_of_the_request(node, stripe, step):
    for fault in FAULTS:
        stripe.plans['order:' + fault] = Plan({step: [fault, fault]})
        authorise(node, stripe, 'order:' + fault)
        node.call(PAY + 'Capture', {'id': 'order:' + fault, 'amount': 1234 if step == 'capture' else 0})
    for fault in FAULTS:
        payment = wait(node, 'order:' + fault, 'CAPTURED' if step == 'capture' else 'RELEASED')
        assert payment['captured'] == ('1234' if step == 'capture' else '0')
    check(node, stripe)


@pytest.mark.parametrize('victim', ['node', 'paytest', 'link'])
def test_kill_9_while_a_capture_is_under_way(node, stripe, victim):
    authorise(node, stripe, 'order:1')
    gate = stripe.gates['capture'] = Gate()
    node.call(PAY + 'Capture', {'id': 'order:1', 'amount': 4321})
    assert gate.reached.wait(30)
    if victim == 'node':
        node.restart()
    else:
        os.kill(int(node.instance(victim)['pid']), signal.SIGKILL)
        until('it is back', lambda: node.instance(victim)['restarts'] == 1 and node.instance(victim)['state'] == 'running')
    stripe.gates.pop('capture')
    gate.set()
    assert wait(node, 'order:1', 'CAPTURED')['captured'] == '4321'
    check(node, stripe)
