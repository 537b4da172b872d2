import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ProviderUnreachable } from '../../../ports/compute/provider.ts'
import { call, listed } from '../../conformance/compute-harness.ts'
import { makeServerCertificate } from '../../support/certificates.ts'
import { deploymentId } from './ground.ts'
import { json, no, playCluster } from './played-cluster.ts'
import type { Played, PlayedCluster } from './played-cluster.ts'

let directory: string
let cluster: PlayedCluster
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'carrel-kubeconfig-'))
})
afterEach(async () => {
  await cluster.close()
  rmSync(directory, { recursive: true, force: true })
})

type Configure = (more: {
  readonly path?: string
  readonly ca?: string
  readonly token?: string
  readonly tokenFile?: string
}) => void

/** A cluster that is reached by a kubeconfig, and a way to write that anew. */
async function byKubeconfig(
  answer: (authorization: string | undefined) => Played | Promise<Played>,
): Promise<Configure> {
  const kubeconfig = join(directory, 'kubeconfig')
  const { promise, resolve } = Promise.withResolvers<Configure>()
  cluster = await playCluster(
    (_, request) => answer(request.headers.authorization),
    (where) => {
      const configure: Configure = ({ path = '', ca = where.ca, token = where.token, tokenFile }) => {
        const authority = Buffer.from(ca).toString('base64')
        const there = { server: where.server + path, 'certificate-authority-data': authority }
        const config = {
          clusters: [{ name: 'c', cluster: there }],
          users: [{ name: 'u', user: { token, tokenFile } }],
          contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
          'current-context': 'x',
        }
        writeFileSync(kubeconfig, JSON.stringify(config))
      }
      configure({})
      resolve(configure)
      return { server: undefined, ca: undefined, token: undefined, kubeconfig }
    },
  )
  return await promise
}

const empty = json(200, { metadata: {}, items: null })
const list = async () => await listed(cluster.provider, deploymentId)

test('a cluster that is reached below a path of its kubeconfig is asked there', async () => {
  const configure = await byKubeconfig(() => empty)
  configure({ path: '/k8s/clusters/c-1/' })
  expect(await list()).toEqual([])
  expect(cluster.requests.map(({ line }) => line.split('?')[0])).toContain(
    'GET /k8s/clusters/c-1/api/v1/namespaces/carrel-sessions/pods',
  )
})

test('an authority that was changed while Carrel runs is trusted as soon as its kubeconfig says so', async () => {
  const configure = await byKubeconfig(() => empty)
  const other = await makeServerCertificate()
  configure({ ca: other.ca })
  await expect(list()).rejects.toThrow(ProviderUnreachable)
  configure({})
  expect(await list()).toEqual([])
})

test('whom the cluster no longer knows, it knows again as soon as the kubeconfig is written anew', async () => {
  const configure = await byKubeconfig((by) => (by === 'Bearer renewed' ? empty : no(401, 'Unauthorized')))
  await expect(list()).rejects.toThrow(ProviderUnreachable)
  configure({ token: 'renewed' })
  expect(await list()).toEqual([])
})

test('who reads its token while another call gives the connections up goes by those that are opened anew', async () => {
  // this:   ─────────────── opens the file of its token ················ reads it, goes
  // other:  goes ········································ 401: gives up
  const [asked, refusal] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const configure = await byKubeconfig(async (by) => {
    if (by !== 'Bearer old') return { status: 200, body: 'a line' }
    asked.resolve()
    await refusal.promise
    return no(401, 'Unauthorized')
  })
  const tokenFile = join(directory, 'token')
  writeFileSync(tokenFile, 'old')
  configure({ tokenFile })
  const logs = async () => await cluster.provider.logs?.({ name: 'carrel-s1-1', deploymentId }, 1, call())
  const other = logs()
  await asked.promise

  rmSync(tokenFile)
  execFileSync('mkfifo', [tokenFile], { timeout: 10_000 })
  const mine = logs()
  // There is a writer as soon as there is a reader.
  const writer = await open(tokenFile, 'w')
  rmSync(tokenFile)
  writeFileSync(tokenFile, 'renewed')
  refusal.resolve()
  expect(await other).toBe('')
  await writer.writeFile('renewed')
  await writer.close()
  expect(await mine).toBe('a line')
})
