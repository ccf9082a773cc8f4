"""The HTTP way in: services by reflection, events, the OpenAPI document, metrics, health, tokens and roles."""
import json
import threading
import urllib.error

import pytest

from galvan import Http, base_config, free_ports
from session import Session

ADMIN, VIEWER = 'a' * 20 + '-admin', 'v' * 20 + '-viewer'


@pytest.fixture
def node(run):
    ws, http = free_ports(2)
    config = base_config(ws, http)
    config['plugins']['api'] = {'config': {'tokens': [{'token': ADMIN, 'role': 'admin', 'name': 'ops'},
                                                      {'token': VIEWER, 'role': 'viewer', 'name': 'wallboard'}]}}
    node = run(config)
    node.ws = 'ws://127.0.0.1:%d/ocpp' % ws
    node.http = Http(http, ADMIN)
    node.viewer = Http(http, VIEWER)
    node.nobody = Http(http)
    return node


def test_every_service_is_there_by_reflection(node):
    status, reply = node.http.call('galvan.registry.v1.Registry/PutDevice', {'device': {'id': 'ocpp:CP001', 'name': 'first'}})
    assert (status, reply['device']['name']) == (200, 'first')
    status, reply = node.http.call('galvan.registry.v1.Registry/GetDevice', {'id': 'ocpp:CP001'})
    assert (status, reply['device']['id']) == (200, 'ocpp:CP001')
    status, reply = node.http.call('galvan.kernel.v1.Kernel/Status')
    assert (status, reply['node']) == (200, 'test')


def test_refusals_have_connects_codes_and_their_http_status(node):
    for method, request, status, code in (
            ('galvan.registry.v1.Registry/GetDevice', {'id': 'ocpp:NONE'}, 404, 'not_found'),
            ('galvan.registry.v1.Registry/GetDevice', {'wrong': 1}, 400, 'invalid_argument'),
            ('galvan.registry.v1.Registry/GetDevice', {'id': 1}, 400, 'invalid_argument')):
        got, reply = node.http.call(method, request)
        assert (got, reply['code']) == (status, code)
        assert reply['message']
    assert node.http.call('galvan.registry.v1.Registry/Nonsense')[0] in (404, 501)


def test_tokens_and_roles(node):
    put = ('galvan.registry.v1.Registry/PutDevice', {'device': {'id': 'ocpp:CP001'}})
    assert node.nobody.call(*put)[0] == 401
    assert node.viewer.call(*put)[0] == 403
    assert node.viewer.call('galvan.registry.v1.Registry/ListDevices')[0] == 200
    assert Http(int(node.http.base.rsplit(':', 1)[1]), 'x' * 26).call(*put)[0] == 401


def test_paths_methods_and_bodies_that_are_wrong(node):
    json_type = {'Content-Type': 'application/json'}
    path = '/api/galvan.registry.v1.Registry/ListDevices'
    assert node.http.get('/nothing')[0] == 404
    assert node.http.get(path)[0] == 405
    assert node.http.get(path, body=b'{', headers=json_type)[0] == 400
    assert node.http.get(path, body=b'[' * 100000, headers=json_type)[0] == 400
    assert node.http.get(path, body=b'a=b', headers={'Content-Type': 'application/x-www-form-urlencoded'})[0] == 415
    try:
        assert node.http.get(path, body=b' ' * (32 << 20), headers=json_type)[0] == 413
    except (urllib.error.URLError, ConnectionError):
        pass  # it was closed while the body was still on its way


def test_health_metrics_and_the_openapi_document(node):
    assert node.nobody.get('/healthz')[0] == 200
    assert node.nobody.get('/readyz')[0] == 200
    status, text = node.nobody.get('/metrics')
    assert status == 200
    assert '# TYPE galvan_' in text
    assert 'plugin="ocpp"' in text
    helps = [line.split(' ', 3) for line in text.splitlines() if line.startswith('# HELP ')]
    assert len(helps) > 20
    assert all(len(h) == 4 and h[3] for h in helps), helps
    status, text = node.http.get('/api/openapi.json')
    document = json.loads(text)
    assert document['openapi'].startswith('3.')
    assert '/api/galvan.charging.v1.Charging/Start' in document['paths']
    assert 'Wh' in text


