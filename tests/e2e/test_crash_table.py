"""The table of docs/adr/0011-orders.md, a test a row: each brings about that crash, and then holds the rule of the table and the books against
what happened. The disk under billing's store fails, or billing dies on it, at the commit that is meant (disk.py)."""
import errno
import os
import signal

import pytest

from billing import (BILLING, Charger, Refused, available, balance, charges, put_customer, start_paid_node, until, until_order,
                     utc_ms, verify)
from disk import Disk
from fake_stripe import Gate, Plan
from payments import check_books, stripe_config
from session import START_TIME, STOP_TIME

INCL = 366
PAID_IN = 10000
DEATHS = 4  # within a minute that a node starts its plugin anew after


@pytest.fixture
def disk(folder):
    return Disk(folder)


@pytest.fixture
def node(run, stripe, disk):
    made = start_paid_node(run, env=disk.env, **stripe_config(stripe))
    stripe.hook = ('127.0.0.1', made.ws_port)
    put_customer(made, top_up=PAID_IN)
    return made


@pytest.fixture
def charger(node, any_station):
    made = Charger(node, any_station())
    made.connect()
    return made


def checkout(node, pay_by='provider'):
    how = {'payBy': 'PAY_BY_PROVIDER'} if pay_by == 'provider' else {'customer': 'C-1'}
    return node.bill('Checkout', dict({'id': 'O-1', 'device': 'ocpp:CP001', 'connector': 1}, **how))['order']


def restart(node, charger, meanwhile=lambda: None):
    node.kill()
    meanwhile()
    node.start()
    charger.reconnect()


def until_died(node, disk, before):
    """Billing has died where it was told to, and is back."""
    until('billing dies', lambda: disk.hits() == 1)
    until('billing is back', lambda: (lambda i: i['state'] == 'running' and i['pid'] != before)(node.instance('billing')))


def pid(node):
    return node.instance('billing')['pid']


def kill_billing(node):
    before = pid(node)
    os.kill(int(before), signal.SIGKILL)
    until('billing is back', lambda: (lambda i: i['state'] == 'running' and i['pid'] != before)(node.instance('billing')))


def use(charger):
    """The session that was paid for, from its start to its end."""
    charger.begin(charger.asked_to_start())
    charger.end()


def was_asked_no_more(charger):
    return charger.station._asked.of('RemoteStartTransaction').empty()


def check(node, stripe, charger):
    """One session, one charge, one capture, and the books are one."""
    until_order(node, 'O-1', 'CLOSED')
    charge, = charges(node)
    assert charge['price']['incl'] == str(INCL)
    assert charge['id'] == 'CDR-000000000001', 'without a gap'
    assert len(node.sessions('ocpp:CP001')) == 1
    assert was_asked_no_more(charger)
    assert balance(node, 'vat:20') == 61
    check_books(node, stripe)
    verify(node)


# ---- paid, and the webhook was not processed: redelivery and polling; what is not used goes back

@pytest.mark.parametrize('how', ['the node is down', 'billing dies with it in hand', 'it never comes'])
def test_paid_and_the_webhook_not_processed(node, stripe, charger, disk, how):
    stripe.plans['order:O-1'] = Plan(events='never' if how == 'it never comes' else 'once')
    checkout(node)
    before = pid(node)
    if how == 'the node is down':
        restart(node, charger, lambda: stripe.pay('order:O-1'))
    else:
        if how == 'billing dies with it in hand':
            disk.will('die_before_commit')
        assert stripe.pay('order:O-1')
    if how == 'billing dies with it in hand':
        until_died(node, disk, before)
    use(charger)
    check(node, stripe, charger)


def test_paid_and_not_started_in_time_goes_back(node, stripe, charger):
    stripe.plans['order:O-1'] = Plan(events='never')
    checkout(node)
    assert stripe.pay('order:O-1')
    node.bill('StopOrder', {'id': 'O-1'})  # as its deadline does
    until_order(node, 'O-1', 'VOIDED')
    assert was_asked_no_more(charger)
    assert stripe.books()['order:O-1'] == (0, 0)
    check_books(node, stripe)
    verify(node)


# ---- a webhook twice, or out of order: it takes effect once

