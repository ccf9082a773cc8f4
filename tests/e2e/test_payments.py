"""Payments: the cash desk."""
import pytest

from galvan import Refused, free_ports

BILLING = 'galvan.billing.v1.Billing/'


def config(ws, **billing):
    return {'node': {'name': 'pay'}, 'plugins': {
        'link': {'config': {'listen': [{'ws': ws, 'host': '127.0.0.1'}]}},
        'billing': {'config': dict({'customers': [{'id': 'C-1', 'name': 'Anna'}],
                                    'tokens': [{'id': 'CARD-1', 'ownPurse': True}, {'id': 'CARD-2', 'customer': 'C-1'}]}, **billing)}}}


@pytest.fixture
def node(run):
    ws, = free_ports(1)
    return run(config(ws, desks=['main', 'gate']))


def top_up(node, key, amount, **more):
    request = dict({'id': key, 'amount': str(amount), 'provider': 'desk', 'desk': 'main'}, **more)
    return node.call(BILLING + 'TopUp', request)['payment']


def refund(node, key, payment, amount):
    return node.call(BILLING + 'Refund', {'id': key, 'payment': payment, 'amount': str(amount)})['payment']


def account(node, name):
    return node.call(BILLING + 'GetAccount', {'id': name})['account']


def available(node, name):
    return int(account(node, name)['available'])


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
