import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { Agent, request } from 'undici'
import { expect, test } from 'vitest'
import { BackendOutside, connectWithin, createBackendReach } from '../../ports/compute/backend-reach.ts'

test.each([
  [['10.0.0.0/8'], '10.1.2.3', true],
  [['10.0.0.0/8'], '11.1.2.3', false],
  [['10.0.0.0/8'], '::ffff:10.1.2.3', true],
  [['10.0.0.0/8'], '::ffff:11.1.2.3', false],
  [['fd00::/8'], '[fd00::1]', true],
  [['0.0.0.0/0'], '169.254.169.254', false],
  [['0.0.0.0/0'], '127.0.0.1', false],
  [['0.0.0.0/0'], '8.8.8.8', true],
  [['0.0.0.0/0', '127.0.0.0/8'], '127.0.0.1', true],
  [['::/0'], '::1', false],
  [['::/0'], '::ffff:127.0.0.1', false],
  [['::1/128'], '::1', true],
  [[], '10.1.2.3', false],
  [['10.0.0.0/8'], 'a.name.example.org', true],
] as const)('within %j, %s may be connected to: %s', (networks, host, may) => {
  expect(createBackendReach(networks).allows(host)).toBe(may)
})

test('without networks it is anywhere', () => {
  expect(createBackendReach(null).allows('169.254.169.254')).toBe(true)
})

test('a name is found only where its addresses lie inside', async () => {
  const found = (networks: readonly string[]) =>
    promisify(createBackendReach(networks).lookup)('localhost', { all: true, family: 4 })
  await expect(found(['127.0.0.0/8'])).resolves.toContainEqual({ address: '127.0.0.1', family: 4 })
  await expect(found(['10.0.0.0/8'])).rejects.toBeInstanceOf(BackendOutside)
})

test('a client connects inside, and neither by name nor by address outside', async () => {
  const server = createServer((_, answer) => answer.end('here'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const ask = async (networks: readonly string[], host: string) => {
    const dispatcher = new Agent({ connect: connectWithin(createBackendReach(networks), { timeout: 2_000 }) })
    try {
      const { body } = await request(`http://${host}:${port}/`, { dispatcher })
      return await body.text()
    } finally {
      await dispatcher.destroy()
    }
  }
  try {
    expect(await ask(['127.0.0.0/8'], '127.0.0.1')).toBe('here')
    expect(await ask(['127.0.0.0/8'], 'localhost')).toBe('here')
    await expect(ask(['10.0.0.0/8'], '127.0.0.1')).rejects.toBeInstanceOf(BackendOutside)
    await expect(ask(['10.0.0.0/8'], 'localhost')).rejects.toBeInstanceOf(BackendOutside)
  } finally {
    server.close()
  }
})
