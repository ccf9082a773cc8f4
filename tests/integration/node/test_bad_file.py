"""A file of a third party that cannot be loaded, or does not start, does not stop the node: what ran last does, or the others run without it
(docs/adr/0007)."""
import os
import shutil
import socket
import subprocess
import unittest

from support import COUNT, GALVAN, NodeTest, count, fixture, free_ports, plugin, until


class BadFile(NodeTest):
    def pair(self, file):
        """A counter whose file a test replaces, and a listener that is always well."""
        path = self.copy('counter.so', file)
        return self.node(counter=dict(plugin('counter', 'counter_1'), path=path), listener=plugin('listener', 'listener'))

    def test_the_others_start_without_it(self):
        for file, why in {'liar_major': 'built for plugin ABI 2.1', 'liar_constructor_crashes': 'SIGSEGV', 'nothing': 'gv_plugin'}.items():
            with self.subTest(file):
                node = self.node('node-' + file, liar=plugin('liar', file), listener=plugin('listener', 'listener')).start()
                self.assertTrue(any('without liar' in line for line in node.lines.seen), node.lines.seen)
                self.assertEqual(node.instance('listener')['state'], 'running')
                liar = node.instance('liar')
                self.assertEqual(liar['state'], 'failed')
                self.assertIn(why, liar['message'])
                self.assertIn('galvan ctl load liar', liar['message'])
                self.assertIn(why, node.read_log())
                self.assertNotIn('liar', node.cli('describe').stdout)
                self.assertEqual(node.stop(), 0)

    def test_a_missing_file_is_loaded_once_it_is_there(self):
        for verb in ('load', 'reload'):
            with self.subTest(verb):
                node = self.node('node-' + verb, counter=dict(plugin('counter', 'counter_1'), path=os.path.join(self.folder, verb + '.so')))
                node.start()
                self.assertIn(verb + '.so cannot be read', node.instance('counter')['message'])
                self.refused(lambda n=node, v=verb: n.ctl(v, 'counter'), 'cannot be read')
                self.refused(lambda n=node: n.call(COUNT, {'key': 'a'}))
                shutil.copy(fixture('counter_1'), os.path.join(self.folder, verb + '.so'))
                self.assertIn('counter 1 runs', node.ctl(verb, 'counter'))
                self.assertEqual(count(node), 1)

    def test_the_copy_that_ran_last_runs_instead(self):
        node = self.pair('counter_1').start()
        self.assertEqual(count(node), 1)
        self.copy('counter.so', 'counter_2')
        node.ctl('reload', 'counter')
        self.assertEqual(node.stop(), 0)
        self.copy('counter.so', 'liar_major')
        for starts in (1, 2):
            node.start()
            status = node.instance('counter')
            self.assertEqual((status['state'], status['version']), ('running', '2'))
            self.assertIn('the copy that ran last (%s)' % status['hash'][:8], status['message'])
            self.assertIn('ABI 2.1', status['message'])
            self.assertIn('ABI 2.1', node.read_log())
            self.assertEqual(count(node), 1 + starts)
            self.assertEqual(node.stop(), 0)
        node.start()
        self.copy('counter.so', 'counter_1')
        node.ctl('reload', 'counter')
        self.assertEqual(node.instance('counter')['message'], '')

    def test_strict_refuses_and_so_does_check(self):
        node = self.pair('counter_1').start()
        node.stop()
        self.copy('counter.so', 'liar_major')
        node.options = ['--strict']
        self.fails_to_run(node, 'ABI 2.1')
        done = subprocess.run([GALVAN, 'check', node.file], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn('ABI 2.1', done.stderr)

    def test_one_that_refuses_to_start_is_left_out(self):
        node = self.pair('counter_4_refuses').start()
        self.assertTrue(any('without counter.0' in line for line in node.lines.seen), node.lines.seen)
        self.assertEqual(node.instance('listener')['state'], 'running')
        counter = node.instance('counter')
        self.assertEqual(counter['state'], 'failed')
        for text in (node.file + ':', 'plugins.counter', 'counter.so', 'told not to start', 'galvan ctl load counter'):
            self.assertIn(text, counter['message'])
        self.assertIn('told not to start', node.read_log())
        self.refused(lambda: node.call(COUNT, {'key': 'a'}))
        self.refused(lambda: node.ctl('load', 'counter'), 'told not to start')
        for file, verb in (('counter_1', 'load'), ('counter_2', 'reload')):
            self.copy('counter.so', file)
            self.assertIn('counter %s runs' % file[-1], node.ctl(verb, 'counter'))
        self.assertEqual(count(node), 1)
        self.assertEqual(node.stop(), 0)

    def test_one_that_crashes_at_its_start_is_tried_again_and_quarantined(self):
        node = self.pair('counter_5_crashes').start()
        until('quarantined', lambda: node.instance('counter')['state'] == 'quarantined')
        self.assertIn('SIGSEGV', node.instance('counter')['message'])
        self.assertEqual(node.instance('listener')['state'], 'running')
        self.copy('counter.so', 'counter_1')
        node.ctl('load', 'counter')
        self.assertEqual(count(node), 1)

    def test_the_copy_that_ran_last_runs_instead_of_one_that_does_not_start(self):
        node = self.pair('counter_1').start()
        self.assertEqual(count(node), 1)
        self.assertEqual(node.stop(), 0)
        for starts, (file, why) in enumerate({'counter_4_refuses': 'told not to start', 'counter_5_crashes': 'SIGSEGV',
                                              'counter_6_hangs': 'had not started in time',
                                              'counter_7_bad_migration': 'built to fail'}.items(), 2):
            with self.subTest(file):
                self.copy('counter.so', file)
                node.start()
                self.assertTrue(any('with an old copy of counter' in line for line in node.lines.seen), node.lines.seen)
                status = node.instance('counter')
                self.assertEqual((status['state'], status['version']), ('running', '1'))
                self.assertIn('the copy that ran last (%s)' % status['hash'][:8], status['message'])
                self.assertIn(why, status['message'])
                self.assertEqual(count(node), starts, 'on untouched tables')
                self.assertEqual(node.stop(), 0)

    def test_strict_refuses_what_does_not_start(self):
        node = self.pair('counter_1').start()
        node.stop()
        for file, why in {'counter_4_refuses': 'told not to start', 'counter_5_crashes': 'SIGSEGV',
                          'counter_6_hangs': 'it had not started in time'}.items():
            with self.subTest(file):
                self.copy('counter.so', file)
                node.options = ['--strict']
                self.fails_to_run(node, node.file + ':', 'plugins.counter: counter.0 does not start', why)

    def test_check_tries_the_start_where_nothing_comes_of_it(self):
        node = self.pair('counter_1').start()
        self.assertEqual(count(node), 1)
        for file, why in {'counter_4_refuses': 'it does not start: told not to start', 'counter_5_crashes': 'its start died of signal 11 (SIGSEGV)',
                          'counter_6_hangs': 'its start had not ended after 1000 ms', 'counter_7_bad_migration': None}.items():
            with self.subTest(file):
                self.copy('counter.so', file)
                done = subprocess.run([GALVAN, 'check', node.file], capture_output=True, text=True, check=False,
                                      env=dict(os.environ, GALVAN_PROBE_TIMEOUT_MS='1000', TMPDIR=self.folder))
                self.assertEqual(done.returncode, 1 if why else 0, done.stderr)
                if why:
                    self.assertIn(': plugins.counter: ' + why, done.stderr)
                self.assertFalse([x for x in os.listdir(self.folder) if x.startswith('galvan-check')])
        self.assertEqual(count(node), 2, 'the node that runs has noticed nothing')

    def test_one_of_ours_that_does_not_start_ends_the_run(self):
        port, = free_ports(1)
        with socket.create_server(('127.0.0.1', port)):
            node = self.node(link={'config': {'listen': [{'ws': port, 'host': '127.0.0.1'}]}}, registry={})
            self.fails_to_run(node, node.file + ':', 'plugins.link: link.0 does not start', 'Mend that', str(port))

    def test_a_wrong_config_is_no_bad_file(self):
        node = self.node(counter=plugin('counter', 'counter_1', config={'levle': 3}), liar=plugin('liar', 'liar_major'))
        self.fails_to_run(node, 'levle')
        node = self.node('grants', counter=dict(plugin('counter', 'counter_1'), grants=[]))
        self.fails_to_run(node, 'emit:galvan.fixture.v1.Counted')

    def test_a_plugin_of_the_own_folder_must_be_there(self):
        self.fails_to_run(self.node(nowhere={}, listener=plugin('listener', 'listener')), "there is no plugin 'nowhere'")


if __name__ == '__main__':
    unittest.main(warnings='ignore')