@pytest.mark.parametrize('events', ['twice', 'late'])
def test_webhooks_twice_and_out_of_order(node, stripe, charger, events):
    stripe.plans['order:O-1'] = Plan(events=events)
    checkout(node)
    assert stripe.pay('order:O-1')
    stripe.release_events()
    charger.begin(charger.asked_to_start())
    kill_billing(node)
    charger.end()
    until_order(node, 'O-1', 'CLOSED')
    stripe.release_events()
    for body in stripe.sent[::-1]:
        assert stripe.post(body) == 200
    stripe.wait(lambda: stripe.undelivered == 0)
    check(node, stripe, charger)


# ---- the hold is durable, the start was not sent: it is sent after the restart, once

@pytest.mark.parametrize('pay_by', ['wallet', 'provider'])
def test_hold_durable_and_start_not_sent(node, stripe, charger, disk, pay_by):
    before = pid(node)
    if pay_by == 'wallet':
        disk.will('die_after_commit')
        checkout(node, 'wallet')  # asks again by itself, as whoever calls does
    else:
        checkout(node)
        disk.will('die_after_commit', after=1)  # the event's turn; then the one in which Stripe says that it is paid
        assert stripe.pay('order:O-1')
    until_died(node, disk, before)
    hold, = [e for e in node.bill('ListEntries', {'order': 'O-1'})['entries'] if e['transfer']['reason'] == 'hold']
    assert hold['transfer']['amount'] == '5000'
    use(charger)
    check(node, stripe, charger)


# ---- the start was sent, its answer is lost: the device's sessions are looked at before it is told again

@pytest.mark.parametrize('who', ['billing', 'the node'])
def test_start_sent_and_its_answer_lost(node, stripe, charger, disk, who):
    before = pid(node)
    if who == 'billing':
        disk.will('die_before_commit', after=1)  # Checkout's turn; then the one that has the answer
        checkout(node, 'wallet')
        token = charger.asked_to_start()
        until_died(node, disk, before)
    else:
        charger.station.answer('RemoteStartTransaction', None)
        checkout(node, 'wallet')
        token = charger.asked_to_start()
        restart(node, charger, lambda: charger.station.answer('RemoteStartTransaction', {'status': 'Accepted'}))
    charger.begin(token)
    until_order(node, 'O-1', 'STARTED')
    charger.end()
    while not was_asked_no_more(charger):
        assert charger.asked_to_start() == token, 'one that has not begun may be told again, to do the same'
    check(node, stripe, charger)


# ---- it charges, and the server is down: the charger keeps what happens, and its own times count

def test_charging_while_the_server_is_down(node, stripe, charger):
    checkout(node, 'wallet')
    charger.begin(charger.asked_to_start())
    restart(node, charger)
    charger.meter(3000, '2025-01-15T02:20:54Z')
    charger.end()
    check(node, stripe, charger)
    charge, = charges(node)
    assert charge['startedAtMs'] == str(utc_ms(START_TIME))
    assert charge['endedAtMs'] == str(utc_ms(STOP_TIME + 'Z'))
    assert charge['energyWh'] == '6379'


# ---- priced, and not settled: both are one turn, and what it computes again is the same

@pytest.mark.parametrize('death', ['die_before_commit', 'die_after_commit'])
@pytest.mark.parametrize('turn', [0, 1])
def test_rated_and_not_settled(node, stripe, charger, disk, turn, death):
    """Turn 0 hears that the session has ended, turn 1 has its samples, and prices and books it."""
    checkout(node, 'wallet')
    charger.begin(charger.asked_to_start())
    until_order(node, 'O-1', 'STARTED')
    before = pid(node)
    disk.will(death, after=turn)
    charger.end()
    until_died(node, disk, before)
    check(node, stripe, charger)
    assert available(node, 'wallet:C-1') == PAID_IN - INCL


# ---- settled, and the capture's answer is lost: the provider is asked how it stands, and captures once

@pytest.mark.parametrize('how', ['it is lost', 'the node is down', 'billing dies with it in hand'])
def test_settled_and_the_answer_to_the_capture_lost(node, stripe, charger, disk, how):
    stripe.plans['order:O-1'] = Plan({'capture': ['lost_after'] if how == 'it is lost' else []}, events='never')
    gate = stripe.gates['capture'] = Gate()
    checkout(node)
    assert stripe.pay('order:O-1')
    use(charger)
    lose_the_answer(node, stripe, charger, disk, gate, how)
    check(node, stripe, charger)
    assert stripe.books()['order:O-1'] == (INCL, 0)
    assert stripe.moves['order:O-1', 'capture'] == 1


