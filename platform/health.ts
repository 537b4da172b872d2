import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Metrics } from './metrics.ts'

export interface HealthOptions {
  readonly host: string
  /** `null`: a free one. */
  readonly port: number | null
  readonly metrics: Metrics
  /** Why the process should be given nothing new; `null`: it may. */
  readonly whyUnready: () => string | null | Promise<string | null>
}

/** A process's own page for its watcher: `/healthz`, `/readyz`, `/metrics`, on a port of its own. Without one it takes a free one. */
export async function serveHealth({ host, port, metrics, whyUnready }: HealthOptions) {
  let isReady = true
  const server = createServer((request, response) => {
    const answer = async (): Promise<{ status: number; type: string; text: string }> => {
      if (request.url === '/healthz') return { status: 200, type: 'text/plain', text: 'ok\n' }
      if (request.url === '/readyz') {
        const why = isReady ? await whyUnready() : 'stopping'
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
    /** `false`: the process ends, whatever else is to be said. */
    ready: (ready: boolean) => {
      isReady = ready
    },
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
