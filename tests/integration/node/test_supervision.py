"""Crashes, hangs, poison and ends: what the supervisor does about them."""
import os
import signal
import time
import unittest

from support import COUNT, MISBEHAVE, NodeTest, Refused, children, count, plugin, until


class Supervision(NodeTest):
    def pair(self, **more):
        return self.node(counter=plugin('counter', 'counter_1', **more), listener=plugin('listener', 'listener')).start()

    def misbehave(self, node, how):
        try:
            node.call(MISBEHAVE, {'how': how}, timeout='1')
        except Refused:
            pass

    def test_a_crash_touches_nobody_else_and_loses_nothing(self):
        node = self.pair()
        other = node.instance('listener')['pid']
        self.assertEqual(count(node), 1)
        os.kill(int(node.instance('counter')['pid']), signal.SIGKILL)
        until('it is back', lambda: node.instance('counter')['restarts'] == 1 and node.instance('counter')['state'] == 'running')
        self.assertEqual(count(node), 2)
        self.assertEqual(node.instance('listener')['pid'], other)
        node.wait_log('signal 9 (SIGKILL)')

    def test_a_call_to_a_plugin_that_is_down_waits_for_it(self):
        node = self.pair()
        os.kill(int(node.instance('counter')['pid']), signal.SIGKILL)
        self.assertEqual(count(node), 1)

    def test_a_crash_loop_ends_in_quarantine_and_load_ends_that(self):
        node = self.pair()
        for crash in range(5):
            os.kill(int(node.wait_state('counter', 'running')['pid']), signal.SIGKILL)
            until('its death is seen', lambda: node.instance('counter')['restarts'] > crash or
                  node.instance('counter')['state'] == 'quarantined')
        status = node.wait_state('counter', 'quarantined')
        self.assertIn('galvan ctl load counter', status['message'])
        self.assertIn('died 5 times within 60 s', status['message'])
        refusal = self.refused(lambda: node.call(COUNT, {'key': 'a'}), 'unavailable', 'quarantined', 'galvan ctl load counter')
        self.assertEqual(refusal.exit, 1)
        node.ctl('load', 'counter')
        self.assertEqual(count(node), 1)

    def test_the_back_off_doubles(self):
        node = self.pair()
        for crash in range(3):
            os.kill(int(node.wait_state('counter', 'running')['pid']), signal.SIGKILL)
            until('its death is seen', lambda: node.instance('counter')['restarts'] > crash)
        for delay in (100, 200, 400):
            node.wait_log('delay_ms=%d' % delay)

    def test_a_hang_is_ended_and_counts_as_a_crash(self):
        node = self.pair()
        pid = node.instance('counter')['pid']
        self.misbehave(node, 'hang')
        until('it is back', lambda: node.instance('counter')['restarts'] > 0)
        node.wait_log('no sign of life for 1500 ms, killed')
        self.assertNotEqual(node.wait_state('counter', 'running')['pid'], pid)

    def test_an_exit_is_a_crash(self):
        node = self.pair()
        self.misbehave(node, 'exit')
        until('it is back', lambda: node.instance('counter')['restarts'] > 0)
        node.wait_log('exit status 7')

    def test_a_handler_that_fails_is_refused_and_hurts_nobody(self):
        node = self.pair()
        self.refused(lambda: node.call(MISBEHAVE, {'how': 'fail'}), 'internal', 'told to fail')
        self.assertEqual(node.instance('counter')['restarts'], 0)

    def test_an_event_that_hurts_is_parked_and_replayed_after_a_fix(self):
        node = self.node(counter=plugin('counter', 'counter_1'),
                         listener=dict(plugin('listener', 'listener'), path=self.copy('listener.so', 'listener'))).start()
        parked = lambda: node.call('galvan.kernel.v1.Plugin/ListParked', {'plugin': 'listener'})['parked']
        count(node, 'poison')
        count(node, 'harmless')
        until('the neighbour is handled', lambda: any('harmless' in row['key'] for row in node.rows('listener', 'heard')))
        entry = until('it is parked', lambda: [p for p in parked() if p['parkedAtMs'] != '0'])[0]
        self.assertIn('cannot swallow poison', entry['error'])
        self.copy('listener.so', 'listener_fixed')
        node.ctl('reload', 'listener')
        node.call('galvan.kernel.v1.Plugin/ReplayParked', {'plugin': 'listener', 'id': entry['id']})
        until('it is handled', lambda: any('poison' in row['key'] for row in node.rows('listener', 'heard')))
        self.assertEqual(parked(), [])

    def test_an_event_that_kills_is_parked_before_the_quarantine(self):
        node = self.pair()
        count(node, 'deadly')
        count(node, 'harmless')
        until('the neighbour is handled', lambda: node.instance('listener')['state'] == 'running' and
              any('harmless' in row['key'] for row in node.rows('listener', 'heard')))
        entry, = node.call('galvan.kernel.v1.Plugin/ListParked', {'plugin': 'listener'})['parked']
        self.assertIn('SIGSEGV', entry['error'])
        self.assertLess(node.instance('listener')['restarts'], 4)
        self.assertIn('what="galvan.fixture.v1.Counted" whose="deadly"', node.read_log())

    def test_kill_9_of_the_node_takes_its_hosts_and_a_restart_finds_everything(self):
        node = self.pair()
        for i in range(1, 6):
            self.assertEqual(count(node), i)
            node.restart()

    def test_a_graceful_stop(self):
        node = self.pair()
        hosts = children(node.process.pid)
        started = time.monotonic()
        self.assertEqual(node.stop(), 0)
        self.assertLess(time.monotonic() - started, 3)
        for pid in hosts:
            self.assertFalse(os.path.exists('/proc/%d' % pid))
        self.assertFalse(os.path.exists(os.path.join(node.data, 'unclean')))

    def test_ctl_stop(self):
        node = self.pair()
        node.ctl('stop')
        self.assertEqual(node.process.wait(10), 0)

    def test_a_plugin_that_hangs_cannot_hold_up_the_stop(self):
        node = self.node(env={'GALVAN_HANG_MS': '600000'}, counter=plugin('counter', 'counter_1')).start()
        self.misbehave(node, 'hang')
        self.assertEqual(node.stop(), 0)

    def test_a_second_signal_stops_at_once(self):
        node = self.node(env={'GALVAN_HANG_MS': '600000', 'GALVAN_STOP_TIMEOUT_MS': '600000'},
                         counter=plugin('counter', 'counter_1')).start()
        self.misbehave(node, 'hang')
        node.process.send_signal(signal.SIGTERM)
        node.wait_log('stopping')
        node.process.send_signal(signal.SIGTERM)
        self.assertEqual(node.process.wait(10), 0)

    def test_several_instances_share_the_keys(self):
        node = self.pair(instances=3)
        owners = {key: node.call(COUNT, {'key': key})['instance'] for key in 'abcdefghijkl'}
        self.assertEqual(set(owners.values()), {'counter.0', 'counter.1', 'counter.2'})
        for key, owner in owners.items():
            reply = node.call(COUNT, {'key': key})
            self.assertEqual((reply['instance'], reply['count']), (owner, '2'))

    def test_metrics_tell_what_happened(self):
        node = self.pair()
        os.kill(int(node.instance('counter')['pid']), signal.SIGKILL)
        until('it is back', lambda: node.instance('counter')['restarts'] == 1 and node.instance('counter')['state'] == 'running')
        text = node.call('galvan.kernel.v1.Kernel/Metrics')['text']
        for line in ('galvan_up{plugin="counter",instance="0"} 1', 'galvan_restarts_total{plugin="counter",instance="0"} 1',
                     '# TYPE galvan_restarts_total counter', 'galvan_state{plugin="listener",instance="0",state="running"} 1'):
            self.assertIn(line, text)
        families = [line.split()[2] for line in text.splitlines() if line.startswith('# TYPE')]
        self.assertEqual(len(families), len(set(families)), 'each family once')


class Threads(NodeTest):
    def test_plugins_as_threads(self):
        node = self.node(counter=plugin('counter', 'counter_1', isolation='thread'),
                         listener=plugin('listener', 'listener', isolation='thread')).start()
        self.assertEqual(children(node.process.pid), [])
        self.assertEqual(count(node), 1)
        until('it is heard', lambda: node.rows('listener', 'heard'))
        node.ctl('reload', 'counter')
        self.assertEqual(count(node), 2)
        self.assertEqual(node.instance('counter')['isolation'], 'thread')
        self.assertEqual(node.stop(), 0)

    def test_one_thread_one_process(self):
        node = self.node(counter=plugin('counter', 'counter_1', isolation='thread'), listener=plugin('listener', 'listener')).start()
        count(node)
        until('it is heard', lambda: node.rows('listener', 'heard'))
        os.kill(int(node.instance('listener')['pid']), signal.SIGKILL)
        count(node, 'b')
        until('it is heard', lambda: node.instance('listener')['state'] == 'running' and len(node.rows('listener', 'heard')) == 2)
        self.assertEqual(node.stop(), 0)


if __name__ == '__main__':
    unittest.main(warnings='ignore')
