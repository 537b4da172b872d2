import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { AccessUnusable, openAccess } from '../../../ports/compute/kubernetes/access.ts'
import { settingsWith } from './ground.ts'

const directory = mkdtempSync(join(tmpdir(), 'carrel-kubeconfig-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const base64 = (text: string) => Buffer.from(text).toString('base64')
const cluster = { server: 'https://192.0.2.1:6443', 'certificate-authority-data': base64('the authority') }

/** Opens what a kubeconfig of this cluster and user says. */
async function accessOf(user: object, more: object = {}) {
  const path = join(directory, 'kubeconfig')
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'c', cluster: { ...cluster, ...more } }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  }
  writeFileSync(path, JSON.stringify(config))
  return await openAccess(settingsWith({ inCluster: false, kubeconfig: path }))
}

test('a kubeconfig gives the address, the authority and who Carrel is', async () => {
  const access = await accessOf({ token: 'a-token' })
  expect(access).toMatchObject({ server: cluster.server, tls: { ca: 'the authority' } })
  expect(await access.token()).toBe('a-token')
  const certificate = { 'client-certificate-data': base64('cert'), 'client-key-data': base64('key') }
  const byCertificate = await accessOf(certificate)
  expect(byCertificate.tls).toMatchObject({ cert: 'cert', key: 'key' })
  expect(await byCertificate.token()).toBeNull()
})

test.each<[string, object, object]>([
  ['a program', { exec: { command: '/bin/true', apiVersion: 'client.authentication.k8s.io/v1' } }, {}],
  ['a plug-in', { 'auth-provider': { name: 'gcp', config: {} } }, {}],
  ['nobody', {}, {}],
  ['a cluster that nobody vouches for', { token: 't' }, { 'insecure-skip-tls-verify': true }],
  ['a cluster in the open', { token: 't' }, { server: 'http://192.0.2.1' }],
  ['a way round', { token: 't' }, { 'proxy-url': 'http://192.0.2.2:3128' }],
  ['a token in what is no file', { token: 'old', tokenFile: ['renewed'] }, {}],
])('a kubeconfig that names %s is not taken', async (_, user, more) => {
  await expect(accessOf(user, more)).rejects.toThrow(AccessUnusable)
})

test('a token in a file is read again for each call', async () => {
  const tokenFile = join(directory, 'token')
  writeFileSync(tokenFile, 'first\n')
  const ca = '-----BEGIN CERTIFICATE-----'
  const access = await openAccess(settingsWith({ inCluster: false, server: 'https://192.0.2.1', ca, tokenFile }))
  expect(await access.token()).toBe('first')
  writeFileSync(tokenFile, 'second\n')
  expect(await access.token()).toBe('second')
  rmSync(tokenFile)
  await expect(access.token()).rejects.toThrow(AccessUnusable)
})

test('so is one that a kubeconfig names, beside itself, and which goes before a token in it', async () => {
  const path = join(directory, 'renewed')
  writeFileSync(path, 'first\n')
  const access = await accessOf({ token: 'old', tokenFile: 'renewed' })
  expect(await access.token()).toBe('first')
  writeFileSync(path, 'second\n')
  expect(await access.token()).toBe('second')
})
