"""The part `files` of the bench: downloads from galvan beside nginx, the same file, one worker each, by turns in the same run.

Fast: 8 connections that fetch as quickly as they are served, the whole file or pieces of 1 MiB from all over it, plain and over TLS: bytes a
second, and processor seconds a GB. The client throws plain bytes away in the kernel. To galvan each request is a frame for the plugin that
answers with the file's name (tests/fixtures/plugins/downloads.c); to nginx it is a file's path.

Slow: thousands of connections that read 8,000 bytes a second each (64 kbit/s), and by how much the servers' memory grows for them.
"""
import json
import os
import resource
import statistics
import subprocess

from serving import Server, cpu_s, free_port, pids_of, rss_bytes, say

FILE_BYTES = 64 << 20
PIECE_BYTES = 1 << 20
CONNECTIONS = 8
SLOW_BYTES_PER_S = 8000
SLOW_TLS = 2000          # connections: their handshakes take the client's time
SECONDS_BEFORE_ASKING = 600
PROGRAM = '/usr/sbin/nginx'
FILES_MAX = min(20000, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
FILES_BESIDES = 300      # what is open besides connections
WAYS = [('whole', 'plain', 0), ('pieces', 'plain', PIECE_BYTES), ('whole', 'tls', 0), ('pieces', 'tls', PIECE_BYTES)]


class Place:
    """What both servers serve, and with which certificate."""

    def __init__(self, folder):
        self.folder = folder
        self.blobs = os.path.join(folder, 'data', 'blobs')
        self.name = 'ab' + 62 * '0'  # to galvan a file's hash; that it is not one takes nobody's time
        self.cert, self.key = os.path.join(folder, 'cert.pem'), os.path.join(folder, 'key.pem')
        os.makedirs(os.path.join(self.blobs, self.name[:2]))
        with open(os.path.join(self.blobs, self.name[:2], self.name[2:]), 'wb') as f:
            f.write(os.urandom(FILE_BYTES))
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=localhost',
                        '-days', '2', '-keyout', self.key, '-out', self.cert], check=True, stderr=subprocess.DEVNULL)


class Galvan(Server):
    def __init__(self, args, place):
        self.ports = {'plain': free_port(), 'tls': free_port()}
        self.path = '/files/' + place.name
        self.binary, self.data = os.path.join(args.build, 'galvan'), os.path.join(place.folder, 'data')
        config = {'node': {'name': 'bench'}, 'plugins': {
            'link': {'config': {'handshake_timeout_s': SECONDS_BEFORE_ASKING, 'listen': [
                {'ws': self.ports['plain'], 'host': '127.0.0.1'},
                {'ws': self.ports['tls'], 'host': '127.0.0.1', 'tls': {'cert': place.cert, 'key': place.key}}]}},
            'registry': {},
            'downloads': {'path': os.path.join(args.build, 'tests', 'fixtures', 'plugins', 'downloads.so'), 'grants': ['listen:/files/']}}}
        file = os.path.join(place.folder, 'files.yaml')
        with open(file, 'w', encoding='utf-8') as f:
            json.dump(config, f)
        super().__init__(args, [self.binary, 'run', file, '--data', self.data], os.path.join(place.folder, 'galvan.log'))

    def processes(self):
        done = subprocess.run([self.binary, 'ctl', 'status', '--json', '--data', self.data], check=True, stdout=subprocess.PIPE, text=True)
        pids = pids_of(json.loads(done.stdout))
        return {'link': pids['link'], 'plugin': pids['downloads']}


