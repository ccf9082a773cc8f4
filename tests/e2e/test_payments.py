"""Payments: the cash desk, and Stripe as a fake plays it that loses answers, repeats events and keeps books."""
import http.client
import json
import os
import signal
import threading
import time

import pytest

from fake_stripe import FAULTS, Gate, Plan, sign
from galvan import Refused, free_ports, until
from payments import BILLING, account, available, check_books, config, pay_in, payment_of, refund, stripe_config, top_up, wait_state


@pytest.fixture
def node(run):
    ws, = free_ports(1)
    return run(config(ws, desks=['main', 'gate']))


def refused(code, words, call, *args, **more):
    with pytest.raises(Refused) as e:
        call(*args, **more)
    assert e.value.code == code, e.value.text
    for word in words.split():
        assert word in e.value.text


def test_money_at_the_desk_is_there_at_once(node):
    payment = top_up(node, 'T-1', 10000, customer='C-1')
    assert (payment['id'], payment['state'], payment['captured']) == ('topup:T-1', 'PAYMENT_STATE_CAPTURED', '10000')
    assert available(node, 'wallet:C-1') == 10000
    assert account(node, 'cash:main')['debitsPosted'] == '10000'
    top_up(node, 'T-2', 500, token='card-1', desk='gate')
    assert available(node, 'card:CARD-1') == 500
    assert account(node, 'cash:gate')['debitsPosted'] == '500'


def test_a_top_up_happens_once(node):
    for _ in range(3):
        top_up(node, 'T-1', 700, customer='C-1')
    node.restart()
    top_up(node, 'T-1', 700, customer='C-1')
    assert available(node, 'wallet:C-1') == 700
    for other in ({'amount': '701'}, {'customer': '', 'token': 'CARD-1'}, {'desk': 'gate'}):
        refused('already_exists', 'T-1', top_up, node, 'T-1', **dict({'amount': 700, 'customer': 'C-1'}, **other))
    assert available(node, 'wallet:C-1') == 700


def test_a_refund_takes_from_the_wallet_first(node):
    top_up(node, 'T-1', 1000, customer='C-1')
    payment = refund(node, 'R-1', 'topup:T-1', 300)
    assert payment['refunded'] == '300'
    assert [r['state'] for r in payment['refunds']] == ['REFUND_STATE_DONE']
    assert refund(node, 'R-1', 'topup:T-1', 300)['refunded'] == '300'
    assert available(node, 'wallet:C-1') == 700
    cash = account(node, 'cash:main')
    assert int(cash['debitsPosted']) - int(cash['creditsPosted']) == 700
    refused('failed_precondition', 'amount 700', refund, node, 'R-2', 'topup:T-1', 701)
    refused('failed_precondition', 'R-1', refund, node, 'R-1', 'topup:T-1', 301)
    refused('not_found', 'topup:T-9', refund, node, 'R-3', 'topup:T-9', 1)


def test_what_is_spent_cannot_be_refunded(node):
    top_up(node, 'T-1', 1000, customer='C-1')
    node.call(BILLING + 'Post', {'transfers': [{'id': 'spent', 'debit': 'wallet:C-1', 'credit': 'income:test', 'amount': '900',
                                                'currency': 'EUR'}]})
    refused('failed_precondition', 'wallet:C-1', refund, node, 'R-1', 'topup:T-1', 101)
    top_up(node, 'T-2', 1000, customer='C-1')
    refused('failed_precondition', 'new id', refund, node, 'R-1', 'topup:T-1', 101)
    assert refund(node, 'R-2', 'topup:T-1', 100)['refunded'] == '100'
    assert node.call(BILLING + 'GetPayment', {'id': 'topup:T-1'})['payment']['refunded'] == '100'


