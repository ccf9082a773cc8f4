"""Who may charge: cards that billing knows, at charging stations of somebody else's making."""
import os
import shutil
import time

import pytest

from galvan import Refused, base_config, free_ports, until

BILLING = 'galvan.billing.v1.Billing/'
START = '2025-01-15T02:09:54Z'


@pytest.fixture
def paid(run):
    """A cloud that refuses unknown cards, with billing in it."""
    ws, = free_ports(1)
    config = base_config(ws, billing={})
    config['plugins']['ocpp']['config']['unknown_token'] = 'refuse'
    node = run(config)
    node.ws = 'ws://127.0.0.1:%d/ocpp' % ws
    return node


@pytest.fixture
def charger(paid, any_station):
    """charger(identity, site=...) connects one that the registry knows."""
    def make(identity='CP001', **device):
        paid.put_device('ocpp:' + identity, **device)
        station = any_station()
        station.identity = identity
        station.answer('RemoteStartTransaction', {'status': 'Accepted'})
        station.connect(paid.ws, identity)
        return station
    return make


def put_token(node, token, **fields):
    return node.call(BILLING + 'PutToken', {'token': dict(id=token, **fields)})['token']


def private(node, token, **fields):
    return put_token(node, token, use='TOKEN_USE_PRIVATE', **fields)


def top_up(node, key, amount, **whom):
    node.call(BILLING + 'TopUp', dict(id=key, amount=amount, provider='desk', desk='main', **whom))


def authorize(station, token):
    return station.call('Authorize', {'idTag': token})['idTagInfo']


def status(station, token):
    return authorize(station, token)['status']


def start(station, token, connector=1, meter=0):
    return station.call('StartTransaction', {'connectorId': connector, 'idTag': token, 'meterStart': meter, 'timestamp': START})


def stop(station, transaction, token=None):
    request = {'transactionId': transaction, 'meterStop': 1000, 'timestamp': '2025-01-15T02:40:00Z'}
    if token:
        request['idTag'] = token
    return station.call('StopTransaction', request)


def reconnect(node, station):
    station.wait_closed()
    station.connect(node.ws, station.identity)


def test_an_unknown_card_is_refused(charger):
    station = charger()
    assert authorize(station, 'NOBODY') == {'status': 'Invalid'}
    assert start(station, 'NOBODY')['idTagInfo']['status'] == 'Invalid'


def test_a_private_card_is_good_as_soon_as_it_was_put(paid, charger):
    """PutToken answers when the chargers' plugin knows; letters' case does not matter, as with all tags of OCPP 1.6."""
    station = charger()
    for i in range(10):
        private(paid, 'Card-%d' % i)
        assert authorize(station, 'CARD-%d' % i) == {'status': 'Accepted'}
    reply = start(station, 'card-3')
    assert reply['idTagInfo']['status'] == 'Accepted'
    stop(station, reply['transactionId'])


def test_a_commercial_card_is_good_as_long_as_it_has_money(paid, charger):
    """Without a new connection, whichever account pays: the card's own purse or its customer's wallet."""
    station = charger()
    paid.call(BILLING + 'PutCustomer', {'customer': {'id': 'C-1', 'name': 'Anna'}})
    put_token(paid, 'PURSE', ownPurse=True)
    put_token(paid, 'WALLET-1', customer='C-1')
    put_token(paid, 'WALLET-2', customer='C-1')
    put_token(paid, 'NOBODYS')
    assert [status(station, t) for t in ('PURSE', 'WALLET-1', 'WALLET-2', 'NOBODYS')] == ['Blocked'] * 4
    top_up(paid, 'T-1', 500, token='PURSE')
    until('the card is good', lambda: status(station, 'PURSE') == 'Accepted')
    assert status(station, 'WALLET-1') == 'Blocked'
    top_up(paid, 'T-2', 500, customer='C-1')
    until('the first card is good', lambda: status(station, 'WALLET-1') == 'Accepted')
    until('the second card is good', lambda: status(station, 'WALLET-2') == 'Accepted')
    paid.call(BILLING + 'Post', {'transfers': [
        {'id': 'x', 'debit': 'card:PURSE', 'credit': 'writeoff', 'amount': 500, 'currency': 'EUR', 'reason': 'correction'}]})
    until('the empty card is refused', lambda: status(station, 'PURSE') == 'Blocked')


def test_a_card_is_refused_with_the_reason(paid, charger):
    station = charger()
    for state, expected in (('BLOCKED', 'Blocked'), ('LOST', 'Blocked'), ('EXPIRED', 'Expired'), ('ACTIVE', 'Accepted')):
        private(paid, 'CARD', state='TOKEN_STATE_' + state)
        assert status(station, 'CARD') == expected, state
    private(paid, 'CARD', validUntilMs=1)
    assert status(station, 'CARD') == 'Expired'
    assert paid.call(BILLING + 'ListTokens')['tokens'][0]['state'] == 'TOKEN_STATE_EXPIRED'


