import os
import shutil
import tempfile

import pytest

import downloads
from fake_stripe import FakeStripe
from galvan import GALVAN, Node, base_config, free_ports
from security import Authorities
from stations import CLIENTS


def pytest_configure(config):
    if not os.access(GALVAN, os.X_OK):
        pytest.exit('%s is not there: run ./dev build first' % GALVAN, 2)


@pytest.fixture
def folder():
    """Short, as sockets' paths must be."""
    path = tempfile.mkdtemp(prefix='gv-')
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def run(folder, request):
    """run(config) starts a node that ends with the test; its log is shown where the test failed."""
    nodes = []

    def start(config, name=None, **options):
        node = Node(folder, config, name or 'n%d' % len(nodes), **options)
        nodes.append(node)
        return node.start()
    yield start
    failed = getattr(request.node, 'failed', False)
    for node in nodes:
        node.close()
        if failed and node.process:
            print('---- log of %s\n%s' % (node.folder, node.read_log()[-6000:]))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if outcome.get_result().failed:
        item.failed = True


@pytest.fixture(scope='module')
def file_server(authorities):
    """One for all tests of a file: they leave nothing behind but what they name."""
    if not os.path.isfile(downloads.PLUGIN):
        pytest.skip('the fixture plugins are not built: %s' % downloads.PLUGIN)
    path = tempfile.mkdtemp(prefix='gv-')
    files = downloads.Files(path, authorities)
    yield files
    files.node.close()
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def cloud(run):
    """A strict cloud: link, registry, ocpp."""
    ws, = free_ports(1)
    node = run(base_config(ws))
    node.ws = 'ws://127.0.0.1:%d/ocpp' % ws
    node.ws_port = ws
    return node


@pytest.fixture(scope='module')
def lasting_cloud():
    """Such a cloud for all tests of a file, where each leaves it as it was."""
    path = tempfile.mkdtemp(prefix='gv-')
    ws, = free_ports(1)
    node = Node(path, base_config(ws))
    node.start()
    node.ws = 'ws://127.0.0.1:%d/ocpp' % ws
    node.ws_port = ws
    yield node
    node.close()
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(params=sorted(CLIENTS))
def station(request):
    client = CLIENTS[request.param]()
    yield client
    client.close()


@pytest.fixture(params=sorted(CLIENTS))
def station_v201(request):
    client = CLIENTS[request.param]('ocpp2.0.1')
    yield client
    client.close()
    assert not getattr(client, 'invalid', []), 'nothing that breaks the schemas was said'


@pytest.fixture
def any_station():
    """Where the client does not matter."""
    made = []

    def make():
        made.append(CLIENTS['ocpp']())
        return made[-1]
    yield make
    for client in made:
        client.close()


@pytest.fixture(scope='session')
def authorities(tmp_path_factory):
    """Of both ends of TLS; see security.py."""
    return Authorities(str(tmp_path_factory.mktemp('authorities')))


@pytest.fixture
def stripe():
    """A payment provider that behaves like Stripe, and must not have seen what Stripe would never see."""
    fake = FakeStripe()
    yield fake
    fake.close()
    assert fake.wrong == []
