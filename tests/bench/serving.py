"""What the parts of the bench share: servers under test as processes, what these cost, and the load that is put on them."""
import json
import os
import signal
import socket
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
TICKS = os.sysconf('SC_CLK_TCK')
START_LIMIT_S = 60


def say(text):
    print(text, file=sys.stderr, flush=True)


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


# ---- processes

def children(pid):
    with open('/proc/%d/task/%d/children' % (pid, pid), encoding='ascii') as f:
        direct = [int(p) for p in f.read().split()]
    return direct + [p for child in direct for p in children(child)]


def cpu_of(pid):
    try:
        with open('/proc/%d/stat' % pid, encoding='ascii') as f:
            fields = f.read().rsplit(')', 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS
    except OSError:
        return 0.0


def memory_of(pid, what):
    with open('/proc/%d/status' % pid, encoding='ascii') as f:
        for line in f:
            if line.startswith(what + ':'):
                return int(line.split()[1]) * 1024
    return 0


# A plugin with several instances has a process for each: these are sums over all of them.

def cpu_s(pids):
    return sum(cpu_of(pid) for pid in pids)


def rss_bytes(pids):
    return sum(memory_of(pid, 'VmRSS') for pid in pids)


def peak_bytes(pids):
    """The most that each had since forget_peak."""
    return sum(memory_of(pid, 'VmHWM') for pid in pids)


def forget_peak(pids):
    for pid in pids:
        with open('/proc/%d/clear_refs' % pid, 'w', encoding='ascii') as f:
            f.write('5')


def pids_of(status):
    """Of each plugin, by what `galvan ctl status --json` says."""
    pids = {}
    for plugin in status['plugins']:
        pids.setdefault(plugin['name'], []).append(int(plugin['pid']))
    return pids


class Server:
    """A server under test: started, ready when it says so, stopped with what it started."""

    def __init__(self, args, command, log):
        self.args = args
        self.log = log
        with open(log, 'w', encoding='utf-8') as errors:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._ready.wait(START_LIMIT_S) or self.process.poll() is not None:
            self.stop()
            raise SystemExit('bench: %s did not start; its log is %s' % (' '.join(command[:2]), log))

    def _read(self):
        for line in self.process.stdout:
            if line.strip() == 'ready':
                self._ready.set()
        self._ready.set()

    def processes(self):
        """Name to pids."""
        return {'server': [self.process.pid]}

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait()


# ---- load

class Load:
    """A bench-load in the background; reach() waits for it to reach a state."""

    def __init__(self, args, request, *kind):
        self._process = subprocess.Popen([os.path.join(args.build, 'tests', 'bench', 'bench-load'), *kind, json.dumps(request)],
                                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        os.sched_setaffinity(self._process.pid, [max(os.sched_getaffinity(0))])

    def reach(self, state):
        for line in self._process.stderr:
            if line.strip() == state:
                return
        raise SystemExit('bench: the load ended before it was %s: %s' % (state, self._process.stdout.read()))

    def report(self):
        out, errors = self._process.communicate()
        if not out.strip():
            raise SystemExit('bench: the load failed: %s' % errors)
        return json.loads(out)


def sample_cpu(server):
    return {name: cpu_s(pids) for name, pids in server.processes().items()}
