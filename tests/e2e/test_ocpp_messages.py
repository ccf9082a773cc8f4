"""The validator of plugins/ocpp and the official schemas, as read by a JSON-schema validator, say the same of every message of
OCPP 1.6 and 2.0.1, requests and answers; and what galvan takes all the same from chargers is more, never less, and never
unnoticed. No node runs: the validator is a filter, build/tests/unit/plugins/ocpp/validate_lines."""
import datetime
import decimal
import json
import os
import re
import subprocess

import jsonschema
import pytest

from galvan import PLUGINS
from ocpp_payloads import FOLDERS, Payloads, places, schemas, spelt

VALIDATE_LINES = os.path.join(PLUGINS, 'tests', 'unit', 'plugins', 'ocpp', 'validate_lines')
MIXTURES = 12  # seeded, of each message

# The code that each kind of breakage asks for (section 4.2.3 of OCPP-J 1.6, 4.3 of 2.0.1's part 4).
CODES = {
    'ocpp1.6': {'missing': 'ProtocolError', 'extra': 'FormationViolation', 'short list': 'OccurenceConstraintViolation',
                'long list': 'OccurenceConstraintViolation'},
    'ocpp2.0.1': {'missing': 'OccurrenceConstraintViolation', 'extra': 'FormatViolation', 'short list': 'OccurrenceConstraintViolation',
                  'long list': 'OccurrenceConstraintViolation'},
}
for of_version in CODES.values():
    of_version.update({kind: 'TypeConstraintViolation' for kind in ('null', 'type')})
    of_version.update({kind: 'PropertyConstraintViolation' for kind in ('enum', 'time', 'long', 'bound')})

# What a breakage that is taken all the same is noted as.
QUIRKS = {
    'missing': {'missing-field'},
    'null': {'null', 'missing-field'},
    'type': {'wrong-type', 'no-list', 'bad-time', 'empty-value', 'missing-field'},
    'enum': {'unknown-value'},
    'long': {'too-long'},
    'bound': {'out-of-range'},
    'extra': {'extra-field'},
    'short list': {'empty-value'},
    'long list': {'too-long'},
    'time': set(),  # read, and noted, by whoever uses it: no-zone, bad-time, clock-unset, clock-ahead
}

# Where the schemas are not what the specification says, in a property of this name: (version, property, what it should have, why).
AMENDED = [
    ('ocpp1.6', 'chargingSchedulePeriod', {'minItems': 1}, 'a schedule has one period or more (7.13); no schema says so'),
    ('ocpp1.6', 'sampledValue', {'minItems': 1}, 'a meter value has one sample or more (7.33); only the schema of MeterValues says so'),
    ('ocpp1.6', 'unit', {'enum': ['Wh', 'kWh', 'varh', 'kvarh', 'W', 'kW', 'VA', 'kVA', 'var', 'kvar', 'A', 'V', 'K', 'Celcius', 'Celsius',
                                  'Fahrenheit', 'Percent', 'Hertz']}, 'one list of units (7.45); the schema of StopTransaction has another'),
]

# Where validator and schema differ on purpose: (message, payload, what the validator says, why).
EXCEPTIONS = [
    ('ocpp1.6 request UnlockConnector', '{"connectorId":4294967296}', 'PropertyConstraintViolation connectorId',
     'integers have 32 bits in OCPP, any number in a schema'),
    ('ocpp1.6 request UnlockConnector', '{"connectorId":1.0}', 'ok', '1.0 is an integer in JSON schemas from draft 6 on, not in draft 4'),
    ('ocpp1.6 answer Heartbeat', '{"currentTime":"1969-12-31T23:59:59Z"}', 'PropertyConstraintViolation currentTime',
     'galvan has no time before 1970'),
    ('ocpp1.6 answer Heartbeat', '{"currentTime":"2016-12-31T23:59:60Z"}', 'ok', 'a leap second is a time (RFC 3339), but none to Python'),
]

# The format uri is not looked at: which addresses a charger can use, it says itself.
rfc3339 = jsonschema.FormatChecker(formats=())


@rfc3339.checks('date-time')
def is_date_time(value):
    if not isinstance(value, str):
        return True
    if not re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)', value, re.ASCII):
        return False
    try:
        datetime.datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def exact(text):
    """JSON with its decimals as they are written: doubles have no multiples of 0.1."""
    return json.loads(text, parse_float=decimal.Decimal)


def amend(version, schema):
    for of, name, what, _ in AMENDED:
        if of == version and name in schema.get('properties', {}):
            schema['properties'][name].update(what)
    for field in schema.get('properties', {}).values():
        amend(version, field.get('items', field))
    return schema