def test_what_is_wrong_is_said(node):
    wrong = [
        ('invalid_argument', 'amount', {'amount': 0}),
        ('invalid_argument', 'amount', {'amount': -5}),
        ('invalid_argument', 'amount', {'amount': 100000000000}),
        ('invalid_argument', 'amount', {'amount': 9223372036854775808}),
        ('invalid_argument', 'currency USD EUR', {'currency': 'USD'}),
        ('invalid_argument', 'provider bank desk', {'provider': 'bank'}),
        ('invalid_argument', 'desk roof main gate', {'desk': 'roof'}),
        ('invalid_argument', 'desk', {'desk': ''}),
        ('invalid_argument', 'customer token', {'customer': ''}),
        ('invalid_argument', 'customer token', {'token': 'CARD-1'}),
        ('not_found', 'customer C-9', {'customer': 'C-9'}),
        ('not_found', 'token CARD-9', {'customer': '', 'token': 'CARD-9'}),
        ('failed_precondition', 'token CARD-2 purse C-1', {'customer': '', 'token': 'CARD-2'}),
        ('invalid_argument', 'return_url', {'returnUrl': 'javascript:alert(1)'}),
        ('invalid_argument', 'id', {'key': 'a b'}),
    ]
    for code, words, what in wrong:
        refused(code, words, top_up, node, **dict({'key': 'T-1', 'amount': 100, 'customer': 'C-1'}, **what))
    assert node.call(BILLING + 'ListPayments', {})['payments'] == []


def test_payments_are_listed_newest_first(node):
    for i in range(5):
        top_up(node, 'T-%d' % i, 100 + i, **({'customer': 'C-1'} if i % 2 else {'token': 'CARD-1'}))
    first = node.call(BILLING + 'ListPayments', {'limit': 3})
    rest = node.call(BILLING + 'ListPayments', {'limit': 3, 'page': first['nextPage']})
    assert [p['amount'] for p in first['payments'] + rest['payments']] == ['104', '103', '102', '101', '100']
    assert [p['amount'] for p in node.call(BILLING + 'ListPayments', {'account': 'wallet:C-1'})['payments']] == ['103', '101']


def test_a_replaced_card_takes_its_money_along(node):
    top_up(node, 'T-1', 1000, token='CARD-1')
    node.call(BILLING + 'ReplaceToken', {'old': 'CARD-1', 'new': 'CARD-1B'})
    assert available(node, 'card:CARD-1B') == 1000
    refused('failed_precondition', 'CARD-1B', top_up, node, 'T-2', 100, token='CARD-1')
    assert refund(node, 'R-1', 'topup:T-1', 400)['refunded'] == '400'
    assert available(node, 'card:CARD-1B') == 600


# ---- Stripe


@pytest.fixture
def paid(run, stripe):
    """A node that takes money through the fake."""
    ws, = free_ports(1)
    stripe.hook = ('127.0.0.1', ws)
    return run(config(ws, **stripe_config(stripe)))


def test_a_person_pays_at_the_page_and_has_it(paid, stripe):
    payment = pay_in(paid, 'T-1', 2500)
    assert payment['state'] == 'PAYMENT_STATE_OPEN'
    assert payment['url'].startswith(stripe.url)
    session = stripe.session_of('topup:T-1')
    assert session['success_url'] == 'https://charge.example.com/done'
    assert stripe.pay('topup:T-1')
    payment = wait_state(paid, 'topup:T-1', 'CAPTURED')
    assert (payment['captured'], payment['credited'], payment['url'], payment['error']) == ('2500', 'wallet:C-1', '', '')
    assert available(paid, 'wallet:C-1') == 2500
    assert pay_in(paid, 'T-1', 2500)['state'] == 'PAYMENT_STATE_CAPTURED'
    check_books(paid, stripe)


def test_a_declined_card_may_be_followed_by_another(paid, stripe):
    pay_in(paid, 'T-1', 2500)
    stripe.pay('topup:T-1', 'declined')
    wait_state(paid, 'topup:T-1', 'OPEN', lambda p: 'declined' in p['error'])
    stripe.pay('topup:T-1')
    wait_state(paid, 'topup:T-1', 'CAPTURED')
    check_books(paid, stripe)


