import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:tls'
import type { InstanceKey } from '../conformance/compute-harness.ts'

/** Takes the reports of instances, as Carrel would. */
export interface Reports {
  readonly url: string
  tokenOf(key: Pick<InstanceKey, 'name'>): string
  /** What it said last. */
  saidBy(key: Pick<InstanceKey, 'name'>): Report | undefined
  /** The status of a GET at the port that the instance reported, with the certificate that it reported; `null`: no answer. */
  statusOf(host: string, key: Pick<InstanceKey, 'name'>): Promise<number | null>
  close(): Promise<void>
}

export interface Report {
  readonly ports: Readonly<Record<string, number>>
  readonly fingerprint: string
}

export async function openReports(): Promise<Reports> {
  const reported = new Map<string, Report>()
  const tokenOf = ({ name }: Pick<InstanceKey, 'name'>) => `token-of-${name}`
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.once('end', () => {
      const token = request.headers.authorization?.replace(/^Bearer /, '') ?? ''
      // The server of this folder wrote it.
      reported.set(token, JSON.parse(Buffer.concat(chunks).toString()) as Report)
      response.writeHead(204).end()
    })
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  // A server that listens on a port has one.
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/v1/instance-reports`,
    tokenOf,
    saidBy: (key) => reported.get(tokenOf(key)),
    async statusOf(host, key) {
      const report = reported.get(tokenOf(key))
      const hostPort = report?.ports['8080']
      return report === undefined || hostPort === undefined ? null : await status(host, hostPort, report.fingerprint)
    },
    close: () => new Promise((closed) => void server.close(() => closed())),
  }
}

async function status(host: string, port: number, fingerprint: string): Promise<number | null> {
  return await new Promise((resolve) => {
    const socket = connect({ host, port, rejectUnauthorized: false, timeout: 2_000 }, () => {
      const shown = socket.getPeerCertificate().fingerprint256.replaceAll(':', '').toLowerCase()
      if (shown !== fingerprint) return answer(null)
      socket.write('GET / HTTP/1.0\r\n\r\n')
    })
    const answer = (code: number | null) => {
      socket.destroy()
      resolve(code)
    }
    socket.once('data', (head: Buffer) =>
      answer(Number(/^HTTP\/1\.\d (\d{3})/i.exec(head.toString())?.[1] ?? 0) || null),
    )
    socket.once('timeout', () => answer(null)).once('error', () => answer(null))
    socket.once('close', () => answer(null))
  })
}