def test_a_blocked_customers_cards_are_blocked(paid, charger):
    station = charger()
    customer = paid.call(BILLING + 'PutCustomer', {'customer': {'name': 'Boris'}})['customer']
    private(paid, 'CARD', customer=customer['id'])
    assert status(station, 'CARD') == 'Accepted'
    paid.call(BILLING + 'PutCustomer', {'customer': dict(customer, blocked=True)})
    assert status(station, 'CARD') == 'Blocked'
    paid.call(BILLING + 'PutCustomer', {'customer': dict(customer, blocked=False)})
    assert status(station, 'CARD') == 'Accepted'


def test_a_card_expires_by_itself(paid, charger):
    """The station is told until when it may keep the answer; billing is told by its clock."""
    station = charger()
    ends = int(time.time() * 1000) + 1500
    private(paid, 'CARD', validUntilMs=ends)
    info = authorize(station, 'CARD')
    assert info['status'] == 'Accepted'
    assert info['expiryDate'].startswith('20')
    until('the card has expired', lambda: status(station, 'CARD') == 'Expired')
    until('billing knows', lambda: paid.call(BILLING + 'ListTokens')['tokens'][0]['state'] == 'TOKEN_STATE_EXPIRED')


def test_a_replaced_card_is_refused_and_the_new_one_has_its_money(paid, charger):
    station = charger()
    put_token(paid, 'OLD', ownPurse=True, parent='FAMILY')
    top_up(paid, 'T-1', 1234, token='OLD')
    put_token(paid, 'OLD', ownPurse=True, parent='FAMILY', state='TOKEN_STATE_LOST')
    for _ in range(2):  # said again, it does nothing more
        new = paid.call(BILLING + 'ReplaceToken', {'old': 'OLD', 'new': 'NEW'})['token']
        assert new['state'] == 'TOKEN_STATE_ACTIVE'
    assert status(station, 'OLD') == 'Blocked'
    assert authorize(station, 'NEW') == {'status': 'Accepted', 'parentIdTag': 'FAMILY'}
    assert paid.call(BILLING + 'GetAccount', {'id': 'card:NEW'})['account']['available'] == '1234'
    assert paid.call(BILLING + 'GetAccount', {'id': 'card:OLD'})['account']['available'] == '0'
    with pytest.raises(Refused) as refused:
        put_token(paid, 'OLD', ownPurse=True)
    assert 'NEW' in refused.value.text


def test_tokens_of_one_parent_stop_each_others_sessions(paid, charger):
    """The station compares the parents that it was told (1.6, 4.8): the session's and that of the card which is shown to stop it."""
    station = charger()
    private(paid, 'MOTHER', parent='FAMILY')
    private(paid, 'SON', parent='FAMILY')
    begun = start(station, 'MOTHER')
    assert begun['idTagInfo'] == {'status': 'Accepted', 'parentIdTag': 'FAMILY'}
    assert authorize(station, 'SON') == {'status': 'Accepted', 'parentIdTag': 'FAMILY'}
    assert stop(station, begun['transactionId'], 'SON')['idTagInfo']['status'] == 'Accepted'
    assert paid.sessions('ocpp:CP001')[0]['state'] == 'ENDED'


def test_no_more_sessions_at_once_than_the_card_may(paid, charger):
    """Over all stations; only a start can be one too many, a repeated one is not, and one that was refused does not count."""
    one, two, three = charger('CP001'), charger('CP002'), charger('CP003')
    private(paid, 'CARD', maxSessions=2)
    first = start(one, 'CARD')
    second = start(two, 'CARD')
    assert second['idTagInfo']['status'] == 'Accepted'
    assert start(three, 'CARD')['idTagInfo']['status'] == 'ConcurrentTx'
    assert start(one, 'CARD')['transactionId'] == first['transactionId']
    assert status(three, 'CARD') == 'Accepted'
    stop(one, first['transactionId'])
    assert start(three, 'CARD', connector=2)['idTagInfo']['status'] == 'Accepted'
    assert start(one, 'CARD', meter=1000)['idTagInfo']['status'] == 'ConcurrentTx'
    stop(two, second['transactionId'])
    assert start(one, 'CARD', meter=1001)['idTagInfo']['status'] == 'Accepted'


def test_a_card_is_good_where_it_is_good(paid, charger):
    for site in ('harbour', 'hill'):
        paid.call('galvan.registry.v1.Registry/PutSite', {'site': {'id': site}})
    here, there, nowhere = charger('CP001', site='harbour'), charger('CP002', site='hill'), charger('CP003')
    private(paid, 'CARD', sites=['harbour'])
    assert [status(s, 'CARD') for s in (here, there, nowhere)] == ['Accepted', 'Blocked', 'Blocked']
    paid.put_device('ocpp:CP002', site='harbour')
    assert status(there, 'CARD') == 'Accepted'


