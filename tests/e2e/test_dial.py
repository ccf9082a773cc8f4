"""Connections that link makes (Link/Dial), to a WebSocket server that is not ours."""
import os
import signal
import socket
import ssl

import pytest

from foreign_server import ForeignServer, how_it_ended
from galvan import PATIENCE_S, PLUGINS, Refused, base_config, free_ports, until

PIPES = os.path.join(PLUGINS, 'tests', 'fixtures', 'plugins', 'pipes.so')
LINK = 'galvan.link.v1.Link/'


@pytest.fixture(autouse=True)
def built():
    if not os.path.isfile(PIPES):
        pytest.skip('the fixture plugins are not built: %s' % PIPES)


@pytest.fixture
def node(run):
    """A plugin that sends back what comes over a WebSocket, as `pipes`."""
    ws, = free_ports(1)
    return run(base_config(ws, pipes={'path': PIPES}))


@pytest.fixture
def server():
    s = ForeignServer(max_size=None)
    yield s
    s.close()


def dial(node, url, **more):
    node.call(LINK + 'Dial', dict(plugin='pipes', name='upstream', url=url, **more))


def dialled(node):
    return node.call(LINK + 'ListDials')['dials'][0]


def wait_error(node, text):
    return until('an error with %r' % text, lambda: text in dialled(node)['error'] and dialled(node))


def echo(connection, data):
    connection.send(data)
    return connection.recv(timeout=PATIENCE_S)


def test_frames_go_both_ways_whole_and_of_their_kind(node):
    server = ForeignServer(subprotocols=['b', 'a'], max_size=None)
    dial(node, server.url('/a/path?q=1'), subprotocols=['a'], maxFrameBytes=1 << 20)
    connection = server.next()
    assert connection.request.path == '/a/path?q=1'
    assert connection.request.headers['Host'] == '127.0.0.1:%d' % server.port
    assert connection.subprotocol == 'a'
    for data in ('text', 'ä' * 3000, b'', b'\x00\xff', os.urandom(300_001)):
        assert echo(connection, data) == data
    assert connection.ping().wait(PATIENCE_S), 'a ping is answered'
    listed, = node.call(LINK + 'ListConnections')['connections']
    assert (listed['listener'], listed['device'], listed['subprotocol']) == ('upstream', '', 'a')
    assert listed['framesIn'] == listed['framesOut'] == '5'
    assert dialled(node)['state'] == 'connected'
    server.close()


def test_the_same_dial_again_changes_nothing_another_replaces_it_and_hang_ends_it(node, server):
    dial(node, server.url('/one'))
    first = server.next()
    dial(node, server.url('/one'))
    assert echo(first, 'still') == 'still'
    dial(node, server.url('/two'))
    assert how_it_ended(first) == (1000, 'hung up')
    second = server.next()
    assert second.request.path == '/two'
    node.call(LINK + 'Hang', {'plugin': 'pipes', 'name': 'upstream'})
    assert how_it_ended(second) == (1000, 'hung up')
    assert node.call(LINK + 'ListDials')['dials'] == []
    assert node.rows('link', 'dials') == []
    node.call(LINK + 'Hang', {'plugin': 'pipes', 'name': 'upstream'})


def test_it_outlives_the_plugin_and_is_made_again_after_link_and_the_node(node, server):
    dial(node, server.url())
    connection = server.next()
    node.ctl('reload', 'pipes')
    assert echo(connection, 'on the same connection') == 'on the same connection'
    os.kill(int(node.instance('pipes')['pid']), signal.SIGKILL)
    assert echo(connection, 'the next incarnation') == 'the next incarnation'
    node.ctl('reload', 'link')
    assert how_it_ended(connection)[0] == 1012
    connection = server.next()
    assert echo(connection, 'after link') == 'after link'
    node.restart()
    assert how_it_ended(connection)[0] == 1006
    assert echo(server.next(), 'after the node') == 'after the node'


def test_it_comes_back_when_the_server_does(node):
    port, = free_ports(1)
    dial(node, 'ws://localhost:%d/' % port)
    assert wait_error(node, 'cannot connect: Connection refused')['state'] in ('waiting', 'connecting')
    assert 'is the server running' in node.read_log()
    for vanishes in (False, True):
        server = ForeignServer(port)
        connection = server.next()
        assert echo(connection, 'there') == 'there'
        if vanishes:
            connection.socket.shutdown(socket.SHUT_RDWR)
        server.close()
        wait_error(node, 'without a word' if vanishes else 'the connection ended with 100')


