import { expect, test } from 'vitest'
import { createLimiter } from '../../api/limiter.ts'
import { Problem } from '../../api/problem.ts'

const limiter = () => createLimiter({ points: 1, seconds: 60, complaint: 'Too many.' })

test.each([
  ['two addresses of one network of 64 bits', '2001:db8:1:2::1', '2001:db8:1:2:ffff:ffff:ffff:ffff'],
  ['one address written in two ways', '2001:DB8:1:2:0:0:0:1', '2001:db8:1:2::1'],
  ['an address of IPv4 within IPv6', '192.0.2.9', '::ffff:192.0.2.9'],
  ['whoever says no address', 'unknown', 'unknown'],
])('%s: one caller', async (_what, first, second) => {
  const one = limiter()
  await one.count(first)
  await expect(one.count(second)).rejects.toMatchObject({ code: 'too_many_requests' })
  await one.forgive(second)
  await one.forgive(second)
  await one.count(first)
})

test.each([
  ['the next network of 64 bits', '2001:db8:1:2::1', '2001:db8:1:3::1'],
  ['the next address of IPv4', '192.0.2.9', '192.0.2.10'],
  ['the next address of IPv4 within IPv6', '::ffff:192.0.2.9', '::ffff:192.0.2.10'],
  ['another account', 'a1111', 'a1112'],
])('%s: another caller', async (_what, first, second) => {
  const one = limiter()
  await one.count(first)
  await one.count(second)
})

test('refusals count by the same', async () => {
  const one = limiter()
  const refused = () => Promise.reject(new Problem('malformed_request', 'No.'))
  for (const address of ['2001:db8::1', '2001:db8::2'])
    await expect(one.countRefusals(address, refused)).rejects.toMatchObject({ code: 'malformed_request' })
  await expect(one.countRefusals('2001:db8::3', refused)).rejects.toMatchObject({ code: 'too_many_requests' })
  await expect(one.countRefusals('2001:db8:0:1::3', refused)).rejects.toMatchObject({ code: 'malformed_request' })
})
