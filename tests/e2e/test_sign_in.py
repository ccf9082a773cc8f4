"""Drivers sign up and in by a one-time code, over HTTP without a token: by real mail servers, a webhook and the log."""
import base64
import email
import email.policy
import http.server
import json
import queue
import re
import ssl
import subprocess
import threading

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from billing import BILLING, Charger, start_paid_node, until_order
from galvan import Http, PATIENCE_S, Refused, base_config, free_ports, until

DRIVER = 'galvan.billing.v1.Driver/'


class Mailbox:
    """A mail server that keeps what it is given; `hold` lets it take its time over a letter."""

    def __init__(self, **options):
        self.letters = queue.Queue()
        self.port, = free_ports(1)
        self.hold = None
        self._controller = Controller(self, hostname='127.0.0.1', port=self.port, **options)
        self._controller.start()

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith('gone'):
            return '550 5.1.1 nobody of this name here'
        envelope.rcpt_tos.append(address)
        return '250 2.1.5 fine'

    async def handle_DATA(self, server, session, envelope):
        self.letters.put((envelope, email.message_from_bytes(envelope.content, policy=email.policy.default)))
        if self.hold:
            self.hold()
        return '250 2.0.0 taken as 17'

    def letter(self):
        return self.letters.get(timeout=PATIENCE_S)

    def close(self):
        if self._controller:
            self._controller.stop(no_assert=True)
        self._controller = None


@pytest.fixture
def mailbox():
    made = []

    def make(**options):
        made.append(Mailbox(**options))
        return made[-1]
    yield make
    for box in made:
        box.close()


@pytest.fixture
def node(run):
    """node(sign_in) runs a cloud with billing; drivers call without a token."""
    def make(sign_in=None, link=None):
        ws, port = free_ports(2)
        config = base_config(ws, port, billing={'config': {'sign_in': sign_in or {}}})
        config['plugins']['link']['config'].update(link or {})
        config['plugins']['api'] = {'config': {'stranger_calls_per_minute': 0}}  # what billing itself bounds is tested here
        node = run(config)
        node.http = Http(port)
        return node
    return make


def call(node, method, **request):
    status, reply = node.http.call(DRIVER + method, request)
    assert status == 200, reply
    return reply


def refused(node, method, **request):
    status, reply = node.http.call(DRIVER + method, request)
    assert status != 200, reply
    return reply['code']


def codes_in_log(node):
    return re.findall(r'msg="code for signing in" contact=(\S+) code=(\d{6})', node.read_log())


def code_in_log(node, count=1):
    return until('a code in the log', lambda: codes_in_log(node)[count - 1:])[-1][1]


def sign_in(node, contact, **more):
    call(node, 'RequestCode', contact=contact, **more)
    return call(node, 'SignIn', contact=contact, code=code_in_log(node, len(codes_in_log(node)) or 1))


def certificate(folder):
    cert, key = folder + '/cert.pem', folder + '/key.pem'
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key,
                    '-out', cert, '-days', '2', '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'],
                   check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return cert, context


# ---- who may


def test_signing_up_is_signing_in(node):
    """Whoever shows the code of an address becomes its customer; however it is typed, it is the same one."""
    n = node()
    first = sign_in(n, 'Anna.Ember@Example.com', name='Anna Ember', language='hu')
    assert first['customer']['email'] == 'anna.ember@example.com'
    assert first['customer']['name'] == 'Anna Ember'
    call(n, 'RequestCode', contact=' anna.ember@EXAMPLE.com', name='Somebody else')
    again = call(n, 'SignIn', contact='anna.ember@example.com', code=' '.join(code_in_log(n, 2)))
    assert again['customer']['id'] == first['customer']['id']
    assert again['customer']['name'] == 'Anna Ember'
    assert again['access'] != first['access']
    assert len(n.call(BILLING + 'ListCustomers')['customers']) == 1


def test_a_phone_number_is_one_however_it_is_typed(node):
    n = node()
    made = n.call(BILLING + 'PutCustomer', {'customer': {'name': 'Boris', 'phone': '0036 (30) 123-4567'}})['customer']
    assert made['phone'] == '+36301234567'
    assert sign_in(n, '+36 30 123 4567')['customer']['id'] == made['id']


