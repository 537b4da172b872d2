import { createServer } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { newId } from '../../domain/ids.ts'
import { allocatePorts, chooseUser } from '../../ports/compute/process/allocate.ts'
import type { InstanceRecord } from '../../ports/compute/process/record.ts'

const address = '127.0.0.1'
const held = (hostPort: number): InstanceRecord => ({
  name: 'x',
  deploymentId: 'd',
  sessionId: newId('session'),
  generation: 1,
  runAs: { uid: 1, gid: 1, gids: [], exclusive: true },
  ports: [{ port: 80, hostPort }],
  argv: [],
  supervisor: null,
})

let first: number
const busy = createServer()
beforeAll(async () => {
  await new Promise<void>((resolve) => busy.listen(0, address, resolve))
  const at = busy.address()
  first = typeof at === 'object' && at !== null ? at.port : 0
})
afterAll(() => void busy.close())

test('a port that a stranger listens on, or another instance was given, is not handed out', async () => {
  const ports = { first, last: first }
  expect(await allocatePorts([8888], { ports, address }, [])).toBeNull()
  await new Promise<void>((resolve) => busy.close(() => resolve()))
  expect(await allocatePorts([8888], { ports, address }, [])).toEqual([{ port: 8888, hostPort: first }])
  expect(await allocatePorts([8888], { ports, address }, [held(first)])).toBeNull()
})

test('every port of an instance gets another host port; one too many gets none', async () => {
  const ports = { first: 20_000, last: 20_500 }
  const found = await allocatePorts([1, 2, 3], { ports, address }, [])
  expect(found?.map((p) => p.port)).toEqual([1, 2, 3])
  expect(new Set(found?.map((p) => p.hostPort)).size).toBe(3)
  expect(await allocatePorts([1, 2, 3], { ports: { first: 20_000, last: 20_001 }, address }, [])).toBeNull()
})

const users = { first: 5_000, count: 2 }
const root = { uid: 0, gid: 0 }

test('as root, an instance without a user gets one that nobody uses, until there is none', () => {
  expect(chooseUser({ user: null }, users, root, new Set([5_001]))).toEqual({
    uid: 5_000,
    gid: 5_000,
    gids: [],
    exclusive: true,
  })
  expect(chooseUser({ user: null }, users, root, new Set([5_000, 5_001]))).toHaveProperty('full')
})

test('a user that was asked for is shared; root and its group are refused, under any name', () => {
  const user = { uid: 1_000, gid: 1_000, gids: [4] }
  expect(chooseUser({ user }, users, root, new Set([1_000]))).toEqual({ ...user, exclusive: false })
  for (const bad of [{ uid: 0 }, { gid: 0 }, { gids: [4, 0] }])
    expect(chooseUser({ user: { ...user, ...bad } }, users, root, new Set())).toHaveProperty('refused')
})

test('who is not root stays who he is, and becomes nobody else', () => {
  const self = { uid: 1_000, gid: 1_000 }
  expect(chooseUser({ user: null }, users, self, new Set())).toEqual({
    uid: 1_000,
    gid: 1_000,
    gids: [],
    exclusive: false,
  })
  expect(chooseUser({ user: { uid: 1_001, gid: 1, gids: [] } }, users, self, new Set())).toHaveProperty('refused')
})