NGINX = '''
%(user)sworker_processes 1; worker_rlimit_nofile %(files)d; daemon off; pid %(folder)s/nginx.pid; error_log %(folder)s/nginx.error;
events { worker_connections 20000; }
http {
    access_log off; sendfile on; open_file_cache max=64; keepalive_requests 1000000; client_header_timeout %(before)ds;
    types {} default_type application/octet-stream;
    client_body_temp_path %(folder)s/t1; proxy_temp_path %(folder)s/t2; fastcgi_temp_path %(folder)s/t3; uwsgi_temp_path %(folder)s/t4;
    scgi_temp_path %(folder)s/t5;
    server { listen 127.0.0.1:%(plain)d; root %(blobs)s; }
    server { listen 127.0.0.1:%(tls)d ssl; ssl_certificate %(cert)s; ssl_certificate_key %(key)s; root %(blobs)s; }
}
'''


class Nginx(Server):
    def __init__(self, args, place):
        self.ports = {'plain': free_port(), 'tls': free_port()}
        self.path = '/%s/%s' % (place.name[:2], place.name[2:])
        file = os.path.join(place.folder, 'nginx.conf')
        with open(file, 'w', encoding='utf-8') as f:
            f.write(NGINX % dict(self.ports, folder=place.folder, blobs=place.blobs, cert=place.cert, key=place.key, before=SECONDS_BEFORE_ASKING,
                                 files=FILES_MAX, user='user root; ' if os.geteuid() == 0 else ''))
        # it says nothing when it listens: the shell does, once it can be reached
        script = ('"$0" -c "$1" -e "$3" & trap "kill -TERM $!" TERM; until (exec 3<>/dev/tcp/127.0.0.1/$2) 2>/dev/null; do :; done; '
                  'echo ready; wait; wait')
        super().__init__(args, ['bash', '-c', script, PROGRAM, file, str(self.ports['tls']), os.path.join(place.folder, 'nginx.error')],
                         os.path.join(place.folder, 'nginx.log'))

    def processes(self):
        with open('/proc/%d/task/%d/children' % (self.process.pid, self.process.pid), encoding='ascii') as f:
            master = f.read().split()[0]
        with open('/proc/%s/task/%s/children' % (master, master), encoding='ascii') as f:
            return {'worker': [int(p) for p in f.read().split()]}


def servers():
    if os.access(PROGRAM, os.X_OK):
        return {'galvan': Galvan, 'nginx': Nginx}
    say('files: %s is not there to be compared with; ./dev bench installs it' % PROGRAM)
    return {'galvan': Galvan}