def test_the_signed_in_see_their_own_and_nothing_else(node):
    n = node()
    anna = sign_in(n, 'anna@example.com')
    other = n.call(BILLING + 'PutCustomer', {'customer': {'name': 'Boris'}})['customer']
    n.call(BILLING + 'PutCustomer', {'customer': dict(anna['customer'], note='pays late')})
    for token, customer in (('HERS', anna['customer']['id']), ('HIS', other['id'])):
        n.call(BILLING + 'PutToken', {'token': {'id': token, 'customer': customer, 'ownPurse': True}})
    me = call(n, 'GetMe', access=anna['access'])
    assert me['customer']['note'] == '', "the operator's own"
    assert [t['id'] for t in me['tokens']] == ['HERS']
    assert [a['id'] for a in me['accounts']] == ['wallet:' + anna['customer']['id'], 'card:HERS']
    assert refused(n, 'GetMe', access='0' * 32) == 'unauthenticated'
    assert refused(n, 'GetMe', access='x') == 'unauthenticated'
    status, reply = n.http.call(BILLING + 'ListCustomers')
    assert status == 401 and reply['code'] == 'unauthenticated', 'what is not public stays closed'


def test_signing_out_ends_it_and_kill_9_does_not(node):
    n = node()
    access = sign_in(n, 'anna@example.com')['access']
    n.restart()
    until('the API is there', lambda: n.http.get('/readyz')[0] == 200)
    call(n, 'GetMe', access=access)
    call(n, 'SignOut', access=access)
    call(n, 'SignOut', access=access)
    assert refused(n, 'GetMe', access=access) == 'unauthenticated'


def test_who_is_blocked_is_signed_out(node):
    n = node()
    me = sign_in(n, 'anna@example.com')
    n.call(BILLING + 'PutCustomer', {'customer': dict(me['customer'], blocked=True)})
    assert refused(n, 'GetMe', access=me['access']) == 'unauthenticated'
    call(n, 'RequestCode', contact='anna@example.com')
    assert refused(n, 'SignIn', contact='anna@example.com', code=code_in_log(n, 2)) == 'permission_denied'


def test_a_driver_signs_up_pays_charges_and_sees_it(run, any_station):
    """The own orders, charges, cards and balance, from nothing to the receipt."""
    n = start_paid_node(run)
    charger = Charger(n, any_station())
    charger.connect()
    n.call(DRIVER + 'RequestCode', {'contact': 'ada@example.com', 'name': 'Ada'})
    signed_in = n.call(DRIVER + 'SignIn', {'contact': 'ada@example.com', 'code': code_in_log(n)})
    access, customer = signed_in['access'], signed_in['customer']['id']
    n.bill('TopUp', {'id': 'T-1', 'customer': customer, 'amount': 10000, 'provider': 'desk', 'desk': 'main'})
    n.bill('PutToken', {'token': {'id': 'HERS', 'customer': customer}})
    for name in ('O-1', 'O-2'):
        n.bill('Checkout', {'id': name, 'device': 'ocpp:CP001', 'connector': 1, 'customer': customer})
        charger.begin(charger.asked_to_start(), time='2025-01-15T0%s:09:54Z' % name[2])
        until_order(n, name, 'STARTED')
        charger.end(time='2025-01-15T0%s:40:49Z' % name[2])
        until_order(n, name, 'CLOSED')
    me = n.call(DRIVER + 'GetMe', {'access': access})
    assert [o['id'] for o in me['orders']] == ['O-2', 'O-1'], 'the newest first'
    assert [t['id'] for t in me['tokens']] == ['HERS'], "the orders' own tokens are no cards"
    charges = n.call(DRIVER + 'ListMyCharges', {'access': access})['charges']
    assert sorted(c['order'] for c in charges) == ['O-1', 'O-2']
    spent = sum(int(c['price']['incl']) for c in charges)
    assert [a['available'] for a in me['accounts']] == [str(10000 - spent)]
    with pytest.raises(Refused) as refusal:
        n.call(DRIVER + 'ListMyCharges', {'access': 'f' * 32})
    assert refusal.value.code == 'unauthenticated'


# ---- who guesses


def test_nothing_tells_whether_a_contact_is_known(node):
    """Known and unknown get the same answers, word for word, however often they ask."""
    n = node()
    n.call(BILLING + 'PutCustomer', {'customer': {'email': 'known@example.com'}})
    said = {}
    for contact in ('known@example.com', 'unknown@example.com'):
        answers = said[contact] = []
        answers.append(n.http.call(DRIVER + 'SignIn', {'contact': contact, 'code': '123456'}))
        for _ in range(4):
            status, reply = n.http.call(DRIVER + 'RequestCode', {'contact': contact})
            reply.pop('validUntilMs', None)
            answers.append((status, reply))
        answers.append(n.http.call(DRIVER + 'SignIn', {'contact': contact, 'code': 'abcdef'}))
    assert said['known@example.com'] == said['unknown@example.com']
    assert [status for status, _ in said['known@example.com']] == [401, 200, 200, 200, 429, 400]


