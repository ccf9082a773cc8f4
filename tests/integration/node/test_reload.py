"""Load, unload, reload: the new version or the old one, never neither, and the tables as they were."""
import os
import threading
import unittest

from support import COUNT, NodeTest, count, fixture, plugin, until


class Reload(NodeTest):
    def counter(self, instances=1, file='counter_1', **more):
        path = self.copy('counter.so', file)
        return self.node(counter=dict(plugin('counter', 'counter_1', instances=instances, **more), path=path),
                         listener=plugin('listener', 'listener')).start()

    def reload(self, node, file):
        self.copy('counter.so', file)
        return node.ctl('reload', 'counter')

    def version(self, node, key='a'):
        return node.call(COUNT, {'key': key})['version']

    def test_a_new_version_takes_over(self):
        node = self.counter()
        pid = node.instance('counter')['pid']
        count(node)
        self.assertIn('counter 2 runs', self.reload(node, 'counter_2'))
        self.assertEqual(self.version(node), '2')
        self.assertEqual(count(node), 3)
        status = node.instance('counter')
        self.assertEqual((status['version'], status['restarts'], status['state']), ('2', 0, 'running'))
        self.assertNotEqual(status['pid'], pid)

    def test_the_same_file_is_restarted(self):
        node = self.counter()
        pid = node.instance('counter')['pid']
        node.ctl('reload', 'counter')
        self.assertNotEqual(node.instance('counter')['pid'], pid)

    def test_the_answer_tells_files_of_the_same_version_apart(self):
        node = self.counter()
        before = node.instance('counter')['hash']
        self.assertIn('from the same file', node.ctl('reload', 'counter'))
        with open(os.path.join(self.folder, 'counter.so'), 'ab') as f:
            f.write(b'rebuilt')
        answer = node.ctl('reload', 'counter')
        after = node.instance('counter')['hash']
        self.assertNotEqual(before, after)
        self.assertIn('other content: %s before, %s now' % (before[:8], after[:8]), answer)

    def test_a_new_config_comes_with_it(self):
        node = self.counter(config={'level': 1})
        self.assertEqual(node.call(COUNT, {'key': 'a'})['level'], 1)
        node.config['plugins']['counter']['config'] = {'level': 7}
        node.write_config()
        node.ctl('reload', 'counter')
        self.assertEqual(node.call(COUNT, {'key': 'a'})['level'], 7)

    def test_a_migration(self):
        node = self.counter()
        count(node, 'old')
        self.reload(node, 'counter_3_migrates')
        row, = node.rows('counter', 'rows')
        self.assertEqual(row['value']['madeBy'] if 'value' in row else row['madeBy'], 'tables of version 1')

    def test_what_cannot_start_brings_the_old_version_back(self):
        for file, why in (('counter_4_refuses', 'told not to start'), ('counter_5_crashes', 'signal 11 (SIGSEGV)'),
                          ('counter_6_hangs', 'it had not started in time'), ('counter_7_bad_migration', 'the migration was built to fail')):
            with self.subTest(file):
                node = self.counter()
                before = count(node)
                self.refused(lambda: self.reload(node, file), 'failed_precondition', why, 'version 1 runs again')
                self.assertEqual(self.version(node), '1')
                self.assertEqual(count(node), before + 2)
                self.assertNotIn('tables of version', str(node.rows('counter', 'rows')))
                self.assertEqual(node.instance('counter')['version'], '1')
                node.close()

    def test_what_is_refused_leaves_the_old_version_running(self):
        node = self.counter()
        pid = node.instance('counter')['pid']
        for file, why in (('liar_major', 'ABI 2.1'), ('nothing', 'exports no symbol'), ('listener', "calls itself 'listener'")):
            with self.subTest(file):
                self.refused(lambda: self.reload(node, file), 'failed_precondition', why)
                self.assertEqual(node.instance('counter')['pid'], pid)
        self.copy('counter.so', 'counter_2')
        node.config['plugins']['counter']['config'] = {'level': 70}
        node.write_config()
        self.refused(lambda: node.ctl('reload', 'counter'), 'level', '9')
        self.assertEqual(node.instance('counter')['pid'], pid)
        self.assertEqual(self.version(node), '1')

    def test_a_file_overwritten_in_place_hurts_nobody(self):
        node = self.counter()
        with open(node.config['plugins']['counter']['path'], 'wb') as f:
            f.write(b'')
        self.assertEqual(self.version(node), '1')
        self.refused(lambda: node.ctl('reload', 'counter'), 'counter.so is no plugin')
        self.assertEqual(self.version(node), '1')

    def test_several_instances(self):
        node = self.counter(instances=3)
        for key in 'abcdef':
            count(node, key)
        self.reload(node, 'counter_2')
        for key in 'abcdef':
            reply = node.call(COUNT, {'key': key})
            self.assertEqual((reply['version'], reply['count']), ('2', '2'))
        self.refused(lambda: self.reload(node, 'counter_4_refuses'), 'told not to start', 'version 2 runs again')
        self.assertEqual({node.instance('counter', i)['version'] for i in range(3)}, {'2'})

    def test_the_number_of_instances_is_fixed(self):
        node = self.counter(instances=2)
        node.config['plugins']['counter']['instances'] = 3
        node.write_config()
        self.refused(lambda: node.ctl('reload', 'counter'), 'instances: 3', 'runs with 2')

    def test_calls_go_on_through_reloads(self):
        node = self.counter()
        stop = threading.Event()
        counts, errors = [], []

        def call():
            while not stop.is_set():
                try:
                    counts.append(count(node, 'busy'))
                except Exception as e:  # whatever it is, it is wrong
                    errors.append(e)
        thread = threading.Thread(target=call)
        thread.start()
        for i in range(10):
            self.reload(node, 'counter_2' if i % 2 else 'counter_1')
        stop.set()
        thread.join()
        self.assertEqual(errors, [])
        self.assertEqual(counts, list(range(1, len(counts) + 1)), 'each call counted once')

    def test_reloads_leave_nothing_behind(self):
        node = self.counter()
        descriptors = lambda pid: len(os.listdir('/proc/%s/fd' % pid))
        listener = node.instance('listener')['pid']
        for i in range(40):
            node.ctl('reload', 'counter')
            count(node)
            if i == 5:
                before = descriptors(node.process.pid), descriptors(listener)
        until('descriptors are as before', lambda: descriptors(node.process.pid) <= before[0] + 1 and descriptors(listener) <= before[1] + 1)
        self.assertLessEqual(len(os.listdir(os.path.join(node.data, 'run'))), 5)

    def test_unload_and_load(self):
        node = self.counter()
        count(node)
        node.ctl('unload', 'counter')
        status = node.instance('counter')
        self.assertEqual((status['state'], status['pid']), ('stopped', '0'))
        self.assertIn('galvan ctl load counter', status['message'])
        self.refused(lambda: count(node), 'unavailable', 'galvan ctl load counter')
        self.refused(lambda: node.ctl('unload', 'counter'), 'not loaded')
        self.copy('counter.so', 'counter_2')
        node.ctl('load', 'counter')
        self.assertEqual((self.version(node), count(node)), ('2', 3))
        self.refused(lambda: node.ctl('load', 'counter'), 'runs already', 'galvan ctl reload counter')

    def test_a_plugin_added_to_the_config(self):
        node = self.node(listener=plugin('listener', 'listener')).start()
        self.refused(lambda: node.ctl('load', 'counter'), "names no plugin 'counter'")
        self.refused(lambda: node.ctl('reload', 'counter'), 'not_found')
        node.config['plugins']['counter'] = plugin('counter', 'counter_4_refuses')
        node.write_config()
        self.refused(lambda: node.ctl('load', 'counter'), 'told not to start')
        self.assertEqual(node.instance('counter')['state'], 'failed')
        node.config['plugins']['counter']['path'] = fixture('counter_1')
        node.write_config()
        node.ctl('load', 'counter')
        self.assertEqual(count(node), 1)
        until('it is heard', lambda: node.rows('listener', 'heard'))

    def test_events_are_followed_across_a_reload(self):
        node = self.counter()
        events = node.events('Counted')
        count(node, 'x')
        events.wait('Counted', lambda e: e['event']['count'] == '1')
        self.reload(node, 'counter_2')
        count(node, 'x')
        events.wait('Counted', lambda e: e['event']['count'] == '2')
        events.close()


if __name__ == '__main__':
    unittest.main(warnings='ignore')
