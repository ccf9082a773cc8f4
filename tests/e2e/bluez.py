"""A D-Bus of its own and on it a mock of org.bluez (tests/fixtures/bluez), for tests of the driver bluetooth."""
import os
import subprocess

from galvan import PATIENCE_S, PLUGINS, ROOT, Gone, Lines

MOCK = os.path.join(PLUGINS, 'tests', 'fixtures', 'bluez', 'mock-bluez')
PERIPHERAL = os.path.join(PLUGINS, 'tests', 'fixtures', 'bluez', 'bluez-peripheral')
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


class Program:
    """A process that is led by lines and says lines."""

    def __init__(self, *command, **env):
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=dict(os.environ, **env))
        self.lines = Lines(self._process.stdout)

    def say(self, line):
        self._process.stdin.write(line + '\n')
        self._process.stdin.flush()

    def next(self):
        line = self.lines.next(PATIENCE_S)
        if line is None:
            raise Gone('%s ended: %s' % (self._process.args, self.lines.seen[-5:]))
        return line

    def wait(self, line):
        """Returns what was said until this line."""
        passed = []
        while not passed or passed[-1] != line:
            passed.append(self.next())
        return passed

    def end(self):
        """Waits for its end; the exit code."""
        return self._process.wait(PATIENCE_S)

    def close(self):
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()


class Mock(Program):
    """bluetoothd, as far as it goes. Starts with an adapter that is on and a peripheral in reach. It says what it is asked for."""

    def __init__(self, bus, *commands, bare=False):
        super().__init__(MOCK, DBUS_SYSTEM_BUS_ADDRESS=bus.address)
        self._pending = []  # printed before the end of a command
        self.wait('ready')
        for command in commands + (() if bare else ('adapter', 'adapter on', 'device')):
            self.do(command)

    def do(self, *commands):
        """Each has been done when this returns."""
        for command in commands:
            self.say(command)
            while (line := super().next()) != 'done ' + command:
                self._pending.append(line)

    def next(self):
        return self._pending.pop(0) if self._pending else super().next()