class Stream:
    """Server-sent events, read by a thread."""

    def __init__(self, http, path):
        self.events = []
        self.changed = threading.Condition()
        self.response = http.open(path, limit_s=60)
        assert self.response.headers['Content-Type'].startswith('text/event-stream')
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        event = {}
        for line in self.response:
            line = line.decode().rstrip('\n')
            if not line and event:
                with self.changed:
                    self.events.append(event)
                    self.changed.notify_all()
                event = {}
            elif ': ' in line and not line.startswith(':'):
                name, value = line.split(': ', 1)
                event[name] = value

    def wait(self, type_name, limit_s=30):
        def find():
            return next((e for e in self.events if e.get('event', '').endswith(type_name)), None)
        with self.changed:
            assert self.changed.wait_for(find, limit_s), self.events
            return json.loads(find()['data'])


def test_a_charge_seen_and_driven_over_http(node, any_station):
    node.put_device('ocpp:CP001')
    stream = Stream(node.http, '/api/events?type=galvan.charging.v1.SessionStarted&type=galvan.charging.v1.SessionEnded')
    session = Session(node, any_station())
    for step in ('connect', 'boot', 'available'):
        session.do(step)
    status, reply = node.http.call('galvan.charging.v1.Charging/Start', {'device': 'ocpp:CP001', 'connector': 1, 'token': 'remote-11902'})
    assert (status, reply['status']) == (200, 'Accepted')
    session.station.asked('RemoteStartTransaction')
    session.start_transaction()
    started = stream.wait('SessionStarted')
    session.meter()
    status, reply = node.http.call('galvan.charging.v1.Charging/Stop', {'device': 'ocpp:CP001', 'connector': 1})
    assert (status, reply['status']) == (200, 'Accepted')
    session.stop_transaction()
    assert 'CP001' in json.dumps(started)
    assert '6379' in json.dumps(stream.wait('SessionEnded'))
    session.check()


def test_without_tokens_there_is_one_of_its_own_for_this_machine(run):
    ws, http = free_ports(2)
    node = run(base_config(ws, http))
    token = node.call('galvan.api.v1.Api/GetToken')['token']
    assert len(token) >= 20
    assert Http(http).call('galvan.registry.v1.Registry/ListDevices')[0] == 401
    assert Http(http, token).call('galvan.registry.v1.Registry/ListDevices')[0] == 200
    assert Http(http, token).call('galvan.api.v1.Api/GetToken')[0] in (403, 404, 501)
    node.restart()
    assert node.call('galvan.api.v1.Api/GetToken')['token'] == token


def test_strangers_are_held_back_by_their_address(run):
    ws, http = free_ports(2)
    config = base_config(ws, http, billing={'config': {'sign_in': {}}},
                         api={'config': {'allow_remote': True, 'tokens': [{'name': 'v', 'role': 'viewer', 'token': VIEWER}]}})
    run(config)
    headers = {'Content-Type': 'application/json'}

    def request_code(number, client=None, token=None):
        body = json.dumps({'contact': 'p%d@example.com' % number}).encode()
        more = {'X-Forwarded-For': client} if client else {}
        try:
            with Http(http, token).open('/api/galvan.billing.v1.Driver/RequestCode', body=body, headers=dict(headers, **more)) as reply:
                return reply.status, None, json.load(reply)
        except urllib.error.HTTPError as e:
            return e.code, e.headers['Retry-After'], json.load(e)
    said = [request_code(i) for i in range(30)]
    assert [status for status, _, _ in said[:10]] == [200] * 10
    status, retry_after, reply = next(answer for answer in said if answer[0] != 200)
    assert (status, reply['code']) == (429, 'resource_exhausted')
    assert 1 <= int(retry_after) <= 60
    assert request_code(100, client='203.0.113.7')[0] == 200, 'a proxy on this machine says who asks'
    assert request_code(101, token=VIEWER)[0] == 200, 'who shows a token is no stranger'
    guesses = [Http(http, 'guess-%020d' % i).call('galvan.registry.v1.Registry/ListDevices')[0] for i in range(30)]
    assert guesses[:10] == [401] * 10
    assert 429 in guesses