def test_a_code_is_good_for_five_tries_and_one_use(node):
    n = node()
    call(n, 'RequestCode', contact='anna@example.com')
    code = code_in_log(n)
    wrong = '%06d' % ((int(code) + 1) % 1000000)
    for _ in range(4):
        assert refused(n, 'SignIn', contact='anna@example.com', code=wrong) == 'unauthenticated'
    assert call(n, 'SignIn', contact='anna@example.com', code=code)['access']
    assert refused(n, 'SignIn', contact='anna@example.com', code=code) == 'unauthenticated'
    call(n, 'RequestCode', contact='anna@example.com')
    code = code_in_log(n, 2)
    for _ in range(5):
        assert refused(n, 'SignIn', contact='anna@example.com', code='%06d' % ((int(code) + 1) % 1000000)) == 'unauthenticated'
    assert refused(n, 'SignIn', contact='anna@example.com', code=code) == 'unauthenticated'


def test_only_the_newest_code_is_good(node):
    n = node()
    for _ in range(2):
        call(n, 'RequestCode', contact='anna@example.com')
    (_, first), (_, second) = until('two codes', lambda: len(codes_in_log(n)) == 2 and codes_in_log(n))
    if first != second:
        assert refused(n, 'SignIn', contact='anna@example.com', code=first) == 'unauthenticated'
    call(n, 'SignIn', contact='anna@example.com', code=second)


def test_strangers_can_make_only_so_many_codes(node):
    n = node({'codes_per_minute': 3})
    said = [n.http.call(DRIVER + 'RequestCode', {'contact': 'p%d@example.com' % i})[0] for i in range(8)]
    assert said[:3] == [200] * 3
    assert 429 in said


@pytest.mark.parametrize('contact', ['', 'anna', 'anna@', '@example.com', 'a@b c', 'a@b\r\nBcc: c@d', '0630123456', '+0123456789',
                                     '+1234567890123456', 'anna@' + 'x' * 300])
def test_what_is_no_contact_is_refused(node, contact):
    assert refused(node(), 'RequestCode', contact=contact) == 'invalid_argument'


def test_neither_codes_nor_what_signing_in_gives_are_in_the_store(node):
    n = node()
    access = sign_in(n, 'anna@example.com')['access']
    call(n, 'RequestCode', contact='boris@example.com')
    code = code_in_log(n, 2)
    rows = json.dumps([n.rows('billing', table) for table in ('codes', 'accesses', 'accesses_of')])
    assert access not in rows
    assert code not in rows


# ---- how it is brought


def test_by_mail(node, mailbox):
    box = mailbox()
    n = node({'adapter': 'smtp', 'url': 'smtp://127.0.0.1:%d' % box.port, 'from': 'no-reply@example.org'})
    call(n, 'RequestCode', contact='Anna@Example.com')
    envelope, letter = box.letter()
    assert envelope.mail_from == 'no-reply@example.org'
    assert envelope.rcpt_tos == ['anna@example.com']
    assert letter['From'] == 'no-reply@example.org' and letter['To'] == 'anna@example.com'
    assert letter['Message-ID'].endswith('@example.org>')
    assert letter['Auto-Submitted'] == 'auto-generated'
    code = re.search(r'\b(\d{6})\b', letter.get_content())[1]
    assert code not in n.read_log(), 'a code is not logged unless that is asked for'
    assert call(n, 'SignIn', contact='anna@example.com', code=code)['access']
    assert refused(n, 'RequestCode', contact='+36301234567') == 'invalid_argument'


def test_by_mail_with_a_password_and_tls(node, mailbox, folder):
    """The server demands both, and its certificate is checked."""
    seen = []

    def check(server, session, envelope, mechanism, data):
        seen.append((data.login, data.password))
        return AuthResult(success=data.password == b'secret')
    cert, context = certificate(folder)
    box = mailbox(tls_context=context, require_starttls=True, auth_required=True, authenticator=check)
    options = {'adapter': 'smtp', 'url': 'smtp://127.0.0.1:%d' % box.port, 'from': 'no-reply@example.org', 'user': 'galvan',
               'password': 'secret'}
    n = node(options, link={'ca_file': cert})
    call(n, 'RequestCode', contact='anna@example.com')
    assert box.letter()[0].rcpt_tos == ['anna@example.com']
    assert seen == [(b'galvan', b'secret')]
    n = node(options)  # without the CA
    call(n, 'RequestCode', contact='anna@example.com')
    n.wait_log('a code for signing in was not sent')
    assert len(seen) == 1


def test_a_password_never_crosses_the_network_in_the_open(node, mailbox):
    box = mailbox(auth_require_tls=False, authenticator=lambda *_: AuthResult(success=True))
    n = node({'adapter': 'smtp', 'url': 'smtp://127.0.0.1:%d' % box.port, 'from': 'no-reply@example.org', 'user': 'galvan',
              'password': 'secret'})
    call(n, 'RequestCode', contact='anna@example.com')
    n.wait_log('a code for signing in was not sent')
    assert box.letters.empty()


