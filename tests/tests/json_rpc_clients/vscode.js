// Calls the service with `vscode-jsonrpc`: `node vscode.js socket PORT` or `stdio SERVER`.
'use strict';
const assert = require('assert');
const { spawn } = require('child_process');
const net = require('net');
const rpc = require('vscode-jsonrpc/node');

async function code(promise) {
    try {
        await promise;
    } catch (error) {
        return error.code;
    }
    assert.fail('the call has succeeded');
}

async function untilRunning(connection, count) {
    while ((await connection.sendRequest('running')) !== count);
}

async function check(connection) {
    connection.listen();
    assert.strictEqual(await connection.sendRequest('subtract', 42, 23), 19);
    const named = { subtrahend: 23, minuend: 42 };
    assert.strictEqual(await connection.sendRequest('subtract', rpc.ParameterStructures.byName, named), 19);
    const params = { textDocument: { uri: 'file:///ä' }, position: { line: 1, character: 2 } };
    assert.deepStrictEqual(await connection.sendRequest('text/echo', params), params);

    for (let i = 0; i < 20; i++) await connection.sendNotification('note', i);
    await connection.sendNotification('missing', 1);
    assert.deepStrictEqual(await connection.sendRequest('noted'), [...Array(20).keys()]);

    assert.strictEqual(await code(connection.sendRequest('missing')), rpc.ErrorCodes.MethodNotFound);
    assert.strictEqual(await code(connection.sendRequest('subtract', 'x', 1)), rpc.ErrorCodes.InvalidParams);
    const own = { code: 7, message: 'mine', data: [1] };
    await assert.rejects(connection.sendRequest('fail', rpc.ParameterStructures.byPosition, own), own);

    // Notifications of the service precede the answer of the call that sends them.
    const received = [];
    connection.onNotification('window/logMessage', (params) => received.push(params));
    connection.onNotification('announced', (count, text) => received.push([count, text]));
    connection.onNotification('finished', () => received.push('finished'));
    assert.strictEqual(await connection.sendRequest('announce', 50), 50);
    const messages = [...Array(50).keys()].map((i) => ({ type: 3, message: `number ${i}` }));
    assert.deepStrictEqual(received, [...messages, [50, 'done'], 'finished']);

    // Calls run at the same time, and each is cancelled alone.
    const sources = [1, 2].map(() => new rpc.CancellationTokenSource());
    const calls = sources.map((source) => connection.sendRequest('spin', source.token));
    const codes = calls.map(code);
    await untilRunning(connection, 2);
    sources[0].cancel();
    assert.strictEqual(await codes[0], -32800);
    await untilRunning(connection, 1);
    sources[1].cancel();
    assert.strictEqual(await codes[1], -32800);
    await untilRunning(connection, 0);

    const many = await Promise.all([...Array(500).keys()].map((i) => connection.sendRequest('subtract', i, 1)));
    assert.deepStrictEqual(many, [...Array(500).keys()].map((i) => i - 1));
}

async function main([transport, where]) {
    if (transport === 'socket') {
        const socket = net.connect(Number(where), '127.0.0.1');
        const [reader, writer] = [new rpc.SocketMessageReader(socket), new rpc.SocketMessageWriter(socket)];
        await check(rpc.createMessageConnection(reader, writer));
        socket.destroy();
    } else {
        const server = spawn(where, ['stdio', 'content-length'], { stdio: ['pipe', 'pipe', 'inherit'] });
        const exit = new Promise((resolve) => server.on('exit', resolve));
        const [reader, writer] =
            [new rpc.StreamMessageReader(server.stdout), new rpc.StreamMessageWriter(server.stdin)];
        await check(rpc.createMessageConnection(reader, writer));
        // The server ends with its input.
        server.stdin.end();
        assert.strictEqual(await exit, 0);
    }
    console.log('done');
}

main(process.argv.slice(2)).catch((error) => {
    console.error(error);
    process.exit(1);
});
