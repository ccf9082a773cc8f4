"""A payment provider that behaves like Stripe where galvan looks at it, keeps books, and misbehaves on demand.

It has idempotency keys (parameters compared, answers replayed, 500s too), hosted pages, manual and partial capture, cancellation, refunds
that take their time or fail, and signed events that it repeats until they are taken. What goes wrong is said by a plan per payment.
"""
import collections
import hashlib
import hmac
import http.client
import http.server
import json
import queue
import random
import re
import socket
import threading
import time
import urllib.parse

KEY = 'sk_test_galvan'
SECRET = 'whsec_galvan'
VERSION = '2024-04-10'
STEPS = [
    ('begin', 'POST', r'/v1/checkout/sessions'),
    ('session', 'GET', r'/v1/checkout/sessions/([^/]+)'),
    ('expire', 'POST', r'/v1/checkout/sessions/([^/]+)/expire'),
    ('intent', 'GET', r'/v1/payment_intents/([^/]+)'),
    ('capture', 'POST', r'/v1/payment_intents/([^/]+)/capture'),
    ('cancel', 'POST', r'/v1/payment_intents/([^/]+)/cancel'),
    ('refund', 'POST', r'/v1/refunds'),
    ('refunds', 'GET', r'/v1/refunds'),
    ('disputes', 'GET', r'/v1/disputes'),
]
# What may happen to a request: (does it act, is its answer kept under the key, what is answered)
FAULTS = {
    'lost_before': (False, False, None),       # the connection breaks, nothing was done
    'lost_after': (True, True, None),          # it was done, the answer is lost
    'error_before': (False, False, 500),       # a 500 that no key remembers
    'error_kept': (False, True, 500),          # a 500 for ever under this key, nothing was done
    'error_after': (True, True, 500),          # a 500 for ever under this key, and it was done
    'busy': (False, False, 429),
    'conflict': (False, False, 409),
    'garbage': (True, True, 200),              # done, and the answer is no JSON
    'setup': (False, False, 401),
}


class Wrong(Exception):
    def __init__(self, status, code, message, kind='invalid_request_error'):
        super().__init__(message)
        self.status = status
        self.body = {'error': {'type': kind, 'code': code, 'message': message}}


class Gate:
    """Requests wait behind it."""

    def __init__(self):
        self.reached = threading.Event()
        self._open = threading.Event()

    def set(self):
        self._open.set()

    def wait(self):
        self.reached.set()
        self._open.wait(60)


class Plan:
    """faults: {step: [fault, ...]}, used up one by one. events: what happens to each event: 'once', 'twice', 'never', 'late'."""

    def __init__(self, faults=None, events='once', refunds='succeeded'):
        self.faults = {step: list(kinds) for step, kinds in (faults or {}).items()}
        self.events = events
        self.refunds = refunds


def parse_form(text):
    """a[b][c]=d as nested dicts; a[]=b as lists."""
    result = {}
    for name, value in urllib.parse.parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text)):
        parts = re.findall(r'[^\[\]]+|\[\]', name)
        at = result
        for part, after in zip(parts, parts[1:] + [None]):
            if after is None:
                at[part] = value
            elif after == '[]':
                at.setdefault(part, []).append(value)
                break
            else:
                at = at.setdefault(part, {})
    return result


