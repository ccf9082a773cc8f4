"""Devices with galvan-ota-agent in a folder, and what they run: programs that say by sd_notify that they are well, or do not."""
import json
import os
import subprocess

from repositories import BUILD, Repository
from update_server import Server

AGENT = os.path.join(BUILD, 'plugins', 'ota', 'agent', 'galvan-ota-agent')
DEVICE = 'meter:M1'
PATIENCE_S = int(os.environ.get('GALVAN_PATIENCE_S', '30'))

PROGRAM = '''#!/usr/bin/env python3
# %(padding)s
import os, signal, socket, sys
with open(sys.argv[1], 'a') as f:
    f.write('%(version)s ' + (open(sys.argv[2]).read() if len(sys.argv) > 2 else '') + '\\n')
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
%(health)s
signal.pause()
'''
SAYS_WELL = "s.sendto(b'READY=1', '\\0' + os.environ['NOTIFY_SOCKET'][1:])"
SAYS_NOTHING = ''
ENDS = 'sys.exit(1)'
ENDS_WELL = SAYS_WELL + '; sys.exit(0)'
BRINGS_DOWN = 'os.kill(os.getppid(), signal.SIGKILL)'


def program(version, health=SAYS_WELL, size=0):
    """A file that a device can run; `size` makes it about so large."""
    return (PROGRAM % {'version': version, 'health': health, 'padding': (version * (size // len(version) + 1))[:size]}).encode()


class Device:
    """An agent's folder; what has run stands in its file `ran`."""

    def __init__(self, folder, server, **config):
        self.folder = str(folder)
        self.server = server
        os.makedirs(self.folder)
        self.ran_path = os.path.join(self.folder, 'ran')
        self.write('root.json', server.repository.root_bytes())
        self.configure(**config)
        self.factory('firmware', program('1.0.0'), '1.0.0', 1)

    def configure(self, **config):
        self.config = {'server': self.server.address, 'device': DEVICE, 'password': 'secret', 'product': 'meter', 'hardware': 'rev-b',
                       'run': ['@firmware@', self.ran_path], 'slots': {'firmware': ['firmware-a', 'firmware-b']}, **config}
        self.write('agent.json', json.dumps(self.config).encode())

    def write(self, name, data):
        with open(os.path.join(self.folder, name), 'wb') as f:
            f.write(data)

    def factory(self, kind, data, version, counter):
        self.write('from-factory', data)
        done = subprocess.run([AGENT, 'factory', self.folder, kind, os.path.join(self.folder, 'from-factory'), version, str(counter)],
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    def once(self, environment=None):
        """One cycle: the exit code and what the agent said."""
        done = subprocess.run([AGENT, 'once', self.folder], capture_output=True, text=True, timeout=PATIENCE_S * 4,
                              env={**os.environ, **(environment or {})})
        return done.returncode, done.stderr

    def state(self):
        with open(os.path.join(self.folder, 'state.json'), 'rb') as f:
            return json.load(f)

    def confirmed(self, kind='firmware'):
        image = self.state()['confirmed'][kind]
        return image['version'], image['counter']

    def ran(self):
        with open(self.ran_path) as f:
            return [line.strip() for line in f]


def fleet(tmp_path, pair=None, **config):
    """A repository with firmware 1.1.0, its server, and a device that runs 1.0.0 and is assigned the new one."""
    repository = Repository(tmp_path / 'repository')
    target = repository.add('meter/1.1.0/fw.bin', program('1.1.0', size=300000), version='1.1.0', counter=2)
    repository.publish()
    server = Server(repository, pair=pair)
    server.assignments[DEVICE] = repository.assignment(DEVICE, target)
    return repository, server, Device(tmp_path / 'device', server, **config), target
