import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { createServer } from 'node:tls'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ComputeProvider } from '../../ports/compute/provider.ts'
import { call, freshDeployment, freshKey, refOf } from '../conformance/compute-harness.ts'
import { openDocker, serverSpec, socketPath } from './docker-harness.ts'

// The other ways to a daemon, each with a small peer of this test in front of the same socket.

const run = promisify(execFile)
let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'carrel-transports-'))
})
afterAll(() => rm(directory, { recursive: true, force: true }))

async function livesThrough(provider: ComputeProvider): Promise<void> {
  const key = freshKey(freshDeployment())
  expect(await provider.create(serverSpec(key), call())).toMatchObject({ kind: 'made' })
  expect((await provider.inspect(refOf(key), call())).kind).toBe('running')
  expect(await provider.remove(refOf(key), call())).toEqual({ kind: 'removed' })
}

async function makeCertificates(): Promise<void> {
  const openssl = (...words: string[]) => run('openssl', words, { cwd: directory, timeout: 20_000 })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1']
  await openssl('req', '-x509', ...key, '-subj', '/CN=ca', '-keyout', 'ca-key.pem', '-out', 'ca.pem')
  for (const [name, out] of [
    ['server', 'server'],
    ['client', ''],
  ] as const) {
    const [keyFile, certFile] = out === '' ? ['key.pem', 'cert.pem'] : [`${out}-key.pem`, `${out}-cert.pem`]
    const names = ['-addext', 'subjectAltName=IP:127.0.0.1']
    const signed = ['-CA', 'ca.pem', '-CAkey', 'ca-key.pem']
    await openssl(
      'req',
      '-x509',
      ...key,
      ...signed,
      ...names,
      '-subj',
      `/CN=${name}`,
      '-keyout',
      keyFile,
      '-out',
      certFile,
    )
  }
}

test('tcp:// with TLS: both sides show certificates, and without one nothing is answered', async () => {
  await makeCertificates()
  const read = (name: string) => readFile(join(directory, name))
  const options = { ca: await read('ca.pem'), key: await read('server-key.pem'), cert: await read('server-cert.pem') }
  const server = createServer({ ...options, requestCert: true, rejectUnauthorized: true }, (client) => {
    const daemon = connect(socketPath)
    client.on('error', () => daemon.destroy()).pipe(daemon)
    daemon.on('error', () => client.destroy()).pipe(client)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const dockerHost = `tcp://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`

  const provider = openDocker({ dockerHost, certPath: directory })
  await livesThrough(provider)
  await provider.close()

  const bare = openDocker({ dockerHost, requestTimeoutMs: 3000 })
  expect((await bare.inspect(refOf(freshKey(freshDeployment())), call())).kind).toBe('unknown')
  await bare.close()
  await new Promise((resolve) => server.close(resolve))
})

test('ssh://: each connection is an ssh process that dials the daemon over there', async () => {
  const peer = `#!${process.execPath}
import { appendFileSync } from 'node:fs'
import { connect } from 'node:net'
process.stdin.pipe(connect('${socketPath}')).pipe(process.stdout)
appendFileSync('${directory}/words', process.argv.slice(2).join(' ') + '\\n')
`
  await writeFile(join(directory, 'ssh'), peer, { mode: 0o755 })
  const path = process.env['PATH']
  process.env['PATH'] = `${directory}${delimiter}${path}`
  try {
    const sshHostKey = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB'
    const provider = openDocker({ dockerHost: 'ssh://ada@docker.example', sshHostKey })
    await livesThrough(provider)
    await provider.close()
  } finally {
    process.env['PATH'] = path
  }
  expect(await readFile(join(directory, 'words'), 'utf8')).toMatch(
    /-l ada -- docker\.example docker system dial-stdio\n/,
  )
})

test('an ssh that fails is a daemon that is not reached', async () => {
  const sshHostKey = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB'
  const provider = openDocker({ dockerHost: 'ssh://ada@127.0.0.1:1', sshHostKey, requestTimeoutMs: 5000 })
  const state = await provider.inspect(refOf(freshKey(freshDeployment())), call())
  expect(state).toMatchObject({ kind: 'unknown', why: expect.stringContaining('ssh') })
  await provider.close()
})
