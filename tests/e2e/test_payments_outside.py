"""What banks and people do to payments behind galvan's back: disputes, and refunds made in the provider's dashboard. Each is noticed, booked where
it can be found, and shown; nothing that an event says of it is believed."""
import pytest

from billing import Charger, start_paid_node, until_order, verify
from fake_stripe import FAULTS, Plan
from galvan import free_ports, until
from payments import BILLING, account, available, check_books, config, pay_in, payment_of, stripe_config, wait_state

INCL = 366


@pytest.fixture
def node(run, stripe):
    ws, = free_ports(1)
    stripe.hook = ('127.0.0.1', ws)
    return run(config(ws, **stripe_config(stripe)))


@pytest.fixture
def order(run, stripe, any_station):
    """A node where the order O-1 of a guest is over and paid."""
    made = start_paid_node(run, **stripe_config(stripe))
    stripe.hook = ('127.0.0.1', made.ws_port)
    charger = Charger(made, any_station())
    charger.connect()
    made.bill('Checkout', {'id': 'O-1', 'device': 'ocpp:CP001', 'connector': 1, 'payBy': 'PAY_BY_PROVIDER'})
    assert stripe.pay('order:O-1')
    charger.begin(charger.asked_to_start())
    charger.end()
    until_order(made, 'O-1', 'CLOSED')
    made.charger = charger
    return made


def topped_up(node, stripe, amount=1000):
    pay_in(node, 'T-1', amount)
    assert stripe.pay('topup:T-1')
    return wait_state(node, 'topup:T-1', 'CAPTURED')


def until_dispute(node, payment, state, **money):
    def there():
        p = payment_of(node, payment)
        d = p['disputes'][0] if p['disputes'] else None
        return p if d and d['state'] == 'DISPUTE_STATE_' + state and all(d[k] == str(v) for k, v in money.items()) else None
    return until('the dispute is %s' % state, there)


def debt(node, name):
    a = account(node, name)
    return int(a['debitsPosted']) - int(a['creditsPosted'])


def check(node, stripe):
    check_books(node, stripe)
    said = node.call(BILLING + 'Verify')
    assert said['sound'], said['problems']


def test_a_dispute_that_is_lost_is_owed_by_who_paid(node, stripe):
    topped_up(node, stripe)
    dispute = stripe.dispute('topup:T-1', 1000)
    payment = until_dispute(node, 'topup:T-1', 'OPEN', taken=1000)
    assert payment['disputes'][0]['reference'] == dispute
    assert payment['problem'] == 'dispute %s (fraudulent) over 1000 minor units: answer it in the provider\'s dashboard' % dispute
    assert debt(node, 'dispute:stripe') == 1000
    assert available(node, 'wallet:C-1') == 1000, 'whether the person may go on is for people to say'
    check(node, stripe)
    stripe.end_dispute(dispute, 'lost')
    payment = until_dispute(node, 'topup:T-1', 'LOST')
    assert 'is lost' in payment['problem']
    assert debt(node, 'dispute:stripe') == 0
    assert debt(node, 'receivable:C-1') == 1000
    check(node, stripe)


def test_a_dispute_that_is_won_comes_back(node, stripe):
    topped_up(node, stripe)
    dispute = stripe.dispute('topup:T-1', 400)
    until_dispute(node, 'topup:T-1', 'OPEN', taken=400)
    stripe.end_dispute(dispute, 'won')
    payment = until_dispute(node, 'topup:T-1', 'WON', returned=400)
    assert payment['problem'] == ''
    assert debt(node, 'dispute:stripe') == debt(node, 'receivable:C-1') == 0
    check(node, stripe)


def test_an_inquiry_takes_nothing(node, stripe):
    topped_up(node, stripe)
    dispute = stripe.dispute('topup:T-1', 1000, 'warning_needs_response')
    assert 'answer it' in until_dispute(node, 'topup:T-1', 'INQUIRY', taken=0)['problem']
    assert debt(node, 'dispute:stripe') == 0
    stripe.end_dispute(dispute, 'warning_closed')
    assert until_dispute(node, 'topup:T-1', 'WON')['problem'] == ''
    check(node, stripe)


def test_an_order_shows_its_dispute_and_everybody_who_hears_is_told(order, stripe):
    events = order.events('PaymentChanged', 'OrderChanged')
    dispute = stripe.dispute('order:O-1', INCL)
    until_dispute(order, 'order:O-1', 'OPEN', taken=INCL)
    events.wait('PaymentChanged', lambda e: '"DISPUTE_STATE_OPEN"' in str(e).replace("'", '"'))
    events.close()
    assert 'disputed' in order.bill('GetOrder', {'id': 'O-1'})['order']['flags']
    stripe.end_dispute(dispute, 'lost')
    until_dispute(order, 'order:O-1', 'LOST')
    assert debt(order, 'receivable:order:O-1') == INCL
    assert len(order.bill('ListCharges', {})['charges']) == 1, 'a charge is never changed'
    check_books(order, stripe)
    verify(order)


@pytest.mark.parametrize('fault', sorted(FAULTS))
def test_disputes_are_booked_once_whatever_becomes_of_the_question(node, stripe, fault):
    topped_up(node, stripe)
    stripe.plans['topup:T-1'] = Plan({'disputes': [fault, fault]}, events='twice')
    dispute = stripe.dispute('topup:T-1', 1000)
    until_dispute(node, 'topup:T-1', 'OPEN', taken=1000)
    node.restart()
    stripe.plans['topup:T-1'] = Plan({'intent': [fault]}, events='twice')
    stripe.end_dispute(dispute, 'won')
    until_dispute(node, 'topup:T-1', 'WON', returned=1000)
    assert debt(node, 'dispute:stripe') == 0
    check(node, stripe)


