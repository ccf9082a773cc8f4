"""One binary, two roles: config/harness.yaml drives a cloud node over real sockets."""
from galvan import Shipped, free_ports, until


def test_the_harness_charges_at_the_cloud(run, folder):
    """The shipped cloud refuses what it does not know; the shipped harness brings stations that it does."""
    ws, http, tcp = free_ports(3)
    cloud = Shipped(folder, 'cloud.yaml', GALVAN_WS_PORT=str(ws), GALVAN_HTTP_PORT=str(http), GALVAN_TCP_PORT=str(tcp)).start()
    harness = Shipped(folder, 'harness.yaml', GALVAN_CLOUD_URL='ws://127.0.0.1:%d/ocpp/' % ws)
    try:
        harness.start()
        chargers = [c['identity'] for c in harness.call('galvan.sim.v1.Sim/ListChargers')['chargers']]
        assert chargers
        for identity in chargers:
            cloud.put_device('ocpp:' + identity)
        events = cloud.events('SessionStarted', 'SessionEnded')
        until('all are connected', lambda: connected(harness) == len(chargers), 90)
        first = chargers[0]
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


def connected(harness):
    return harness.call('galvan.sim.v1.Sim/ListChargers')['connected']
