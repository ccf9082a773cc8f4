"""The part `storm` of the bench: every charger of a fleet loses its connection at once, and is back at once.

Each has a session that goes on. The load process cuts all sockets, and each charger connects again as soon as its own has ended, all of them
in the same moment, as after an outage of a mobile network. It says BootNotification, StatusNotification and the MeterValues of its session,
one after the other, each when the one before was answered. The storm is over when the last of them has its last answer; afterwards the
store must have the same sessions as before, each with the energy that its charger was answered.
"""
from node import Galvan, device_of
from serving import Load, forget_peak, peak_bytes, rss_bytes

WATCHED = ('link', 'ocpp')
QUIET_S = 6          # before and after
LIMIT_S = 600        # of a storm that does not end: whoever is missing then is counted as lost
ANSWERS_EACH = 5     # two calls to begin, three to come back
LOST = ('errors', 'wrong', 'doubled', 'unexpected', 'unanswered', 'failedConnections')


def sessions(server, count):
    """All of the fleet, by the charger's identity: a list each."""
    numbers = range(1, count + 1)
    answers = server.call_all('galvan.charging.v1.Charging/ListSessions', ({'device': device_of(n)} for n in numbers))
    return {device_of(n): answer['sessions'] for n, answer in zip(numbers, answers)}


def ids(of_all):
    return sorted(s['id'] for of_one in of_all.values() for s in of_one)


def memory(read, pids):
    return {name: read(pids[name]) for name in WATCHED}


def check(report, before, after, count):
    """What was lost, as sentences."""
    lost = ['%s %s: %s' % (report[k], k, report['error']) for k in LOST if int(report[k])]
    if report['state'] != 'done' or int(report['answered']) != ANSWERS_EACH * count:
        lost.append('%s: %s calls were answered, not %d: %s' % (report['state'], report['answered'], ANSWERS_EACH * count, report['error']))
    if ids(before) != ids(after) or len(ids(before)) != count:
        lost.append('%d sessions before, %d after, of %d chargers' % (len(ids(before)), len(ids(after)), count))
    for station in report['stations']:
        mine = after['ocpp:' + station['identity']]
        energy = int(station['meterWh']) - int(station['meterStartWh'])
        if [(s['transactionId'], s['state'], int(s['energyWh'])) for s in mine] != [(station['transactionId'], 'ACTIVE', energy)]:
            lost.append('%s was answered %d Wh, and the store has %s' % (station['identity'], energy, mine))
    return lost


def measure(args, folder, tls=False):
    server = Galvan(args, folder, instances=args.instances, tls=tls)
    try:
        server.make_known(args.storm)
        pids = server.processes()
        load = Load(args, {'url': server.url, 'connections': args.storm, 'message': 'Storm', 'warmUpS': QUIET_S, 'answerTimeoutS': LIMIT_S,
                           'stations': True})
        load.reach('warming')
        before, held = sessions(server, args.storm), memory(rss_bytes, pids)
        for name in WATCHED:
            forget_peak(pids[name])
        load.reach('measuring')
        load.reach('finishing')
        at_most, afterwards = memory(peak_bytes, pids), memory(rss_bytes, pids)
        report = load.report()
        lost = check(report, before, sessions(server, args.storm), args.storm)
    finally:
        server.stop()
    if lost:
        raise SystemExit('bench: the storm lost something: %s' % '; '.join(lost[:5]))
    return {'chargers': args.storm, 'tls': tls, 'seconds': float(report['seconds']), 'handshakes': int(report['calls']), 'p50Us': report['p50Us'],
            'p99Us': report['p99Us'], 'maxUs': report['maxUs'], 'sessions': len(ids(before)), 'instances': args.instances,
            'rssBytes': {'before': held, 'during': at_most, 'after': afterwards}}


def show(r):
    handshakes = '%d handshakes, p50 %.0f ms, p99 %.0f ms, longest %.0f ms' % (r['handshakes'], *(r[k] / 1000 for k in ('p50Us', 'p99Us', 'maxUs')))
    print('\nA storm%s: %d chargers with sessions dropped at once and came back at once: all back and answered after %.1f s, '
          '%d sessions before and after; %s' % (' over TLS' if r['tls'] else '', r['chargers'], r['seconds'], r['sessions'], handshakes))
    for name in WATCHED:
        print('  %s: %s' % (name.ljust(4), ', '.join('%s %.0f MiB' % (when, r['rssBytes'][when][name] / 1048576)
                                                     for when in ('before', 'during', 'after'))))