def test_a_mail_server_that_refuses_is_said_to_the_operator_alone(node, mailbox):
    box = mailbox()
    n = node({'adapter': 'smtp', 'url': 'smtp://127.0.0.1:%d' % box.port, 'from': 'no-reply@example.org'})
    call(n, 'RequestCode', contact='gone@example.com')
    n.wait_log('nobody of this name here')
    box.close()
    call(n, 'RequestCode', contact='anna@example.com')
    until('both are in the log', lambda: n.read_log().count('a code for signing in was not sent') == 2)


def test_a_letter_under_way_at_kill_9_comes_and_is_the_same(node, mailbox):
    """The node dies while the mail server thinks: after the restart the letter is sent again, with the same id and code."""
    box = mailbox()
    n = node({'adapter': 'smtp', 'url': 'smtp://127.0.0.1:%d' % box.port, 'from': 'no-reply@example.org'})
    killed = threading.Event()

    def kill():
        box.hold = None
        n.kill()
        killed.set()
    box.hold = kill
    try:
        call(n, 'RequestCode', contact='anna@example.com')
    except OSError:
        pass  # its answer may have been lost as well
    _, first = box.letter()
    assert killed.wait(PATIENCE_S)
    n.start()
    _, second = box.letter()
    assert second['Message-ID'] == first['Message-ID']
    assert second.get_content() == first.get_content()
    until('the API is there', lambda: n.http.get('/readyz')[0] == 200)
    call(n, 'SignIn', contact='anna@example.com', code=re.search(r'\b(\d{6})\b', second.get_content())[1])


def test_any_plugin_or_operator_may_send_mail(node, mailbox):
    """Dots and other letters come through; what would begin another command or header does not."""
    box = mailbox()
    n = node()
    url = 'smtp://127.0.0.1:%d' % box.port
    text = 'Árvíztűrő\n.\n..két pont\nvége'
    answer = n.call('galvan.link.v1.Mail/SendMail', {'url': url, 'from': 'a@example.org', 'to': ['b@example.com', 'c@example.com'],
                                                     'subject': 'Tükörfúrógép', 'text': text})
    assert answer['answer'] == '250 2.0.0 taken as 17'
    envelope, letter = box.letter()
    assert envelope.rcpt_tos == ['b@example.com', 'c@example.com']
    assert letter['Subject'] == 'Tükörfúrógép'
    assert letter.get_content().strip().splitlines() == text.splitlines()
    n.call('galvan.link.v1.Mail/SendMail', {'url': url, 'from': 'a@example.org', 'to': ['b@example.com'], 'text': '.\n..x\n.'})
    assert box.letter()[1].get_content().splitlines() == ['.', '..x', '.']
    for wrong in ({'to': ['b@example.com>\r\nRCPT TO:<d@example.com']}, {'from': 'x'}, {'url': 'http://127.0.0.1/'},
                  {'url': 'smtp://user:password@127.0.0.1/'}, {'subject': 'a\r\nBcc: d@example.com'}, {'to': []}):
        with pytest.raises(Refused) as problem:
            n.call('galvan.link.v1.Mail/SendMail', dict({'url': url, 'from': 'a@example.org', 'to': ['b@example.com']}, **wrong))
        assert problem.value.code == 'invalid_argument', wrong


class Hook(http.server.ThreadingHTTPServer):
    """A web server that keeps what is posted to it and answers with the next status."""

    def __init__(self):
        super().__init__(('127.0.0.1', 0), HookHandler)
        self.posts = queue.Queue()
        self.status = 204
        threading.Thread(target=self.serve_forever, daemon=True).start()


class HookHandler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        self.server.posts.put((self.path, dict(self.headers), json.loads(body)))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        pass


@pytest.mark.parametrize('user', ['', 'galvan'])
def test_by_webhook(node, user):
    hook = Hook()
    n = node({'adapter': 'webhook', 'url': 'http://127.0.0.1:%d/sms' % hook.server_port, 'user': user, 'password': 'secret'})
    call(n, 'RequestCode', contact='+36 30 123 4567')
    path, headers, body = hook.posts.get(timeout=PATIENCE_S)
    assert path == '/sms'
    assert headers['Content-Type'] == 'application/json'
    assert headers['Idempotency-Key']
    assert headers['Authorization'] == ('Basic ' + base64.b64encode(b'galvan:secret').decode() if user else 'Bearer secret')
    assert body['to'] == '+36301234567'
    assert body['code'] in body['text']
    assert call(n, 'SignIn', contact='+36301234567', code=body['code'])['customer']['phone'] == '+36301234567'
    hook.status = 500
    call(n, 'RequestCode', contact='+36301234567')
    n.wait_log('the web server answered 500')
    hook.shutdown()
