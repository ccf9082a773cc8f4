"""What tests of paid charging share: a node with billing in it, a tariff, people with money, and a charger that does as it is told."""
import json

from galvan import Refused, base_config, free_ports, until
from session import START_TIME, STOP_TIME, utc_ms

BILLING = 'galvan.billing.v1.Billing/'
TARIFF = {  # 0.40 a kWh and 0.50 to begin, both before 20 % of VAT
    'id': 'T1', 'country_code': 'DE', 'party_id': 'ABC', 'currency': 'EUR', 'last_updated': '2025-01-01T00:00:00Z',
    'elements': [{'price_components': [{'type': 'ENERGY', 'price': 0.40, 'vat': 20.0, 'step_size': 1},
                                       {'type': 'FLAT', 'price': 0.50, 'vat': 20.0, 'step_size': 1}]}]}
OVER = ('ORDER_STATE_CLOSED', 'ORDER_STATE_VOIDED')


def billing_config(ws, **billing):
    config = base_config(ws)
    config['plugins']['billing'] = {'config': billing}
    return config


def start_paid_node(run, env=None, **billing):
    ws, = free_ports(1)
    node = run(billing_config(ws, **billing), env=env)
    node.ws = 'ws://127.0.0.1:%d/ocpp' % ws
    node.ws_port = ws
    node.bill = lambda method, request=None: node.call(BILLING + method, request)
    node.bill('PutTariff', {'tariff': {'id': 'T1', 'ocpi': json.dumps(TARIFF)}})
    node.bill('AssignTariff', {'assignment': {'tariff': 'T1'}})
    node.put_device('ocpp:CP001')
    return node


def put_customer(node, name='C-1', top_up=0):
    node.bill('PutCustomer', {'customer': {'id': name, 'name': 'Ada'}})
    if top_up:
        node.bill('TopUp', {'id': 'top-' + name, 'customer': name, 'amount': top_up, 'provider': 'desk', 'desk': 'main'})


def available(node, account):
    return int(node.bill('GetAccount', {'id': account})['account']['available'])


def balance(node, account):
    a = node.bill('GetAccount', {'id': account})['account']
    return int(a['creditsPosted']) - int(a['debitsPosted'])


def order(node, name):
    return node.bill('GetOrder', {'id': name})['order']


def until_order(node, name, *states):
    return until('order %s is %s' % (name, ' or '.join(states)),
                 lambda: (lambda o: o if o['state'] in ['ORDER_STATE_' + s for s in states] else None)(order(node, name)))


def charges(node, **of):
    return node.bill('ListCharges', of)['charges']


def until_charges(node, count, **of):
    return until('%d charges' % count, lambda: (lambda c: c if len(c) >= count else None)(charges(node, **of)))


def verify(node):
    """The books are sound, and nothing is left in between."""
    said = node.bill('Verify')
    assert said['sound'], said['problems']
    parked = node.call('galvan.kernel.v1.Plugin/ListParked', {'plugin': 'billing'})['parked']
    assert not parked, parked
    for suspense in node.bill('ListAccounts', {'prefix': 'suspense'})['accounts']:
        assert suspense['debitsPosted'] == suspense['creditsPosted'], suspense
    return said


class Charger:
    """A charger whose session is started by whoever pays, or by a card."""

    def __init__(self, node, station, identity='CP001'):
        self.node, self.station, self.identity = node, station, identity
        self.device = 'ocpp:' + identity
        self.transaction = None
        station.answer('RemoteStartTransaction', {'status': 'Accepted'})
        station.answer('RemoteStopTransaction', {'status': 'Accepted'})

    def connect(self):
        self.station.connect(self.node.ws, self.identity)
        self.station.call('BootNotification', {'chargePointVendor': 'Elsewhere', 'chargePointModel': 'Two'})
        until('%s is online' % self.device, self.is_online)

    def is_online(self):
        stations = self.node.call('galvan.ocpp.v1.Ocpp/ListStations', {'device': self.device})['stations']
        return any(s['online'] for s in stations)

    def reconnect(self):
        self.station.wait_closed()
        self.station.connect(self.node.ws, self.identity)
        until('%s is online' % self.device, self.is_online)

    def asked_to_start(self):
        """The token that it is to start with."""
        return self.station.asked('RemoteStartTransaction')['idTag']

    def authorize(self, token):
        return self.station.call('Authorize', {'idTag': token})['idTagInfo']['status']

    def begin(self, token, meter=0, time=START_TIME):
        reply = self.station.call('StartTransaction', {'connectorId': 1, 'idTag': token, 'meterStart': meter, 'timestamp': time})
        self.transaction = reply['transactionId']
        return reply['idTagInfo']['status']

    def meter(self, wh, time):
        self.station.call('MeterValues', {'connectorId': 1, 'transactionId': self.transaction, 'meterValue': [{
            'timestamp': time, 'sampledValue': [{'value': str(wh), 'measurand': 'Energy.Active.Import.Register', 'unit': 'Wh'}]}]})

    def asked_to_stop(self):
        assert self.station.asked('RemoteStopTransaction') == {'transactionId': self.transaction}

    def end(self, meter=6379, time=STOP_TIME + 'Z', reason='EVDisconnected', **more):
        self.station.call('StopTransaction', dict({
            'transactionId': self.transaction, 'meterStop': meter, 'timestamp': time, 'reason': reason}, **more))


__all__ = ['BILLING', 'OVER', 'Charger', 'Refused', 'TARIFF', 'available', 'balance', 'billing_config', 'charges', 'order',
           'put_customer', 'start_paid_node', 'until', 'until_charges', 'until_order', 'utc_ms', 'verify']
