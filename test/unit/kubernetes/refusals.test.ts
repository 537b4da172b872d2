import { expect, test } from 'vitest'
import { errorOf } from '../../../ports/compute/kubernetes/api-error.ts'
import { refusalOf, unavailable } from '../../../ports/compute/kubernetes/refusals.ts'

const body = (code: number, reason: string, message: string, details = {}) =>
  JSON.stringify({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', code, reason, message, details })
const forbidden = (why: string) => errorOf(403, body(403, 'Forbidden', `pods "p" is forbidden: ${why}`), undefined)

test.each([
  [
    'exceeded quota: tight, requested: requests.cpu=900m, used: requests.cpu=900m, limited: requests.cpu=1',
    'backend_quota',
  ],
  [
    '[maximum cpu usage per Container is 1, but limit is 2, maximum memory usage per Container is 512Mi]',
    'backend_quota',
  ],
  ['failed quota: q: must specify requests.cpu for: main', 'template_unfit'],
  [
    'violates PodSecurity "restricted:latest": restricted volume types (volume "mount-0" uses restricted volume type "nfs")',
    'template_unfit',
  ],
  ['insufficient quota to consume: requests.nvidia.com/gpu', 'backend_quota'],
  ['pod node label selector conflicts with its namespace node label selector', 'template_unfit'],
  ['pod node label selector labels conflict with its namespace whitelist', 'template_unfit'],
  ['unable to validate against any security context constraint: [provider "restricted-v2": ...]', 'template_unfit'],
  ['image policy webhook backend denied one or more images: not signed', 'template_unfit'],
  ['status unknown for quota: tight, resources: requests.cpu', null],
  ['not yet ready to handle request', null],
  ['User "system:serviceaccount:carrel-system:carrel" cannot create resource "pods" in API group ""', null],
  ['error looking up service account carrel-sessions/default: serviceaccount "default" not found', null],
])('403 %s: %s', (why, code) => expect(refusalOf(forbidden(why))).toBe(code))

test.each([
  [422, 'Invalid', 'Pod "p" is invalid: spec.containers[0].resources: Invalid value', 'template_unfit'],
  [400, 'BadRequest', 'strict decoding error: unknown field "spec.x"', 'start_failed'],
  [401, 'Unauthorized', 'Unauthorized', null],
  [404, 'NotFound', 'namespaces "nope" not found', null],
  [409, 'Conflict', 'the object has been modified', null],
  [504, 'Timeout', 'request did not complete within requested timeout', null],
])('%i %s: %s', (status, reason, message, code) =>
  expect(refusalOf(errorOf(status, body(status, reason, message), undefined))).toBe(code),
)

test('a namespace that is going is no quota', () => {
  const message = 'pods "p" is forbidden: exceeded quota: unable to create new content in namespace'
  const going = body(403, 'Forbidden', message, { causes: [{ reason: 'NamespaceTerminating' }] })
  expect(refusalOf(errorOf(403, going, undefined))).toBeNull()
})

test('how long the cluster asks to be left alone is handed on', () => {
  const told = (retryAfter: string | undefined, details = {}) =>
    unavailable(errorOf(429, body(429, 'TooManyRequests', 'slow down', details), retryAfter))
  expect(told('7')).toMatchObject({ kind: 'unavailable', retryAfterMs: 7_000 })
  expect(told(undefined, { retryAfterSeconds: 3 })).toMatchObject({ retryAfterMs: 3_000 })
  expect(told(undefined)).toMatchObject({ retryAfterMs: null })
})

test('"not found" and "forbidden" count only in the words of a cluster', () => {
  expect(errorOf(404, '<html>no such page</html>', undefined).status).toBeNull()
  expect(errorOf(403, '{}', undefined).status).toBeNull()
  expect(errorOf(404, body(404, 'NotFound', 'pods "p" not found'), undefined).status).toBe(404)
})
