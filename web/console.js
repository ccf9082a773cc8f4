/* The node at a glance: asks once for what is, then follows the events. Plain requests to the public API, no other door. */
'use strict';

const TYPES = ['galvan.registry.v1.DeviceChanged', 'galvan.charging.v1.ConnectorStatusChanged',
	'galvan.charging.v1.SessionStarted', 'galvan.charging.v1.SessionMetered', 'galvan.charging.v1.SessionEnded'];
const ROWS_MAX = 200;
const EVENTS_MAX = 200;
const RETRY_MS = 2000;
const STATUS_EVERY_MS = 5000;

const el = (id) => document.getElementById(id);
const devices = new Map();
const connectors = new Map();
const sessions = new Map();
let token = '';
let drawn = true;
let run = 0; /* grows with each login: what an earlier one started ends by itself */

class Refused extends Error {
	constructor(status, code, message) {
		super(message);
		this.status = status;
		this.code = code;
	}
}

async function ask(path, options) {
	const answer = await fetch(path, { ...options, headers: { ...options.headers, Authorization: 'Bearer ' + token } });
	if (answer.ok)
		return answer;
	const body = await answer.json().catch(() => ({}));
	throw new Refused(answer.status, body.code || '', body.message || answer.statusText);
}

async function call(method, request) {
	const answer = await ask('/api/' + method, {
		method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(request),
	});
	return answer.json();
}

/* For services that this node may not have. */
async function callIfServed(method, request) {
	try {
		return await call(method, request);
	} catch (e) {
		if (e instanceof Refused && e.code === 'not_found')
			return {};
		throw e;
	}
}

const time = (ms) => (Number(ms) ? new Date(Number(ms)).toLocaleString() : '');

function cell(text, className) {
	const td = document.createElement('td');
	if (text instanceof Node)
		td.append(text);
	else
		td.textContent = text;
	if (className)
		td.className = className;
	return td;
}

function fill(id, rows, columns, nothing) {
	const body = el(id);
	body.replaceChildren(...rows.map((cells) => {
		const tr = document.createElement('tr');
		tr.append(...cells);
		return tr;
	}));
	if (rows.length === 0) {
		const td = cell(nothing, 'empty');
		td.colSpan = columns;
		body.append(document.createElement('tr'));
		body.firstChild.append(td);
	}
}

function connectorsOf(id) {
	const box = document.createElement('span');
	const list = [...connectors.values()].filter((c) => c.device === id && c.connector > 0)
		.sort((a, b) => a.connector - b.connector);
	for (const c of list) {
		const span = document.createElement('span');
		span.className = 'connector' + (!c.online || c.status === 'Faulted' ? ' bad' : '');
		span.textContent = c.connector + ': ' + (c.status || 'unknown') + (c.online ? '' : ' (offline)');
		box.append(span);
	}
	return box;
}

function draw() {
	drawn = true;
	fill('devices', [...devices.values()].sort((a, b) => (a.id < b.id ? -1 : 1)).slice(0, ROWS_MAX)
		.map((d) => [cell(d.id), cell(d.name), cell(d.site), cell(connectorsOf(d.id))]), 4, 'none');
	fill('sessions', [...sessions.values()].sort((a, b) => Number(b.startedAtMs) - Number(a.startedAtMs)).slice(0, ROWS_MAX)
		.map((s) => [cell(s.device), cell(s.connector), cell(s.token), cell(s.state), cell(time(s.startedAtMs)),
			cell(time(s.endedAtMs)), cell(s.energyWh + ' Wh', 'n'), cell(s.powerW ? s.powerW + ' W' : '', 'n'), cell(s.reason)]), 9, 'none');
}

function changed() {
	if (drawn) {
		drawn = false;
		requestAnimationFrame(draw);
	}
}

