"""docs/guide-plugin-author.md does what it says: its code is the template's, and it builds, runs, reloads and rolls back."""
import os
import re
import shutil
import subprocess

import pytest

from galvan import GALVAN, PLUGINS, ROOT, Node, Refused, free_ports
from session import TOKEN, Session

GUIDE = os.path.join(ROOT, 'docs', 'guide-plugin-author.md')


def sh(*args, **options):
    done = subprocess.run(args, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def loyalty(folder):
    """The guide up to a built plugin, out of tree."""
    path = os.path.join(folder, 'loyalty')
    sh(os.path.join(ROOT, 'dev'), 'new-plugin', 'loyalty', path)
    env = dict(os.environ, PKG_CONFIG_PATH=os.path.join(PLUGINS, 'meson-uninstalled'))
    sh('meson', 'setup', 'build', cwd=path, env=env)
    sh('ninja', '-C', 'build', cwd=path)
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
            f.write(text.replace('ws: 9000', 'ws: %d' % port))
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


def test_the_code_in_the_guide_is_the_templates(folder):
    path = os.path.join(folder, 'loyalty')
    sh(os.path.join(ROOT, 'tools', 'new-plugin'), 'loyalty', path)
    with open(GUIDE, encoding='utf-8') as f:
        blocks = re.findall(r'```(\w+)\n(.*?)```', f.read(), re.S)
    for language, name in (('proto', 'loyalty.proto'), ('c', 'loyalty.c'), ('yaml', 'try.yaml')):
        with open(os.path.join(path, name), encoding='utf-8') as f:
            assert f.read() in [text for lang, text in blocks if lang == language], name
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
    root = found['galvan.pc'].split('/lib/')[0]
    env = dict(os.environ, PKG_CONFIG_PATH=os.path.dirname(found['galvan.pc']))
    with open(found['galvan.pc'], encoding='utf-8') as f:
        text = f.read()
    with open(found['galvan.pc'], 'w', encoding='utf-8') as f:
        f.write(re.sub(r'^prefix=.*$', 'prefix=' + root, text, flags=re.M))
    sh('meson', 'setup', 'build', cwd=loyalty, env=env)
    sh('ninja', '-C', 'build', cwd=loyalty)
    done = subprocess.run([found['galvan'], 'check', 'try.yaml'], cwd=loyalty, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
