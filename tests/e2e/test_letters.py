"""Letters between the cloud and a pile without a network, on the real binary: a terminal's node carries them, is killed in between, and so is the
pile's; and a pile with a line of its own needs nobody."""
import base64
import hashlib

from galvan import base_config, free_ports, until

ADDRESS = 'C0-00-00-00-00-01'
DEVICE = 'ble:' + ADDRESS
LETTERS, SIM, PILES = 'galvan.ble.v1.Letters/', 'galvan.sim.v1.Sim/', 'galvan.ble.v1.Piles/'
IMAGE = hashlib.shake_256(b'an image').digest(60000)


class Yard:
    """The cloud with a simulated pile, and a terminal beside it."""

    def __init__(self, run, folder, **pile):
        self.port, = free_ports(1)
        self.air = str(folder / 'air')
        fleet = {'name': 'yard', 'secret': 'of this test alone', 'enrol': True, 'store': str(folder), **pile}
        self.cloud = run(base_config(self.port, ble={'config': {'cloud': {'secret': 'a secret of tests'}}}, sim={'config': {'piles': [fleet]}}),
                         name='cloud')
        for device in (DEVICE, 'ble:T1'):
            self.cloud.put_device(device)
        until('the pile is known', lambda: self.cloud.call(PILES + 'GetPile', {'device': DEVICE})['pile']['id'] if self.pile()['certified'] else None)

    def pile(self):
        return self.cloud.call(SIM + 'ListPiles')['piles'][0]

    def put(self, name, body):
        return self.cloud.call(LETTERS + 'PutLetter', {'device': DEVICE, 'id': name, 'kind': 7, 'body': base64.b64encode(body).decode()})['letter']

    def listed(self):
        return self.cloud.call(LETTERS + 'ListLetters', {'device': DEVICE})

    def until_delivered(self, body):
        until('the letter is delivered', lambda: [x['state'] for x in self.listed()['toPile']] == ['delivered'])
        came = self.pile()['letters'][-1]
        assert (came['size'], came['kind'], came['hash']) == (len(body), 7, hashlib.sha256(body).hexdigest())

    def until_own(self, *bodies):
        until('its own letters are here', lambda: [base64.b64decode(x['body']) for x in self.listed()['fromPile']] == list(bodies))
        until('it may forget them', lambda: self.pile()['lettersReceipted'] == str(len(bodies)))


def visited(node):
    return lambda: any(p['id'] for p in node.call('galvan.ble.v1.Ble/ListPiles')['piles'])


def test_a_terminal_carries_letters_both_ways_over_kills_of_either_side(run, tmp_path):
    yard = Yard(run, tmp_path, loopback=str(tmp_path / 'air'))
    root = yard.cloud.call(PILES + 'GetKeySet')['root']
    terminal = run({'node': {'name': 'terminal'}, 'plugins': {
        'link': {}, 'bluetooth': {'config': {'loopback': {'folder': yard.air, 'mtu': 247}}},
        'ble': {'config': {'terminal': {'root': root, 'cloud': 'ws://127.0.0.1:%d/ble/T1' % yard.port}}}}}, name='terminal')
    until('the pile was visited', visited(terminal))
    yard.put('image', IMAGE)
    yard.cloud.call(SIM + 'WritePileLetter', {'pile': ADDRESS, 'kind': 8, 'body': base64.b64encode(b'how I am').decode()})
    terminal.kill()
    terminal.start()  # with a new line it asks what there is
    until('the letter is fetched', lambda: any(int(r['value']['have']) == len(IMAGE) for r in terminal.rows('ble', 'terminal_letters'))
          or yard.pile()['letterHave'] or yard.pile()['letters'])
    yard.cloud.restart()  # and the pile with it, in whatever it is
    yard.until_delivered(IMAGE)
    yard.until_own(b'how I am')
    until('nothing is carried any more', lambda: not terminal.rows('ble', 'terminal_letters') and not terminal.rows('ble', 'terminal_pieces'))


def test_a_pile_with_a_line_of_its_own_fetches_them_itself(run, tmp_path):
    yard = Yard(run, tmp_path, loopback=str(tmp_path / 'air'))
    yard.cloud.config['plugins']['sim']['config']['piles'][0]['url'] = 'ws://127.0.0.1:%d/ble/' % yard.port
    yard.cloud.write_config()
    yard.cloud.restart()
    yard.put('image', IMAGE)
    yard.cloud.call(SIM + 'WritePileLetter', {'pile': ADDRESS, 'kind': 8, 'body': base64.b64encode(b'how I am').decode()})
    yard.until_delivered(IMAGE)
    yard.until_own(b'how I am')
    assert yard.listed()['toPile'][0]['road'] == 'pile ' + DEVICE
