// A charging station made of npm's ocpp-rpc, driven by JSON lines: commands on stdin, what happens on stdout.
//
//   {"id": 1, "do": "connect", "url": "ws://...", "identity": "CP001", "password": "...", "tls": {"ca": FILE, ...}, "protocol": "ocpp2.0.1"}
//   {"id": 2, "do": "call", "action": "BootNotification", "payload": {...}}
//   {"id": 3, "do": "answers", "answers": {"RemoteStartTransaction": {"status": "Accepted"}}}
//   {"id": 4, "do": "hold", "action": "ClearCache"}      it is not answered until
//   {"id": 5, "do": "release", "action": "ClearCache"}
//   {"id": 6, "do": "close"}
//
// Each gets {"id": N, "ok": ...} or {"id": N, "error": {...}}. What the server asks comes as {"asked": ACTION, "payload": {...}}, the end
// of the connection as {"closed": true}.
'use strict';
const fs = require('fs');
const readline = require('readline');
const { RPCClient, createRPCError } = require('ocpp-rpc');

let client = null;
let answers = {};
const held = new Map();

function hold(action) {
	let release;
	const promise = new Promise((resolve) => { release = resolve; });
	held.set(action, { promise, release });
}

function release(action) {
	held.get(action).release();
	held.delete(action);
}

function say(message) {
	process.stdout.write(JSON.stringify(message) + '\n');
}

async function connect(command) {
	const options = {
		endpoint: command.url,
		identity: command.identity,
		protocols: [command.protocol || 'ocpp1.6'],
		strictMode: command.strict !== false,
		reconnect: false,
		callTimeoutMs: 15000,
		pingIntervalMs: 0,
	};
	if (command.password !== undefined)
		options.password = command.password;
	if (command.tls) {
		options.wsOpts = {};
		for (const [name, file] of Object.entries(command.tls))
			options.wsOpts[name] = fs.readFileSync(file);
	}
	client = new RPCClient(options);
	client.handle(async ({ method, params }) => {
		say({ asked: method, payload: params });
		if (held.has(method))
			await held.get(method).promise;
		if (!(method in answers))
			throw createRPCError('NotImplemented');
		return answers[method];
	});
	client.on('strictValidationFailure', (event) => say({ invalid: event.method, error: String(event.error) }));
	client.on('disconnect', () => say({ closed: true }));
	await client.connect();
	return { protocol: client.protocol };
}

async function run(command) {
	switch (command.do) {
	case 'connect':
		return connect(command);
	case 'call':
		return client.call(command.action, command.payload);
	case 'answers':
		answers = command.answers;
		return {};
	case 'hold':
		hold(command.action);
		return {};
	case 'release':
		release(command.action);
		return {};
	case 'close':
		await client.close({ force: command.force === true });
		return {};
	default:
		throw new Error('unknown command ' + command.do);
	}
}

readline.createInterface({ input: process.stdin }).on('line', (line) => {
	const command = JSON.parse(line);
	run(command).then(
		(ok) => say({ id: command.id, ok: ok === undefined ? null : ok }),
		(error) => say({ id: command.id, error: { code: error.rpcErrorCode || error.code || error.name, message: error.message } }));
}).on('close', () => process.exit(0));
