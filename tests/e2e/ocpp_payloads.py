"""Payloads made from the JSON schemas that the PyPI package ocpp ships: valid ones, and valid ones with one thing broken."""
import copy
import json
import os
import random

import ocpp

FOLDERS = {'ocpp1.6': 'v16', 'ocpp2.0.1': 'v201'}
TIMES = ('2025-01-15T02:09:54Z', '2025-01-15T02:09:54.123Z', '2024-02-29T23:59:59.1+05:30', '1999-12-31T00:00:00-11:00',
         '2025-06-30T12:00:00.123456789Z')
BAD_TIMES = ('', 'yesterday', '2025-01-15', '2025-01-15T02:09:54', '2025-01-15 02:09:54Z', '2025-13-01T00:00:00Z', '2025-02-29T00:00:00Z',
             '2025-01-15T24:01:00Z', '2025-01-15T02:09Z', '2025-01-15T02:09:54+02', '2025-01-15T02:09:54.Z', '2025-01-15T02:09:54z',
             '20250115T020954Z')
WRONG = {'string': 'a string', 'integer': 12, 'number': 1.5, 'boolean': True, 'object': {}, 'array': []}
FILLER = 'aé€😀'  # one to four bytes each


def inlined(schema, definitions):
    """With each $ref replaced by what it names, so that each place in a message is a place of its own; and cheaper to validate by."""
    if '$ref' in schema:
        return inlined(definitions[schema['$ref'].rpartition('/')[2]], definitions)
    made = dict(schema)
    made.pop('definitions', None)
    if 'properties' in made:
        made['properties'] = {name: inlined(field, definitions) for name, field in made['properties'].items()}
    if 'items' in made:
        made['items'] = inlined(made['items'], definitions)
    return made


def places(schema, path=()):
    """The path of each field of a message that has a type, in lists that of their first element: what may be anything cannot be broken."""
    if path and 'type' in schema:
        yield path
    for name, field in schema.get('properties', {}).items():
        yield from places(field, path + (name,))
    if 'items' in schema:
        yield from places(schema['items'], path + (0,))


def schemas(version):
    """{(action, 'request' or 'answer'): schema} of all messages of a version, each without references."""
    folder = os.path.join(os.path.dirname(ocpp.__file__), FOLDERS[version], 'schemas')
    found = {}
    for name in sorted(os.listdir(folder)):
        action, direction = name.removesuffix('.json'), 'request'
        if action.endswith('Response'):
            action, direction = action.removesuffix('Response'), 'answer'
        elif version != 'ocpp1.6':
            action = action.removesuffix('Request')
        with open(os.path.join(folder, name), encoding='utf-8-sig') as f:
            schema = json.load(f)
        found[action, direction] = inlined(schema, schema.get('definitions', {}))
    return found


