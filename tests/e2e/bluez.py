"""A D-Bus of its own and on it a mock of org.bluez (tests/fixtures/bluez), for tests of the driver bluetooth."""
import os
import subprocess

from galvan import PATIENCE_S, PLUGINS, ROOT, Gone, Lines

MOCK = os.path.join(PLUGINS, 'tests', 'fixtures', 'bluez', 'mock-bluez')
ADDRESS = 'AA-BB-CC-00-11-22'  # of the mock's peripheral


class Bus:
    def __init__(self):
        config = os.path.join(ROOT, 'tests', 'fixtures', 'bluez', 'bus.conf')
        self._process = subprocess.Popen(['dbus-daemon', '--config-file=' + config, '--nofork', '--print-address'],
                                         stdout=subprocess.PIPE, text=True)
        self.address = self._process.stdout.readline().strip()

    def close(self):
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()


class Mock:
    """bluetoothd, as far as it goes. Starts with an adapter that is on and a peripheral in reach."""

    def __init__(self, bus, *commands, bare=False):
        self._process = subprocess.Popen([MOCK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                         env=dict(os.environ, DBUS_SYSTEM_BUS_ADDRESS=bus.address))
        self.lines = Lines(self._process.stdout)
        self._pending = []  # printed before the end of a command
        self.wait('ready')
        for command in commands + (() if bare else ('adapter', 'adapter on', 'device')):
            self.do(command)

    def do(self, *commands):
        """Each has been done when this returns, and what it caused is printed before or after."""
        for command in commands:
            self._process.stdin.write(command + '\n')
            self._process.stdin.flush()
            self._wait_for('done ' + command)

    def _wait_for(self, line):
        passed = []
        while True:
            got = self._next()
            if got == line:
                self._pending += passed
                return
            passed.append(got)

    def _next(self):
        line = self.lines.next(PATIENCE_S)
        if line is None:
            raise Gone('the mock of org.bluez ended: %s' % self.lines.seen[-5:])
        return line

    def next(self):
        """The next thing that it was asked for."""
        return self._pending.pop(0) if self._pending else self._next()

    def wait(self, line):
        """Returns what it was asked for until this line."""
        passed = []
        while True:
            passed.append(self.next())
            if passed[-1] == line:
                return passed

    def close(self):
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
