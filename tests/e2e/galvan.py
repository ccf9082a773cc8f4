"""Drives the real binary: a node with a config and a data folder of its own, its CLI, its HTTP API.

Nothing here sleeps to be on the safe side: whoever waits, waits for a line, a state or the end of a process, with a limit.
"""
import json
import os
import queue
import select
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GALVAN = os.environ.get('GALVAN', os.path.join(ROOT, 'build', 'galvan'))
PLUGINS = os.path.dirname(GALVAN)
PATIENCE_S = float(os.environ.get('GALVAN_PATIENCE_S', '30'))


class Refused(Exception):
    """A command's exit code 1: the code and sentence that it printed."""

    def __init__(self, code, text):
        super().__init__(text)
        self.exit = code
        self.text = text
        self.code = text.split(':', 1)[0]


class Gone(Exception):
    """A process ended that should not have."""


FIRST_PORT, LAST_PORT = 12000, 31999  # below those that the system gives to outgoing connections
_next_port = FIRST_PORT + os.getpid() * 977 % (LAST_PORT - FIRST_PORT)


def free_ports(count):
    """Ports that nobody listens on, no two the same within this process. Another process of tests begins elsewhere."""
    global _next_port
    ports = []
    while len(ports) < count:
        _next_port = _next_port + 1 if _next_port < LAST_PORT else FIRST_PORT
        with socket.socket() as s:
            try:
                s.bind(('127.0.0.1', _next_port))
            except OSError:
                continue
        ports.append(_next_port)
    return ports


def until(what, condition, limit_s=PATIENCE_S):
    """Returns the first true value of condition(); its own cost paces it."""
    end = time.monotonic() + limit_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError('%s: not within %g s' % (what, limit_s))
        select.select([], [], [], 0.02)


class Lines:
    """The lines of a pipe, read by a thread, waited for by predicate."""

    def __init__(self, pipe):
        self.seen = []
        self._queue = queue.Queue()
        self._thread = threading.Thread(target=self._read, args=(pipe,), daemon=True)
        self._thread.start()

    def _read(self, pipe):
        for line in pipe:
            self._queue.put(line.rstrip('\n'))
        self._queue.put(None)

    def next(self, limit_s=PATIENCE_S):
        """The next line, or None at the end. TimeoutError."""
        try:
            line = self._queue.get(timeout=limit_s)
        except queue.Empty:
            raise TimeoutError('no line within %g s; before: %r' % (limit_s, self.seen[-5:])) from None
        if line is not None:
            self.seen.append(line)
        return line

    def wait(self, predicate, limit_s=PATIENCE_S):
        end = time.monotonic() + limit_s
        while True:
            line = self.next(max(0.01, end - time.monotonic()))
            if line is None:
                return None
            if predicate(line):
                return line

    def drain(self):
        """What is there now, without waiting."""
        lines = []
        while True:
            try:
                line = self._queue.get_nowait()
            except queue.Empty:
                return lines
            if line is None:
                return lines
            self.seen.append(line)
            lines.append(line)


class Events:
    """`galvan events`, subscribed when the constructor returns."""

    def __init__(self, node, *types):
        self._process = subprocess.Popen([GALVAN, 'events', '--data', node.data, *types], stdout=subprocess.PIPE,
                                         stderr=subprocess.PIPE, text=True)
        self._lines = Lines(self._process.stdout)
        self._errors = Lines(self._process.stderr)
        if self._errors.wait(lambda line: line == 'following') is None:
            raise Gone('galvan events: %s' % self._errors.seen)
        self.seen = []

    def wait(self, type_name, predicate=lambda event: True, limit_s=PATIENCE_S):
        """The next event of this short type name for which the predicate holds."""
        def wanted(line):
            event = json.loads(line)
            self.seen.append(event)
            return event['type'].endswith('.' + type_name) and predicate(event)
        line = self._lines.wait(wanted, limit_s)
        if line is None:
            raise Gone('galvan events ended: %s' % self._errors.seen)
        return json.loads(line)

    def close(self):
        self._process.terminate()
        self._process.wait()


def base_config(ws, http=None, **plugins):
    """The cloud as the tests like it: strict, small, on ports of its own."""
    listen = [{'ws': ws, 'host': '127.0.0.1'}]
    if http:
        listen.append({'http': http, 'to': 'api'})
    config = {'node': {'name': 'test'}, 'plugins': {
        'link': {'config': {'listen': listen}},
        'registry': {},
        'ocpp': {'config': {'unknown_token': 'accept', 'heartbeat_s': 300}},
    }}
    if http:
        config['plugins']['api'] = {}
    config['plugins'].update(plugins)
    return config


