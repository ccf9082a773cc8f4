"""docs/guide-plugin-author.md does what it says: its code is the template's, and it builds, runs, reloads and rolls back."""
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess

import pytest
import websockets.sync.client

from galvan import GALVAN, PATIENCE_S, PLUGINS, ROOT, Node, Refused, free_ports, until
from session import TOKEN, Session

GUIDE = os.path.join(ROOT, 'docs', 'guide-plugin-author.md')


def sh(*args, **options):
    done = subprocess.run(args, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def new_plugin(name, path):
    sh(os.path.join(ROOT, 'tools', 'new-plugin'), name, path)


def build(path):
    env = dict(os.environ, PKG_CONFIG_PATH=os.path.join(PLUGINS, 'meson-uninstalled'))
    sh('meson', 'setup', 'build', cwd=path, env=env)
    sh('ninja', '-C', 'build', cwd=path)


@pytest.fixture
def loyalty(folder):
    """The guide up to a built plugin, out of tree."""
    path = os.path.join(folder, 'loyalty')
    new_plugin('loyalty', path)
    build(path)
    return path


class Try(Node):
    """The template's try.yaml, as it is but for the port."""

    def __init__(self, folder, port):
        self.port = port
        super().__init__(folder, {}, '.')
        self.file = os.path.join(folder, 'try.yaml')
        with open(self.file, encoding='utf-8') as f:
            text = f.read()
        with open(self.file, 'w', encoding='utf-8') as f:
            f.write(text.replace('ws: 9000', 'ws: %d' % port).replace('127.0.0.1:9000', '127.0.0.1:%d' % port))
        self.ws = 'ws://127.0.0.1:%d/ocpp' % port

    def write_config(self):
        pass


@pytest.fixture
def node(loyalty):
    node = Try(loyalty, free_ports(1)[0])
    yield node
    node.close()


def edit(node, old, new):
    path = os.path.join(node.folder, 'loyalty.c')
    with open(path, encoding='utf-8') as f:
        text = f.read()
    assert old in text
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text.replace(old, new, 1))
    sh('ninja', '-C', os.path.join(node.folder, 'build'))


def points(node):
    return node.call('example.loyalty.v1.Loyalty/GetPoints', {'token': TOKEN})


def blocks(language):
    with open(GUIDE, encoding='utf-8') as f:
        return re.findall(r'```%s\n(.*?)```' % language, f.read(), re.S)


def block(language, begin):
    found = [text for text in blocks(language) if text.startswith(begin)]
    assert len(found) == 1, begin
    return found[0]


def sim_calls():
    """Step 4's: (method, request), once the charger is there."""
    calls = re.findall(r"galvan call (galvan\.sim\.\S+) '(.*)'", block('sh', '$GALVAN/build/galvan call galvan.sim'))
    assert len(calls) == 3
    return [(method, json.loads(request)) for method, request in calls]


def charger(node):
    return node.call('galvan.sim.v1.Sim/ListChargers', {'charger': 'TRY-0001'})['chargers'][0]


def test_a_migration_brings_rows_over(node, any_station):
    node.start()
    node.put_device('ocpp:CP001')
    session = Session(node, any_station())
    for step in Session.STEPS:
        session.do(step)
    until('points', lambda: 'points' in node.cli('rows', 'loyalty', 'points').stdout)
    assert points(node)['points'] == '6'
    edit(node, 'static const struct gv_table points = { .name = "points", .key = "s", .value = &loyalty__points__descriptor };\n',
         block('c', 'static const struct gv_table points'))
    edit(node, '\t.tables = GV_TABLES(&points),\n', '')
    edit(node, '\t.schema = 1,\n', block('c', '\t.tables'))
    node.ctl('reload', 'loyalty')
    assert points(node)['points'] == '60'
    assert 'cards' in node.cli('rows', 'loyalty').stdout
    assert node.cli('rows', 'loyalty', 'points').returncode == 1, 'the old table is gone'


class Sign:
    """A display: texts come, one at a time."""

    def __init__(self, node, name):
        self._open = contextlib.ExitStack()
        self._socket = self._open.enter_context(websockets.sync.client.connect('%s/%s' % (node.ws.replace('/ocpp', '/signs'), name)))

    def text(self):
        return self._socket.recv(PATIENCE_S)

    def type(self, text):
        self._socket.send(text)

    def close(self):
        self._open.close()


@pytest.fixture
def signs(folder):
    """Section 6: connections, calls, timers, pages."""
    path = os.path.join(folder, 'signs')
    new_plugin('signs', path)
    for name, text in (('signs.proto', block('proto', '// Signs')), ('signs.c', block('c', '/* signs')),
                       ('try.yaml', block('yaml', '# The cloud with signs'))):
        with open(os.path.join(path, name), 'w', encoding='utf-8') as f:
            f.write(text)
    build(path)
    node = Try(path, free_ports(1)[0])
    node.start()
    yield node
    node.close()


