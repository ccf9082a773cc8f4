// The npm server that galvan is compared with: ocpp-rpc, with as little behind it as it can have (nothing is stored).
//
//     node npm_server.js PORT [strict]        prints "ready" when it listens; strict: checks payloads against their schemas
'use strict';
const { RPCServer } = require('ocpp-rpc');

const server = new RPCServer({ protocols: ['ocpp1.6'], strictMode: process.argv[3] === 'strict' });
let transactions = 0;

server.auth((accept) => accept());
server.on('client', (client) => {
	client.handle('BootNotification', () => ({ status: 'Accepted', interval: 300, currentTime: new Date().toISOString() }));
	client.handle('Heartbeat', () => ({ currentTime: new Date().toISOString() }));
	client.handle('StartTransaction', () => ({ transactionId: ++transactions, idTagInfo: { status: 'Accepted' } }));
	client.handle('StopTransaction', () => ({ idTagInfo: { status: 'Accepted' } }));
	client.handle('MeterValues', () => ({}));
});
server.listen(Number(process.argv[2])).then(() => console.log('ready'));
