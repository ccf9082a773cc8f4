"""What the tests of payments share: a node with billing, top-ups, and the provider's books against ours."""
from fake_stripe import KEY, SECRET
from galvan import Refused, until

BILLING = 'galvan.billing.v1.Billing/'
CLEARING = 'psp:stripe:clearing'


def stripe_config(stripe):
    return {'stripe': {'secretKey': KEY, 'webhookSecret': SECRET, 'api': stripe.url}, 'publicUrl': 'https://charge.example.com/done'}


def config(ws, **billing):
    return {'node': {'name': 'pay'}, 'plugins': {
        'link': {'config': {'listen': [{'ws': ws, 'host': '127.0.0.1'}]}},
        'billing': {'config': dict({'customers': [{'id': 'C-1', 'name': 'Anna'}],
                                    'tokens': [{'id': 'CARD-1', 'ownPurse': True}, {'id': 'CARD-2', 'customer': 'C-1'}]}, **billing)}}}


def top_up(node, key, amount, **more):
    request = dict({'id': key, 'amount': str(amount), 'provider': 'desk', 'desk': 'main'}, **more)
    return node.call(BILLING + 'TopUp', request)['payment']


def pay_in(node, key, amount, **more):
    return top_up(node, key, amount, **dict({'customer': 'C-1', 'provider': 'stripe', 'desk': ''}, **more))


def refund(node, key, payment, amount):
    return node.call(BILLING + 'Refund', {'id': key, 'payment': payment, 'amount': str(amount)})['payment']


def account(node, name):
    try:
        return node.call(BILLING + 'GetAccount', {'id': name})['account']
    except Refused as e:
        assert e.code == 'not_found'
        return {'available': '0', 'debitsPosted': '0', 'creditsPosted': '0'}


def available(node, name):
    return int(account(node, name)['available'])


def payment_of(node, payment):
    return node.call(BILLING + 'GetPayment', {'id': payment})['payment']


def wait_state(node, payment, state, what=lambda p: True):
    return until('%s is %s' % (payment, state),
                 lambda: (lambda p: p if p['state'] == 'PAYMENT_STATE_' + state and what(p) else None)(payment_of(node, payment)))


def all_payments(node):
    """By id."""
    found = {}
    page = ''
    while True:
        reply = node.call(BILLING + 'ListPayments', {'limit': 1000, 'page': page})
        found.update({p['id']: p for p in reply['payments']})
        page = reply['nextPage']
        if not page:
            return found


def sums(payments):
    """What was captured and refunded, of those of which anything was."""
    return {p['id']: (int(p['captured']), int(p['refunded'])) for p in payments.values() if p['provider'] == 'stripe' and int(p['captured'])}


def check_books(node, stripe):
    """What the provider has is what our payments and our ledger say it has; nothing was taken or sent back twice."""
    books = stripe.books()
    clearing = account(node, CLEARING)
    assert sums(all_payments(node)) == {i: both for i, both in books.items() if both[0]}
    net = sum(captured - back for captured, back in books.values()) - stripe.taken_by_disputes()
    assert int(clearing['debitsPosted']) - int(clearing['creditsPosted']) == net
    assert {move: n for move, n in stripe.moves.items() if n > 1} == {}
