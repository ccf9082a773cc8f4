"""What tests of rentals share: a node that lends power banks for money, on a port for each family of cabinets."""
from billing import available, balance, billing_config, charges, order, put_customer, until, until_charges, until_order, verify
from cabinets import BinaryCabinet, TextCabinet
from galvan import Http, free_ports

RENTAL = 'galvan.rental.v1.Rental/'
ADMIN = 'a' * 20 + '-admin'
# 2.00 for each half hour that has begun, 20 % of VAT in it
TERMS = {'currency': 'EUR', 'intervalS': '1800', 'intervalPrice': '200', 'vatPpm': 200000}
TEXT_CONFIG = {'eject_timeout_s': 5, 'quiet_s': 1, 'query_timeout_s': 1, 'return_timeout_s': 10, 'poll_s': 60, 'lend_s': 30}


def start_lending_node(run, terms=None, powerbank=None, **billing):
    """With cabinets and a customer made known by the test; its ports are .text and .binary."""
    ws, http, text, binary = free_ports(4)
    config = billing_config(ws, **billing)
    config['plugins']['link']['config']['listen'] += [
        {'http': http, 'to': 'api'},
        {'tcp': text, 'host': '127.0.0.1', 'to': 'powerbank'},
        {'tcp': binary, 'host': '127.0.0.1', 'to': 'powerbank', 'listener': 'woshi'}]
    config['plugins']['api'] = {'config': {'tokens': [{'token': ADMIN, 'role': 'admin', 'name': 'ops'}]}}
    config['plugins']['powerbank'] = {'config': dict(TEXT_CONFIG, **(powerbank or {}))}
    node = run(config)
    node.text, node.binary, node.ws_port, node.http = text, binary, ws, Http(http, ADMIN)
    node.bill = lambda method, request=None: node.call('galvan.billing.v1.Billing/' + method, request)
    node.rent = lambda method, request=None: node.call(RENTAL + method, request)
    put_terms(node, terms or TERMS)
    return node


def put_terms(node, terms):
    node.bill('PutTariff', {'tariff': {'id': 'BANKS', 'rental': terms}})
    node.bill('AssignTariff', {'assignment': {'tariff': 'BANKS'}})


def cabinet_state(node, device):
    return node.rent('GetCabinet', {'device': device})['cabinet']


def make_known(node, cabinet):
    node.put_device(cabinet.device)
    return cabinet


def until_ready(node, cabinet):
    """Its inventory is in the books."""
    until('%s is ready' % cabinet.device, lambda: cabinet_state(node, cabinet.device)['ready'])
    return cabinet


def text_cabinet(node, *args, **options):
    return until_ready(node, make_known(node, TextCabinet(node.text, *args, **options)).connect())


def binary_cabinet(node, *args, **options):
    return until_ready(node, make_known(node, BinaryCabinet(node.binary, *args, **options)).connect())


def borrow(node, cabinet, name='O-1', **more):
    return node.rent('Borrow', dict({'id': name, 'device': cabinet.device, 'customer': 'C-1'}, **more))


def banks(node):
    """Each bank's place and where that is."""
    return {b['id']: (b['place'].removeprefix('BANK_PLACE_'), b['device'], b['slot']) for b in node.rent('ListBanks', {'limit': 1000})['banks']}


def rentals(node, **of):
    """The oldest first."""
    return list(reversed(node.rent('ListRentals', of)['rentals']))


def rental(node):
    only, = rentals(node)
    return only


def until_rental(node, *states):
    return until('the rental is %s' % ' or '.join(states),
                 lambda: (lambda r: r if r['state'].removeprefix('RENTAL_STATE_') in states else None)(rentals(node)[-1]))


__all__ = ['ADMIN', 'RENTAL', 'TERMS', 'BinaryCabinet', 'TextCabinet', 'available', 'balance', 'banks', 'binary_cabinet', 'borrow',
           'cabinet_state', 'charges', 'make_known', 'order', 'put_customer', 'put_terms', 'rental', 'rentals', 'start_lending_node',
           'text_cabinet', 'until', 'until_charges', 'until_order', 'until_ready', 'until_rental', 'verify']
