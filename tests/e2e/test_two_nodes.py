"""One binary, two roles: config/harness.yaml drives a cloud node over real sockets."""
import json
import os

from galvan import GALVAN, ROOT, Node, free_ports, until


def test_the_harness_charges_at_the_cloud(run, folder):
    """The shipped cloud refuses what it does not know; the shipped harness brings stations that it does."""
    ws, http = free_ports(2)
    cloud = Shipped(folder, 'cloud.yaml', GALVAN_WS_PORT=str(ws), GALVAN_HTTP_PORT=str(http)).start()
    harness = Shipped(folder, 'harness.yaml', GALVAN_CLOUD_URL='ws://127.0.0.1:%d/ocpp/' % ws)
    try:
        fleet = json.loads(harness_fleet())
        for n in range(1, fleet['count'] + 1):
            cloud.put_device('ocpp:%s%04d' % (fleet['prefix'], n))
        events = cloud.events('SessionStarted', 'SessionEnded')
        harness.start()
        until('all are connected', lambda: connected(harness) == fleet['count'])
        first = '%s0001' % fleet['prefix']
        harness.call('galvan.sim.v1.Sim/Plug', {'charger': first})
        answer = cloud.call('galvan.charging.v1.Charging/Start', {'device': 'ocpp:' + first, 'connector': 1, 'token': 'remote-1'})
        assert answer['status'] == 'Accepted'
        started = events.wait('SessionStarted', lambda e: e['key'] == 'ocpp:' + first)['event']['session']
        assert started['requestId'] == answer['requestId']
        assert cloud.call('galvan.charging.v1.Charging/Stop', {'sessionId': started['id']})['status'] == 'Accepted'
        ended = events.wait('SessionEnded', lambda e: e['event']['session']['id'] == started['id'])
        assert ended['event']['session']['state'] == 'ENDED'
        events.close()
    finally:
        harness.close()
        cloud.close()


def harness_fleet():
    """The fleet in config/harness.yaml, as it describes itself in its first comment line that is JSON."""
    with open(os.path.join(ROOT, 'config', 'harness.yaml'), encoding='utf-8') as f:
        return next(line[2:] for line in f if line.startswith('# {'))


def connected(harness):
    return harness.call('galvan.sim.v1.Sim/ListChargers')['connected']


class Shipped(Node):
    """A config of the config/ folder, as it is, with its environment."""

    def __init__(self, folder, name, **env):
        super().__init__(folder, {}, name.split('.')[0], env=env)
        self.file = os.path.join(ROOT, 'config', name)

    def write_config(self):
        pass


def test_galvan_is_there():
    assert os.access(GALVAN, os.X_OK)
