"""Hundreds of payments at once, each with faults of its own, while processes are killed: in the end the provider's books are ours.

GALVAN_SEED repeats a run's plans.
"""
import json
import os
import random
import signal
import threading

from fake_stripe import FAULTS, STEPS, Plan
from galvan import free_ports, until
from payments import BILLING, CLEARING, account, all_payments, config, stripe_config, sums
from test_payments_holds import PAY
from test_payments_holds import node as holds  # a fixture

PAYMENTS = 240
ROUNDS = 6
assert holds


def seeded():
    seed = int(os.environ.get('GALVAN_SEED') or random.SystemRandom().randrange(1 << 32))
    print('GALVAN_SEED=%d' % seed)
    return random.Random(seed)


def random_plan(rng):
    steps = [step for step, _, _ in STEPS]
    faults = {}
    for _ in range(rng.choice((0, 1, 1, 2, 3, 4))):
        faults.setdefault(rng.choice(steps), []).append(rng.choice(sorted(FAULTS)))
    return Plan(faults, rng.choice(('once', 'once', 'twice', 'never', 'late')), rng.choice(('succeeded', 'succeeded', 'pending')))


def call_all(node, method, requests):
    """Many in one go. A process that is killed meanwhile takes some of the answers with it: so all may be asked again."""
    done = node.cli('call', method, '-', stdin=''.join(json.dumps(r) + '\n' for r in requests), limit_s=300)
    return [json.loads(line) for line in done.stdout.splitlines()]


def ask_all(node, method, requests, may_refuse=False):
    """Each until it is answered."""
    while requests:
        answers = call_all(node, method, requests)
        requests = [q for q, a in zip(requests, answers + [None] * len(requests))
                    if a is None or ('error' in a and not (may_refuse and a['error']['code'] == 'failed_precondition'))]


def victims(rng, plugin):
    """Whom to kill in each round: none so often that it would be quarantined."""
    return rng.sample((plugin, plugin, plugin, 'link', 'node', 'node'), ROUNDS)


def kill(node, victim):
    """kill -9 of one process or of all."""
    if victim == 'node':
        node.restart()
        return
    before = node.instance(victim)
    os.kill(int(before['pid']), signal.SIGKILL)
    until('%s is back' % victim, lambda: (lambda p: p['pid'] != before['pid'] and p['state'] == 'running')(node.instance(victim)))


def people(stripe, rng, names):
    """Pays what there is to pay, some of it late, some with a declined card first; some never."""
    for name in names:
        what = rng.random()
        if what < 0.15:
            stripe.pay(name, 'declined')
        if what < 0.85:
            stripe.pay(name)
        elif what < 0.9:
            session = stripe.session_of(name)
            with stripe.lock:
                if session and session['status'] == 'open':
                    stripe.expire_session(session)
        if rng.random() < 0.03:
            stripe.expire_hold(name)
        if rng.random() < 0.3:
            stripe.finish_refunds(name, rng.choice(('succeeded', 'succeeded', 'failed')))


def in_the_background(target, *args):
    thread = threading.Thread(target=target, args=args, daemon=True)
    thread.start()
    return thread


def end_faults(stripe):
    stripe.release_events()
    with stripe.lock:
        for plan in stripe.plans.values():
            plan.events = 'once'
            plan.refunds = 'succeeded' if plan.refunds == 'refused' else plan.refunds


def is_live(payment):
    return (payment['state'] in ('PAYMENT_STATE_CREATED', 'PAYMENT_STATE_OPEN', 'PAYMENT_STATE_AUTHORISED') or
            any(r['state'] in ('REFUND_STATE_WANTED', 'REFUND_STATE_PENDING') for r in payment['refunds']))


def wait_for_the_end(node, plugin, stripe, read, act=lambda name: None):
    """Until every payment has come to an end and the books are one; returns the payments."""
    last = {}

    def ended():
        last.update(read())
        for name in last:
            act(name)
            stripe.finish_refunds(name, 'succeeded')
        return not any(map(is_live, last.values())) and sums(last) == {i: both for i, both in stripe.books().items() if both[0]}
    try:
        until('the end', ended, 120)
    except TimeoutError:
        books = {i: both for i, both in stripe.books().items() if both[0]}
        rows = {row['key'][0]: row['value'] for row in node.rows(plugin, 'payments', '--limit', '1000')}
        for name, payment in last.items():
            if is_live(payment) or sums({name: payment}).get(name) != books.get(name):
                print(name, books.get(name), json.dumps(rows[name]))
                print([r for r in stripe.requests if r[1] == name][-8:])
        raise
    return last


