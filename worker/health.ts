import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Metrics } from '../platform/metrics.ts'

export interface HealthOptions {
  readonly host: string
  /** `null`: a free one. */
  readonly port: number | null
  readonly metrics: Metrics
  /** Why the worker is given nothing to do, though it could; `null`: it is. */
  readonly whyIdle: () => string | null
}

/** The worker's own page for its watcher: `/healthz`, `/readyz`, `/metrics`. Without a port it takes a free one. */
export async function serveHealth({ host, port, metrics, whyIdle }: HealthOptions) {
  let isReady = true
  const whyUnready = () => (isReady ? whyIdle() : 'stopping')
  const server = createServer((request, response) => {
    const answer = async (): Promise<{ status: number; type: string; text: string }> => {
      if (request.url === '/healthz') return { status: 200, type: 'text/plain', text: 'ok\n' }
      if (request.url === '/readyz') {
        const why = whyUnready()
        return { status: why === null ? 200 : 503, type: 'text/plain', text: `${why ?? 'ok'}\n` }
      }
      if (request.url !== '/metrics') return { status: 404, type: 'text/plain', text: 'not found\n' }
      const { contentType, text } = await metrics.expose()
      return { status: 200, type: contentType, text }
    }
    answer().then(
      ({ status, type, text }) => response.writeHead(status, { 'content-type': type }).end(text),
      () => response.writeHead(500).end(),
    )
  })
  server.requestTimeout = 5_000
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port ?? 0, host, resolve)
  })
  // `listen` on a port always yields an AddressInfo.
  const url = `http://${host}:${(server.address() as AddressInfo).port}`
  return {
    url,
    ready: (ready: boolean) => {
      isReady = ready
    },
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
