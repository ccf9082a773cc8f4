"""Load by a second node that is nothing but the simulator: the same binary in its other role, over real sockets."""
import json

from galvan import Node, until

SIM = 'galvan.sim.v1.Sim/'


def identity(number, prefix='LOAD-'):
    return '%s%04d' % (prefix, number)


def put_devices(node, count):
    requests = '\n'.join(json.dumps({'device': {'id': 'ocpp:' + identity(i)}}) for i in range(1, count + 1))
    done = node.cli('call', 'galvan.registry.v1.Registry/PutDevice', '-', stdin=requests)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == count


class Load:
    def __init__(self, run, node, **request):
        self.harness = run({'node': {'name': 'harness'}, 'plugins': {'sim': {}}}, name='harness')
        self.harness.call(SIM + 'Load', dict(url=node.ws + '/', detach=True, stations=True, **request))

    def report(self):
        return self.harness.call(SIM + 'GetLoad', {'stations': True})['report']

    def wait(self, state, limit_s=60):
        def reached():
            report = self.report()
            assert report['state'] != 'failed', report['error']
            return report if report['state'] == state else None
        return until('the load is ' + state, reached, limit_s)

    def wait_answers(self, count, limit_s=60):
        return until('%d answers' % count, lambda: int(self.report()['answered']) >= count, limit_s)

    def stop(self):
        """Ends it and returns the account of every call."""
        self.harness.call(SIM + 'StopLoad', timeout=90)
        return self.wait('done')


def check_all_answered_is_stored(node, report):
    """Each station knows the last meter value that it was answered; the store must be at least there, in one session."""
    checked = 0
    for station in report['stations']:
        if not int(station['answered']) or station['transactionId'] == '0':
            continue
        sessions = node.sessions('ocpp:' + station['identity'])
        mine = [s for s in sessions if s['transactionId'] == station['transactionId']]
        assert len(mine) == 1, (station, sessions)
        energy = int(station['meterWh']) - int(station['meterStartWh'])
        assert int(mine[0]['energyWh']) >= energy, (station, mine[0])
        checked += 1
    return checked


__all__ = ['Load', 'Node', 'check_all_answered_is_stored', 'identity', 'put_devices']