class FakeStripe:
    def __init__(self, hook=None, seed=1):
        self.hook = hook                 # (host, port) of the node
        self.lock = threading.RLock()
        self.random = random.Random(seed)
        self.objects = {}                # by id
        self.keys = {}                   # key -> [request, answer or None while it runs]
        self.plans = {}                  # by payment
        self.default = Plan()
        self.requests = []               # (step, payment, key, fault)
        self.raw = {}                    # by step, as it came last: (method, path and query, headers, body)
        self.wrong = []                  # what Stripe would never see from a good client
        self.number = 0
        self.moves = collections.Counter()  # (payment, 'captured' or 'refunded:ID') -> how often
        self.gates = {}                  # by step
        self.seen = threading.Condition(self.lock)
        self.events = queue.Queue()
        self.undelivered = 0
        self.held_back = []
        self.sent = []                   # every event, as it was
        self.closed = False
        handler = type('Handler', (Handler,), {'fake': self})
        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # clients are killed all the time
        self.url = 'http://127.0.0.1:%d' % self.server.server_address[1]
        for target in [self.server.serve_forever] + [self.deliver] * 4:
            threading.Thread(target=target, daemon=True).start()

    def close(self):
        self.closed = True
        self.server.shutdown()
        self.server.server_close()

    # ---- objects

    def make(self, kind, prefix, **fields):
        self.number += 1
        thing = dict({'id': '%s_%06d' % (prefix, self.number), 'object': kind, 'created': int(time.time())}, **fields)
        self.objects[thing['id']] = thing
        return thing

    def find(self, kind, thing_id):
        thing = self.objects.get(thing_id)
        if not thing or thing['object'] != kind:
            raise Wrong(404, 'resource_missing', 'No such %s: %s' % (kind, thing_id))
        return thing

    def of(self, payment, kind):
        return [o for o in self.objects.values() if o['object'] == kind and o['metadata'].get('galvan_payment') == payment]

    def plan(self, payment):
        return self.plans.get(payment, self.default)

    # ---- what the API does

    def act(self, step, thing_id, form):
        return getattr(self, 'do_' + step)(thing_id, form)

    def do_begin(self, _, form):
        line = form['line_items']['0']
        amount = int(line['price_data']['unit_amount'])
        if amount < 50:
            raise Wrong(400, 'amount_too_small', 'The amount must be at least 50')
        session = self.make('checkout.session', 'cs', status='open', payment_status='unpaid', amount_total=amount,
                            currency=line['price_data']['currency'], payment_intent=None, mode=form['mode'], metadata=form['metadata'],
                            client_reference_id=form['client_reference_id'], success_url=form['success_url'])
        session['url'] = '%s/page/%s' % (self.url, session['id'])
        session['_data'] = form['payment_intent_data']
        return session

    def do_session(self, thing_id, _):
        return self.find('checkout.session', thing_id)

    def do_expire(self, thing_id, _):
        session = self.find('checkout.session', thing_id)
        if session['status'] != 'open':
            raise Wrong(400, 'resource_not_open', 'Only Checkout Sessions with a status in ["open"] can be expired')
        self.expire_session(session)
        return session

    def do_intent(self, thing_id, _):
        return self.find('payment_intent', thing_id)

    def do_capture(self, thing_id, form):
        intent = self.find('payment_intent', thing_id)
        amount = int(form['amount_to_capture'])
        if intent['status'] != 'requires_capture':
            raise Wrong(400, 'payment_intent_unexpected_state', 'This PaymentIntent is %s' % intent['status'])
        if amount < 50:
            raise Wrong(400, 'amount_too_small', 'The amount must be at least 50')
        if amount > intent['amount_capturable']:
            raise Wrong(400, 'amount_too_large', 'The amount exceeds what can be captured')
        self.take(intent, amount)
        return intent

    def do_cancel(self, thing_id, _):
        intent = self.find('payment_intent', thing_id)
        if intent['status'] in ('succeeded', 'canceled'):
            raise Wrong(400, 'payment_intent_unexpected_state', 'This PaymentIntent is %s' % intent['status'])
        self.void(intent, 'requested_by_customer')
        return intent

    def do_refund(self, _, form):
        intent = self.find('payment_intent', form['payment_intent'])
        payment = intent['metadata']['galvan_payment']
        charge = self.objects[intent['latest_charge']]
        amount = int(form['amount'])
        left = charge['amount_captured'] - self.refunded(intent)
        if any(self.taken(d) for d in self.disputes_of(intent)):
            raise Wrong(400, 'charge_disputed', 'The charge is disputed')
        if amount > left:
            raise Wrong(400, 'charge_already_refunded', 'Refund amount is greater than unrefunded amount on charge')
        state = self.plan(payment).refunds
        if state == 'refused':
            raise Wrong(400, 'charge_disputed', 'The charge is disputed')
        refund = self.make('refund', 're', amount=amount, currency=intent['currency'], metadata=form['metadata'], balance_transaction='txn_1',
                           payment_intent=intent['id'], charge=charge['id'], status='succeeded' if state == 'succeeded' else 'pending')
        charge['amount_refunded'] += amount
        self.moves[payment, 'refund:' + form['metadata']['galvan_refund']] += 1
        self.emit('charge.refunded', charge)
        return refund

    def do_refunds(self, _, form):
        data = [o for o in self.objects.values() if o['object'] == 'refund' and o['payment_intent'] == form['payment_intent']]
        return {'object': 'list', 'data': data[::-1][:int(form.get('limit', 10))], 'has_more': False}

    def do_disputes(self, _, form):
        data = self.disputes_of(self.find('payment_intent', form['payment_intent']))
        return {'object': 'list', 'data': data[::-1][:int(form.get('limit', 10))], 'has_more': False}

    # ---- what happens to money

    def refunded(self, intent):
        return sum(o['amount'] for o in self.objects.values() if o['object'] == 'refund' and o['payment_intent'] == intent['id'] and
                   o['status'] != 'failed' and o['balance_transaction'])

    def disputes_of(self, intent):
        return [o for o in self.objects.values() if o['object'] == 'dispute' and o['payment_intent'] == intent['id']]

    @staticmethod
    def taken(dispute):
        return -sum(move['amount'] for move in dispute['balance_transactions'])

    def taken_by_disputes(self):
        with self.lock:
            return sum(self.taken(o) for o in self.objects.values() if o['object'] == 'dispute')

    def take(self, intent, amount):
        charge = self.objects[intent['latest_charge']]
        intent.update(status='succeeded', amount_received=amount, amount_capturable=0)
        charge.update(captured=True, amount_captured=amount, amount_refunded=charge['amount'] - amount)
        if amount < charge['amount']:  # Stripe lists what was not captured as a refund, which moves nothing
            self.make('refund', 're', amount=charge['amount'] - amount, currency=intent['currency'], metadata={}, balance_transaction=None,
                      payment_intent=intent['id'], charge=charge['id'], status='succeeded')
        self.moves[intent['metadata']['galvan_payment'], 'capture'] += 1
        self.emit('charge.captured', charge)
        self.emit('payment_intent.succeeded', intent)

    def void(self, intent, reason):
        intent.update(status='canceled', cancellation_reason=reason, amount_capturable=0)
        self.emit('payment_intent.canceled', intent)

    def expire_session(self, session):
        session['status'] = 'expired'
        session['url'] = None
        intent = session['payment_intent'] and self.objects[session['payment_intent']]
        if intent and intent['status'] not in ('succeeded', 'canceled'):
            self.void(intent, 'abandoned')
        self.emit('checkout.session.expired', session)

    # ---- what people do

    def session_of(self, payment):
        """The page whose address was answered: no person has that of another."""
        with self.lock:
            return next((s for s in self.of(payment, 'checkout.session') if s.get('_answered')), None)

    def pay(self, payment, outcome='ok', session=None):
        """A person pays at the page; 'declined': the card is refused and the page stays open. False: the page is closed."""
        with self.lock:
            session = session or self.session_of(payment)
            if not session or session['status'] != 'open':
                return False
            intent = session['payment_intent'] and self.objects[session['payment_intent']]
            if not intent:
                data = session['_data']
                intent = self.make('payment_intent', 'pi', amount=session['amount_total'], currency=session['currency'], amount_received=0,
                                   amount_capturable=0, capture_method=data['capture_method'], metadata=data['metadata'],
                                   status='requires_payment_method', last_payment_error=None, latest_charge=None)
                session['payment_intent'] = intent['id']
            if outcome == 'declined':
                intent['last_payment_error'] = {'type': 'card_error', 'code': 'card_declined', 'message': 'Your card was declined.'}
                self.emit('payment_intent.payment_failed', intent)
                return True
            card = {'capture_before': int(time.time()) + 7 * 86400} if intent['capture_method'] == 'manual' else {}
            charge = self.make('charge', 'ch', amount=intent['amount'], amount_captured=0, amount_refunded=0, captured=False, disputed=False,
                               currency=intent['currency'], metadata=intent['metadata'], payment_intent=intent['id'],
                               payment_method_details={'type': 'card', 'card': card})
            intent.update(latest_charge=charge['id'], last_payment_error=None)
            session.update(status='complete', url=None)
            self.emit('charge.succeeded', charge)
            if intent['capture_method'] == 'manual':
                intent.update(status='requires_capture', amount_capturable=intent['amount'])
                self.emit('payment_intent.amount_capturable_updated', intent)
            else:
                self.take(intent, intent['amount'])
                session['payment_status'] = 'paid'
            self.emit('checkout.session.completed', session)
            return True

    def expire_hold(self, payment):
        with self.lock:
            for intent in self.of(payment, 'payment_intent'):
                if intent['status'] == 'requires_capture':
                    self.void(intent, 'automatic')

    def finish_refunds(self, payment, status):
        """Refunds under way arrive, or come back."""
        with self.lock:
            for refund in self.of(payment, 'refund'):
                if refund['status'] not in ('failed', status):
                    refund['status'] = status
                    if status == 'failed':
                        refund['failure_reason'] = 'expired_or_canceled_card'
                        self.objects[refund['charge']]['amount_refunded'] -= refund['amount']
                    self.emit('charge.refund.updated', refund)

    # ---- what banks do, and the operator in the dashboard

    def dispute(self, payment, amount, status='needs_response', reason='fraudulent'):
        with self.lock:
            intent, = self.of(payment, 'payment_intent')
            charge = self.objects[intent['latest_charge']]
            dispute = self.make('dispute', 'dp', amount=amount, currency=intent['currency'], charge=charge['id'], payment_intent=intent['id'],
                                status=status, reason=reason, metadata={}, balance_transactions=[])
            charge['disputed'] = True
            self.emit('charge.dispute.created', dispute)
            if not status.startswith('warning_'):
                self.move_dispute(dispute, -amount, 'charge.dispute.funds_withdrawn')
            return dispute['id']

    def move_dispute(self, dispute, amount, event):
        dispute['balance_transactions'] = dispute['balance_transactions'] + [{'object': 'balance_transaction', 'amount': amount, 'fee': 1500}]
        self.emit(event, dispute)

    def end_dispute(self, dispute_id, status):
        with self.lock:
            dispute = self.find('dispute', dispute_id)
            dispute['status'] = status
            self.emit('charge.dispute.closed', dispute)
            if status == 'won':
                self.move_dispute(dispute, dispute['amount'], 'charge.dispute.funds_reinstated')

    def refund_in_the_dashboard(self, payment, amount):
        with self.lock:
            intent, = self.of(payment, 'payment_intent')
            charge = self.objects[intent['latest_charge']]
            assert amount <= charge['amount_captured'] - self.refunded(intent)
            refund = self.make('refund', 're', amount=amount, currency=intent['currency'], metadata={}, balance_transaction='txn_1',
                               payment_intent=intent['id'], charge=charge['id'], status='succeeded')
            charge['amount_refunded'] += amount
            self.emit('charge.refunded', charge)
            return refund['id']

    def fail_refund(self, refund_id):
        with self.lock:
            refund = self.find('refund', refund_id)
            refund.update(status='failed', failure_reason='expired_or_canceled_card')
            self.objects[refund['charge']]['amount_refunded'] -= refund['amount']
            self.emit('charge.refund.updated', refund)

    def touch(self, payment):
        """An event that says nothing."""
        with self.lock:
            intent, = self.of(payment, 'payment_intent')
            self.emit('charge.updated', self.objects[intent['latest_charge']])

    def books(self):
        """payment -> (captured, refunded), by what really happened."""
        with self.lock:
            result = collections.defaultdict(lambda: [0, 0])
            for o in self.objects.values():
                if o['object'] == 'payment_intent':
                    result[o['metadata']['galvan_payment']][0] += o['amount_received']
                    result[o['metadata']['galvan_payment']][1] += self.refunded(o)
            return {payment: tuple(sums) for payment, sums in result.items()}

    def count(self, step, payment=None):
        with self.lock:
            return sum(1 for r in self.requests if r[0] == step and (payment is None or r[1] == payment))

    def wait(self, condition, limit_s=30):
        """Waits until condition() holds, which is looked at after each request and event."""
        with self.seen:
            if not self.seen.wait_for(condition, limit_s):
                raise TimeoutError('the fake has not seen it within %g s; its requests: %r' % (limit_s, self.requests[-10:]))

    # ---- events

    def shown(self, thing):
        return {k: v for k, v in thing.items() if not k.startswith('_')}

    def emit(self, kind, thing):
        if not self.hook:
            return
        self.number += 1
        event = {'id': 'evt_%06d' % self.number, 'object': 'event', 'type': kind, 'created': int(time.time()),
                 'api_version': VERSION, 'data': {'object': self.shown(thing)}}
        about = thing if thing['metadata'] else self.objects[thing['payment_intent']]
        how = self.plan(about['metadata'].get('galvan_payment')).events
        body = json.dumps(event).encode()
        self.sent.append(body)
        if how == 'never':
            return
        if how == 'late':
            self.held_back.append(body)
            return
        for _ in range(2 if how == 'twice' else 1):
            self.undelivered += 1
            self.events.put(body)

    def release_events(self):
        """Delivers what was held back, in another order than it happened."""
        with self.lock:
            self.random.shuffle(self.held_back)
            for body in self.held_back:
                self.undelivered += 1
                self.events.put(body)
            self.held_back = []

    def post(self, body, signature=None, path='/pay/stripe'):
        """The answer's status, or None where there was none."""
        connection = http.client.HTTPConnection(*self.hook, timeout=10)
        try:
            connection.request('POST', path, body, {'Content-Type': 'application/json',
                                                    'Stripe-Signature': sign(body) if signature is None else signature})
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def deliver(self):
        """Repeats until it is taken, each time with a new signature, as Stripe does; only sooner."""
        again = threading.Event()
        while not self.closed:
            body = self.events.get()
            status = self.post(body)
            if status is None or status >= 500:
                again.wait(0.05)
                self.events.put(body)
                continue
            with self.seen:
                if status != 200:
                    self.wrong.append('an event was answered with %r' % status)
                self.undelivered -= 1
                self.seen.notify_all()


