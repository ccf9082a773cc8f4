#!/usr/bin/env python3
"""A library that firmware embeds needs nothing but CPB1's core and what a compiler itself may call for: no allocation, no I/O, no clock, no
randomness, no cryptography of its own.

    check_alone.py NM SIZE LIBRARY
"""
import subprocess
import sys

ALLOWED = {'memcpy', 'memmove', 'memset', 'memcmp'}


def main():
    nm, size, library = sys.argv[1:]
    lines = subprocess.run([nm, '--portability', library], capture_output=True, text=True, check=True).stdout.splitlines()
    symbols = [line.split()[:2] for line in lines if len(line.split()) >= 2 and not line.endswith(':')]
    own = {name for name, kind in symbols if kind not in 'Uw'}
    # What begins with two underscores is the compiler's: sanitizers, stack guards.
    foreign = sorted({name for name, kind in symbols if kind == 'U' and not name.startswith(('__', '_GLOBAL_', 'ble_'))} - own - ALLOWED)
    sections = subprocess.run([size, '-A', library], capture_output=True, text=True, check=True).stdout.splitlines()
    state = sum(int(line.split()[1]) for line in sections if line.startswith(('.data ', '.bss ')))
    for name in foreign:
        print('%s calls for %s' % (library, name))
    if state:
        print('%s has %d bytes of state' % (library, state))
    print('%d symbols' % len(own))
    return 1 if foreign or state or not own else 0


if __name__ == '__main__':
    sys.exit(main())
