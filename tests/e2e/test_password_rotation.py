"""A new password, without a moment in which the station is locked out, and without a trace of it in anything that people read."""
import json
import os
import threading

import pytest

from galvan import Refused, until
from security import PASSWORD, Site

ROTATE = 'galvan.ocpp.v1.Ocpp/RotatePassword'


@pytest.fixture
def site(run, folder, authorities):
    return Site(run, folder, authorities)


@pytest.fixture
def one(any_station):
    return any_station()


def rotate(site, station, status='Accepted'):
    """What the station was told."""
    station.answer('ChangeConfiguration', {'status': status})
    reply = site.node.call(ROTATE, {'device': 'ocpp:CP1'})
    assert reply['status'] == status
    asked = station.asked('ChangeConfiguration')
    assert asked['key'] == 'AuthorizationKey'
    return asked['value']


def test_the_old_password_is_void_once_the_new_one_was_used(site, station):
    site.device('CP1', password=PASSWORD)
    station.connect(site.plain, 'CP1', PASSWORD)
    new = rotate(site, station)
    assert len(bytes.fromhex(new)) == 20  # what 1.6 wants
    with site.connect('CP1', password=PASSWORD):
        pass  # a station that has not got so far yet
    with site.connect('CP1', password=bytes.fromhex(new)):
        pass  # the bytes, as OCPP-J 1.6 6.2.2 has it
    assert site.refused('CP1', 'wrong-password', password=PASSWORD) == 401
    until('the registry knows', lambda: not site.registered('CP1')['hasPendingPassword'])
    site.node.restart()
    assert site.refused('CP1', 'wrong-password', password=PASSWORD) == 401
    station.connect(site.plain, 'CP1', new)  # the digits, as many stations have it
    assert 'currentTime' in station.call('Heartbeat', {})


@pytest.mark.parametrize('status', ['Rejected', 'NotSupported'])
def test_a_station_that_refuses_keeps_the_old_password(site, one, status):
    site.device('CP1', password=PASSWORD)
    one.connect(site.plain, 'CP1', PASSWORD)
    new = rotate(site, one, status)
    until('the new one is dropped', lambda: not site.registered('CP1')['hasPendingPassword'])
    assert site.refused('CP1', 'wrong-password', password=new) == 401
    with site.connect('CP1', password=PASSWORD):
        pass
    assert status in site.told('CP1', 'password-refused')['detail']


def test_a_station_that_is_away_keeps_the_old_password(site):
    site.device('CP1', password=PASSWORD)
    with pytest.raises(Refused) as e:
        site.node.call(ROTATE, {'device': 'ocpp:CP1'})
    assert e.value.code == 'unavailable'
    assert not site.registered('CP1')['hasPendingPassword']


def test_an_answer_that_was_lost_leaves_both_valid(site, one):
    """Nobody knows whether the station has taken it: it must get in either way."""
    site.device('CP1', password=PASSWORD)
    one.connect(site.plain, 'CP1', PASSWORD)
    one.answer('ChangeConfiguration', None)
    outcome = []  # of a call that hangs until the connection is lost
    thread = threading.Thread(target=lambda: outcome.append(site.node.cli('call', ROTATE, json.dumps({'device': 'ocpp:CP1'}))))
    thread.start()
    new = one.asked('ChangeConfiguration')['value']
    with site.connect('CP1', password=PASSWORD):  # replaces it
        thread.join()
    assert 'whether it has acted is not known' in outcome[0].stderr
    with site.connect('CP1', password=new):
        pass


def test_a_first_password_for_a_station_that_had_none(site, one):
    site.device('CP1')
    one.connect(site.plain, 'CP1')
    new = rotate(site, one)
    with site.connect('CP1'):
        pass  # as before
    one.connect(site.plain, 'CP1', new)
    until('the registry has it', lambda: site.registered('CP1')['hasPassword'])
    assert site.refused('CP1', 'no-password') == 401


def refuse_rotation(site, password):
    """A station that connects with the password, and repeats the one that it was to take in its refusal: the latter, and what the caller is told."""
    outcome = []
    with site.connect('CP1', password=password) as ws:
        thread = threading.Thread(target=lambda: outcome.append(site.node.cli('call', ROTATE, json.dumps({'device': 'ocpp:CP1'}))))
        thread.start()
        call = ['']
        while call[0] != 2 or call[2] != 'ChangeConfiguration':
            call = json.loads(ws.recv(timeout=10))
        new = call[3]['value']
        ws.send(json.dumps([4, call[1], 'InternalError', f'cannot store AuthorizationKey {new} now', {'value': new}]))
        thread.join()
    assert 'InternalError' in outcome[0].stderr
    return new, outcome[0].stdout + outcome[0].stderr


def test_nothing_that_people_read_shows_a_password(site, one):
    """Not what is sent, not what a station tells of its configuration or repeats when it refuses one, not in logs, messages, rows or events."""
    told = 'Kept1n$tation'
    events = site.node.events()
    site.device('CP1', password=PASSWORD)
    one.connect(site.plain, 'CP1', PASSWORD)
    new = rotate(site, one)
    refused = refuse_rotation(site, new)
    one.connect(site.plain, 'CP1', new)
    one.answer('GetConfiguration', {'configurationKey': [
        {'key': 'StationPassword', 'readonly': False, 'value': told}, {'key': 'authorizationKEY', 'readonly': False, 'value': new},
        {'key': 'HeartbeatInterval', 'readonly': False, 'value': '300'}]})
    site.node.call('galvan.ocpp.v1.Ocpp/Call', {'device': 'ocpp:CP1', 'action': 'GetConfiguration'})
    with site.connect('CP1', password=new) as ws:
        ws.send('[2,"1","ChangeConfiguration",{"key":"AuthorizationKey","value":"%s",}]' % new)  # and broken, too
        ws.send('[3,"late",{"configurationKey":[{"key":"AuthorizationKey","readonly":false,"value":"%s"}]}]' % new)
        ws.send('[2,"2","Heartbeat",{}]')
        while '"2"' not in ws.recv(timeout=10):
            pass
    messages = json.dumps(site.node.call('galvan.ocpp.v1.Ocpp/ListMessages', {'device': 'ocpp:CP1', 'limit': 1000}))
    assert 'HeartbeatInterval' in messages and '***' in messages
    shown = messages + refused[1] + site.node.read_log() + json.dumps(events.seen)
    for plugin, table in (('ocpp', 'commands'), ('ocpp', 'messages'), ('registry', 'devices'), ('link', 'devices')):
        shown += json.dumps(site.node.rows(plugin, table))
    for folder, _, files in os.walk(site.node.folder):
        for name in files:
            path = os.path.join(folder, name)
            if os.path.isfile(path) and not name.endswith(('.mdb', '.so')):
                with open(path, 'rb') as f:
                    shown += f.read().decode(errors='replace')
    events.close()
    for secret in (new, new.upper(), refused[0], told, PASSWORD):
        assert secret not in shown


def test_hex_and_binary_keys_are_one(site):
    """Row 45: digits in the registry in any case, and the station shows bytes or digits of another case."""
    key = bytes(range(8)) + b':\xff\x00' + bytes(range(200, 209))
    digits = key.hex()
    mixed = ''.join(c.upper() if i % 3 else c for i, c in enumerate(digits))
    for stored in (digits, digits.upper(), mixed):
        site.device('CP1', password=stored)
        for shown in (key, digits, digits.upper(), mixed):
            with site.connect('CP1', password=shown):
                pass
        site.refused('CP1', 'wrong-password', password=digits[:-1])