def sign(body, secret=SECRET, at_s=None, more=''):
    at = '%d' % (time.time() if at_s is None else at_s)
    mac = hmac.new(secret.encode(), at.encode() + b'.' + body, hashlib.sha256).hexdigest()
    return 't=%s,v1=%s%s' % (at, mac, more)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    fake = None

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.serve('GET')

    def do_POST(self):
        self.serve('POST')

    def serve(self, method):
        body = self.rfile.read(int(self.headers.get('Content-Length') or 0)).decode()
        path, _, query = self.path.partition('?')
        step, thing_id = self.match(method, path)
        self.fake.raw[step] = (method, self.path, dict(self.headers), body)
        form = parse_form(body if method == 'POST' else query)
        gate = self.fake.gates.get(step)
        if gate:
            gate.wait()
        answer = self.handle_step(step, thing_id, form, body, self.headers.get('Idempotency-Key'))
        if answer is None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        status, data, headers = answer
        self.send_response(status)
        self.send_header('Content-Type', 'application/json')
        for name, value in headers:
            self.send_header(name, value)
        self.send_header('Content-Length', str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def match(self, method, path):
        for step, wanted, pattern in STEPS:
            found = re.fullmatch(pattern, path)
            if found and method == wanted:
                return step, found.group(1) if found.groups() else None
        return 'none', None

    def payment_of(self, step, thing_id, form):
        if step == 'begin':
            return form['client_reference_id']
        thing = self.fake.objects.get(thing_id or form.get('payment_intent'))
        return thing['metadata'].get('galvan_payment') if thing else None

    def handle_step(self, step, thing_id, form, body, key):
        fake = self.fake
        with fake.seen:
            payment = self.payment_of(step, thing_id, form)
            faults = fake.plan(payment).faults.get(step)
            fault = faults.pop(0) if faults else None
            fake.requests.append((step, payment, key, fault))
            answer = self.answer(step, thing_id, form, body, key, fault)
            if step == 'begin' and answer and answer[0] == 200 and answer[1].startswith(b'{'):
                session = fake.objects[json.loads(answer[1])['id']]
                if any(s.get('_answered') for s in fake.of(payment, 'checkout.session') if s is not session):
                    fake.wrong.append('%s was given two pages' % payment)
                session['_answered'] = True
            fake.seen.notify_all()
            return answer

    def problem(self, step, key):
        if self.headers.get('Authorization') != 'Bearer ' + KEY:
            return Wrong(401, None, 'Invalid API Key provided')
        if step == 'none':
            return Wrong(404, None, 'Unrecognized request URL (%s)' % self.path)
        if self.headers.get('Stripe-Version') != VERSION:
            self.fake.wrong.append('%s without its version' % step)
        if (self.command == 'POST') != bool(key):
            self.fake.wrong.append('%s with the key %r' % (step, key))
        return None

    def answer(self, step, thing_id, form, body, key, fault):
        fake = self.fake
        problem = self.problem(step, key)
        if problem:
            return problem.status, json.dumps(problem.body).encode(), []
        request = (step, self.path, body)
        if key in fake.keys and fake.keys[key][0] != request:
            fake.wrong.append('the key of %r came with %r' % (fake.keys[key][0], request))
            wrong = Wrong(400, None, 'Keys for idempotent requests can only be used with the same parameters', 'idempotency_error')
            return wrong.status, json.dumps(wrong.body).encode(), []
        acts, kept, status = FAULTS[fault] if fault else (True, True, 200)
        if key in fake.keys and fault not in ('lost_before', 'error_before', 'busy', 'conflict', 'setup'):
            kept_status, data = fake.keys[key][1]
            return None if status is None else (kept_status, data, [('Idempotent-Replayed', 'true')])
        done_status, data = self.act(step, thing_id, form) if acts else (None, None)
        if status not in (None, 200):
            done_status, data = status, json.dumps({'error': {'type': 'api_error', 'message': 'fault %s' % fault}}).encode()
        if kept and key:
            fake.keys[key] = (request, (done_status, data))
        if fault == 'garbage':
            data = b'<html>'
        return None if status is None else (done_status, data, [])

    def act(self, step, thing_id, form):
        fake = self.fake
        try:
            thing = fake.act(step, thing_id, form)
        except Wrong as e:
            return e.status, json.dumps(e.body).encode()
        except KeyError as e:
            fake.wrong.append('%s lacks %s' % (step, e))
            return 400, json.dumps({'error': {'type': 'invalid_request_error', 'message': 'lacks %s' % e}}).encode()
        return 200, json.dumps(self.expand(fake.shown(thing), form.get('expand', []))).encode()

    def expand(self, thing, paths):
        for path in paths:
            at = thing
            for name in path.split('.'):
                if isinstance(at.get(name), str):
                    at[name] = self.fake.shown(self.fake.objects[at[name]])
                at = at.get(name)
                if not at:
                    break
        return thing
