// A session's program for the bench, as a process of its own: echoes WebSockets, sends and takes bytes. It prints its port.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { WebSocketServer } from 'ws'

const chunk = Buffer.alloc(64 * 1024)

const server = createServer({ requestTimeout: 0 }, (request, response) => {
  if (request.method === 'PUT') {
    let bytes = 0
    request.on('data', (part: Buffer) => (bytes += part.length))
    request.on('end', () => response.end(String(bytes)))
    return
  }
  const wanted = Number(new URL(request.url ?? '/', 'http://session').searchParams.get('bytes'))
  response.writeHead(200, { 'content-length': wanted })
  const send = async () => {
    for (let left = wanted; left > 0 && !response.destroyed; left -= chunk.length)
      if (!response.write(left < chunk.length ? chunk.subarray(0, left) : chunk)) await once(response, 'drain')
    response.end()
  }
  send().catch(() => response.destroy())
})
new WebSocketServer({ server, perMessageDeflate: false }).on('connection', (socket) =>
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary })),
)
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port))
process.once('SIGTERM', () => process.exit(0))