class Load:
    """A bench-downloads in the background, on the second core."""

    def __init__(self, args, kind, server, tls, connections, seconds, last):
        self._what = '%s, %s, %s' % (type(server).__name__, kind, tls)
        self._process = subprocess.Popen(
            [os.path.join(args.build, 'tests', 'bench', 'bench-downloads'), kind, str(server.ports[tls]), server.path, str(FILE_BYTES), tls,
             str(connections), str(seconds), str(last)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        os.sched_setaffinity(self._process.pid, [max(os.sched_getaffinity(0))])

    def reach(self, state):
        for line in self._process.stderr:
            if line.strip() == state:
                return
            say('%s: %s' % (self._what, line.strip()))
        raise SystemExit('bench: %s: the downloads ended before they were %s' % (self._what, state))

    def report(self):
        report = json.loads(self._process.communicate()[0])
        if report['lost'] or report['wrong']:
            raise SystemExit('bench: %s: %d downloads were cut, %d answers were wrong' % (self._what, report['lost'], report['wrong']))
        return report


def fast(args, server, way):
    _, tls, piece = way
    pids = server.processes()
    load = Load(args, 'fast', server, tls, CONNECTIONS, args.file_seconds, piece)
    load.reach('measuring')
    before = {name: cpu_s(p) for name, p in pids.items()}
    load.reach('finishing')
    after = {name: cpu_s(p) for name, p in pids.items()}
    report = load.report()
    gb = report['bytes'] / 1e9
    return {'gbPerS': gb / report['seconds'], 'answersPerS': report['answers'] / report['seconds'], 'clientCpuSPerGb': report['cpuS'] / gb,
            'cpuSPerGb': {name: (after[name] - before[name]) / gb for name in pids}}


def slow(args, server, tls, count):
    pids = server.processes()
    warm = Load(args, 'slow', server, tls, 100, 1, SLOW_BYTES_PER_S)  # the first connections pay for what all share
    warm.reach('finishing')
    warm.report()
    before = {name: rss_bytes(p) for name, p in pids.items()}
    load = Load(args, 'slow', server, tls, count, args.file_seconds, SLOW_BYTES_PER_S)
    load.reach('measuring')
    first, cpu = {name: rss_bytes(p) for name, p in pids.items()}, sum(cpu_s(p) for p in pids.values())
    load.reach('finishing')
    last, cpu = {name: rss_bytes(p) for name, p in pids.items()}, sum(cpu_s(p) for p in pids.values()) - cpu
    with open('/proc/net/sockstat', encoding='ascii') as f:
        kernel = next(int(line.split()[-1]) for line in f if line.startswith('TCP:')) * os.sysconf('SC_PAGE_SIZE')
    report = load.report()
    return {'connections': count, 'grownBytes': {name: max(first[name], last[name]) - before[name] for name in pids}, 'tcpBytes': kernel,
            'cpuSPerS': cpu / report['seconds'], 'bytesPerS': report['bytes'] / report['seconds']}


def measure(args, folder):
    place = Place(folder)
    makers = servers()
    most = min(args.slow_downloads, FILES_MAX - FILES_BESIDES)
    result = {'fast': {}, 'slow': {}}
    for _ in range(args.rounds):
        for name, make in makers.items():
            server = make(args, place)
            try:
                for way in WAYS:
                    report = fast(args, server, way)
                    say('%s, %s, %s: %.2f GB/s' % (name, way[0], way[1], report['gbPerS']))
                    result['fast'].setdefault('%s %s' % way[:2], {}).setdefault(name, []).append(report)
            finally:
                server.stop()
    for tls, count in (('plain', most), ('tls', min(SLOW_TLS, most))):
        for name, make in makers.items():
            server = make(args, place)
            try:
                result['slow'].setdefault(tls, {})[name] = slow(args, server, tls, count)
            finally:
                server.stop()
    return result


# ---- what is printed

def show(result):
    print('\nFiles: %d connections, a file of %d MiB, one worker; pieces of 1 MiB; medians' % (CONNECTIONS, FILE_BYTES >> 20))
    for way, of_way in result['fast'].items():
        rate = {name: statistics.median(r['gbPerS'] for r in reports) for name, reports in of_way.items()}
        for name, reports in of_way.items():
            cpu = {p: statistics.median(r['cpuSPerGb'][p] for r in reports) for p in reports[0]['cpuSPerGb']}
            print('%-13s %-7s %5.2f GB/s (%s)  %5.0f answers/s  CPU s/GB: %s, client %.3f' % (
                way, name, rate[name], ' '.join('%.2f' % r['gbPerS'] for r in reports), statistics.median(r['answersPerS'] for r in reports),
                '  '.join('%s %.3f' % x for x in cpu.items()), statistics.median(r['clientCpuSPerGb'] for r in reports)))
        if 'nginx' in rate:
            print('%-13s galvan / nginx  %.2f   (must reach 0.50, aims for 0.90)' % (way, rate['galvan'] / rate['nginx']))
    for tls, of_it in result['slow'].items():
        for name, r in of_it.items():
            print('slow, %-5s   %-7s %d downloads at once, %.0f kB/s together: grown by %s (%.0f bytes each), %.2f of a core; '
                  'TCP in the kernel %.0f MiB' % (
                      tls, name, r['connections'], r['bytesPerS'] / 1000,
                      ', '.join('%s %.1f MiB' % (p, b / 1048576) for p, b in r['grownBytes'].items()),
                      sum(r['grownBytes'].values()) / r['connections'], r['cpuSPerS'], r['tcpBytes'] / 1048576))
