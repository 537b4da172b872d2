import { expect, test } from 'vitest'
import { createKeyring } from '../../../platform/keyring.ts'
import { bodyDigest, createSecrets, SecretUnreadable } from '../../../platform/secrets.ts'

const key = (id: string, byte: number) => ({ id, secret: new Uint8Array(32).fill(byte) })
const place = { table: 'session', column: 'secret', id: 'sabc' }
const old = createSecrets(createKeyring([key('k1', 1)]))
const rotated = createSecrets(createKeyring([key('k2', 2), key('k1', 1)]))

test('a secret opens in its own place and in no other', () => {
  const sealed = old.encrypt(place, 'hunter2')
  expect(sealed.includes('hunter2')).toBe(false)
  expect(old.decrypt(place, sealed).toString()).toBe('hunter2')
  for (const other of [
    { ...place, id: 'sxyz' },
    { ...place, column: 'token' },
    { ...place, table: 'account' },
  ])
    expect(() => old.decrypt(other, sealed)).toThrow(SecretUnreadable)
})

test('after a rotation the old key still opens, and the row is known to be stale', () => {
  const sealed = old.encrypt(place, 'hunter2')
  expect(rotated.decrypt(place, sealed).toString()).toBe('hunter2')
  expect(rotated.isStale(sealed)).toBe(true)
  expect(rotated.isStale(rotated.encrypt(place, 'x'))).toBe(false)
})

test('without its key, or damaged, it is unreadable and says no more than where it stands', () => {
  const sealed = old.encrypt(place, 'hunter2')
  expect(() => createSecrets(createKeyring([key('k1', 9)])).decrypt(place, sealed)).toThrow('session.secret')
  expect(() => createSecrets(createKeyring([key('k3', 1)])).decrypt(place, sealed)).toThrow(SecretUnreadable)
  for (const at of [0, 1, 3, sealed.length - 1]) {
    const damaged = Buffer.from(sealed)
    damaged[at] = damaged[at]! ^ 1
    expect(() => old.decrypt(place, damaged), `byte ${at}`).toThrow(SecretUnreadable)
  }
  expect(() => old.decrypt(place, Buffer.alloc(0))).toThrow(SecretUnreadable)
})

test("a body's digest can be compared after a rotation, and differs between bodies", () => {
  const before = createKeyring([key('k1', 1)])
  const after = createKeyring([key('k2', 2), key('k1', 1)])
  const digest = bodyDigest(before, '{"a":1}')
  expect(bodyDigest(after, '{"a":1}', 'k1')).toBe(digest)
  expect(bodyDigest(after, '{"a":1}')).not.toBe(digest)
  expect(bodyDigest(before, '{"a":2}')).not.toBe(digest)
  expect(bodyDigest(before, '', 'gone')).toBeUndefined()
})
