"""What the tests of the process side share: nodes of fixture plugins, and things that wait."""
import os
import shutil
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), 'e2e'))

from galvan import GALVAN, Gone, Node, Refused, children, free_ports, until  # noqa: E402,F401

FIXTURES = os.environ.get('FIXTURES', os.path.join(os.path.dirname(GALVAN), 'tests', 'fixtures', 'plugins'))
GRANTS = {
    'counter': ['serve:galvan.fixture.v1.Fixture', 'emit:galvan.fixture.v1.Counted'],
    'listener': ['hear:galvan.fixture.v1.Counted'],
    'liar': ['serve:galvan.fixture.v1.Fixture'],
}
COUNT = 'galvan.fixture.v1.Fixture/Count'
MISBEHAVE = 'galvan.fixture.v1.Fixture/Misbehave'
# Under a sanitizer a crash is to end a process as it does without.
os.environ.setdefault('ASAN_OPTIONS', 'handle_segv=0:handle_abort=0')
QUICK = {'GALVAN_HANG_MS': '1500', 'GALVAN_START_TIMEOUT_MS': '3000', 'GALVAN_STOP_TIMEOUT_MS': '3000', 'GALVAN_PROBE_TIMEOUT_MS': '3000'}


def fixture(name):
    return os.path.join(FIXTURES, name + '.so')


def plugin(name, file, **more):
    return dict({'path': fixture(file), 'grants': GRANTS[name]}, **more)


class NodeTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix='galvan-node-')
        self.nodes = []

    def tearDown(self):
        for node in self.nodes:
            node.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def node(self, name='node', env=None, node=None, **plugins):
        n = Node(self.folder, {'node': dict({'name': 'test'}, **(node or {})), 'plugins': plugins}, name, dict(QUICK, **(env or {})))
        self.nodes.append(n)
        return n

    def copy(self, name, file):
        """A plugin file that a test replaces later."""
        path = os.path.join(self.folder, name)
        temporary = path + '.new'
        shutil.copyfile(fixture(file), temporary)
        os.rename(temporary, path)
        return path

    def refused(self, fn, *texts):
        with self.assertRaises(Refused) as caught:
            fn()
        for text in texts:
            self.assertIn(text, caught.exception.text)
        return caught.exception

    def fails_to_run(self, node, *texts):
        with self.assertRaises(Gone) as caught:
            node.start()
        for text in texts:
            self.assertIn(text, str(caught.exception))
        self.assertEqual(node.process.returncode, 1)


def count(node, key='a'):
    return int(node.call(COUNT, {'key': key})['count'])
