// Answers on TCP and UDP, IPv4 and IPv6, with whom it sees, a bar, and what it is told. Runs in containers, so it is one file of plain JavaScript.
import * as dgram from 'node:dgram';
import * as net from 'node:net';

const port = Number(process.argv[2]);
const server = net.createServer({ allowHalfOpen: true }, (socket) => {
  socket.on('error', () => {});
  socket.write(`${socket.remoteAddress}|`);
  socket.pipe(socket);
});
const datagrams = dgram.createSocket('udp6');
datagrams.on('message', (message, { address, port }) => datagrams.send(`${address}|${message}`, port, address));
datagrams.bind(port, '::', () => server.listen(port, '::', () => console.log('up')));
process.once('SIGTERM', () => process.exit(0));
