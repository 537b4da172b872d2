import { expect, test } from 'vitest'
import { faultOf } from '../../../ports/compute/openstack/fault.ts'
import { refusalOf } from '../../../ports/compute/openstack/refusal.ts'

const read = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}) =>
  faultOf('nova', { status, body, header: (name) => headers[name] ?? null })

test.each([
  [
    403,
    {
      forbidden: { code: 403, message: 'Quota exceeded for instances: Requested 1, but already used 1 of 1 instances' },
    },
    'backend_quota',
  ],
  [
    409,
    { NeutronError: { type: 'OverQuota', message: "Quota exceeded for resources: ['security_group'].", detail: '' } },
    'backend_quota',
  ],
  [
    413,
    {
      overLimit: {
        code: 413,
        message: 'VolumeLimitExceeded: Maximum number of volumes allowed (10) exceeded for quota',
      },
    },
    'backend_quota',
  ],
  [
    413,
    {
      overLimit: {
        code: 413,
        message: 'VolumeSizeExceedsLimit: Requested volume size 20 is larger than maximum allowed limit 10.',
      },
    },
    'backend_quota',
  ],
  [
    403,
    {
      forbidden: {
        code: 403,
        message:
          'Project a is over a limit for [Resource servers is over limit of 1 due to current usage 1 and delta 1]',
      },
    },
    'backend_quota',
  ],
  [400, { badRequest: { code: 400, message: 'Can not find requested image' } }, 'image_missing'],
  [400, { badRequest: { code: 400, message: 'Image 0d5a is not active.' } }, 'image_missing'],
  [400, { badRequest: { code: 400, message: 'Flavor m9 could not be found.' } }, 'template_unfit'],
  [400, { badRequest: { code: 400, message: "Flavor's disk is too small for requested image." } }, 'template_unfit'],
  [400, { badRequest: { code: 400, message: 'Invalid key_name provided.' } }, 'template_unfit'],
  [400, { badRequest: { code: 400, message: 'The requested availability zone is not available' } }, 'template_unfit'],
  [404, { itemNotFound: { code: 404, message: 'Volume type with name fast could not be found.' } }, 'template_unfit'],
  [400, { badRequest: { code: 400, message: 'Invalid input for field/attribute server.' } }, 'start_failed'],
  [
    403,
    { forbidden: { code: 403, message: "Policy doesn't allow os_compute_api:servers:create to be performed." } },
    'start_failed',
  ],
] as const)('%i %j refuses a create as %s', (status, body, code) => {
  expect(refusalOf(read(status, body))?.code).toBe(code)
})

test.each([401, 404, 408, 409, 429, 500, 502, 503, 504])('%i refuses nothing: it may be otherwise later', (status) => {
  expect(
    refusalOf(read(status, { conflictingRequest: { code: status, message: 'Port x is still in use.' } })),
  ).toBeNull()
})

test.each([
  ['a rate', 413, { overLimit: { code: 413, message: 'This request was rate-limited.' } }],
  [
    'a network that has no address left',
    400,
    { NeutronError: { type: 'ExternalIpAddressExhausted', message: 'Unable to find any IP address on network a.' } },
  ],
])('%s refuses nothing either', (_what, status, body) => {
  expect(refusalOf(read(status, body))).toBeNull()
})

test.each([301, 302, 400, 403, 405, 413])('%i in other words than a service’s is of who stands before it', (status) => {
  expect(refusalOf(read(status, undefined))).toBeNull()
  expect(refusalOf(read(status, { error: 'blocked' }))).toBeNull()
})

test('only what a service says itself of a thing that is not there means that it is gone', () => {
  expect(read(404, { itemNotFound: { code: 404, message: 'Instance a could not be found.' } }).gone).toBe(true)
  expect(
    read(404, { NeutronError: { type: 'PortNotFound', message: 'Port a could not be found.', detail: '' } }).gone,
  ).toBe(true)
  expect(read(404, { message: 'Not Found<br />', code: '404 Not Found', title: 'Not Found' }).gone).toBe(false)
  expect(read(404, undefined).gone).toBe(false)
  expect(read(500, { itemNotFound: { code: 404, message: 'x' } }).gone).toBe(false)
})

test('an operator reads the words of the service, without marks and capped', () => {
  const { message } = read(401, {
    message: 'This server could not verify<br /><br />\n that',
    code: '401 Unauthorized',
  })
  expect(message).toBe('nova: 401 This server could not verify that')
  expect(read(400, { badRequest: { message: 'y '.repeat(9_000) } }).message).toHaveLength(500)
  expect(read(502, undefined).message).toBe('nova: 502')
})

test.each([
  ['7', 7_000],
  ['1.5', null],
  ['-1', null],
  ['soon', null],
])('an answer that says to wait %s is left alone for %j ms', (header, ms) => {
  expect(read(503, undefined, { 'retry-after': header }).retryAfterMs).toBe(ms)
})

test('what Nova repeats of a request is left out: the user data in it holds the session’s secret', () => {
  const user_data = 'QUFB'.repeat(1_000)
  const value = `{'name': 'desk', 'user_data': '${user_data}', 'odd': 1}`
  const told = (message: string) => read(400, { badRequest: { code: 400, message } }).message
  const input = 'Invalid input for field/attribute'
  expect(told(`${input} server. Value: ${value}. Additional properties are not allowed ('odd' was unexpected)`)).toBe(
    `nova: 400 ${input} server. Additional properties are not allowed ('odd' was unexpected)`,
  )
  expect(told(`${input} user_data. Value: ${user_data}. '${user_data}' is too long`)).not.toContain('QUFB')
})

test.each(['<', ' Value: {', 'y', '} ', `${'y'.repeat(199)} `])(
  'an endless answer of %j is read in no time',
  (sign) => {
    const began = performance.now()
    read(400, { badRequest: { code: 400, message: sign.repeat(4_000_000 / sign.length) } })
    expect(performance.now() - began).toBeLessThan(2_000)
  },
)
