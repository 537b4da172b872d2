import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { expect, test } from 'vitest'
import { guestFiles } from '../../../ports/compute/openstack/guest.ts'
import { specOf } from './specs.ts'

test('the guest’s report is sent again where its answer is none, and ends when it is taken', async () => {
  const answers = ['something else\r\n\r\n', '', 'HTTP/1.1 204 No Content\r\n\r\n']
  const heard: string[] = []
  const server = createServer((socket) => {
    socket.once('data', (data) => {
      heard.push(data.toString())
      socket.end(answers.shift() ?? '')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const home = await mkdtemp(join(tmpdir(), 'carrel-guest-'))
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/instance-reports`
    const report = { url, token: 'one-time-token', ports: { from: 20_000, to: 20_999 } }
    for (const { path, content } of guestFiles(specOf({ report })))
      await writeFile(join(home, basename(path)), content.replaceAll('/etc/carrel', home))
    const guest = spawn('python3', [join(home, 'report'), '8080=20005'], { stdio: 'ignore', timeout: 60_000 })
    expect(await once(guest, 'exit')).toEqual([0, null])
    expect(heard).toHaveLength(3)
    expect(heard.every((words) => words.includes('Bearer one-time-token'))).toBe(true)
  } finally {
    server.close()
    await rm(home, { recursive: true })
  }
}, 90_000)