class Payloads:
    """Of one message. `fill` is the share of the optional fields that are there: 0 minimal, 1 full, with strings as long as may be."""

    def __init__(self, schema, seed):
        self.schema = schema
        self.random = random.Random(seed)
        self.longest, self.most = 10000, 4  # characters; elements, unless more must be

    def valid(self, fill):
        return self.value(self.schema, fill)

    def value(self, schema, fill):
        kind = schema.get('type')
        if kind is None:
            return self.random.choice(('text', 1, 0.5, False, None, [1, 'a'], {'deep': {'er': []}}))
        if 'enum' in schema:
            return self.random.choice(schema['enum'])
        return getattr(self, 'make_' + kind)(schema, fill)

    def make_object(self, schema, fill):
        made = {name: self.value(field, fill) for name, field in schema.get('properties', {}).items()
                if name in schema.get('required', ()) or self.random.random() < fill}
        if schema.get('additionalProperties', True):
            made['of a vendor'] = [{'own': None}]
        names = list(made)
        self.random.shuffle(names)
        return {name: made[name] for name in names}

    def make_array(self, schema, fill):
        least = schema.get('minItems', 0)
        most = max(least, min(schema.get('maxItems', 2), self.most))
        count = {0: least, 1: most}.get(fill, self.random.randint(least, most))
        return [self.value(schema['items'], fill) for _ in range(count)]

    def make_string(self, schema, fill):
        if schema.get('format') == 'date-time':
            return self.random.choice(TIMES)
        length = min(schema.get('maxLength', 100), self.longest)
        if fill not in (0, 1):
            length = self.random.randint(0, min(length, 80))
        elif fill == 0:
            length = 0
        return (FILLER * (length // len(FILLER) + 1))[:length]

    def make_integer(self, schema, _):
        low, high = int(schema.get('minimum', -2**31 + 1)), int(schema.get('maximum', 2**31 - 1))
        return self.random.choice((low, high, self.random.randint(low, high), max(low, 0)))

    def make_number(self, schema, _):
        if 'multipleOf' in schema:
            return self.random.choice((0, 32, 0.3, 16.1, 6.7, -0.1, 1000000.1, self.random.randint(0, 10000) / 10))
        return self.random.choice((0, -1, 0.05, 1e-9, 123456789.25, self.random.uniform(-1e6, 1e6)))

    def make_boolean(self, *_):
        return self.random.random() < 0.5

    def broken(self):
        """(what is broken, where, payload): each field at each place of the message, in turn and in every way."""
        self.longest, self.most = 20, 1
        yield from self.break_object(self.schema, self.valid(1), (), lambda value: value)

    def break_object(self, schema, value, path, wrap):
        """`wrap` puts a changed value in the place of this one and returns the whole payload, without what else is optional."""
        required = {name: value[name] for name in schema.get('required', ())}
        if schema.get('additionalProperties', True) is False:
            yield 'extra', path + ('another',), wrap(dict(required, another=1))
        for name, field in schema.get('properties', {}).items():
            def wrap_field(changed, name=name):
                return wrap(dict(required, **{name: changed}))
            if name in required:
                yield 'missing', path + (name,), wrap({k: v for k, v in value.items() if k != name})
            yield from self.break_value(field, value[name], path + (name,), wrap_field)

    def break_value(self, schema, value, path, wrap):
        kind = schema.get('type')
        if kind is None:
            return
        yield 'null', path, wrap(None)
        for other, wrong in WRONG.items():
            if other != kind and (kind, other) != ('number', 'integer'):
                yield 'type', path, wrap(wrong)
        if kind == 'object':
            yield from self.break_object(schema, value, path, wrap)
        elif kind == 'array':
            yield from self.break_array(schema, value, path, wrap)
        else:
            for what, wrong in self.wrong_scalars(schema, value):
                yield what, path, wrap(wrong)

    def break_array(self, schema, value, path, wrap):
        if 'minItems' in schema:
            yield 'short list', path, wrap(value[:schema['minItems'] - 1])
        if 'maxItems' in schema:
            yield 'long list', path, wrap([self.value(schema['items'], 0)] * (schema['maxItems'] + 1))
        at = len(value) - 1
        yield from self.break_value(schema['items'], value[at], path + (at,), lambda changed: wrap(value[:at] + [changed]))

    def wrong_scalars(self, schema, value):
        if 'enum' in schema:
            for wrong in (value + 'x', value.swapcase(), ''):
                yield 'enum', wrong
        if schema.get('format') == 'date-time':
            for wrong in BAD_TIMES:
                yield 'time', wrong
        if 'maxLength' in schema:
            yield 'long', 'é' * (schema['maxLength'] + 1)
            yield 'long', 'x' * (schema['maxLength'] * 3 + 100)
        if 'minimum' in schema:
            yield 'bound', int(schema['minimum']) - 1
        if 'maximum' in schema:
            yield 'bound', int(schema['maximum']) + 1
        if 'multipleOf' in schema:
            yield 'bound', 0.05
        if schema['type'] == 'integer':
            yield 'type', 0.25

    def mixtures(self, count):
        """Valid payloads, and as many where some fields are of another's kind."""
        for _ in range(count):
            payload = self.valid(self.random.random())
            yield payload
            yield self.shaken(copy.deepcopy(payload))

    def shaken(self, value):
        if isinstance(value, dict) and value:
            name = self.random.choice(list(value))
            value[name] = self.random.choice((self.shaken(value[name]), None, 7, 'x', [], {}, [value[name]]))
        elif isinstance(value, list) and value:
            at = self.random.randrange(len(value))
            value[at] = self.shaken(value[at])
        return value


def spelt(path):
    """('a', 0, 'b') as the validator writes it: a[0].b"""
    return ''.join('[%d]' % part if isinstance(part, int) else '.' + part for part in path).removeprefix('.')
