"""Campaigns among chargers that other people's OCPP libraries make: they fetch what they were told to over lines that break, report as chargers
do, badly, and what they boot with counts. No session is broken off, no driver starts what is being updated, and in the end all are in service."""
import json
import shutil
import tempfile

import pytest
from charger_updates import IMAGE, Charger, fetch, in_service, put
from galvan import Node, Refused, until
from stations import PyOcpp
from updates import Updates


@pytest.fixture(scope='module')
def updates():
    """One node for all tests of the file: each has chargers, a customer and an artifact of its own."""
    folder = tempfile.mkdtemp(prefix='gv-')
    node = Updates(lambda config: Node(folder, config).start())
    yield node
    node.node.close()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def charger(updates):
    made = []

    def make(name, **more):
        made.append(Charger(updates, name, **more))
        return made[-1]
    yield make
    for one in made:
        one.close()


def v201(charger, name, **more):
    return charger(name, library=PyOcpp, protocol='ocpp2.0.1', model='AC-201', **more)


def test_two_of_three_get_it_whatever_they_report_and_no_driver_starts_meanwhile(updates, charger):
    skips, reorders = charger('N1', tags=['north']), v201(charger, 'N2', tags=['north'])
    other = charger('S1', tags=['south'])
    updates.start('spring', put(updates, 'ac'), {'filter': 'tag = north'})
    urls = [skips.told(), reorders.told()]
    for one in (skips, reorders):
        with pytest.raises(Refused, match='is being updated .firmware 2.0. and expected back at 20'):
            one.start()
    assert urls[0] != urls[1], 'each has an address of its own'
    for url, cut in zip(urls, (1, len(IMAGE) - 1)):
        assert fetch(url, cut) == IMAGE
    skips.says('Downloaded')
    reorders.says('Downloading', 'Installing', 'Downloading', 'Downloaded', 'Installing', 'Installed', 'Installed')
    for one in (skips, reorders):
        one.boot('2.0')
        assert updates.wait_state(one.device, 'SUCCEEDED')['fromVersion'] == '1.0'
    assert updates.campaign('spring')['state'] == 'CAMPAIGN_STATE_DONE'
    assert updates.assignment(other.device) is None and not other.offers()
    assert not skips.offers() and not reorders.offers(), 'nobody is told twice'
    in_service(updates, skips, reorders, other)
    assert skips.start()['status'] == 'Accepted'


def test_a_session_is_waited_for_and_what_boots_the_old_version_has_failed(updates, charger):
    lies, other = charger('E1', tags=['east']), charger('W1', tags=['west'])
    session = lies.plug_in()
    updates.start('summer', put(updates, 'ac-east'), {'filter': 'tag = east'})
    until('it waits', lambda: 'session' in (updates.assignment(lies.device) or {'reason': ''})['reason'])
    assert not lies.offers()
    lies.unplug(session)
    assert fetch(lies.told()) == IMAGE
    lies.says('Downloading', 'Downloaded', 'Installing', 'Installed')
    lies.boot('1.0')
    assert 'has installed 2.0, and boots 1.0' in updates.wait_state(lies.device, 'FAILED')['reason']
    assert updates.node.sessions(lies.device)[0]['reason'] == 'Local', 'as its driver ended it'
    assert updates.assignment(other.device) is None and not other.offers()
    in_service(updates, lies, other)


# ---- configuration files

class Settings16:
    """What GetConfiguration and ChangeConfiguration of a 1.6 charger do. It refuses to set `refuses`."""
    path = 'settings/1.6.json'
    keys = {'beat': 'HeartbeatInterval', 'wait': 'ConnectionTimeOut'}

    def __init__(self, station, refuses):
        self.values = {'HeartbeatInterval': '300', 'ConnectionTimeOut': '60'}
        self.refuses, self.sets = refuses, []
        station.answer('GetConfiguration', lambda asked: {'configurationKey': [
            {'key': k, 'value': self.values[k], 'readonly': False} for k in asked['key'] if k in self.values]})
        station.answer('ChangeConfiguration', lambda asked: {'status': self.set(asked['key'], asked['value'])})

    def set(self, key, value):
        self.sets.append((key, value))
        if key == self.refuses:
            return 'Rejected'
        self.values[key] = value
        return 'Accepted'


class Settings201(Settings16):
    """What GetVariables and SetVariables do."""
    path = 'settings/2.0.1.json'
    keys = {'beat': 'OCPPCommCtrlr/HeartbeatInterval', 'wait': 'TxCtrlr/EVConnectionTimeOut'}

    def __init__(self, station, refuses):
        super().__init__(station, refuses)
        self.values = {'OCPPCommCtrlr/HeartbeatInterval': '300', 'TxCtrlr/EVConnectionTimeOut': '60'}
        station.answer('GetVariables', lambda asked: {'getVariableResult': [dict(
            v, attributeStatus='Accepted', attributeValue=self.values[self.key(v)]) for v in asked['getVariableData']]})
        station.answer('SetVariables', lambda asked: {'setVariableResult': [dict(
            {k: v[k] for k in ('component', 'variable')}, attributeStatus=self.set(self.key(v), v['attributeValue']))
            for v in asked['setVariableData']]})

    @staticmethod
    def key(v):
        return v['component']['name'] + '/' + v['variable']['name']


def put_settings(updates, kind, model):
    text = json.dumps({kind.keys['beat']: '77', kind.keys['wait']: 9})
    updates.put_artifact(kind.path, text.encode(), '7', 7, product='settings ' + model, kind='config', fits={'models': [model]},
                         install={'seconds': 5})
    return kind.path


def test_a_configuration_file_is_read_back_and_undone_where_one_setting_is_refused(updates, charger):
    chargers = {}
    for name, kind, refuses in (('C1', Settings16, None), ('C2', Settings16, 'wait'), ('C3', Settings201, None), ('C4', Settings201, 'wait')):
        protocol, model = ('ocpp1.6', 'AC-16') if kind is Settings16 else ('ocpp2.0.1', 'AC-201')
        one = charger(name, library=PyOcpp, protocol=protocol, model=model, tags=['settings'])
        chargers[name] = one, kind(one.station, refuses and kind.keys[refuses])
    files = [put_settings(updates, Settings16, 'AC-16'), put_settings(updates, Settings201, 'AC-201')]
    updates.start('settings', '', {'filter': 'tag = settings'}, artifacts=files)
    for name in ('C1', 'C3'):
        one, settings = chargers[name]
        updates.wait_state(one.device, 'SUCCEEDED')
        assert list(settings.values.values()) == ['77', '9']
        assert len(settings.sets) == 2
    for name in ('C2', 'C4'):
        one, settings = chargers[name]
        reason = updates.wait_state(one.device, 'FAILED')['reason']
        assert reason.startswith('reverted: it refused setting ' + settings.keys['wait'])
        assert list(settings.values.values()) == ['300', '60'], 'as if it had not been'
    counts = until('it is done', lambda: (lambda c: c if c['state'] == 'CAMPAIGN_STATE_DONE' else None)(updates.campaign('settings')))['counts']
    assert (counts['succeeded'], counts['failed']) == (2, 2)
    in_service(updates, *(one for one, _ in chargers.values()))
