"""Whoever was told that there is no answer finds the one that comes all the same: by a station that is not ours and takes its time."""
import re
import threading

import pytest

from galvan import Refused
from stations import OcppRpc

CALL, LIST = ('galvan.ocpp.v1.Ocpp/' + m for m in ('Call', 'ListCommands'))
DEVICE = 'ocpp:CP001'
SECRET = 'C0FFEE11C0FFEE11'


@pytest.fixture
def station(cloud):
    cloud.put_device(DEVICE)
    station = OcppRpc()
    station.connect(cloud.ws, 'CP001', strict=True)
    station.call('BootNotification', {'chargePointVendor': 'Elsewhere', 'chargePointModel': 'Two'})
    yield station
    station.close()
    assert station.invalid == []


def refused_meanwhile(node, request):
    """Calls the node beside what the test does; gives what to wait with for the refusal."""
    refusal = []

    def call():
        with pytest.raises(Refused) as e:
            node.call(CALL, request)
        refusal.append(e.value)
    caller = threading.Thread(target=call)
    caller.start()

    def wait():
        caller.join()
        return refusal[0]
    return wait


def commands(node, **more):
    return [c for c in node.call(LIST, dict(device=DEVICE, **more))['commands'] if not c['internal']]


def test_a_late_answer_is_found_by_the_id_that_the_refusal_names(cloud, station):
    events = cloud.events('CommandAnsweredLate')
    station.answer('ChangeConfiguration', {'status': 'Accepted'})
    station.hold('ChangeConfiguration')
    refusal = refused_meanwhile(cloud, {'device': DEVICE, 'action': 'ChangeConfiguration', 'timeoutS': 1,
                                        'payload': {'key': 'AuthorizationKey', 'value': SECRET}})
    station.asked('ChangeConfiguration')
    assert SECRET not in str(cloud.rows('ocpp', 'commands')), 'what waits is kept, but not shown'
    assert refusal().code == 'deadline_exceeded'
    number = re.search(r'command (\d+)', refusal().text).group(1)
    command, = commands(cloud, state='done')
    assert (command['id'], command['outcome'], command['late'], command['answer']) == (number, 'timeout', False, '')
    station.release('ChangeConfiguration')
    told = events.wait('CommandAnsweredLate')['event']
    command, = commands(cloud, state='done')
    assert (command['id'], command['outcome'], command['late'], command['status']) == (number, 'timeout', True, 'Accepted')
    assert told['command'] == command
    shown = str(told) + str(commands(cloud)) + str(cloud.rows('ocpp', 'command_log')) + cloud.read_log()
    assert '***' in shown
    assert SECRET not in shown
    events.close()
