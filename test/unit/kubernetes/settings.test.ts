import { expect, test } from 'vitest'
import { kubernetesApiSettings, kubernetesSettings } from '../../../ports/compute/kubernetes/settings.ts'

const reachableFrom = [{ network: '10.0.0.0/8' }]
const ca = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n'
const byAddress = { reachableFrom, server: 'https://cluster.example.org:6443', ca }
const faults = (given: object) =>
  kubernetesSettings.safeParse(given).error?.issues.map(({ path, message }) => `${path.join('.')} ${message}`) ?? []

test('a cluster is named in exactly one way', () => {
  expect(faults({ reachableFrom, inCluster: true })).toEqual([])
  expect(faults({ reachableFrom, kubeconfig: '/etc/carrel/kubeconfig', context: 'prod' })).toEqual([])
  expect(faults({ ...byAddress, tokenFile: '/run/secrets/token' })).toEqual([])
  expect(faults({ ...byAddress, token: 'unsealed' })).toEqual([])
  expect(faults({ reachableFrom })).toHaveLength(1)
  expect(faults({ ...byAddress, inCluster: true, tokenFile: '/t' })).toHaveLength(1)
  expect(faults(byAddress)).toHaveLength(1)
  expect(faults({ ...byAddress, token: 'a', tokenFile: '/t' })).toHaveLength(1)
})

test('nobody is reached by accident: who reaches sessions must be said, and by a network that is one', () => {
  expect(faults({ inCluster: true })).not.toEqual([])
  expect(faults({ inCluster: true, reachableFrom: [] })).not.toEqual([])
  expect(faults({ inCluster: true, reachableFrom: [{ network: '10.0.0.0/99' }] })).not.toEqual([])
})

test('a session is given time to end: without any the cluster would forget it while it runs', () => {
  expect(faults({ reachableFrom, inCluster: true, stopGraceSeconds: 1 })).toEqual([])
  expect(faults({ reachableFrom, inCluster: true, stopGraceSeconds: 0 })).toHaveLength(1)
})

test.each([
  { kubeconfig: '/etc/passwd' },
  { tokenFile: '/etc/passwd' },
  { inCluster: true },
  { token: 'in the open' },
  { server: 'http://cluster.example.org' },
  { server: 'https://user:password@cluster.example.org' },
  { server: 'https://cluster.example.org/proxy' },
  { ca: '/etc/ssl/ca.pem' },
])('the API takes no file, no identity of Carrel’s own, no secret in the open: %j', (more) => {
  expect(kubernetesApiSettings.safeParse(byAddress).success).toBe(true)
  expect(kubernetesApiSettings.safeParse({ ...byAddress, ...more }).success).toBe(false)
})
