import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ProviderUnreachable } from '../../ports/compute/provider.ts'
import type { ComputeProvider } from '../../ports/compute/provider.ts'
import {
  call,
  eventually,
  freshDeployment,
  freshKey,
  isKind,
  listed,
  made,
  refOf,
} from '../conformance/compute-harness.ts'
import { untried } from '../conformance/untried.ts'
import { openKubernetes, serverSpec } from './kubernetes-harness.ts'
import { hasBwrap, inCluster } from './kubernetes-in-cluster.ts'
import { openStand } from './kubernetes-stand.ts'
import type { KubernetesStand } from './kubernetes-stand.ts'

const deployment = freshDeployment()
let stand: KubernetesStand
let directory = ''
beforeAll(async () => {
  stand = await openStand()
  directory = await mkdtemp(join(tmpdir(), 'carrel-access-'))
}, 120_000)
afterAll(async () => {
  await rm(directory, { recursive: true, force: true })
  await stand?.close()
})

/** In place of a server, an authority and a token. */
const nothingElse = { server: undefined, ca: undefined, tokenFile: undefined }
const spoilt = () => `${stand.token.slice(0, -8)}00000000`

/** A whole instance: made, found running, listed, removed. */
async function lives(provider: ComputeProvider): Promise<void> {
  const key = freshKey(deployment)
  const created = await provider.create(serverSpec(stand, key), call())
  expect(made(created), JSON.stringify(created)).toBe(true)
  await eventually(() => provider.inspect(refOf(key), call()), isKind('running'), 60_000)
  expect((await listed(provider, deployment)).map(({ ref }) => ref.name)).toEqual([key.name])
  const remove = async () => await provider.remove(refOf(key), call())
  await eventually(remove, ({ kind }) => kind === 'removed', 60_000)
  expect(await stand.leftovers(deployment)).toEqual([])
}

/** Refused while its token is one that the cluster does not take, and right again once that was written anew. */
async function renewed(provider: ComputeProvider, tokenFile: string): Promise<void> {
  await writeFile(tokenFile, spoilt())
  await expect(listed(provider, deployment)).rejects.toThrow(ProviderUnreachable)
  expect(await provider.check?.({ deploymentId: deployment, templates: [] }, call())).toEqual([
    { code: 'credentials_refused', level: 'missing' },
  ])
  await writeFile(tokenFile, stand.token)
  expect(await listed(provider, deployment)).toEqual([])
}

/** A kubeconfig of the stand's cluster, of two contexts: the one that is not meant leads nowhere. */
async function kubeconfigOf(user: object): Promise<string> {
  const path = join(directory, 'kubeconfig')
  const { server, ca } = stand
  const cluster = { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') }
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      { name: 'here', cluster },
      { name: 'elsewhere', cluster: { ...cluster, server: 'https://127.0.0.1:1' } },
    ],
    users: [{ name: 'carrel', user }],
    contexts: [
      { name: 'meant', context: { cluster: 'here', user: 'carrel' } },
      { name: 'other', context: { cluster: 'elsewhere', user: 'carrel' } },
    ],
    'current-context': 'other',
  }
  await writeFile(path, JSON.stringify(config), { mode: 0o600 })
  return path
}

test('by a kubeconfig with a certificate of its own', async () => {
  if (!stand.byCertificate) return untried(stand.byCertificate).toBe(false)
  const provider = openKubernetes(stand, { ...nothingElse, kubeconfig: stand.kubeconfig })
  try {
    await lives(provider)
  } finally {
    await provider.close()
  }
}, 180_000)

test('by the context of a kubeconfig, with a token in it', async () => {
  const kubeconfig = await kubeconfigOf({ token: stand.token })
  const provider = openKubernetes(stand, { ...nothingElse, kubeconfig, context: 'meant' })
  const other = openKubernetes(stand, { ...nothingElse, kubeconfig })
  try {
    await lives(provider)
    await expect(listed(other, deployment)).rejects.toThrow(ProviderUnreachable)
  } finally {
    await provider.close()
    await other.close()
  }
}, 180_000)

test('by a kubeconfig that names a file with the token, which is written anew while Carrel runs', async () => {
  const tokenFile = join(directory, 'renewed')
  await writeFile(tokenFile, stand.token)
  const kubeconfig = await kubeconfigOf({ tokenFile: 'renewed' })
  const provider = openKubernetes(stand, { ...nothingElse, kubeconfig, context: 'meant' })
  try {
    await lives(provider)
    await renewed(provider, tokenFile)
    await lives(provider)
  } finally {
    await provider.close()
  }
}, 180_000)

test('by a file with the token beside server and authority, which is written anew while Carrel runs', async () => {
  const tokenFile = join(directory, 'token')
  await writeFile(tokenFile, stand.token)
  const provider = openKubernetes(stand, { tokenFile })
  try {
    await renewed(provider, tokenFile)
    await lives(provider)
  } finally {
    await provider.close()
  }
}, 180_000)

test('in the cluster: by what a Pod finds of its service account, which the cluster writes anew while Carrel runs', async () => {
  if (!hasBwrap) return untried(hasBwrap).toBe(false)
  const key = freshKey(deployment)
  const said = await inCluster(stand, {
    account: join(directory, 'account'),
    spec: serverSpec(stand, key),
    otherToken: spoilt(),
  })
  expect(said).toEqual({
    created: 'made',
    running: 'running',
    listed: [key.name],
    withOtherToken: 'unknown',
    renewed: 'running',
    removed: 'removed',
  })
  expect(await stand.leftovers(deployment)).toEqual([])
}, 180_000)
