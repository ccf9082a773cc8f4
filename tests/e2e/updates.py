"""A node with ota, as operators use it: files put by HTTP, artifacts, campaigns."""
import base64
import json
import urllib.request

from galvan import base_config, free_ports, until

OTA = 'galvan.ota.v1.Ota/'


class Updates:
    def __init__(self, run, keys='node', **plugins):
        self.ws, = free_ports(1)
        self.url = 'http://127.0.0.1:%d' % self.ws
        config = base_config(self.ws)
        config['plugins'].update({'ota': {'config': {'url': self.url, 'keys': keys, 'retry_s': 1}}, **plugins})
        self.node = run(config)

    def call(self, method, **request):
        return self.node.call(OTA + method, request)

    def put_file(self, data):
        """Its name."""
        url = self.call('OpenUpload', name='file.bin')['url']
        with urllib.request.urlopen(urllib.request.Request(url, data=data, method='PUT')) as answer:
            assert answer.status == 201
            return json.load(answer)['blob']

    def put_artifact(self, path, data, version, counter, **more):
        """What is to be signed; empty: nothing is."""
        artifact = {'id': path, 'product': 'meter', 'kind': 'firmware', 'version': version, 'counter': counter, 'blob': self.put_file(data),
                    'install': {'seconds': 5, 'slots': 2}, **more}
        return self.call('PutArtifact', artifact=artifact)['toSign']

    def start(self, campaign, artifact, target, **more):
        self.call('PutCampaign', campaign={'id': campaign, 'target': target, 'artifacts': [artifact], 'probationS': 1, **more}, by='ann')
        self.call('StartCampaign', id=campaign, by='ann')

    def campaign(self, name):
        return self.call('GetCampaign', id=name)['campaign']

    def assignment(self, device):
        found = self.call('ListAssignments', device=device, anyState=True)['assignments']
        return found[0] if found else None

    def wait_state(self, device, state):
        def there():
            found = self.assignment(device)
            return found if found and found['state'] == 'ASSIGNMENT_STATE_' + state else None
        return until('%s is %s' % (device, state), there)

    def get(self, path, device, token=None):
        """As a device asks for it: the bytes."""
        token = token or self.call('GetAgentToken', device=device)['token']
        shown = base64.b64encode(('%s:%s' % (device, token)).encode()).decode()
        request = urllib.request.Request(self.url + '/ota/' + path, headers={'Authorization': 'Basic ' + shown})
        with urllib.request.urlopen(request) as answer:
            return answer.read()