def test_a_page_that_nobody_pays_ends(paid, stripe):
    pay_in(paid, 'T-1', 2500)
    with stripe.lock:
        stripe.expire_session(stripe.session_of('topup:T-1'))
    assert 'not paid' in wait_state(paid, 'topup:T-1', 'FAILED')['error']
    assert pay_in(paid, 'T-1', 2500)['state'] == 'PAYMENT_STATE_FAILED'
    check_books(paid, stripe)


def test_money_goes_back_through_the_provider(paid, stripe):
    stripe.plans['topup:T-1'] = Plan(refunds='pending')
    pay_in(paid, 'T-1', 2500)
    stripe.pay('topup:T-1')
    wait_state(paid, 'topup:T-1', 'CAPTURED')
    refund(paid, 'R-1', 'topup:T-1', 1000)
    assert available(paid, 'wallet:C-1') == 1500
    until('the refund is under way', lambda: payment_of(paid, 'topup:T-1')['refunds'][0]['state'] == 'REFUND_STATE_PENDING')
    stripe.finish_refunds('topup:T-1', 'succeeded')
    until('the refund is done', lambda: payment_of(paid, 'topup:T-1')['refunds'][0]['state'] == 'REFUND_STATE_DONE')
    refused('failed_precondition', 'amount', refund, paid, 'R-2', 'topup:T-1', 1501)
    check_books(paid, stripe)


@pytest.mark.parametrize('how', ['refused', 'comes back'])
def test_a_refund_that_fails_is_booked_back_and_flagged(paid, stripe, how):
    stripe.plans['topup:T-1'] = Plan(refunds='refused' if how == 'refused' else 'succeeded')
    pay_in(paid, 'T-1', 2500)
    stripe.pay('topup:T-1')
    wait_state(paid, 'topup:T-1', 'CAPTURED')
    refund(paid, 'R-1', 'topup:T-1', 1000)
    if how == 'comes back':
        until('it is done', lambda: payment_of(paid, 'topup:T-1')['refunds'][0]['state'] == 'REFUND_STATE_DONE')
        stripe.finish_refunds('topup:T-1', 'failed')
    until('it is booked back', lambda: payment_of(paid, 'topup:T-1')['refunds'][0]['state'] == 'REFUND_STATE_FAILED')
    payment = payment_of(paid, 'topup:T-1')
    assert 'R-1' in payment['problem']
    assert payment['refunds'][0]['returnedTo'] == 'wallet:C-1'
    assert available(paid, 'wallet:C-1') == 2500
    check_books(paid, stripe)
    stripe.plans['topup:T-1'] = Plan()
    refund(paid, 'R-2', 'topup:T-1', 2500)
    until('the next one works', lambda: payment_of(paid, 'topup:T-1')['refunded'] == '2500')
    assert available(paid, 'wallet:C-1') == 0
    check_books(paid, stripe)


def test_what_stripe_refuses_is_said(paid, stripe):
    payment = pay_in(paid, 'T-1', 10)
    assert payment['state'] == 'PAYMENT_STATE_FAILED'
    assert 'at least 50' in payment['error']


def test_a_wrong_key_is_shown_and_waits(paid, stripe):
    stripe.plans['topup:T-1'] = Plan({'begin': ['setup']})
    payment = pay_in(paid, 'T-1', 2500)
    assert payment['state'] == 'PAYMENT_STATE_CREATED'
    assert 'secret_key' in payment['problem']
    paid.wait_log('a payment needs people')
    payment = wait_state(paid, 'topup:T-1', 'OPEN')
    assert payment['problem'] == ''


def test_money_that_cannot_be_booked_is_said_and_found(paid, stripe):
    """Somebody has used the transfer's id for something else."""
    paid.call(BILLING + 'Post', {'transfers': [{'id': 'topup:T-1', 'debit': 'cash:main', 'credit': 'income:test', 'amount': '5',
                                                'currency': 'EUR'}]})
    assert paid.call(BILLING + 'Verify')['sound']
    pay_in(paid, 'T-1', 2500)
    stripe.pay('topup:T-1')
    payment = wait_state(paid, 'topup:T-1', 'CAPTURED', lambda p: p['problem'])
    assert 'cannot be booked' in payment['problem'] and payment['credited'] == ''
    verdict = paid.call(BILLING + 'Verify')
    assert not verdict['sound'] and 'topup:T-1' in verdict['problems'][0]
    refused('failed_precondition', 'not booked', refund, paid, 'R-1', 'topup:T-1', 100)