function take(e) {
	const m = e.event;
	switch (e.type.slice(e.type.lastIndexOf('.') + 1)) {
	case 'DeviceChanged':
		if (m.deleted)
			devices.delete(m.id);
		else if (m.device)
			devices.set(m.id, m.device);
		break;
	case 'ConnectorStatusChanged':
		if (m.status)
			connectors.set(m.status.device + '#' + m.status.connector, m.status);
		break;
	case 'SessionStarted':
	case 'SessionEnded':
		if (m.session)
			sessions.set(m.session.id, m.session);
		break;
	case 'SessionMetered':
		if (sessions.has(m.sessionId))
			Object.assign(sessions.get(m.sessionId), { energyWh: m.energyWh, powerW: m.powerW });
		break;
	}
	const li = document.createElement('li');
	li.textContent = new Date(Number(e.timeMs)).toLocaleTimeString() + '  ' + e.type + '  ' + e.key + '  ' + JSON.stringify(m);
	el('events').prepend(li);
	while (el('events').children.length > EVENTS_MAX)
		el('events').lastChild.remove();
	changed();
}

async function openStream() {
	const some = '?' + TYPES.map((t) => 'type=' + t).join('&');
	try {
		return await ask('/api/events' + some, {});
	} catch (e) {
		if (e instanceof Refused && e.status === 400) /* this node lacks one of them */
			return ask('/api/events', {});
		throw e;
	}
}

async function readStream(answer, mine) {
	const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
	let text = '';
	for (;;) {
		const { done, value } = await reader.read();
		if (done || mine !== run)
			return reader.cancel();
		text += value;
		const parts = text.split('\n\n');
		text = parts.pop();
		for (const part of parts) {
			const data = part.split('\n').filter((l) => l.startsWith('data: '))
				.map((l) => l.slice(6)).join('\n');
			if (data)
				take(JSON.parse(data));
		}
	}
}

async function load() {
	const [d, c, s] = await Promise.all([
		callIfServed('galvan.registry.v1.Registry/ListDevices', { limit: ROWS_MAX }),
		callIfServed('galvan.charging.v1.Charging/ListConnectors', {}),
		callIfServed('galvan.charging.v1.Charging/ListSessions', { limit: ROWS_MAX }),
	]);
	devices.clear();
	connectors.clear();
	sessions.clear();
	for (const x of d.devices || [])
		devices.set(x.id, x);
	for (const x of c.connectors || [])
		connectors.set(x.device + '#' + x.connector, x);
	for (const x of s.sessions || [])
		sessions.set(x.id, x);
	changed();
}

function say(text, good) {
	el('state').textContent = text;
	el('state').className = good ? 'good' : 'bad';
}

async function showStatus() {
	const s = await call('galvan.kernel.v1.Kernel/Status', {});
	el('node').textContent = s.node + ' ' + s.version;
	fill('plugins', s.plugins.map((p) => [cell(p.name + '.' + p.instance), cell(p.version),
		cell(p.state, p.state === 'running' ? 'good' : 'bad'), cell(p.restarts), cell(p.message)]), 5, 'none');
	return s.ready;
}

function failed(e, mine) {
	if (mine !== run)
		return;
	if (e instanceof Refused && e.status === 401) {
		sessionStorage.removeItem('token');
		login('this token is not known');
		return;
	}
	say(e.message || String(e), false);
}

async function follow(mine) {
	while (mine === run) {
		try {
			const answer = await openStream(); /* first, so that nothing falls between */
			await load();
			await readStream(answer, mine);
		} catch (e) {
			failed(e, mine);
		}
		await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
	}
}

async function watch(mine) {
	while (mine === run) {
		try {
			say(await showStatus() ? 'ready' : 'not ready', true);
		} catch (e) {
			failed(e, mine);
		}
		await new Promise((resolve) => setTimeout(resolve, STATUS_EVERY_MS));
	}
}

function login(why) {
	run++;
	token = '';
	el('console').hidden = true;
	el('login').hidden = false;
	say(why || 'a token is needed', false);
}

function enter(given) {
	run++;
	token = given;
	sessionStorage.setItem('token', given);
	el('login').hidden = true;
	el('console').hidden = false;
	watch(run);
	follow(run);
}

el('login').addEventListener('submit', (e) => {
	e.preventDefault();
	enter(el('token').value.trim());
	el('token').value = '';
});
el('forget').addEventListener('click', () => {
	sessionStorage.removeItem('token');
	login();
});

/* An address that ends in #token=... opens at once; the token does not stay in it. */
const given = new URLSearchParams(location.hash.slice(1)).get('token');
if (given)
	history.replaceState(null, '', location.pathname);
const kept = given || sessionStorage.getItem('token');
if (kept)
	enter(kept);
else
	login();
