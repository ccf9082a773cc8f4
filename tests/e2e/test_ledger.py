"""The ledger of a running node: what was answered is booked once, whatever is killed; what was changed on the disk is found."""
import json
import os
import random
import signal
import subprocess
import time

import pytest

from galvan import GALVAN, Refused, base_config, free_ports, until

BILLING = 'galvan.billing.v1.Billing/'


def start(run):
    ws, = free_ports(1)
    return run(base_config(ws, billing={}))


@pytest.fixture
def node(run):
    return start(run)


def transfer(id, debit, credit, amount, **more):
    return dict({'id': id, 'debit': debit, 'credit': credit, 'amount': amount, 'currency': 'EUR'}, **more)


def post(node, *transfers):
    return node.call(BILLING + 'Post', {'transfers': list(transfers)})


def account(node, id):
    a = node.call(BILLING + 'GetAccount', {'id': id})['account']
    return {k: int(a[k]) for k in ('debitsPending', 'debitsPosted', 'creditsPending', 'creditsPosted', 'available')}


def pages(node, request):
    """All entries, page by page."""
    found = []
    while True:
        reply = node.call(BILLING + 'ListEntries', request)
        found += reply['entries']
        if not reply['nextPage']:
            return found
        request = dict(request, page=reply['nextPage'])


def verify(node):
    return node.call(BILLING + 'Verify', {}, timeout=120)


def check_sound(node):
    found = verify(node)
    assert found['sound'], found['problems']
    return int(found['entries'])


def test_a_hold_its_settlement_and_what_is_listed(node):
    post(node, transfer('topup:1', 'psp:fake:clearing', 'wallet:C-1', 10000, reason='topup'))
    post(node, transfer('hold:1', 'wallet:C-1', 'income:suspense', 5000, kind='TRANSFER_KIND_PENDING', order='O-1', reason='hold'))
    assert account(node, 'wallet:C-1')['available'] == 5000
    settle = [{'id': 'settle:1', 'kind': 'TRANSFER_KIND_POST_PENDING', 'pending': 'hold:1', 'amount': 2700},
              transfer('income:1', 'income:suspense', 'income:energy:S', 2250, order='O-1'),
              transfer('vat:1', 'income:suspense', 'vat:20', 450, order='O-1', reason='vat')]
    assert post(node, *settle) == {'firstSeq': '3', 'existing': 0}
    assert post(node, *settle) == {'firstSeq': '0', 'existing': 3}
    assert account(node, 'wallet:C-1') == {'debitsPending': 0, 'debitsPosted': 2700, 'creditsPending': 0, 'creditsPosted': 10000,
                                           'available': 7300}
    assert [e['transfer']['id'] for e in pages(node, {'order': 'O-1', 'limit': 1})] == ['vat:1', 'income:1', 'settle:1', 'hold:1']
    assert [e['transfer']['id'] for e in pages(node, {'account': 'wallet:C-1', 'limit': 2})] == ['settle:1', 'hold:1', 'topup:1']
    assert [e['seq'] for e in pages(node, {'limit': 2})] == ['5', '4', '3', '2', '1']
    assert pages(node, {'account': 'wallet:nobody'}) == []
    accounts = node.call(BILLING + 'ListAccounts', {'prefix': 'income:'})['accounts']
    assert [a['id'] for a in accounts] == ['income:energy:S', 'income:suspense']
    assert check_sound(node) == 5


def test_each_currency_is_listed_in_one_order(node):
    for n in range(6):
        post(node, dict(transfer('t-%d' % n, 'bank', 'wallet:C-1', 1), currency=('EUR', 'USD', 'HUF')[n % 3]))
    assert [e['transfer']['id'] for e in pages(node, {'account': 'wallet:C-1', 'limit': 2})] == ['t-%d' % n for n in range(5, -1, -1)]