# ---- events


def event(kind, thing, number=1):
    return json.dumps({'id': 'evt_test_%d' % number, 'object': 'event', 'type': kind, 'data': {'object': thing}}).encode()


def test_events_need_the_right_signature(paid, stripe):
    body = event('payment_intent.succeeded', {'id': 'pi_1', 'object': 'payment_intent', 'metadata': {}})
    good = sign(body)
    old, ahead = time.time() - 301, time.time() + 310
    for signature in ['', 't=1', 'v1=00', 'nonsense', sign(body, 'whsec_other'), sign(body, at_s=old), sign(body, at_s=ahead),
                      good.replace('v1=', 'v0='), good[:-1], good + 'ff', 't=x,' + good, good + ',' + good, 't=99999999999999999999,v1=00']:
        assert stripe.post(body, signature) == 400, signature
    assert stripe.post(body + b' ', good) == 400
    assert stripe.post(body, good) == 200
    assert stripe.post(body, sign(body, 'whsec_rolled', more=',' + sign(body).split(',')[1])) == 200
    assert stripe.post(body, sign(body, more=',v1=' + '0' * 64)) == 200
    for junk in (b'', b'[]', b'{}', b'{"id":5}', b'nonsense', b'{"id":"evt_2"}', b'{"id":"evt_3","data":[]}', b'{"id":"' + b'x' * 300 + b'"}'):
        assert stripe.post(junk, sign(junk)) in (200, 400), junk
    assert stripe.post(b'x' * 300000, sign(b'')) == 413
    assert stripe.post(body, good, '/pay/paypal') == 404
    assert stripe.post(body, good, '/pay/desk') == 404
    assert paid.instance('billing')['restarts'] == 0


def test_an_event_that_comes_again_does_nothing(paid, stripe):
    pay_in(paid, 'T-1', 2500)
    thing = stripe.shown(stripe.session_of('topup:T-1'))
    asked = stripe.count('session')
    body = event('checkout.session.completed', thing)
    assert stripe.post(body) == 200
    stripe.wait(lambda: stripe.count('session') == asked + 1)
    for _ in range(5):
        assert stripe.post(body) == 200
    paid.restart()
    assert stripe.post(body) == 200
    assert stripe.post(event('checkout.session.completed', thing, 2)) == 200
    stripe.wait(lambda: stripe.count('session') >= asked + 2)
    assert payment_of(paid, 'topup:T-1')['state'] == 'PAYMENT_STATE_OPEN'


def test_an_event_is_never_believed_about_money(paid, stripe):
    """Whatever it says, only what is retrieved counts."""
    pay_in(paid, 'T-1', 2500)
    thing = dict(stripe.shown(stripe.session_of('topup:T-1')), status='complete', payment_status='paid')
    asked = stripe.count('session')
    assert stripe.post(event('checkout.session.completed', thing)) == 200
    stripe.wait(lambda: stripe.count('session') > asked)
    assert available(paid, 'wallet:C-1') == 0
    other = dict(thing, metadata={'galvan_store': 'another', 'galvan_payment': 'topup:T-1'})
    assert stripe.post(event('checkout.session.completed', other, 2)) == 200
    assert stripe.post(event('invoice.paid', {'id': 'in_1', 'object': 'invoice'}, 3)) == 200


def test_without_stripe_in_the_config_there_is_none(node):
    connection = http.client.HTTPConnection('127.0.0.1', node.config['plugins']['link']['config']['listen'][0]['ws'], timeout=10)
    connection.request('POST', '/pay/stripe', b'{}')
    assert connection.getresponse().status == 404
    refused('invalid_argument', 'stripe config', pay_in, node, 'T-1', 100)


# ---- the crash table


