"""Guests pay with the provider: the hold comes before the start, what was used is captured once, the rest is released."""
import pytest

from billing import Charger, Refused, balance, charges, start_paid_node, until, until_order, verify
from payments import check_books, stripe_config

INCL = 366


@pytest.fixture
def node(run, stripe):
    made = start_paid_node(run, **stripe_config(stripe))
    stripe.hook = ('127.0.0.1', made.ws_port)
    return made


@pytest.fixture
def charger(node, any_station):
    made = Charger(node, any_station())
    made.connect()
    return made


def checkout(node, name='O-1'):
    return node.bill('Checkout', {'id': name, 'device': 'ocpp:CP001', 'connector': 1, 'payBy': 'PAY_BY_PROVIDER'})['order']


def captured(stripe, name='order:O-1'):
    return stripe.books().get(name, (0, 0))


def test_a_guest_pays_and_is_charged_what_was_used(node, stripe, charger):
    made = checkout(node)
    assert made['state'] == 'ORDER_STATE_PAYING'
    assert made['url'].startswith('http'), 'where the person pays'
    assert stripe.pay('order:O-1')
    token = charger.asked_to_start()
    assert balance(node, 'suspense') == 0
    charger.begin(token)
    charger.end()
    done = until_order(node, 'O-1', 'CLOSED')
    assert done['cost'] == str(INCL)
    assert captured(stripe) == (INCL, 0)
    check_books(node, stripe)
    verify(node)


def test_a_charger_that_refuses_gives_the_money_back_at_once(node, stripe, charger):
    charger.station.answer('RemoteStartTransaction', {'status': 'Rejected'})
    checkout(node)
    assert stripe.pay('order:O-1')
    until_order(node, 'O-1', 'VOIDED')
    assert captured(stripe) == (0, 0)
    assert charges(node) == []
    check_books(node, stripe)
    verify(node)


def test_a_card_that_is_declined_starts_nothing(node, stripe, charger):
    checkout(node)
    stripe.pay('order:O-1', 'declined')
    node.bill('StopOrder', {'id': 'O-1'})
    until_order(node, 'O-1', 'VOIDED')
    check_books(node, stripe)


def test_an_order_that_was_given_up_cannot_be_paid_any_more(node, stripe, charger):
    """Whatever comes in after that goes back."""
    checkout(node)
    node.bill('StopOrder', {'id': 'O-1'})
    until_order(node, 'O-1', 'VOIDED')
    stripe.pay('order:O-1')
    until('nothing is kept', lambda: captured(stripe)[0] == captured(stripe)[1])
    assert node.bill('GetOrder', {'id': 'O-1'})['order']['state'] == 'ORDER_STATE_VOIDED'
    check_books(node, stripe)
    verify(node)


def test_a_charge_that_is_taken_back_is_refunded_once(node, stripe, charger):
    checkout(node)
    assert stripe.pay('order:O-1')
    charger.begin(charger.asked_to_start())
    charger.end()
    charge = until_order(node, 'O-1', 'CLOSED')['charge']
    with pytest.raises(Refused, match='credit the order'):
        node.bill('Refund', {'id': 'R-1', 'payment': 'order:O-1', 'amount': '1'})
    for _ in range(2):
        node.bill('CreditCharge', {'id': charge, 'reason': 'the cable was broken'})
    until('it is refunded', lambda: captured(stripe) == (INCL, INCL))
    check_books(node, stripe)
    verify(node)


def test_kill_9_between_the_steps_captures_once(node, stripe, charger):
    checkout(node)
    node.restart()
    charger.reconnect()
    assert stripe.pay('order:O-1')
    node.restart()
    charger.reconnect()
    until_order(node, 'O-1', 'STARTING', 'VOIDED')
    if node.bill('GetOrder', {'id': 'O-1'})['order']['state'] == 'ORDER_STATE_STARTING':
        charger.begin(charger.asked_to_start())
        charger.end()
    node.restart()
    charger.reconnect()
    until_order(node, 'O-1', 'CLOSED', 'VOIDED')
    check_books(node, stripe)
    verify(node)


def test_a_hold_that_has_gone_leaves_a_debt_and_taking_the_charge_back_ends_it(node, stripe, charger):
    checkout(node)
    assert stripe.pay('order:O-1')
    charger.begin(charger.asked_to_start())
    until_order(node, 'O-1', 'STARTED')
    stripe.expire_hold('order:O-1')
    until('billing knows', lambda: node.bill('GetPayment', {'id': 'order:O-1'})['payment']['state'] == 'PAYMENT_STATE_RELEASED')
    charger.end()
    done = until_order(node, 'O-1', 'CLOSED')
    assert 'not-captured' in done['flags']
    assert balance(node, 'receivable:order:O-1') == -INCL
    check_books(node, stripe)
    verify(node)
    node.bill('CreditCharge', {'id': done['charge'], 'reason': 'never mind'})
    assert balance(node, 'receivable:order:O-1') == 0
    check_books(node, stripe)
    verify(node)
