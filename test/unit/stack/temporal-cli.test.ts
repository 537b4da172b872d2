import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { freePort } from '../../../stack/ports.ts'
import { downloadTemporal } from '../../../stack/temporal-download.ts'
import { cacheDirectory, findTemporal } from '../../../stack/temporal-search.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'carrel-cli-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

function executable(place: string): string {
  mkdirSync(place, { recursive: true })
  const file = join(place, 'temporal')
  writeFileSync(file, '#!/bin/sh\n')
  chmodSync(file, 0o755)
  return file
}

test('the CLI is looked for where it is named, then on the PATH, then in our cache', async () => {
  const cacheHome = join(directory, 'cache')
  const path = `${join(directory, 'empty')}:${join(directory, 'bin')}`
  expect(await findTemporal({ path, cacheHome })).toBeUndefined()
  const cached = executable(cacheDirectory({ cacheHome }))
  expect(await findTemporal({ path, cacheHome })).toBe(cached)
  const onPath = executable(join(directory, 'bin'))
  expect(await findTemporal({ path, cacheHome })).toBe(onPath)
  const named = executable(join(directory, 'named'))
  expect(await findTemporal({ named, path, cacheHome })).toBe(named)
})

test('a named CLI that is none is an error, not a reason to take another', async () => {
  executable(join(directory, 'bin'))
  const search = { named: join(directory, 'none'), path: join(directory, 'bin') }
  await expect(findTemporal(search)).rejects.toThrow('TEMPORAL_CLI_PATH')
})

const source = (from: string, answerLimitMs = 5_000) => ({ from, answerLimitMs })

async function served(server: Server, use: (url: string) => Promise<void>): Promise<void> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

test('an archive with another checksum is refused', async () => {
  await served(
    createServer((_request, response) => response.end('not what was pinned')),
    async (url) => {
      const outcome = await downloadTemporal(directory, () => undefined, source(url))
      expect(outcome).toEqual({ why: expect.stringContaining('checksum') as unknown })
    },
  )
})

test('a server that is not there, or says no, is told with its reason', async () => {
  const nobody = await downloadTemporal(directory, () => undefined, source(`http://127.0.0.1:${await freePort()}`))
  expect(nobody).toEqual({ why: expect.stringContaining('ECONNREFUSED') as unknown })
  await served(
    createServer((_request, response) => response.writeHead(404).end()),
    async (url) =>
      expect(await downloadTemporal(directory, () => undefined, source(url))).toEqual({
        why: 'the server answered 404',
      }),
  )
})

test('a server that does not answer is given up', async () => {
  await served(
    createServer(() => undefined),
    async (url) => {
      expect(await downloadTemporal(directory, () => undefined, source(url, 100))).toEqual({ why: 'no answer in time' })
    },
  )
})
