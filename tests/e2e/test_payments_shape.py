"""Each request that galvan makes of Stripe, against Stripe's own description of its API: stripe-mock, which keeps no state."""
import http.client
import json
import os
import subprocess

import pytest

from fake_stripe import STEPS, Plan
from galvan import ROOT, Lines
from test_payments_holds import PAY, authorise, begin, wait
from test_payments_holds import node as holds  # a fixture

MOCK = os.environ.get('STRIPE_MOCK', os.path.join(ROOT, 'build', 'tools', 'stripe-mock'))
assert holds


@pytest.fixture
def mock():
    """Its port."""
    if not os.access(MOCK, os.X_OK):
        pytest.fail('%s is not there: run ./dev setup' % MOCK)
    process = subprocess.Popen([MOCK, '-http-addr', '127.0.0.1:0'], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    line = Lines(process.stdout).wait(lambda text: text.startswith('Listening for HTTP at address: '))
    assert line, 'stripe-mock did not start'
    yield int(line.rsplit(':', 1)[1])
    process.kill()
    process.wait()


def ask(port, method, path, headers, body):
    connection = http.client.HTTPConnection('127.0.0.1', port, timeout=30)
    headers = {name: value for name, value in headers.items() if name.lower() not in ('host', 'content-length')}
    headers['Authorization'] = 'Bearer sk_test_123'  # the only form it takes
    connection.request(method, path, body.encode() or None, headers)
    answer = connection.getresponse()
    found = answer.status, json.loads(answer.read())
    connection.close()
    return found


def test_stripe_mock_takes_every_request(holds, stripe, mock):
    stripe.plans['order:open'] = Plan()
    begin(holds, 'order:open')
    holds.call(PAY + 'Cancel', {'id': 'order:open'})
    wait(holds, 'order:open', 'FAILED')
    authorise(holds, stripe, 'order:held')
    holds.call(PAY + 'Capture', {'id': 'order:held', 'amount': 0})
    wait(holds, 'order:held', 'RELEASED')
    stripe.plans['order:paid'] = Plan({'capture': ['error_before'], 'refund': ['error_before']})
    authorise(holds, stripe, 'order:paid')
    holds.call(PAY + 'Capture', {'id': 'order:paid', 'amount': 2700})
    wait(holds, 'order:paid', 'CAPTURED')
    holds.call(PAY + 'Refund', {'id': 'order:paid', 'refund': 'R-1', 'amount': 700})
    wait(holds, 'order:paid', 'CAPTURED', lambda p: p['refunded'] == '700')
    stripe.dispute('order:paid', 2000)
    wait(holds, 'order:paid', 'CAPTURED', lambda p: p['disputes'])
    assert sorted(stripe.raw) == sorted(step for step, _, _ in STEPS), 'not every kind of request was made'
    answers = {}
    for step, request in stripe.raw.items():
        status, answers[step] = ask(mock, *request)
        assert status == 200, (step, request, answers[step])
    # What galvan reads of the answers is there.
    for step in ('begin', 'session', 'expire'):
        assert {'id', 'object', 'status', 'url', 'payment_intent', 'amount_total', 'currency', 'metadata'} <= set(answers[step])
    for step in ('intent', 'capture', 'cancel'):
        assert {'id', 'object', 'status', 'amount', 'amount_received', 'currency', 'metadata', 'last_payment_error', 'latest_charge',
                'cancellation_reason'} <= set(answers[step])
    assert {'amount', 'amount_captured', 'amount_refunded', 'disputed', 'payment_method_details'} <= set(answers['intent']['latest_charge'])
    assert {'data', 'has_more', 'object'} <= set(answers['refunds'])
    assert {'id', 'object', 'amount', 'status', 'metadata', 'balance_transaction'} <= set(answers['refund']) & set(answers['refunds']['data'][0])
    dispute = answers['disputes']['data'][0]
    assert {'id', 'object', 'amount', 'currency', 'status', 'reason', 'payment_intent', 'balance_transactions'} <= set(dispute)
    assert all('amount' in move for move in dispute['balance_transactions'])


def test_stripe_mock_refuses_what_is_wrong(mock):
    """It does look: so that it took the requests means something."""
    assert ask(mock, 'POST', '/v1/payment_intents/pi_1/capture', {}, 'amount_to_capture=ten')[0] == 400
    assert ask(mock, 'POST', '/v1/refunds', {}, 'payment_intents=pi_1')[0] == 400
