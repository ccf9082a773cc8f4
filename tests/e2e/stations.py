"""Charging stations made of other people's OCPP clients, behind one interface (tls: a dict of files, ca, cert and key):

    connect(url, identity, password=None, tls=None)   call(action, payload) -> payload   answer(action, payload)
    asked(action) -> payload of the server's next such call   wait_closed()   close()
"""
import asyncio
import dataclasses
import json
import os
import queue
import ssl
import subprocess
import threading

import ocpp.exceptions
import ocpp.v16
import ocpp.v16.call
import ocpp.v16.call_result
import ocpp.v201
import ocpp.v201.call
import ocpp.v201.call_result
import websockets
from ocpp.charge_point import camel_to_snake_case
from ocpp.routing import on

from galvan import PATIENCE_S

HERE = os.path.dirname(os.path.abspath(__file__))


class StationError(Exception):
    def __init__(self, code, message=''):
        super().__init__('%s: %s' % (code, message))
        self.code = code


class Asked:
    """What the server asked, by action."""

    def __init__(self):
        self._queues = {}
        self._lock = threading.Lock()

    def of(self, action):
        with self._lock:
            return self._queues.setdefault(action, queue.Queue())

    def wait(self, action, limit_s):
        try:
            return self.of(action).get(timeout=limit_s)
        except queue.Empty:
            raise TimeoutError('the server did not ask for %s within %g s' % (action, limit_s)) from None


class Driven:
    """A station in a process of its own, driven by JSON lines as station.js says."""

    def __init__(self, *command):
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=HERE)
        self._answers = {}
        self._waiting = {}
        self._next = 0
        self._asked = Asked()
        self._closed = threading.Event()
        self.invalid = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self._process.stdout:
            message = json.loads(line)
            if 'id' in message:
                self._waiting.pop(message['id']).put(message)
            elif 'asked' in message:
                self._asked.of(message['asked']).put(message['payload'])
            elif 'invalid' in message:
                self.invalid.append(message)
            elif 'closed' in message:
                self._closed.set()

    def _do(self, **command):
        answer = queue.Queue()
        self._next += 1
        self._waiting[self._next] = answer
        self._process.stdin.write(json.dumps(dict(command, id=self._next)) + '\n')
        self._process.stdin.flush()
        message = answer.get(timeout=PATIENCE_S)
        if 'error' in message:
            raise StationError(message['error']['code'], message['error']['message'])
        return message['ok']

    def answer(self, action, payload):
        self._answers[action] = payload
        self._do(do='answers', answers=self._answers)

    def call(self, action, payload):
        return self._do(do='call', action=action, payload=payload)

    def asked(self, action, limit_s=PATIENCE_S):
        return self._asked.wait(action, limit_s)

    def close(self):
        self._process.stdin.close()
        self._process.wait(PATIENCE_S)


class OcppRpc(Driven):
    """npm ocpp-rpc, in a node process."""
    name = 'ocpp-rpc'

    def __init__(self, version='ocpp1.6'):
        self._version = version
        super().__init__('node', os.path.join(HERE, 'station.js'))

    def connect(self, url, identity, password=None, tls=None, strict=False):
        """strict: it checks all that both sides say against its schemas."""
        command = dict(do='connect', url=url, identity=identity, strict=strict, protocol=self._version)
        if password is not None:
            command['password'] = password
        if tls:
            command['tls'] = tls
        self._do(**command)
        self._closed.clear()
        self._do(do='answers', answers=self._answers)

    def hold(self, action):
        """The answer waits for release(action), and then is what it was."""
        self._do(do='hold', action=action)

    def release(self, action):
        self._do(do='release', action=action)

    def wait_closed(self, limit_s=PATIENCE_S):
        if not self._closed.wait(limit_s):
            raise TimeoutError('the connection is still open after %g s' % limit_s)


class JavaSoap(Driven):
    """Java-OCA-OCPP's SOAPClient, OCPP 1.6: SoapStation.java, with the jars that ./dev fetches."""

    def __init__(self):
        jars = os.path.join(HERE, '../../build/tools/jars/*')
        super().__init__('java', '-XX:TieredStopAtLevel=1', '-cp', jars, os.path.join(HERE, 'SoapStation.java'))

    def connect(self, url, identity, callback):
        self._do(do='connect', url=url, identity=identity, callback=callback)