def lose_the_answer(node, stripe, charger, disk, gate, how):
    """Of the request that waits at the gate: it is carried out, and nobody hears of it."""
    assert gate.reached.wait(30)
    before = pid(node)
    if how == 'the node is down':
        restart(node, charger, gate.set)
        return
    if how == 'billing dies with it in hand':
        disk.will('die_before_commit')
    gate.set()
    if how == 'billing dies with it in hand':
        until_died(node, disk, before)


# ---- a refund was sent, its answer is lost: its id is for ever, and the provider's list is looked at

@pytest.mark.parametrize('how', ['it is lost', 'the node is down', 'billing dies with it in hand'])
def test_refund_sent_and_its_answer_lost(node, stripe, charger, disk, how):
    stripe.plans['order:O-1'] = Plan({'refund': ['lost_after'] if how == 'it is lost' else []}, events='never')
    checkout(node)
    assert stripe.pay('order:O-1')
    use(charger)
    charge = until_order(node, 'O-1', 'CLOSED')['charge']
    gate = stripe.gates['refund'] = Gate()
    node.bill('CreditCharge', {'id': charge, 'reason': 'the cable was broken'})
    lose_the_answer(node, stripe, charger, disk, gate, how)
    until('it is refunded', lambda: node.bill('GetPayment', {'id': 'order:O-1'})['payment']['refunded'] == str(INCL))
    assert stripe.books()['order:O-1'] == (INCL, INCL)
    assert len(stripe.of('order:O-1', 'refund')) == 1
    check_books(node, stripe)
    verify(node)


# ---- half of a commit is on the disk: it counts for nothing, and nothing that was answered is lost

@pytest.mark.parametrize('death', ['die_within_pages', 'die_without_a_sync'])
def test_half_a_commit_on_the_disk(node, disk, death):
    for number in range(12):
        if number % DEATHS == 0:
            node.restart()
        before = pid(node)
        disk.will(death, after=number % 3)
        for part in range(3):  # each is answered by the incarnation that has it on the disk
            name = '%d-%d' % (number, part)
            node.bill('TopUp', {'id': name, 'customer': 'C-1', 'amount': 7, 'provider': 'desk', 'desk': 'main'})
        until_died(node, disk, before)
        assert available(node, 'wallet:C-1') == PAID_IN + 21 * (number + 1)
    verify(node)


# ---- the disk is full, or fails: billing ends at once, answers nothing, and takes no money until people have acted

FAILURES = [('fail_pages', errno.ENOSPC, 'the store or the disk is full'), ('fail_sync', errno.EIO, 'the disk under the store fails'),
            ('fail_meta', errno.EIO, 'the disk under the store fails')]


def top_up(node, timeout):
    request = {'id': 'late', 'customer': 'C-1', 'amount': 100, 'provider': 'desk', 'desk': 'main'}
    return node.call(BILLING + 'TopUp', request, timeout=timeout)


@pytest.mark.parametrize('what, number, said', FAILURES)
def test_disk_full_or_failing(node, stripe, charger, disk, what, number, said):
    checkout(node)
    asked = len(stripe.requests)
    disk.will(what, error=number)
    with pytest.raises(Refused):
        top_up(node, 20)
    assert stripe.pay('order:O-1')  # its event is not taken either: Stripe will send it again
    state = until('it is left down', lambda: (lambda i: i if i['state'] == 'quarantined' else None)(node.instance('billing')))
    assert said in state['message']
    assert said in node.ctl('status')
    assert 'The store failed; this instance must restart.' in node.read_log()
    assert disk.hits() >= 5, 'each incarnation has tried, and gone no further'
    assert len(stripe.requests) == asked, 'no money moves'
    assert was_asked_no_more(charger)
    disk.heal()
    node.ctl('load', 'billing')
    top_up(node, 20)
    assert available(node, 'wallet:C-1') == PAID_IN + 100
    use(charger)
    check(node, stripe, charger)


def test_an_error_that_comes_once_ends_billing_too(node, disk):
    """A sync that failed is not tried again: what it was for may be gone. The next incarnation begins with what was on the disk before."""
    before = pid(node)
    disk.will('fail_sync', error=errno.EIO)
    until('it is met', lambda: disk.hits() or try_top_up(node))
    disk.heal()
    until('billing is back', lambda: (lambda i: i['state'] == 'running' and i['pid'] != before)(node.instance('billing')))
    top_up(node, 20)
    assert available(node, 'wallet:C-1') == PAID_IN + 100
    verify(node)


def try_top_up(node):
    try:
        top_up(node, 0.1)
    except Refused:
        pass