@pytest.mark.parametrize('wrong, code, word', [
    ({'amount': -1}, 'invalid_argument', 'amount'),
    ({'amount': '9223372036854775808'}, 'invalid_argument', 'amount'),
    ({'currency': 'EUX'}, 'invalid_argument', 'EUX'),
    ({'credit': 'bank'}, 'invalid_argument', 'same account'),
    ({'id': ''}, 'invalid_argument', 'id'),
    ({'id': 'x' * 121}, 'invalid_argument', 'id'),
    ({'debit': 'wallet:C-2', 'amount': 1}, 'failed_precondition', 'wallet:C-2'),
    ({'id': 'first'}, 'already_exists', 'first'),
])
def test_a_wrong_transfer_is_refused_with_its_whole_chain(node, wrong, code, word):
    post(node, transfer('first', 'bank', 'wallet:C-1', 100))
    good = transfer('good', 'bank', 'wallet:C-1', 5)
    with pytest.raises(Refused) as refused:
        post(node, good, dict(transfer('wrong', 'bank', 'wallet:C-1', 7), **wrong))
    assert refused.value.code == code
    assert word in refused.value.text
    assert account(node, 'wallet:C-1')['creditsPosted'] == 100
    assert check_sound(node) == 1


def test_a_chain_of_8190_is_booked_and_one_more_is_not(node):
    chain = [transfer('t-%d' % n, 'bank', 'wallet:C-%d' % (n % 100), 1) for n in range(8191)]
    with pytest.raises(Refused) as refused:
        post_large(node, chain)
    assert refused.value.code == 'invalid_argument'
    assert '8190' in refused.value.text
    post_large(node, chain[:8190])
    assert check_sound(node) == 8190


def post_large(node, chain):
    """Through stdin, as an argument would be too long."""
    done = node.cli('call', BILLING + 'Post', '-', stdin=json.dumps({'transfers': chain}) + '\n')
    error = json.loads(done.stdout).get('error')
    if error:
        raise Refused(done.returncode, '%s: %s' % (error['code'], error['message']))


def test_a_hold_expires_while_the_node_is_down(node):
    post(node, transfer('topup', 'bank', 'wallet:C-1', 100))
    post(node, transfer('hold', 'wallet:C-1', 'suspense', 60, kind='TRANSFER_KIND_PENDING', expiresAtMs=int(time.time() * 1000) + 1500))
    assert account(node, 'wallet:C-1')['available'] == 40
    node.restart()
    until('the hold has expired', lambda: account(node, 'wallet:C-1')['available'] == 100)
    assert pages(node, {'account': 'wallet:C-1'})[0]['expiry']
    check_sound(node)


# ---- what kills

WALLETS = 20