class Node:
    def __init__(self, folder, config, name='node', env=None):
        self.folder = os.path.join(str(folder), name)
        os.makedirs(self.folder, exist_ok=True)
        self.data = os.path.join(self.folder, 'data')
        self.file = os.path.join(self.folder, 'config.yaml')
        self.config = config
        self.env = dict(os.environ, **(env or {}))
        self.process = None
        self.options = []  # of `galvan run`
        self.starts = 0
        self.write_config()

    def write_config(self):
        """JSON is YAML: no library needed to write it."""
        with open(self.file, 'w', encoding='utf-8') as f:
            json.dump(self.config, f, indent=1)

    def start(self, limit_s=PATIENCE_S):
        self.starts += 1
        self.log = os.path.join(self.folder, 'log.%d' % self.starts)
        with open(self.log, 'w', encoding='utf-8') as log:
            self.process = subprocess.Popen([GALVAN, 'run', self.file, '--data', self.data, *self.options], stdout=subprocess.PIPE,
                                            stderr=log, text=True, env=self.env)
        self.lines = Lines(self.process.stdout)
        if self.lines.wait(lambda line: line == 'ready', limit_s) is None:
            code = self.process.wait()
            raise Gone('galvan run ended with %d: %s' % (code, self.read_log()))
        return self

    def read_log(self):
        with open(self.log, encoding='utf-8', errors='replace') as f:
            return f.read()

    def wait_log(self, text, limit_s=PATIENCE_S):
        until('log line with %r' % text, lambda: text in self.read_log(), limit_s)

    def kill(self):
        """kill -9 of the whole node, and its end: every host dies with the kernel's process."""
        hosts = [open_pid(pid) for pid in children(self.process.pid)]
        self.process.kill()
        self.process.wait()
        for host in hosts:
            if host is not None:
                select.select([host], [], [], PATIENCE_S)
                os.close(host)

    def restart(self):
        self.kill()
        return self.start()

    def stop(self, limit_s=PATIENCE_S):
        """A graceful end; returns the exit code."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                return self.process.wait(limit_s)
            except subprocess.TimeoutExpired:
                self.kill()
                raise TimeoutError('the node did not stop within %g s: %s' % (limit_s, self.read_log()[-2000:])) from None
        return self.process.returncode if self.process else None

    def close(self):
        if self.process and self.process.poll() is None:
            self.kill()

    # ---- the CLI

    def cli(self, *args, stdin=None, limit_s=120):
        return subprocess.run([GALVAN, args[0], '--data', self.data, *args[1:]], input=stdin, capture_output=True, text=True,
                              timeout=limit_s, check=False)

    def call(self, method, request=None, **options):
        args = [str(x) for k, v in options.items() for x in ('--' + k, v)]
        done = self.cli('call', *args, method, json.dumps(request or {}))
        if done.returncode:
            raise Refused(done.returncode, done.stderr.strip())
        return json.loads(done.stdout)

    def ctl(self, *args):
        done = self.cli('ctl', *args)
        if done.returncode:
            raise Refused(done.returncode, done.stderr.strip())
        return done.stdout

    def status(self):
        return json.loads(self.ctl('status', '--json'))

    def instance(self, plugin, number=0):
        for p in self.status()['plugins']:
            if p['name'] == plugin and p['instance'] == number:
                return p
        raise KeyError(plugin)

    def wait_state(self, plugin, state, limit_s=PATIENCE_S):
        return until('%s is %s' % (plugin, state),
                     lambda: (lambda p: p if p['state'] == state else None)(self.instance(plugin)), limit_s)

    def rows(self, plugin, table, *options):
        done = self.cli('rows', plugin, table, *options)
        if done.returncode:
            raise Refused(done.returncode, done.stderr.strip())
        return [json.loads(line) for line in done.stdout.splitlines()]

    def events(self, *types):
        return Events(self, *types)

    # ---- what tests do often

    def put_device(self, device, **more):
        return self.call('galvan.registry.v1.Registry/PutDevice', {'device': dict(id=device, **more)})

    def sessions(self, device):
        return self.call('galvan.charging.v1.Charging/ListSessions', {'device': device})['sessions']


class Shipped(Node):
    """A config of the config/ folder, as it is, with its environment."""

    def __init__(self, folder, name, **env):
        super().__init__(folder, {}, name.split('.')[0], env=env)
        self.file = os.path.join(ROOT, 'config', name)

    def write_config(self):
        pass


class Http:
    """The HTTP API with a bearer token."""

    def __init__(self, port, token=None):
        self.base = 'http://127.0.0.1:%d' % port
        self.token = token

    def open(self, path, body=None, headers=None, method=None, limit_s=PATIENCE_S):
        request = urllib.request.Request(self.base + path, data=body, method=method, headers=dict(headers or {}))
        if self.token:
            request.add_header('Authorization', 'Bearer ' + self.token)
        return urllib.request.urlopen(request, timeout=limit_s)

    def get(self, path, **options):
        """(status, text)."""
        try:
            with self.open(path, **options) as r:
                return r.status, r.read().decode()
        except urllib.error.HTTPError as e:
            return e.code, e.read().decode()

    def call(self, method, request=None):
        """(status, JSON)."""
        status, text = self.get('/api/' + method, body=json.dumps(request or {}).encode(),
                                headers={'Content-Type': 'application/json'})
        return status, json.loads(text)


def open_pid(pid):
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None


def children(pid):
    with open('/proc/%d/task/%d/children' % (pid, pid), encoding='ascii') as f:
        return [int(x) for x in f.read().split()]


def rss_kib(pid):
    with open('/proc/%d/status' % pid, encoding='ascii') as f:
        for line in f:
            if line.startswith('VmRSS:'):
                return int(line.split()[1])
    return 0
