"""Raw TCP on a real node: which listener of a plugin a port belongs to, sockets that outlive the plugin, and how much one address may take."""
import os
import signal
import socket

import pytest

from galvan import Http, PATIENCE_S, PLUGINS, base_config, free_ports, until

PIPES = os.path.join(PLUGINS, 'tests', 'fixtures', 'plugins', 'pipes.so')


@pytest.fixture(autouse=True)
def built():
    if not os.path.isfile(PIPES):
        pytest.skip('the fixture plugins are not built: %s' % PIPES)


def connect(port, source='127.0.0.1'):
    return socket.create_connection(('127.0.0.1', port), timeout=PATIENCE_S, source_address=(source, 0))


def ask(line, text):
    """What comes back: a name, a colon and the text; b'' where the connection ends instead."""
    got = b''
    try:
        line.sendall(text)
        while b':' not in got or len(got) < got.index(b':') + 1 + len(text):
            more = line.recv(4096)
            if not more:
                return b''
            got += more
    except ConnectionError:
        return b''
    return got


def start(run, listeners, http=None, **link):
    ports = free_ports(len(listeners))
    ws, = free_ports(1)
    config = base_config(ws, http, pipes={'path': PIPES})
    for port, listener in zip(ports, listeners):
        config['plugins']['link']['config']['listen'].append(dict({'tcp': port, 'to': 'pipes'}, **({'listener': listener} if listener else {})))
    config['plugins']['link']['config'].update(link)
    return run(config), ports


def test_a_port_belongs_to_the_listener_that_it_names(run):
    node, ports = start(run, [None, 'second', 'first'])
    lines = [connect(port) for port in ports]
    assert [ask(line, b'hello') for line in lines] == [b'first:hello', b'second:hello', b'first:hello']
    listed = node.call('galvan.link.v1.Link/ListConnections', {})['connections']
    assert sorted(c['listener'] for c in listed) == ['first', 'first', 'second']
    for line in lines:
        line.close()


def test_a_listener_that_the_plugin_does_not_have_is_an_error_in_the_log_and_refused(run):
    node, (wrong, right) = start(run, ['third', 'first'])
    sentence = 'plugin pipes has no TCP listener named third; it has first, second'
    node.wait_log('Connections to this port are refused: %s' % sentence)
    with connect(wrong) as line:
        assert ask(line, b'hello') == b''
    node.wait_log('Refused: %s' % sentence)
    with connect(right) as line:
        assert ask(line, b'hello') == b'first:hello'


def test_a_socket_outlives_its_plugin_and_bytes_wait_for_it(run):
    node, (port,) = start(run, ['second'])
    with connect(port) as line:
        assert ask(line, b'before') == b'second:before'
        os.kill(int(node.instance('pipes')['pid']), signal.SIGKILL)
        assert ask(line, b'meanwhile') == b'second:meanwhile'
        until('it is back', lambda: node.instance('pipes')['restarts'] >= 1)
        assert ask(line, b'after') == b'second:after'


def test_an_address_that_takes_too_much_is_refused_counted_and_logged(run):
    http, = free_ports(1)
    node, (port,) = start(run, [None], http, max_connections_per_address=2)
    lines = [connect(port, '127.0.0.2') for _ in range(5)]
    assert [ask(line, b'hello') for line in lines] == [b'first:hello'] * 2 + [b''] * 3
    with connect(port, '127.0.0.3') as line:
        assert ask(line, b'hello') == b'first:hello'
    node.wait_log('the last because the address has max_connections_per_address open')
    until('the metric', lambda: 'galvan_link_too_many_of_address_total{' in Http(http).get('/metrics')[1])
    for line in lines:
        line.close()