def test_news_of_disputes_out_of_order(node, stripe):
    topped_up(node, stripe)
    stripe.plans['topup:T-1'] = Plan(events='late')
    dispute = stripe.dispute('topup:T-1', 1000)
    stripe.end_dispute(dispute, 'won')
    stripe.release_events()
    until_dispute(node, 'topup:T-1', 'WON', returned=1000)
    check(node, stripe)


def test_what_no_event_told_of_is_noticed_when_the_payment_is_asked_for(node, stripe):
    topped_up(node, stripe)
    stripe.plans['topup:T-1'] = Plan(events='never')
    stripe.dispute('topup:T-1', 300)
    stripe.refund_in_the_dashboard('topup:T-1', 200)
    stripe.plans['topup:T-1'] = Plan()
    stripe.touch('topup:T-1')
    payment = until_dispute(node, 'topup:T-1', 'OPEN', taken=300)
    assert payment['refunded'] == '200'
    check(node, stripe)


def test_an_event_alone_disputes_nothing(node, stripe):
    """It is only a reason to ask."""
    topped_up(node, stripe)
    stripe.dispute('topup:T-1', 1000, 'warning_needs_response')
    until_dispute(node, 'topup:T-1', 'INQUIRY')
    lie = stripe.sent[-1].replace(b'warning_needs_response', b'lost').replace(b'evt_', b'evt_x').replace(
        b'"balance_transactions": []', b'"balance_transactions": [{"amount": -1000}]')
    asked = stripe.count('disputes', 'topup:T-1')
    assert stripe.post(lie) == 200
    stripe.wait(lambda: stripe.count('disputes', 'topup:T-1') > asked)
    assert debt(node, 'dispute:stripe') == 0
    until_dispute(node, 'topup:T-1', 'INQUIRY', taken=0)


# ---- refunds in the dashboard


def test_a_refund_in_the_dashboard_is_taken_from_the_purse(node, stripe):
    topped_up(node, stripe)
    refund = stripe.refund_in_the_dashboard('topup:T-1', 300)
    payment = wait_state(node, 'topup:T-1', 'CAPTURED', lambda p: p['refunded'] == '300')
    assert [(r['id'], r['elsewhere'], r['state']) for r in payment['refunds']] == [('stripe:' + refund, True, 'REFUND_STATE_DONE')]
    assert payment['problem'] == 'refund stripe:%s was made in the provider\'s dashboard' % refund
    assert available(node, 'wallet:C-1') == 700
    check(node, stripe)
    stripe.fail_refund(refund)
    wait_state(node, 'topup:T-1', 'CAPTURED', lambda p: p['refunded'] == '0')
    assert available(node, 'wallet:C-1') == 1000
    check(node, stripe)


def test_what_the_purse_has_not_any_more_is_owed(node, stripe):
    topped_up(node, stripe)
    node.call(BILLING + 'Post', {'transfers': [{'id': 'spent', 'debit': 'wallet:C-1', 'credit': 'income:test', 'amount': '900',
                                                'currency': 'EUR'}]})
    refund = stripe.refund_in_the_dashboard('topup:T-1', 300)
    wait_state(node, 'topup:T-1', 'CAPTURED', lambda p: p['refunded'] == '300')
    assert available(node, 'wallet:C-1') == 0
    assert debt(node, 'receivable:C-1') == 200
    check(node, stripe)
    stripe.fail_refund(refund)
    wait_state(node, 'topup:T-1', 'CAPTURED', lambda p: p['refunded'] == '0')
    assert available(node, 'wallet:C-1') == 100
    assert debt(node, 'receivable:C-1') == 0
    check(node, stripe)


def test_ours_and_the_dashboards_add_up(node, stripe):
    topped_up(node, stripe)
    stripe.plans['topup:T-1'] = Plan({'refund': ['lost_after']})
    node.call(BILLING + 'Refund', {'id': 'R-1', 'payment': 'topup:T-1', 'amount': '250'})
    stripe.refund_in_the_dashboard('topup:T-1', 300)
    payment = wait_state(node, 'topup:T-1', 'CAPTURED', lambda p: p['refunded'] == '550')
    assert sorted(r['elsewhere'] for r in payment['refunds']) == [False, True]
    assert available(node, 'wallet:C-1') == 450
    check(node, stripe)


def test_a_refund_of_an_orders_payment_waits_for_people(order, stripe):
    """And what was not captured of the hold is no refund, though Stripe lists it as one."""
    assert order.bill('GetPayment', {'id': 'order:O-1'})['payment']['refunds'] == []
    stripe.refund_in_the_dashboard('order:O-1', 100)
    payment = wait_state(order, 'order:O-1', 'CAPTURED', lambda p: p['refunded'] == '100')
    assert len(payment['refunds']) == 1
    assert debt(order, 'refund:stripe') == 100
    assert 'refunded-elsewhere' in order.bill('GetOrder', {'id': 'O-1'})['order']['flags']
    check_books(order, stripe)
    verify(order)


# ---- what Verify says of it (I6)


@pytest.mark.parametrize('amount', [1, 366])
def test_money_that_left_the_providers_account_by_hand_is_named(order, stripe, amount):
    verify(order)
    order.bill('Post', {'transfers': [{'id': 'x', 'debit': 'writeoff', 'credit': 'psp:stripe:clearing', 'amount': str(amount),
                                       'currency': 'EUR', 'order': 'O-1'}]})
    said = order.bill('Verify')
    assert not said['sound']
    assert said['problems'] == ['payment order:O-1 leaves 366 with the provider, and the ledger %d in psp:stripe:clearing (I6)' % (366 - amount)]