def test_paid_and_no_event_came(paid, stripe):
    """Paid at the provider, the event lost: the payment is asked for until the money is there."""
    stripe.plans['topup:T-1'] = Plan(events='never')
    pay_in(paid, 'T-1', 2500)
    stripe.pay('topup:T-1')
    wait_state(paid, 'topup:T-1', 'CAPTURED')
    check_books(paid, stripe)


def test_events_doubled_and_out_of_order(paid, stripe):
    for key, events in (('T-1', 'twice'), ('T-2', 'late')):
        stripe.plans['topup:' + key] = Plan(events=events)
        pay_in(paid, key, 2500)
        stripe.pay('topup:' + key, 'declined')
        stripe.pay('topup:' + key)
    wait_state(paid, 'topup:T-1', 'CAPTURED')
    stripe.release_events()
    wait_state(paid, 'topup:T-2', 'CAPTURED')
    assert available(paid, 'wallet:C-1') == 5000
    check_books(paid, stripe)


def test_a_page_is_made_once_whatever_becomes_of_the_request(paid, stripe):
    """The person gets one, and every request for it had the same key unless that was used up."""
    for fault in FAULTS:
        stripe.plans['topup:' + fault] = Plan({'begin': [fault, fault]})
        pay_in(paid, fault, 2500)
    for fault in FAULTS:
        payment = wait_state(paid, 'topup:' + fault, 'OPEN')
        keys = [key for step, of, key, _ in stripe.requests if step == 'begin' and of == payment['id']]
        if fault in ('error_kept', 'error_after'):
            assert len(set(keys)) == 2 and keys[0] == keys[1]
        else:
            assert len(set(keys)) == 1
        assert stripe.pay(payment['id'], session=stripe.objects[payment['url'].rsplit('/', 1)[1]])
    for fault in FAULTS:
        wait_state(paid, 'topup:' + fault, 'CAPTURED')
    check_books(paid, stripe)


def test_a_refund_is_sent_once_whatever_becomes_of_the_request(paid, stripe):
    for fault in FAULTS:
        stripe.plans['topup:' + fault] = Plan({'refund': [fault, fault]})
        pay_in(paid, fault, 2500)
        stripe.pay('topup:' + fault)
        wait_state(paid, 'topup:' + fault, 'CAPTURED')
        refund(paid, 'R-' + fault, 'topup:' + fault, 700)
    for fault in FAULTS:
        wait_state(paid, 'topup:' + fault, 'CAPTURED', lambda p: p['refunded'] == '700')
        assert stripe.moves['topup:' + fault, 'refund:R-' + fault] == 1
    check_books(paid, stripe)


def try_to_pay_in(node, key):
    try:
        pay_in(node, key, 2500)
    except (Refused, ValueError):
        pass  # the node was killed under it


@pytest.mark.parametrize('victim', ['node', 'billing', 'link'])
def test_kill_9_while_the_provider_is_being_asked(paid, stripe, victim):
    """The request is under way when the process dies; its answer comes to nobody, and everything happens once all the same."""
    def kill():
        if victim == 'node':
            paid.restart()
            return
        restarts = paid.instance(victim)['restarts']
        os.kill(int(paid.instance(victim)['pid']), signal.SIGKILL)
        until('it is back', lambda: paid.instance(victim)['restarts'] > restarts and paid.instance(victim)['state'] == 'running')

    def held(step, action):
        """Runs the action, kills while `step` waits at the provider, lets it go on."""
        gate = stripe.gates[step] = Gate()
        action()
        gate.reached.wait(30)
        kill()
        stripe.gates.pop(step)
        gate.set()

    held('begin', lambda: threading.Thread(target=try_to_pay_in, args=(paid, 'T-1'), daemon=True).start())
    wait_state(paid, 'topup:T-1', 'OPEN')
    held('session', lambda: stripe.pay('topup:T-1'))
    wait_state(paid, 'topup:T-1', 'CAPTURED')
    held('refund', lambda: refund(paid, 'R-1', 'topup:T-1', 900))
    until('the refund is done', lambda: payment_of(paid, 'topup:T-1')['refunded'] == '900')
    assert available(paid, 'wallet:C-1') == 1600
    check_books(paid, stripe)
