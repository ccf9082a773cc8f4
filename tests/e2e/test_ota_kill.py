"""kill -9 of a node in the middle of a campaign: nobody is told an update once more but who may not have heard of it, each charger ends as what
it boots with, and all are in service."""
import pytest
from charger_updates import IMAGE, Charger, fetch, in_service, put
from galvan import until
from stations import PyOcpp
from updates import Updates


@pytest.fixture
def chargers(run):
    updates = Updates(run)
    made = {name: Charger(updates, name, tags=['north'], **more) for name, more in (
        ('HEARD', {}), ('MUTE', {}), ('OLD', {}), ('V201', {'library': PyOcpp, 'protocol': 'ocpp2.0.1'}))}
    yield updates, made
    for one in made.values():
        one.close()


def restart(updates, made):
    updates.node.kill()
    for one in made.values():
        one.release()
    updates.node.start()
    for one in made.values():
        one.connect()


def test_a_campaign_outlives_kills_while_it_is_offered_under_way_and_on_probation(chargers):
    updates, made = chargers
    heard, mute, old, v201 = made.values()
    unsure = (heard, mute, old)
    for one in unsure:
        one.hold()
    updates.start('spring', put(updates, 'ac'), {'filter': 'tag = north'}, retries=1, retryAfterS=2, probationS=2, inFlight=4)
    urls = {name: one.told() for name, one in made.items()}
    updates.wait_state(v201.device, 'UNDER_WAY')

    restart(updates, made)  # three have heard of it, and the node knows of none that they have
    heard.says('Downloading')
    for one in unsure:
        updates.wait_state(one.device, 'UNDER_WAY')
        assert one.state()['lease'], 'it may be installing: nobody starts there'
    for one in (mute, old):
        urls[one.name] = one.told()
        updates.wait_state(one.device, 'UNDER_WAY')

    restart(updates, made)  # all are under way
    for one in made.values():
        assert fetch(urls[one.name], cut_at=1000) == IMAGE
    v201.says('Downloaded', 'Installing')
    heard.says('Downloaded')
    old.says('Installed')

    restart(updates, made)
    for one in made.values():
        one.boot('1.0' if one is old else '2.0')
    updates.wait_state(old.device, 'FAILED')

    restart(updates, made)  # three are on probation
    for one in (heard, mute, v201):
        updates.wait_state(one.device, 'SUCCEEDED')
    assert not any(one.offers() for one in made.values()), 'nobody is told once more'
    until('it is done', lambda: updates.campaign('spring')['state'] == 'CAMPAIGN_STATE_DONE')
    in_service(updates, *made.values())