def test_holds_and_charges(holds, stripe):
    rng = seeded()
    names = ['order:%d' % i for i in range(PAYMENTS)]
    wanted = {}
    requests = []
    for name in names:
        stripe.plans[name] = random_plan(rng)
        hold = rng.random() < 0.7
        wanted[name] = rng.choice((-1, 0, 10, rng.randrange(50, 5000), 5000)) if hold else -1
        requests.append({'id': name, 'amount': 5000, 'hold': hold, 'provider': 'stripe', 'thenCapture': wanted[name]})
    ask_all(holds, PAY + 'Begin', requests)
    for round_number, victim in enumerate(victims(rng, 'paytest')):
        busy = in_the_background(people, stripe, random.Random(rng.random()), rng.sample(names, len(names) // 2))
        kill(holds, victim)
        some = rng.sample(names, len(names) // 8)
        ask_all(holds, PAY + 'Capture', [{'id': name, 'amount': wanted[name]} for name in some if wanted[name] >= 0], True)
        ask_all(holds, PAY + 'Refund', [{'id': name, 'refund': 'R-%s-%d' % (name, round_number), 'amount': rng.randrange(1, 400)}
                                        for name in some], True)
        ask_all(holds, PAY + 'Cancel', [{'id': name} for name in some[:4]], True)
        busy.join()
    end_faults(stripe)
    # Everything that is not captured on purpose is given up: so each payment comes to an end.
    ask_all(holds, PAY + 'Cancel', [{'id': name} for name in names], True)
    payments = wait_for_the_end(holds, 'paytest', stripe, lambda: {p['id']: p for p in holds.call(PAY + 'List')['payments']})
    assert {move: n for move, n in stripe.moves.items() if n > 1} == {}
    for name, payment in payments.items():
        captured = int(payment['captured'])
        assert captured in (0, 5000, wanted[name]), payment
        if wanted[name] >= 50 and captured:
            assert captured == wanted[name], payment


def test_top_ups(run, stripe):
    ws, = free_ports(1)
    stripe.hook = ('127.0.0.1', ws)
    rng = seeded()
    node = run(config(ws, customers=[{'id': 'C-%d' % i, 'name': 'N'} for i in range(10)], **stripe_config(stripe)))
    names = ['topup:%d' % i for i in range(PAYMENTS)]
    for name in names:
        stripe.plans[name] = random_plan(rng)
        if rng.random() < 0.1:
            stripe.plans[name].refunds = 'refused'
    requests = [{'id': name[6:], 'customer': 'C-%d' % (i % 10), 'amount': 1000 + i, 'provider': 'stripe'} for i, name in enumerate(names)]
    ask_all(node, BILLING + 'TopUp', requests)
    for round_number, victim in enumerate(victims(rng, 'billing')):
        busy = in_the_background(people, stripe, random.Random(rng.random()), rng.sample(names, len(names) // 2))
        kill(node, victim)
        ask_all(node, BILLING + 'Refund', [{'id': 'R-%s-%d' % (name[6:], round_number), 'payment': name, 'amount': rng.randrange(1, 900)}
                                           for name in rng.sample(names, len(names) // 6)], True)
        ask_all(node, BILLING + 'TopUp', rng.sample(requests, len(requests) // 8))
        busy.join()
    end_faults(stripe)

    payments = wait_for_the_end(node, 'billing', stripe, lambda: all_payments(node), stripe.pay)
    assert {move: n for move, n in stripe.moves.items() if n > 1} == {}
    check_ledger(node, payments)


def check_ledger(node, payments):
    """The ledger has what the payments have, in each account."""
    net = sum(captured - back for captured, back in sums(payments).values())
    clearing = account(node, CLEARING)
    assert int(clearing['debitsPosted']) - int(clearing['creditsPosted']) == net
    for i in range(10):
        mine = [p for p in payments.values() if p['account'] == 'wallet:C-%d' % i]
        assert int(account(node, 'wallet:C-%d' % i)['available']) == sum(int(p['captured']) - int(p['refunded']) for p in mine)
        assert all(p['credited'] == p['account'] for p in mine if int(p['captured']))
    assert node.call(BILLING + 'Verify')['sound']