class Message:
    def __init__(self, version, action, direction, schema):
        self.version, self.action, self.direction = version, action, direction
        schema = amend(version, exact(json.dumps(schema)))
        self.payloads = Payloads(schema, '%s %s %s' % (version, action, direction))
        self.judge = jsonschema.validators.validator_for(schema)(schema, format_checker=rfc3339)

    def line(self, way, text):
        return ' '.join((self.version, self.direction, way, self.action, text))


def messages(version):
    return [Message(version, *key, schema) for key, schema in schemas(version).items()]


def verdicts(lines):
    done = subprocess.run([VALIDATE_LINES], input=''.join(line + '\n' for line in lines), capture_output=True, text=True, check=True)
    found = done.stdout.splitlines()
    assert len(found) == len(lines)
    return found


def compact(payload):
    return json.dumps(payload, separators=(',', ':'), ensure_ascii=False)


def accepted(verdict):
    return verdict.split(' ')[0] == 'ok'


@pytest.fixture(scope='module', params=FOLDERS)
def version(request):
    return request.param


@pytest.fixture(scope='module')
def breakages(version):
    """[(message, what, where, text)]"""
    return [(m, what, spelt(path), compact(payload)) for m in messages(version) for what, path, payload in m.payloads.broken()]


def test_every_message_has_a_table(version):
    lines = [m.line('strict', compact(m.payloads.valid(fill))) for m in messages(version) for fill in (0, 1)]
    assert len(lines) == {'ocpp1.6': 39, 'ocpp2.0.1': 64}[version] * 4
    assert [(line, v) for line, v in zip(lines, verdicts(lines)) if v != 'ok'] == []


def test_both_say_the_same_of_any_mixture(version):
    cases = [(m, compact(payload)) for m in messages(version) for payload in m.payloads.mixtures(MIXTURES)]
    found = verdicts([m.line('strict', text) for m, text in cases])
    differ = [(m.line('strict', text), verdict) for (m, text), verdict in zip(cases, found) if m.judge.is_valid(exact(text)) != accepted(verdict)]
    assert differ == []
    assert 0.3 < sum(map(accepted, found)) / len(found) < 0.8, 'of both kinds there are enough'


def test_each_field_broken_in_turn_is_refused_with_its_code_and_path(version, breakages):
    found = verdicts([m.line('strict', text) for m, _, _, text in breakages])
    taken = [(m.action, what, path, text) for m, what, path, text in breakages if m.judge.is_valid(exact(text))]
    assert taken == [], 'the schema agrees that these are broken'
    wrong = [(m.line('strict', text), what, verdict) for (m, what, path, text), verdict in zip(breakages, found)
             if verdict != '%s %s' % (CODES[version][what], path)]
    assert wrong == []
    assert len(breakages) > 2000


def test_no_place_is_left_whole(version, breakages):
    broken = {(m.action, m.direction, path) for m, _, path, _ in breakages}
    whole = [(m.action, m.direction, spelt(path)) for m in messages(version) for path in places(m.payloads.schema)
             if (m.action, m.direction, spelt(path)) not in broken]
    assert whole == []
    assert len(broken) > {'ocpp1.6': 300, 'ocpp2.0.1': 1900}[version]


def test_leniency_takes_more_and_notes_it(breakages):
    found = verdicts([m.line('lenient', text) for m, _, _, text in breakages])
    wrong = [(m.line('lenient', text), what, verdict) for (m, what, _, text), verdict in zip(breakages, found)
             if accepted(verdict) and (set(verdict.split(' ')[1:]) & QUIRKS[what] == set()) != (QUIRKS[what] == set())]
    assert wrong == []
    of_kinds = {what for (_, what, _, _), verdict in zip(breakages, found) if accepted(verdict)}
    assert of_kinds == {what for _, what, _, _ in breakages}, 'there is no kind of breakage that is never taken'


def test_what_the_schema_takes_leniency_takes_without_remark(version):
    lines = [m.line('lenient', compact(m.payloads.valid(fill))) for m in messages(version) for fill in (0, 0.3, 0.7, 1)]
    assert [(line, verdict) for line, verdict in zip(lines, verdicts(lines)) if verdict != 'ok'] == []


@pytest.mark.parametrize('action, payload, verdict, why', EXCEPTIONS, ids=[e[3] for e in EXCEPTIONS])
def test_where_they_differ_there_is_a_reason(action, payload, verdict, why):
    name, direction, action = action.split(' ')
    message = Message(name, action, direction, schemas(name)[action, direction])
    assert verdicts([message.line('strict', payload)]) == [verdict]
    assert message.judge.is_valid(exact(payload)) != accepted(verdict), why
