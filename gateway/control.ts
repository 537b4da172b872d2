import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Metrics } from '../platform/metrics.ts'

export interface ControlOptions {
  readonly host: string
  /** `null`: a free one. */
  readonly port: number | null
  readonly metrics: Metrics
  /** Why no new request should come here; `null`: they may. */
  readonly whyUnready: () => Promise<string | null>
}

/** The gateway's page for its watcher, on a port of its own that no door's name leads to: `/healthz`, `/readyz`, `/metrics`. */
export async function serveControl({ host, port, metrics, whyUnready }: ControlOptions) {
  const server = createServer((request, response) => {
    const answer = async (): Promise<{ status: number; type: string; text: string }> => {
      if (request.url === '/healthz') return { status: 200, type: 'text/plain', text: 'ok\n' }
      if (request.url === '/readyz') {
        const why = await whyUnready()
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
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
