"""The part `cabinets` of the bench: a fleet that lends power banks for money.

Twenty thousand cabinets hold their connection and say every minute that they are there; then people borrow banks, so many a second, each with
the money held before and charged after, and each bank comes back a second later. What a person waits for in front of a slot is the answer to
"is this bank ours?". At last a thousand cabinets ask that as fast as they are answered, in turn with a bare TCP echo of the same frames.
"""
import contextlib
import json
import os
import resource
import signal
import statistics
import subprocess
import threading
import time

from serving import Load, Server, cpu_s, free_port, pids_of, rss_bytes, sample_cpu, say

RENTAL = 'galvan.rental.v1.Rental/'
BILLING = 'galvan.billing.v1.Billing/'
IMEI = 860000000000001
CYCLES_PER_S = 200
TARGET_P99_MS = 50
CUSTOMERS = 1000
PRICE, PRICE_EXCL = 200, 167  # of the first half hour; without 20 % of VAT
SETTLING_S = 20               # of a fleet that has just connected, before anything is measured
SILENT_S = 10                 # at least, in which only hearts beat
ASKING = 1000                 # cabinets that ask as fast as they are answered
ROUNDS = 2
SPARE_FILES = 300             # of a process beside its connections
LOST = ('errors', 'wrong', 'doubled', 'unexpected', 'unanswered', 'droppedConnections', 'failedConnections')