def test_whoever_refuses_is_quoted_with_what_to_do(node):
    guarded = ForeignServer(user='someone', password='right')
    dial(node, guarded.url(), user='someone', password='wrong')
    assert 'do they stand at the server as they do here' in wait_error(node, 'the server answers 401')['error']
    assert 'the server answers 401' in node.read_log()
    assert 'wrong' not in node.read_log()
    dial(node, guarded.url(), user='someone', password='right')
    assert echo(guarded.next(), 'in') == 'in'
    guarded.close()
    dial(node, guarded.url(), subprotocols=['none-of-its'])
    other = ForeignServer(guarded.port)
    wait_error(node, 'speaks none of the subprotocols')
    other.close()


def shake_hands(line):
    """A server's handshake and nothing more."""
    import base64
    import hashlib
    import re
    head = b''
    while b'\r\n\r\n' not in head:
        head += line.recv(4096)
    key = re.search(rb'Sec-WebSocket-Key: (\S+)', head).group(1)
    accept = base64.b64encode(hashlib.sha1(key + b'258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest())
    line.sendall(b'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: '
                 + accept + b'\r\n\r\n')


def test_a_server_that_has_gone_without_a_word_is_noticed(node):
    """It answers no ping: the connection is half open for all that we can know."""
    with socket.create_server(('127.0.0.1', 0)) as listening:
        listening.settimeout(PATIENCE_S)
        dial(node, 'ws://127.0.0.1:%d/' % listening.getsockname()[1], pingS=1)
        silent, _ = listening.accept()
        shake_hands(silent)
        again, _ = listening.accept()
        wait_error(node, 'no answer to a ping')
        again.sendall(b'220 mail.example ESMTP\r\n\r\n')
        wait_error(node, 'the answer is not HTTP/1.1')
        silent.close()
        again.close()


def secure(authority, pair, demand=False):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert, pair.key)
    if demand:
        context.load_verify_locations(authority.cert)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def test_a_server_must_prove_who_it_is_and_may_ask_the_same(node, authorities):
    ours = authorities.server_ca
    server = ForeignServer(ssl=secure(ours, ours.server(), demand=True), max_size=None)
    mine = ours.sign('/CN=terminal')
    url = server.url(host='localhost', scheme='wss')
    dial(node, url)
    wait_error(node, "the server's certificate does not hold")
    dial(node, url, ca=ours.cert)
    wait_error(node, 'the server ended TLS')
    dial(node, url, ca=ours.cert, cert=mine.cert, key=mine.key)
    connection = server.next()
    data = os.urandom(60_000)
    for _ in range(20):
        assert echo(connection, data) == data
    other = ForeignServer(ssl=secure(ours, ours.sign('/CN=elsewhere.example', 'server', names='DNS:elsewhere.example')))
    dial(node, other.url(host='localhost', scheme='wss'), ca=ours.cert)
    wait_error(node, 'hostname mismatch')
    dial(node, other.url(host='localhost', scheme='wss'), ca='/nowhere.pem')
    wait_error(node, 'ca: /nowhere.pem cannot be used')
    server.close()
    other.close()


def test_what_cannot_be_dialled_is_refused_with_the_field(node):
    for field, value, says in (
            ('url', 'http://example.com/', 'ws://HOST'), ('url', 'ws://', 'ws://HOST'),
            ('url', 'ws://a:b@example.com/', 'fields of their own'), ('url', 'ws://example.com/a b', 'percent-encoded'),
            ('user', 'a:b', 'colon'), ('password', 'a\r\nb', 'line break'), ('subprotocols', ['a,b'], 'commas'),
            ('cert', '/a.pem', 'both or none'), ('name', '', 'name')):
        with pytest.raises(Refused) as e:
            node.call(LINK + 'Dial', {'plugin': 'pipes', 'name': 'x', 'url': 'ws://127.0.0.1:1/', field: value})
        assert e.value.code == 'invalid_argument' and says in e.value.text
