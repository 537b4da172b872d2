import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { request, type IncomingHttpHeaders } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { freePort } from '../../stack/ports.ts'
import { eventually } from '../conformance/compute-harness.ts'

const token = 'open+sesame/1=='
let directory: string
let browser: ChildProcess
let port: number

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'carrel-browser-'))
  const home = join(directory, 'home')
  mkdirSync(join(home, 'a folder'), { recursive: true })
  writeFileSync(join(home, 'a folder', 'data.txt'), 'some data')
  writeFileSync(join(home, '<img src=x>&"'), '')
  writeFileSync(join(directory, 'outside'), 'secret')
  writeFileSync(join(directory, 'token'), `${token}\n`)
  symlinkSync('..', join(home, 'up'))
  symlinkSync(join(directory, 'outside'), join(home, 'out'))
  port = await freePort()
  const script = join(import.meta.dirname, '../../stack/notebook/file-browser.ts')
  const args = ['127.0.0.1', String(port), home, join(directory, 'token')]
  browser = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'ignore', 'inherit'], env: {} })
  await eventually(
    () => ask('/api').catch(() => null),
    (answer) => answer?.status === 200,
    15_000,
  )
})
afterAll(() => {
  browser.kill('SIGKILL')
  rmSync(directory, { recursive: true })
})

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** Sends the path as it is: `fetch` would tidy it first. */
function ask(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, headers, method, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString(),
        }),
      )
      response.on('error', reject)
    })
    asked.on('error', reject).end()
  })
}
const signedIn = { authorization: `Bearer ${token}` }
const withCookie = { cookie: `x=1; carrel-files=${encodeURIComponent(token)}` }

test('shows nothing without the token', async () => {
  for (const [path, headers] of [
    ['/', {}],
    ['/a%20folder/data.txt', {}],
    ['/?token=', {}],
    ['/?token=wrong', {}],
    ['/', { cookie: 'carrel-files=wrong' }],
    ['/', { cookie: 'carrel-files=%' }],
    ['/', { authorization: 'Bearer wrong' }],
  ] as const) {
    const answer = await ask(path, headers)
    expect([path, answer.status, answer.body.includes('data')]).toEqual([path, 403, false])
  }
})

test('the token in the address becomes a cookie, and leaves the address', async () => {
  const answer = await ask(`/a%20folder?token=${encodeURIComponent(token)}`)
  expect(answer.status).toBe(303)
  expect(answer.headers.location).toBe('/a%20folder')
  expect(String(answer.headers['set-cookie'])).toMatch(
    /^carrel-files=open%2Bsesame%2F1%3D%3D; Path=\/; HttpOnly; SameSite=Strict$/,
  )
  const away = await ask(`//evil.example/?token=${encodeURIComponent(token)}`)
  expect(away.headers.location ?? '/').toMatch(/^\/(?!\/)/)
})

test('lists folders and hands out files, as nothing that a browser would run', async () => {
  const list = await ask('/', withCookie)
  expect(list.status).toBe(200)
  expect(list.body).toContain('<a href="/a%20folder">a folder/</a>')
  expect(list.body).not.toContain('<img')
  expect((await ask('/a%20folder', withCookie)).body).toContain('<a href="/">../</a>')
  const file = await ask('/a%20folder/data.txt', withCookie)
  expect(file).toMatchObject({ status: 200, body: 'some data' })
  expect(file.headers).toMatchObject({ 'content-disposition': 'attachment', 'x-content-type-options': 'nosniff' })
  expect(await ask('/a%20folder/data.txt', withCookie, 'HEAD')).toMatchObject({ status: 200, body: '' })
})

test('leads nowhere else: not by dots, not by links', async () => {
  for (const path of [
    '/../outside',
    '/%2e%2e/outside',
    '/..%2foutside',
    '/a%20folder/../../outside',
    '/up/outside',
    '/up',
    '/out',
    '/%00',
    '/%',
    '/none',
  ]) {
    const answer = await ask(path, withCookie)
    expect([path, answer.status, answer.body.includes('secret')]).toEqual([path, 404, false])
  }
})

test('changes nothing, and lives on', async () => {
  for (const method of ['POST', 'PUT', 'DELETE']) expect((await ask('/', withCookie, method)).status).toBe(405)
  expect((await ask('http://[', withCookie)).status).toBeGreaterThanOrEqual(400)
  expect((await ask('/', signedIn)).status).toBe(200)
  expect((await ask('/', withCookie)).status).toBe(200)
})