class Lending(Server):
    """A node with cabinets, tariff and customers."""

    def __init__(self, args, folder, count):
        self.count = count
        self.port = free_port()
        self.url = 'tcp://127.0.0.1:%d' % self.port
        self.binary = os.path.join(args.build, 'galvan')
        self.data = os.path.join(folder, 'data')
        config = {'node': {'name': 'bench'}, 'plugins': {
            'link': {'config': {'listen': [{'tcp': self.port, 'host': '127.0.0.1', 'to': 'powerbank'}], 'max_connections': count + 100,
                                'max_new_per_address_per_s': 0}},
            'registry': {},
            'powerbank': {'config': {'max_frames_per_min': 100000}},
            'billing': {}}}
        file = os.path.join(folder, 'bench.yaml')
        with open(file, 'w', encoding='utf-8') as f:
            json.dump(config, f)  # JSON is YAML
        super().__init__(args, [self.binary, 'run', file, '--data', self.data], os.path.join(folder, 'galvan.log'))

    def processes(self):
        status = json.loads(self._run('ctl', 'status', '--json').stdout)
        return dict(pids_of(status), kernel=[self.process.pid])

    def _run(self, command, *more, **options):
        done = subprocess.run([self.binary, command, '--data', self.data, *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              check=False, **options)
        if done.returncode:
            raise SystemExit('bench: galvan %s %s: %s' % (command, more[0], done.stderr.strip() or done.stdout.strip()[-300:]))
        return done

    def call(self, method, request=None):
        return json.loads(self._run('call', method, json.dumps(request or {})).stdout)

    def call_all(self, method, requests):
        """Many, on their way together."""
        self._run('call', method, '-', input=''.join(json.dumps(r) + '\n' for r in requests))

    def prepare(self):
        self.call(BILLING + 'PutTariff', {'tariff': {'id': 'R', 'rental': {'currency': 'EUR', 'intervalS': '1800', 'intervalPrice': str(PRICE),
                                                                         'vatPpm': 200000}}})
        self.call(BILLING + 'AssignTariff', {'assignment': {'tariff': 'R'}})
        self.call_all(BILLING + 'PutCustomer', ({'customer': {'id': 'C-%d' % n}} for n in range(CUSTOMERS)))
        self.call_all(BILLING + 'TopUp', ({'id': 'T-%d' % n, 'customer': 'C-%d' % n, 'amount': '1000000', 'provider': 'desk', 'desk': 'main'}
                                          for n in range(CUSTOMERS)))
        self.call_all('galvan.registry.v1.Registry/PutDevice', ({'device': {'id': device_of(n)}} for n in range(self.count)))
        self.call_all(RENTAL + 'PutBank', ({'bank': {'id': 'LV%08d' % (n + 1)}} for n in range(ASKING)))  # what people bring in the last part

    def wait_ready(self):
        """Until the inventory of each is in the books."""
        begun = time.monotonic()
        for n in range(self.count - 1, -1, -max(1, self.count // 50)):
            while not self.call(RENTAL + 'GetCabinet', {'device': device_of(n)})['cabinet']['ready']:
                if time.monotonic() - begun > SETTLING_S:
                    raise SystemExit('bench: %s has not said in %d s what it holds' % (device_of(n), SETTLING_S))

    def posted(self, account):
        a = self.call(BILLING + 'GetAccount', {'id': account})['account']
        return int(a['creditsPosted']) - int(a['debitsPosted'])

    def wait_settled(self, cycles):
        """Every rental has its charge, to the cent, and the books are sound."""
        begun = time.monotonic()
        while self.posted('income:rental:-') != cycles * PRICE_EXCL:
            if time.monotonic() - begun > SETTLING_S:
                raise SystemExit('bench: of %d rentals %.1f are charged' % (cycles, self.posted('income:rental:-') / PRICE_EXCL))
        assert self.posted('vat:20') == cycles * (PRICE - PRICE_EXCL)
        said = self.call(BILLING + 'Verify')
        if not said['sound']:
            raise SystemExit('bench: the books are not sound: %s' % said['problems'][:3])


class Echo(Server):
    def __init__(self, args, folder):
        port = free_port()
        self.url = 'tcp://127.0.0.1:%d' % port
        super().__init__(args, [os.path.join(args.build, 'tests', 'bench', 'bench-tcp-echo'), str(port)], os.path.join(folder, 'tcp_echo.log'))


class People:
    """Borrow at an even pace, whatever the server does; each must be answered by an order that is paid and begun."""

    def __init__(self, server, seconds):
        self._server = server
        self.asked = CYCLES_PER_S * seconds
        self._process = subprocess.Popen([server.binary, 'call', '--data', server.data, RENTAL + 'Borrow', '-'], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.refused = []

    def _read(self):
        for line in self._process.stdout:
            if json.loads(line).get('state') not in ('ORDER_STATE_STARTING', 'ORDER_STATE_STARTED'):
                self.refused.append(line.strip())

    def go(self):
        begun, n = time.monotonic(), 0
        with ticking(CYCLES_PER_S) as tick:
            while n < self.asked:
                tick()
                due = min(self.asked, int((time.monotonic() - begun) * CYCLES_PER_S) + 1)
                for n in range(n, due):
                    self._process.stdin.write(json.dumps({'id': 'B-%d' % n, 'device': device_of(n * 7919 % self._server.count),
                                                          'customer': 'C-%d' % (n % CUSTOMERS)}) + '\n')
                self._process.stdin.flush()
                n = due
        took_s = time.monotonic() - begun
        self._process.stdin.close()
        self._process.wait()
        self._reader.join()
        if self.refused:
            raise SystemExit('bench: %d of %d people were refused: %s' % (len(self.refused), self.asked, self.refused[0]))
        return took_s


@contextlib.contextmanager
def ticking(rate):
    """What waits for the next tick of a timer, so many a second. Ticks that nobody waited for are one."""
    old = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    signal.setitimer(signal.ITIMER_REAL, 1 / rate, 1 / rate)
    try:
        yield lambda: signal.sigwait([signal.SIGALRM])
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.sigtimedwait([signal.SIGALRM], 0)  # one that is left
        signal.pthread_sigmask(signal.SIG_SETMASK, old)


def device_of(n):
    return 'powerbank:%d' % (IMEI + n)


def checked(report, whose):
    bad = {k: report[k] for k in LOST if int(report[k])}
    if report['state'] != 'done' or bad:
        raise SystemExit('bench: the cabinets of %s lost their way: %s %s' % (whose, bad, report['error']))
    return report


def fleet_size(args):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    count = min(args.cabinets, hard - SPARE_FILES)
    if count < args.cabinets:
        say('cabinets: %d, as a process may have %d files here' % (count, hard))
    return count


def fleet(args, server):
    """All of them: what each costs, and what people wait when some of them lend."""
    pids = server.processes()
    before = {name: rss_bytes(pids[name]) for name in ('link', 'powerbank')}
    load = Load(args, {'url': server.url, 'cabinets': server.count, 'seconds': args.seconds + 2, 'warmUpS': SETTLING_S + SILENT_S}, 'cabinets')
    load.reach('warming')
    server.wait_ready()
    held = {name: rss_bytes(pids[name]) for name in before}
    silent = {name: cpu_s(pids[name]) for name in before}
    begun = time.monotonic()
    load.reach('measuring')
    silent_s = time.monotonic() - begun
    silent = {name: (cpu_s(pids[name]) - silent[name]) / silent_s for name in before}
    people = People(server, args.seconds)
    used = sample_cpu(server)
    took_s = people.go()
    used = {name: (value - used[name]) / took_s for name, value in sample_cpu(server).items()}
    report = checked(load.report(), 'the fleet')
    if int(report['calls']) != people.asked:
        raise SystemExit('bench: %d banks were lent, and %s came back' % (people.asked, report['calls']))
    server.wait_settled(people.asked)
    return {'cabinets': server.count, 'connectMs': report['connectMs'], 'rssBytes': held,
            'bytesEach': {name: (held[name] - before[name]) / server.count for name in held}, 'silentCores': silent,
            'cycles': people.asked, 'cyclesPerS': people.asked / took_s, 'cores': used,
            **{k: report[k] for k in ('p50Us', 'p90Us', 'p99Us', 'p999Us', 'maxUs')}}


def asking(args, server, echo):
    """As many questions a second as are answered."""
    load = Load(args, {'url': server.url, 'cabinets': ASKING, 'rate': 100000, 'seconds': args.seconds, 'warmUpS': args.warm_up, 'echo': echo},
                'cabinets')
    load.reach('measuring')
    used = sample_cpu(server)
    load.reach('finishing')
    used = {name: value - used.get(name, 0) for name, value in sample_cpu(server).items()}
    report = checked(load.report(), 'the echo' if echo else 'galvan')
    calls = int(report['calls'])
    return {'framesPerS': 2 * report['ratePerS'], 'p99Us': report['p99Us'],
            'cpuUsPerFrame': dict({name: s * 1e6 / calls / 2 for name, s in used.items()}, load=report['cpuUsPerCall'] / 2)}


def measure(args, folder):
    server = Lending(args, folder, fleet_size(args))
    echo = Echo(args, folder)
    try:
        server.prepare()
        result = fleet(args, server)
        say('cabinets: %.0f cycles/s, MQ to RQ p99 %.1f ms' % (result['cyclesPerS'], result['p99Us'] / 1000))
        runs = {'echo': [], 'galvan': []}
        for _ in range(ROUNDS):
            runs['echo'].append(asking(args, echo, True))
            runs['galvan'].append(asking(args, server, False))
        rate = {name: statistics.median(r['framesPerS'] for r in of_it) for name, of_it in runs.items()}
        return dict(result, asking=runs, framesPerS=rate, ratio=rate['galvan'] / rate['echo'])
    finally:
        echo.stop()
        server.stop()


def percent(cores):
    return ', '.join('%s %.0f %%' % (name, 100 * c) for name, c in sorted(cores.items()))


def show(r):
    each, rss, silent = r['bytesEach'], r['rssBytes'], r['silentCores']
    print('\n%d cabinets, connected in %.1f s: resident %.0f bytes each in link (%.0f MiB in all), %.0f in powerbank (%.0f MiB)'
          % (r['cabinets'], r['connectMs'] / 1000, each['link'], rss['link'] / 1048576, each['powerbank'], rss['powerbank'] / 1048576))
    print('with their heartbeats alone, of a core: link %.1f %%, powerbank %.1f %%' % (100 * silent['link'], 100 * silent['powerbank']))
    print('%d banks borrowed, paid for, and brought back, %.0f a second: from MQ to RQ p50 %.1f ms, p99 %.1f (aims for %d), p99.9 %.1f, longest %.1f'
          % (r['cycles'], r['cyclesPerS'], r['p50Us'] / 1000, r['p99Us'] / 1000, TARGET_P99_MS, r['p999Us'] / 1000, r['maxUs'] / 1000))
    print('meanwhile, of a core: %s' % percent(r['cores']))
    last = {name: of_it[-1]['cpuUsPerFrame'] for name, of_it in r['asking'].items()}
    print('%d cabinets that ask as fast as they are answered: galvan %.0f frames/s, a bare TCP echo %.0f: %.2f of it'
          % (ASKING, r['framesPerS']['galvan'], r['framesPerS']['echo'], r['ratio']))
    print('CPU, us a frame: %s; echo %.1f' % (', '.join('%s %.1f' % (name, us) for name, us in sorted(last['galvan'].items()) if us >= 0.05),
                                             last['echo']['server']))