def random_chain(n):
    """Chain n: a top-up, or a hold with what becomes of it, or a move between wallets. It may be refused for a balance."""
    rng = random.Random(n)
    a, b = rng.sample(range(WALLETS), 2)
    amount = rng.randrange(1, 500)
    kind = rng.randrange(4)
    if kind == 0:
        return [transfer('c-%d' % n, 'bank', 'wallet:%d' % a, 1000)]
    if kind == 1:
        return [transfer('c-%d-%d' % (n, i), 'wallet:%d' % a, 'wallet:%d' % b, amount) for i in range(3)]
    hold = transfer('c-%d-hold' % n, 'wallet:%d' % a, 'suspense', amount, kind='TRANSFER_KIND_PENDING', order='O-%d' % n)
    if kind == 2:
        return [hold]
    return [hold, {'id': 'c-%d-post' % n, 'kind': 'TRANSFER_KIND_POST_PENDING', 'pending': hold['id'], 'amount': amount // 2},
            transfer('c-%d-vat' % n, 'suspense', 'vat:20', amount // 4, order='O-%d' % n)]


class Poster:
    """`galvan call Post -` in the background: chains of some range, one a line; answers are one JSON a line, in order."""

    def __init__(self, node, numbers):
        self.numbers = numbers
        self.process = subprocess.Popen([GALVAN, 'call', '--data', node.data, BILLING + 'Post', '-'], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.process.stdin.write(''.join(json.dumps({'transfers': random_chain(n)}) + '\n' for n in numbers))
        self.process.stdin.close()

    def first_answers(self, count):
        return [json.loads(line) for _, line in zip(range(count), self.process.stdout)]

    def rest(self):
        lines = [json.loads(line) for line in self.process.stdout]
        self.process.wait()
        return lines


def booked_ids(node):
    found, page = {}, ''
    while True:
        reply = node.call(BILLING + 'ListEntries', {'limit': 1000, 'page': page})
        for e in reply['entries']:
            assert e['transfer']['id'] not in found, 'booked twice'
            found[e['transfer']['id']] = e
        page = reply['nextPage']
        if not page:
            return found


# A plugin that dies again and again within a minute is set aside; a node may be killed as often as one likes.
@pytest.mark.parametrize('whole_node, rounds', [(False, 3), (True, 50)], ids=['billing', 'node'])
def test_kill_9_while_chains_are_booked(node, whole_node, rounds):
    """Each range of chains is sent, killed in the middle, and sent again until it is answered: all of it is there once, or none."""
    rng = random.Random(whole_node)
    size = 60
    for round_ in range(rounds):
        numbers = range(round_ * size, (round_ + 1) * size)
        poster = Poster(node, numbers)
        answered = poster.first_answers(rng.randrange(1, size))
        if whole_node:
            node.restart()
        else:
            before = node.instance('billing')['restarts']
            os.kill(int(node.instance('billing')['pid']), signal.SIGKILL)
            until('billing is back', lambda: node.instance('billing')['restarts'] > before and node.instance('billing')['state'] == 'running')
        poster.rest()
        again = Poster(node, numbers)
        answers = again.rest()
        assert len(answers) == size
        for first, second in zip(answered, answers):
            assert ('firstSeq' in first) == ('firstSeq' in second), 'a retry never flips'
            if 'firstSeq' in first:
                assert second['firstSeq'] == '0', 'what was answered was booked: %r, %r' % (first, second)
    booked = booked_ids(node)
    for n in range(rounds * size):
        there = [t['id'] in booked for t in random_chain(n)]
        assert all(there) or not any(there), 'chain %d is there in part' % n
    assert check_sound(node) == len(booked)
    assert node.call('galvan.kernel.v1.Plugin/ListParked', {'plugin': 'billing'})['parked'] == []


# ---- what is changed on the disk

def tamper(node, before, after):
    """Writes over bytes of the stopped node's store, in all of its pages."""
    store = os.path.join(node.data, 'stores', 'billing.0') if os.path.isdir(os.path.join(node.data, 'stores')) else node.data
    changed = 0
    for folder, _, files in os.walk(store):
        for name in files:
            if name != 'data.mdb' or 'billing' not in folder:
                continue
            path = os.path.join(folder, name)
            with open(path, 'rb') as f:
                data = f.read()
            if before in data:
                changed += data.count(before)
                with open(path, 'r+b') as f:
                    f.write(data.replace(before, after))
    assert changed, 'the bytes are not in the store'


def test_a_line_that_was_changed_on_the_disk_is_named(node):
    for n in range(1, 51):
        post(node, transfer('t-%d' % n, 'bank', 'wallet:C-%d' % (n % 7), 100 + n, reason='reason-%02d' % n))
    assert check_sound(node) == 50
    assert node.stop() == 0
    tamper(node, b'reason-33', b'reason-34')
    node.start()
    found = verify(node)
    assert not found['sound']
    assert len(found['problems']) == 1
    assert found['problems'][0].startswith('line 33 (t-33): its hash')


def test_a_line_that_cannot_be_read_any_more_is_named(node):
    for n in range(1, 11):
        post(node, transfer('t-%d' % n, 'bank', 'wallet:A-%d' % n, 100, reason='reason-%02d' % n))
    assert node.stop() == 0
    tamper(node, b'\x09reason-04', b'\x79reason-04')  # its length
    node.start()
    found = verify(node)
    assert not found['sound']
    assert 'line 4: its row cannot be read' in found['problems']
    assert not any(p.startswith(('line 3', 'line 5')) and 'hash' in p for p in found['problems'])


def test_money_moved_to_another_wallet_on_the_disk_is_found_in_the_log_and_in_the_accounts(node):
    for n in range(1, 11):
        post(node, transfer('t-%d' % n, 'bank', 'wallet:A-%d' % n, 100))
    assert node.stop() == 0
    tamper(node, b'wallet:A-7', b'wallet:A-8')
    node.start()
    found = verify(node)
    assert not found['sound']
    assert any(p.startswith('line 7 (t-7): its hash') for p in found['problems'])
    assert any('wallet:A-8' in p and 'I9' in p for p in found['problems'])
