"""The zoo in a real node, once with a process for each plugin and once with all of them as threads of one: what holds in one must hold in both.

usage: test_modes.py process|thread
"""
import os
import shutil
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'e2e'))

from galvan import Node, Refused, until  # noqa: E402

ZOO = os.environ['ZOO']
MODE = 'process'
EVENT, SERVICE = 'galvan.zoo.v1.', 'galvan.zoo.v1.'
GRANTS = {
    'counter': ['serve:' + SERVICE + 'Counter', 'emit:' + EVENT + 'Counted'],
    'watcher': ['hear:' + EVENT + 'Counted'],
    'chain': ['serve:' + SERVICE + 'Chain', 'emit:' + EVENT + 'ChainDone', 'call:' + SERVICE + 'Counter'],
    'alarm': ['serve:' + SERVICE + 'Alarm', 'emit:' + EVENT + 'Rang'],
    'faulty': ['serve:' + SERVICE + 'Faulty', 'hear:' + EVENT + 'Counted', 'emit:' + EVENT + 'FaultyDone'],
}
CHAINS, STEPS = 8, 5


class Modes(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix='galvan-modes-')
        plugins = {name: {'path': os.path.join(ZOO, 'zoo_%s.so' % name), 'grants': grants, 'isolation': MODE} for name, grants in GRANTS.items()}
        self.node = Node(self.folder, {'node': {'name': 'zoo'}, 'plugins': plugins}).start()

    def tearDown(self):
        self.node.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def rows(self, plugin, table):
        reply = self.node.call('galvan.kernel.v1.Plugin/ListRows', {'plugin': plugin, 'table': table})
        return reply.get('rows', [])

    def total(self, key):
        return int(self.node.call(SERVICE + 'Counter/Get', {'key': key})['total'])

    def run_chains(self, name):
        replies = []
        threads = [threading.Thread(target=lambda i=i: replies.append(
            self.node.call(SERVICE + 'Chain/Run', {'id': '%s%d' % (name, i), 'key': 'counter:' + name, 'steps': STEPS}))) for i in range(CHAINS)]
        for thread in threads:
            thread.start()
        return threads, replies

    def test_calls_events_and_timers(self):
        threads, replies = self.run_chains('a')
        for thread in threads:
            thread.join()
        self.assertEqual([r['steps'] for r in replies], [STEPS] * CHAINS)
        self.assertEqual(self.total('counter:a'), CHAINS * STEPS)
        until('the watcher to see all', lambda: [r for r in self.rows('watcher', 'seen') if r['key'] == ['counter:a']])
        self.node.call(SERVICE + 'Alarm/Set', {'name': 'soon', 'inMs': 20, 'repeat': 2})
        until('the alarm to ring', lambda: self.rows('alarm', 'alarms'))
        self.assertEqual(self.refusal(SERVICE + 'Faulty/Act', {'key': 'x', 'how': 'fail'}), 'internal')
        self.assertEqual(self.rows('faulty', 'rows')[0]['key'], ['counter:a'], 'what the failed call wrote is not there')

    def refusal(self, method, request):
        with self.assertRaises(Refused) as caught:
            self.node.call(method, request)
        return caught.exception.code

    def test_every_plugin_is_reloaded_under_load(self):
        threads, replies = self.run_chains('r')
        for name in ['counter', 'chain', 'watcher', 'alarm', 'faulty'] * 2:
            self.node.ctl('reload', name)
        for thread in threads:
            thread.join()
        self.assertEqual([r['steps'] for r in replies], [STEPS] * CHAINS, 'every call was answered')
        self.assertEqual(self.total('counter:r'), CHAINS * STEPS, 'and none took effect twice')

    def test_what_hurts_is_parked_and_listed(self):
        self.node.call(SERVICE + 'Counter/Add', {'key': 'counter:poison', 'by': 1})
        self.node.call(SERVICE + 'Counter/Add', {'key': 'counter:fine', 'by': 1})

        def parked():
            found = self.node.call('galvan.kernel.v1.Plugin/ListParked', {'plugin': 'faulty'}).get('parked', [])
            return [p for p in found if int(p['parkedAtMs'])]
        found = until('the poison to be parked', parked)
        self.assertEqual([p['key'] for p in found], ['counter:poison'])
        self.assertIn('is poison', found[0]['error'])
        self.assertEqual([r['key'] for r in self.rows('faulty', 'rows')], [['counter:fine']])
        self.node.call('galvan.kernel.v1.Plugin/DropParked', {'plugin': 'faulty', 'id': found[0]['id']})
        self.assertEqual(parked(), [])

    def test_all_is_there_after_a_kill(self):
        for _ in range(3):
            self.node.call(SERVICE + 'Counter/Add', {'key': 'counter:k', 'by': 1})
        self.node.restart()
        self.assertEqual(self.total('counter:k'), 3)
        until('the watcher to see all', lambda: [r for r in self.rows('watcher', 'seen') if r['key'] == ['counter:k']])

    def test_plugins_come_and_go(self):
        for _ in range(5):
            self.node.ctl('unload', 'alarm')
            self.node.ctl('load', 'alarm')
        self.node.call(SERVICE + 'Alarm/Set', {'name': 'a', 'inMs': 1000000})
        status = self.node.instance('alarm')
        self.assertEqual((status['state'], status['isolation']), ('running', MODE))


if __name__ == '__main__':
    MODE = sys.argv.pop(1)
    unittest.main(warnings='ignore')
