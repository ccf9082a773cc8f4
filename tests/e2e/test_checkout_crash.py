"""kill -9 of the whole node between and during the steps of a paid session: money moves once, and every session has its charge."""
import threading

import pytest

from billing import Charger, available, balance, charges, put_customer, start_paid_node, until, until_order, verify

INCL = 366
STEPS = ['checkout', 'begin', 'meter', 'end']


class Run:
    """Each step may be done again, as a person or a charger would."""

    def __init__(self, node, station, card):
        self.node, self.card = node, card
        self.charger = Charger(node, station)
        self.charger.connect()
        self.token = 'CARD-1' if card else None

    def checkout(self):
        if not self.card:
            self.node.bill('Checkout', {'id': 'O-1', 'device': 'ocpp:CP001', 'connector': 1, 'customer': 'C-1'})

    def begin(self):
        if not self.token:
            self.token = self.charger.asked_to_start()
        self.charger.begin(self.token)

    def meter(self):
        self.charger.meter(3000, '2025-01-15T02:20:54Z')

    def end(self):
        self.charger.end()

    def do(self, step):
        getattr(self, step)()

    def restart(self):
        self.node.restart()
        self.charger.reconnect()

    def do_while_killing(self, step, delay_s):
        done = []

        def attempt():
            try:
                self.do(step)
                done.append(True)
            except Exception:  # the node died under it: whether the step took effect is what the test is about
                pass
        racer = threading.Thread(target=attempt)
        racer.start()
        racer.join(delay_s)
        self.node.kill()
        self.node.start()
        self.charger.reconnect()
        racer.join()  # last, as the step may wait for what the node asks only now
        if not done:
            self.do(step)

    def check(self):
        account = 'card:CARD-1' if self.card else 'wallet:C-1'
        if not self.card:
            until_order(self.node, 'O-1', 'CLOSED')
        until('it is charged', lambda: charges(self.node))
        charge, = charges(self.node)
        assert charge['price']['incl'] == str(INCL)
        assert charge['energyWh'] == '6379'
        assert available(self.node, account) == 10000 - INCL
        assert balance(self.node, account) == 10000 - INCL, 'and nothing is held any more'
        assert balance(self.node, 'vat:20') == 61
        verify(self.node)


@pytest.fixture(params=['order', 'card'])
def paid(request, run, any_station):
    node = start_paid_node(run)
    if request.param == 'card':
        node.bill('PutToken', {'token': {'id': 'CARD-1', 'ownPurse': True}})
        node.bill('TopUp', {'id': 'T', 'token': 'CARD-1', 'amount': 10000, 'provider': 'desk', 'desk': 'main'})
    else:
        put_customer(node, top_up=10000)
    return Run(node, any_station(), request.param == 'card')


@pytest.mark.parametrize('before', STEPS + ['the end'])
def test_kill_9_between_two_steps(paid, before):
    for step in STEPS:
        if step == before:
            paid.restart()
        paid.do(step)
    if before == 'the end':
        paid.restart()
    paid.check()


@pytest.mark.parametrize('delay_ms', [0, 3, 8, 15, 40])
@pytest.mark.parametrize('during', STEPS)
def test_kill_9_during_a_step(paid, during, delay_ms):
    for step in STEPS:
        if step == during:
            paid.do_while_killing(step, delay_ms / 1000)
        else:
            paid.do(step)
    paid.check()
