import { createServer } from 'node:https'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createKubernetesProvider } from '../../../ports/compute/kubernetes/provider.ts'
import type { ComputeProvider } from '../../../ports/compute/provider.ts'
import { makeServerCertificate } from '../../support/certificates.ts'
import { settingsWith } from './ground.ts'

export interface Played {
  readonly status: number
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

interface PlayedRequest {
  readonly line: string
  readonly authorization: string | undefined
  readonly body: string
}

export interface PlayedCluster {
  readonly provider: ComputeProvider
  /** Of each request: `GET /path?query`, what it was authorized with, and its body. */
  readonly requests: PlayedRequest[]
  close(): Promise<void>
}

type Settings = Readonly<Record<string, unknown>>

/** How it is reached. */
interface Where {
  readonly server: string
  readonly ca: string
  readonly token: string
}

/** Answers each request as the test says; there is no cluster behind it. */
export async function playCluster(
  answer: (line: string, request: IncomingMessage, body: string) => Played | Promise<Played>,
  more: Settings | ((where: Where) => Settings) = {},
): Promise<PlayedCluster> {
  const { ca, key, cert } = await makeServerCertificate()
  const requests: PlayedRequest[] = []
  const server = createServer({ key, cert }, (request, response) => {
    const line = `${request.method} ${decodeURIComponent(request.url ?? '')}`
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.once('end', () => {
      const body = Buffer.concat(chunks).toString()
      requests.push({ line, authorization: request.headers.authorization, body })
      void (async () => {
        const played = await answer(line, request, body)
        response.writeHead(played.status, { 'content-type': 'application/json', ...played.headers }).end(played.body)
      })()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // A server that listens on a port has such an address.
  const { port } = server.address() as AddressInfo
  const where: Where = { server: `https://127.0.0.1:${port}`, ca, token: 'a-token' }
  const settings = typeof more === 'function' ? more(where) : more
  const all = { inCluster: false, ...where, requestTimeoutMs: 20_000, ...settings }
  const provider = createKubernetesProvider(settingsWith(all), { networks: ['10.0.0.0/8'] })
  return {
    provider,
    requests,
    async close() {
      await provider.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export const json = (status: number, body: object): Played => ({ status, body: JSON.stringify(body) })

/** As a cluster says no. */
export const no = (code: number, reason: string, message = ''): Played =>
  json(code, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', code, reason, message })
