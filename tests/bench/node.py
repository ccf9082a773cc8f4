"""A node of galvan as a server under test."""
import json
import os
import subprocess

from serving import Server, free_port, pids_of


def device_of(number):
    """Of the load's stations, from 1."""
    return 'ocpp:LOAD-%04d' % number


def certificate(folder):
    """A server's, ECDSA as most have it: link's section `tls`."""
    files = {'cert': os.path.join(folder, 'server.pem'), 'key': os.path.join(folder, 'server.key')}
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj',
                    '/CN=localhost', '-keyout', files['key'], '-out', files['cert']], check=True, stderr=subprocess.DEVNULL)
    return files


class Galvan(Server):
    def __init__(self, args, folder, strangers=False, billing=False, instances=1, tls=False):
        port = free_port()
        self.url = '%s://127.0.0.1:%d/ocpp/' % ('wss' if tls else 'ws', port)
        self.binary = os.path.join(args.build, 'galvan')
        self.data = os.path.join(folder, 'data')
        config = {'node': {'name': 'bench'}, 'plugins': {
            'link': {'config': {'listen': [{'ws': port, 'host': '127.0.0.1'}]}},
            'registry': {},
            'ocpp': {'instances': instances, 'config': {'unknown_token': 'accept', 'unknown_station': 'accept' if strangers else 'refuse'}},
        }}
        if tls:
            config['plugins']['link']['config']['listen'][0]['tls'] = certificate(folder)
        if billing:
            config['plugins']['billing'] = {'config': {'hold': {}, 'sign_in': {}}}
        file = os.path.join(folder, 'bench.yaml')
        with open(file, 'w', encoding='utf-8') as f:
            json.dump(config, f)  # JSON is YAML
        super().__init__(args, [self.binary, 'run', file, '--data', self.data], os.path.join(folder, 'galvan.log'))

    def processes(self):
        status = json.loads(subprocess.run([self.binary, 'ctl', 'status', '--json', '--data', self.data], check=True,
                                           stdout=subprocess.PIPE, text=True).stdout)
        return dict(pids_of(status), kernel=[self.process.pid])

    def call(self, method, request):
        done = subprocess.run([self.binary, 'call', method, json.dumps(request), '--data', self.data], check=True, stdout=subprocess.PIPE, text=True)
        return json.loads(done.stdout)

    def wait_connections(self, count):
        """Until link has told of so many: its answer comes behind all that it had to do for them."""
        while int(self.call('galvan.link.v1.Link/ListConnections', {'limit': 1})['total']) != count:
            pass

    def call_all(self, method, requests):
        """Many, on their way together; their answers in order."""
        done = subprocess.run([self.binary, 'call', method, '-', '--data', self.data], input=''.join(json.dumps(r) + '\n' for r in requests),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise SystemExit('bench: %s failed: %s' % (method, done.stderr))
        return [json.loads(line) for line in done.stdout.splitlines()]

    def make_known(self, count):
        self.call_all('galvan.registry.v1.Registry/PutDevice', ({'device': {'id': device_of(i)}} for i in range(1, count + 1)))