def test_a_card_may_end_what_it_began(paid, charger):
    """Its money is held for the session, so it may not begin another; the station asks again before it stops."""
    station = charger()
    put_token(paid, 'CARD', ownPurse=True)
    top_up(paid, 'T-1', 500, token='CARD')
    until('the card is good', lambda: status(station, 'CARD') == 'Accepted')
    begun = start(station, 'CARD')
    put_token(paid, 'CARD', ownPurse=True, state='TOKEN_STATE_BLOCKED')
    assert status(station, 'CARD') == 'Accepted'
    assert stop(station, begun['transactionId'], 'CARD')['idTagInfo']['status'] == 'Accepted'
    assert status(station, 'CARD') == 'Blocked'


def test_what_galvan_starts_needs_no_card_but_a_refused_card_stays_refused(paid, charger):
    station = charger()
    private(paid, 'CARD', state='TOKEN_STATE_BLOCKED')
    with pytest.raises(Refused) as refused:
        paid.call('galvan.charging.v1.Charging/Start', {'device': 'ocpp:CP001', 'connector': 1, 'token': 'CARD'})
    assert refused.value.code == 'failed_precondition'
    assert 'Blocked' in refused.value.text
    paid.call('galvan.charging.v1.Charging/Start', {'device': 'ocpp:CP001', 'connector': 1, 'token': 'app-7'})
    assert station.asked('RemoteStartTransaction')['idTag'] == 'app-7'
    assert start(station, 'app-7')['idTagInfo']['status'] == 'Accepted'


def test_the_tags_of_the_config_win(run, any_station):
    ws, = free_ports(1)
    config = base_config(ws, billing={})
    config['plugins']['ocpp']['config'].update(unknown_token='refuse', tags=[{'id': 'CARD', 'status': 'Expired'}])
    node = run(config)
    node.put_device('ocpp:CP001')
    private(node, 'CARD')
    station = any_station()
    station.connect('ws://127.0.0.1:%d/ocpp' % ws, 'CP001')
    assert status(station, 'CARD') == 'Expired'


@pytest.mark.parametrize('lost', ['nothing', "ocpp's store"])
def test_cards_are_known_after_kill_9(paid, charger, lost):
    """And when ocpp has lost its store: it takes billing's snapshot."""
    station = charger()
    private(paid, 'GOOD')
    private(paid, 'BAD', state='TOKEN_STATE_LOST')
    paid.kill()
    if lost != 'nothing':
        shutil.rmtree(os.path.join(paid.data, 'stores', 'ocpp.0'))
    paid.start()
    reconnect(paid, station)
    until('the card is known', lambda: status(station, 'GOOD') == 'Accepted')
    until('the other too', lambda: status(station, 'BAD') == 'Blocked')
    private(paid, 'BAD')
    assert status(station, 'BAD') == 'Accepted'


def test_kill_9_while_cards_change(paid, charger):
    """What PutToken has answered holds; chargers and billing agree in the end."""
    station = charger()
    for i in range(6):
        good = i % 2 == 0
        private(paid, 'CARD', state='TOKEN_STATE_ACTIVE' if good else 'TOKEN_STATE_BLOCKED')
        paid.restart()
        reconnect(paid, station)
        assert status(station, 'CARD') == ('Accepted' if good else 'Blocked')


def test_billing_works_without_chargers(run):
    ws, = free_ports(1)
    config = base_config(ws, billing={})
    del config['plugins']['ocpp']
    node = run(config)
    assert private(node, 'CARD')['state'] == 'TOKEN_STATE_ACTIVE'


def test_every_instance_of_ocpp_knows_every_card(run, any_station):
    """Stations are shared among instances; cards are not."""
    ws, = free_ports(1)
    config = base_config(ws, billing={})
    config['plugins']['ocpp'].update(instances=2)
    config['plugins']['ocpp']['config']['unknown_token'] = 'refuse'
    node = run(config)
    private(node, 'CARD')
    for identity in ('CP001', 'CP002', 'CP003', 'CP004'):
        node.put_device('ocpp:' + identity)
        station = any_station()
        station.connect('ws://127.0.0.1:%d/ocpp' % ws, identity)
        assert status(station, 'CARD') == 'Accepted'
    assert [len(node.rows('ocpp.%d' % i, 'tokens')) for i in (0, 1)] == [1, 1]


def test_cards_are_known_while_billing_is_down(paid, charger):
    """What was told is kept: a charger is answered though nobody can be asked."""
    station = charger()
    private(paid, 'CARD')
    paid.ctl('unload', 'billing')
    assert status(station, 'CARD') == 'Accepted'
    assert status(station, 'NOBODY') == 'Invalid'
    paid.ctl('load', 'billing')
    paid.wait_state('billing', 'running')
    private(paid, 'CARD', state='TOKEN_STATE_BLOCKED')
    assert status(station, 'CARD') == 'Blocked'