def test_signs_show_what_the_plugin_says(signs):
    call = 'example.signs.v1.Signs/'
    with pytest.raises(Refused) as e:
        signs.call(call + 'Show', {'sign': 'CP001', 'text': 'hello'})
    assert e.value.code == 'not_found'
    signs.put_device('ocpp:CP001')
    display = Sign(signs, 'CP001')
    assert display.text() == ''
    assert signs.call(call + 'Show', {'sign': 'CP001', 'text': 'hello', 'seconds': 1})['text'] == 'hello'
    assert [display.text(), display.text()] == ['hello', ''], 'and the timer wipes it'
    display.type('CARD-1')
    assert 'CP001' in display.text(), 'the answer to the durable call: the charger is not connected'
    others = [Sign(signs, 'S%d' % i) for i in range(4)]
    for other in others:
        assert other.text() == ''
    listed, page = [], ''
    for _ in range(3):
        answer = signs.call(call + 'ListSigns', {'limit': 2, 'page': page})
        listed += [sign['sign'] for sign in answer['signs']]
        page = answer['nextPage']
    assert listed == ['CP001', 'S0', 'S1', 'S2', 'S3']
    assert page == ''
    with pytest.raises(Refused) as e:
        signs.call(call + 'ListSigns', {'page': 'nonsense'})
    assert e.value.code == 'invalid_argument'
    os.kill(int(signs.instance('signs')['pid']), signal.SIGKILL)
    signs.wait_state('signs', 'running')
    assert 'CP001' in display.text(), 'a new incarnation is told of the open connections'
    for sign in others + [display]:
        sign.close()
    until('all have gone', lambda: all(s['conn'] == '0' for s in signs.call(call + 'ListSigns')['signs']))


def test_the_code_in_the_guide_is_the_templates(folder):
    path = os.path.join(folder, 'loyalty')
    sh(os.path.join(ROOT, 'tools', 'new-plugin'), 'loyalty', path)
    for language, name in (('proto', 'loyalty.proto'), ('c', 'loyalty.c'), ('yaml', 'try.yaml')):
        with open(os.path.join(path, name), encoding='utf-8') as f:
            assert f.read() in blocks(language), name
    with open(os.path.join(path, 'loyalty.c'), encoding='utf-8') as f:
        assert len(f.readlines()) < 60


def test_a_missing_grant_is_named(loyalty):
    path = os.path.join(loyalty, 'try.yaml')
    with open(path, encoding='utf-8') as f:
        text = f.read()
    with open(path, 'w', encoding='utf-8') as f:
        f.write(text.replace('      - hear:galvan.charging.v1.SessionEnded\n', ''))
    done = subprocess.run([GALVAN, 'check', path], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert 'hear:galvan.charging.v1.SessionEnded' in done.stderr


def test_from_nothing_to_a_hot_reload(node, any_station):
    node.start()
    with pytest.raises(Refused) as e:
        points(node)
    assert e.value.text == 'not_found: token %s has not charged yet' % TOKEN
    node.put_device('ocpp:CP001')
    events = node.events('Points')
    session = Session(node, any_station())
    for step in Session.STEPS:
        session.do(step)
    event = events.wait('Points')
    assert event['event'] == {'token': TOKEN, 'points': '6', 'sessions': '1'}
    assert event['instance'] == 'loyalty.0'
    assert points(node)['points'] == '6'
    events.close()

    for method, request in sim_calls():
        if method.endswith('/Unplug'):
            until('a kilowatt-hour', lambda: int(charger(node)['connectors'][0]['sessionWh']) >= 1000)
        node.call(method, request)
    until('points for CARD-1', lambda: 'CARD-1' in node.cli('rows', 'loyalty', 'points').stdout)
    assert int(node.call('example.loyalty.v1.Loyalty/GetPoints', {'token': 'CARD-1'})['points']) >= 1

    edit(node, 'Points for energy charged', 'Points, once more')
    node.ctl('reload', 'loyalty')
    assert 'Points, once more' in node.cli('describe', 'loyalty').stdout
    assert points(node)['points'] == '6'

    edit(node, '\treturn 0;\n', '\treturn gv_fault(t, "not today");\n')
    with pytest.raises(Refused) as refused:
        node.ctl('reload', 'loyalty')
    assert 'not today' in refused.value.text
    assert node.instance('loyalty')['state'] == 'running'
    assert points(node)['points'] == '6', 'the old version is back on untouched tables'
    assert 'Points, once more' in node.cli('describe', 'loyalty').stdout


def test_an_installed_galvan_will_do(folder, loyalty):
    """meson install, pkg-config, and the installed host finds its plugins."""
    prefix = os.path.join(folder, 'usr')
    done = subprocess.run(['meson', 'install', '-C', PLUGINS, '--no-rebuild', '--quiet', '--destdir', prefix], capture_output=True,
                          text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = {}
    for where, _, names in os.walk(prefix):
        for name in names:
            found[name] = os.path.join(where, name)
    for name in ('galvan', 'galvan.pc', 'plugin.h', 'charging.proto', 'charging.pb-c.h', 'gv-proto', 'ocpp.so'):
        assert name in found, name
    shutil.rmtree(os.path.join(loyalty, 'build'))
    root = os.path.dirname(os.path.dirname(found['galvan']))  # lib, lib64 or lib/x86_64-linux-gnu, as the machine has it
    env = dict(os.environ, PKG_CONFIG_PATH=os.path.dirname(found['galvan.pc']))
    with open(found['galvan.pc'], encoding='utf-8') as f:
        text = f.read()
    with open(found['galvan.pc'], 'w', encoding='utf-8') as f:
        f.write(re.sub(r'^prefix=.*$', 'prefix=' + root, text, flags=re.M))
    sh('meson', 'setup', 'build', cwd=loyalty, env=env)
    sh('ninja', '-C', 'build', cwd=loyalty)
    done = subprocess.run([found['galvan'], 'check', 'try.yaml'], cwd=loyalty, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
