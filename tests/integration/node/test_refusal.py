"""What `galvan run` must refuse before any plugin starts, and with which words."""
import os
import subprocess
import unittest

from support import GALVAN, NodeTest, fixture, plugin


class Refusal(NodeTest):
    def check(self, config):
        return subprocess.run([GALVAN, 'check', config], capture_output=True, text=True, cwd=self.folder, env=dict(
            os.environ, GALVAN_PROBE_TIMEOUT_MS='1000'), check=False)

    def test_liars_are_refused_with_what_is_wrong(self):
        liars = {
            'liar_major': ['built for plugin ABI 2.1', 'this galvan has 1.1', 'build the plugin with'],
            'liar_minor': ['needs plugin ABI 1.2', 'has only 1.1', 'update galvan'],
            'liar_magic': ['0x12345678', 'GV_STAMP'],
            'liar_short': ['8 bytes long', 'GV_STAMP'],
            'liar_name': ['no name of lower-case letters'],
            'liar_unended': ['two tables named one'],
            'liar_no_schema': ['does not hold the service galvan.fixture.v1.Fixture', 'gv-proto'],
            'liar_no_handler': ['hears galvan.fixture.v1.Counted without a handler'],
            'liar_wrong_method': ['implements galvan.fixture.v1.Fixture/Juggle, which the service does not have'],
            'liar_wild_pointer': ['died of signal 11 (SIGSEGV)'],
            'liar_constructor_crashes': ['died of signal 11 (SIGSEGV)'],
            'liar_constructor_hangs': ['had said nothing after 1000 ms'],
            'liar_constructor_exits': ['printed no record'],
            'nothing': ['exports no symbol gv_plugin', 'GV_PLUGIN'],
        }
        for name, texts in liars.items():
            with self.subTest(name):
                node = self.node(liar=plugin('liar', name))
                done = self.check(node.file)
                self.assertEqual(done.returncode, 1, done.stderr)
                for text in texts + [name + '.so', ': plugins.liar: ']:
                    self.assertIn(text, done.stderr)
                self.assertFalse(os.path.exists(os.path.join(self.folder, 'liar-ran')), 'code of a refused plugin ran')

    def test_a_constructor_that_prints_does_not_spoil_the_record(self):
        node = self.node(liar=plugin('liar', 'liar_constructor_prints'))
        self.assertEqual(self.check(node.file).returncode, 0)

    def test_run_names_everything_that_is_wrong_at_once(self):
        node = self.node(counter=plugin('counter', 'counter_1', config={'levle': 3}), liar=plugin('liar', 'liar_major'))
        self.fails_to_run(node, 'levle', 'level', 'ABI 2.1')

    def test_check_names_what_a_plugin_lacks_and_what_its_config_has_wrong(self):
        node = self.node(counter={'path': fixture('counter_1'), 'grants': ['serve:galvan.fixture.v1.Fixtures'],
                                  'config': {'levle': 3, 'level': 'x'}}, nowhere={})
        lines = self.check(node.file).stderr.splitlines()
        self.assertEqual(len(lines), 5, lines)
        for line in lines[:4]:
            self.assertRegex(line, '^' + node.file + r':\d+:\d+: plugins\.(counter|nowhere)')
        self.assertIn('did you mean serve:galvan.fixture.v1.Fixture?', lines[0])
        self.assertIn('levle', lines[1])
        self.assertIn('config.level', lines[2])
        self.assertIn('nowhere', lines[3])

    def test_what_is_wrong_in_the_files_own_keys_hides_nothing_else(self):
        node = self.node(counter=plugin('counter', 'counter_1', config={'levle': 3}), listener=dict(plugin('listener', 'listener'), pth='x'),
                         nowhere={})
        node.config['nod'] = {}
        node.config['node']['nmae'] = 'x'
        node.write_config()
        done = self.check(node.file)
        self.assertEqual(done.returncode, 1)
        for text in ('"nod"', '"nmae"', '"levle"', '"pth"', "'nowhere'"):
            self.assertEqual(done.stderr.count(text), 1, (text, done.stderr))
        self.fails_to_run(node, '"nod"', '"nmae"', '"levle"', '"pth"', "'nowhere'")

    def test_a_plugin_under_another_name(self):
        node = self.node(counted=dict(plugin('counter', 'counter_1')))
        self.fails_to_run(node, "calls itself 'counter'")

    def test_a_missing_grant(self):
        node = self.node(counter={'path': fixture('counter_1'), 'grants': ['serve:galvan.fixture.v1.Fixture']})
        self.fails_to_run(node, 'emit:galvan.fixture.v1.Counted')

    def test_a_plugin_that_is_not_there(self):
        self.fails_to_run(self.node(nowhere={}), "there is no plugin 'nowhere'", 'plugins/nowhere.so', '`path:`')

    def test_a_file_that_is_no_shared_object(self):
        path = os.path.join(self.folder, 'text.so')
        with open(path, 'w', encoding='ascii') as f:
            f.write('hello')
        node = self.node(counter={'path': path})
        node.options = ['--strict']
        self.fails_to_run(node, 'text.so is no plugin', 'not a shared object')

    def test_a_second_node_on_the_same_folder(self):
        first = self.node(counter=plugin('counter', 'counter_1')).start()
        second = self.node('second', counter=plugin('counter', 'counter_1'))
        second.data = first.data
        self.fails_to_run(second, 'another node runs on the data folder', 'process %d' % first.process.pid, '--data')
        self.assertEqual(first.instance('counter')['state'], 'running')

    def test_a_data_folder_with_too_long_a_path(self):
        node = self.node(counter=plugin('counter', 'counter_1'))
        node.data = os.path.join(self.folder, 'x' * 100)
        self.fails_to_run(node, 'choose a shorter one')


if __name__ == '__main__':
    unittest.main(warnings='ignore')