VERSIONS = {'ocpp1.6': ocpp.v16, 'ocpp2.0.1': ocpp.v201}


def _charge_point(library, answers, asked):
    """A ChargePoint of the library that answers each call of the server as `answers` says at that time: a payload, a function of
    the request's, or None, not at all."""
    def handler(action):
        async def handle(self, **payload):
            asked.of(action).put(camel(payload))
            if answers.get(action, ()) is None:  # never, and nothing else meanwhile
                await self._connection.wait_closed()
            if action not in answers:
                raise ocpp.exceptions.NotImplementedError()
            answer = answers[action]
            return getattr(library.call_result, action)(**snake(answer(camel(payload)) if callable(answer) else answer))
        handle.__name__ = 'on_' + action  # routed by this name
        return on(action)(handle)

    known = [name for name, value in vars(library.call).items() if dataclasses.is_dataclass(value) and name[0] != '_']
    return type('Station', (library.ChargePoint,), {'on_' + a: handler(a) for a in known})


def snake(payload):
    return camel_to_snake_case(payload)


def camel(payload):
    from ocpp.charge_point import snake_to_camel_case
    return snake_to_camel_case(payload)


class PyOcpp:
    """PyPI ocpp over websockets, in a thread with its loop."""
    name = 'ocpp'

    def __init__(self, version='ocpp1.6'):
        self._version = version
        self._loop = asyncio.new_event_loop()
        self._answers = {}
        self._asked = Asked()
        self._closed = threading.Event()
        self._type = _charge_point(VERSIONS[version], self._answers, self._asked)
        self._socket = self._station = self._task = None
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def _run(self, coroutine, limit_s=PATIENCE_S):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(limit_s)

    async def _connect(self, url, identity, password, tls):
        headers = {}
        if password is not None:
            import base64
            headers['Authorization'] = 'Basic ' + base64.b64encode(('%s:%s' % (identity, password)).encode()).decode()
        self._socket = await websockets.connect(url.rstrip('/') + '/' + identity, subprotocols=[self._version],
                                                additional_headers=headers, ssl=tls)
        self._station = self._type(identity, self._socket, response_timeout=15)
        self._task = asyncio.ensure_future(self._serve())

    async def _serve(self):
        try:
            await self._station.start()
        except websockets.ConnectionClosed:
            pass
        finally:
            self._closed.set()

    def connect(self, url, identity, password=None, tls=None):
        self._run(self._close())
        self._closed.clear()
        context = None
        if tls:
            context = ssl.create_default_context(cafile=tls['ca'])
            if 'cert' in tls:
                context.load_cert_chain(tls['cert'], tls['key'])
        try:
            self._run(self._connect(url, identity, password, context))
        except websockets.InvalidStatus as e:
            raise StationError(e.response.status_code) from e
        except (OSError, EOFError, websockets.InvalidMessage) as e:  # TLS refused
            raise StationError('TLS', str(e)) from e

    def answer(self, action, payload):
        self._answers[action] = payload

    async def _call(self, action, payload):
        request = getattr(VERSIONS[self._version].call, action)(**snake(payload))
        answer = asyncio.ensure_future(self._station.call(request, suppress=False))
        await asyncio.wait({answer, self._task}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():  # the connection has ended, which the library's call would not notice
            answer.cancel()
            raise StationError('Closed', 'before the answer came')
        return answer.result()

    def call(self, action, payload):
        try:
            reply = self._run(self._call(action, payload))
        except ocpp.exceptions.OCPPError as e:
            raise StationError(e.code, e.description) from e
        except (websockets.ConnectionClosed, asyncio.TimeoutError) as e:
            raise StationError('Closed', str(e)) from e
        return {k: v for k, v in camel(dataclasses.asdict(reply)).items() if v is not None}

    def asked(self, action, limit_s=PATIENCE_S):
        return self._asked.wait(action, limit_s)

    def wait_closed(self, limit_s=PATIENCE_S):
        if not self._closed.wait(limit_s):
            raise TimeoutError('the connection is still open after %g s' % limit_s)

    async def _close(self):
        if self._socket:
            await self._socket.close()
        if self._task:
            self._task.cancel()

    def close(self):
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)


CLIENTS = {c.name: c for c in (OcppRpc, PyOcpp)}
