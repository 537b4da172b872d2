import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { startDesktopGateway } from '../../support/guacd/gateway.ts'
import type { DesktopGateway } from '../../support/guacd/gateway.ts'

const desk = { host: '127.0.0.1', port: 9, password: 'a-very-secret-one' }
let gateway: DesktopGateway
let base: string

beforeAll(async () => {
  gateway = await startDesktopGateway({
    guacds: [],
    doors: { a: desk },
    spec: { clipboard: { copy: true, paste: false }, recording: { retentionDays: 30 }, parameters: { username: 'u' } },
    more: { frameAncestors: ['https://portal.example.org'] },
  })
  base = `http://127.0.0.1:${gateway.origin.split(':')[1]}`
})
afterAll(async () => {
  await gateway.close()
})
/** Paths go as they are, and `Host` is ours to say: `fetch` allows neither. */
function get(path: string, mode = 'control', method = 'GET'): Promise<Response> {
  return new Promise((resolve, reject) => {
    const asked = request(base, { method, path, headers: { host: `a-${mode}.${gateway.origin}` } }, (answer) => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => chunks.push(chunk))
      answer.on('end', () => {
        const headers = Object.entries(answer.headers).map(([name, value]): [string, string] => [name, String(value)])
        resolve(new Response(Buffer.concat(chunks), { status: answer.statusCode ?? 0, headers }))
      })
    })
    asked.on('error', reject).end()
  })
}

describe('the viewer’s page', () => {
  test('runs nothing but its own scripts, and is framed by portals alone', async () => {
    const response = await get('/.carrel/desktop')
    expect(response.status).toBe(200)
    const policy = response.headers.get('content-security-policy') ?? ''
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self';")
    expect(policy).toContain('frame-ancestors https://portal.example.org')
    expect(policy).not.toContain('unsafe')
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    const html = await response.text()
    // A policy without 'unsafe-inline' would not run or show them.
    expect(html).not.toMatch(/<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=/)
  })

  test('every part that it names is there', async () => {
    const seen = new Set<string>()
    const todo = ['/.carrel/desktop']
    for (const path of todo) {
      if (seen.has(path)) continue
      seen.add(path)
      const response = await get(path)
      expect(response.status, path).toBe(200)
      const text = await response.text()
      if (path.endsWith('guacamole-common.js')) continue
      for (const [, own] of text.matchAll(/(?:src|href)="(\/[^"]+)"/g)) if (own !== undefined) todo.push(own)
      for (const [, name] of text.matchAll(/(?:from |import\()'\.\/([^']+)'/g)) todo.push(`/.carrel/viewer/${name}`)
    }
    expect(seen).toContain('/.carrel/viewer/guacamole-common.js')
    expect(seen.size).toBeGreaterThan(10)
  })

  test('is told what it may do, and no secret', async () => {
    const response = await get('/.carrel/desktop/about')
    expect(response.headers.get('cache-control')).toBe('no-store')
    const text = await response.text()
    expect(JSON.parse(text)).toEqual({
      door: 'desktop',
      protocol: 'vnc',
      mode: 'control',
      can: { copy: true, paste: false, upload: false, download: false },
      recordedForDays: 30,
    })
    expect(text).not.toContain(desk.password)
    const view = (await (await get('/.carrel/desktop/about', 'view')).json()) as { can: unknown }
    expect(view.can).toEqual({ copy: false, paste: false, upload: false, download: false })
  })

  test.each([
    ['/', 303],
    ['/some/where?x=1', 303],
    ['/.carrel/viewer/', 404],
    ['/.carrel/viewer/index.html', 404],
    ['/.carrel/viewer/../page.ts', 404],
    ['/.carrel/viewer/..%2fpage.ts', 404],
    ['/.carrel/viewer/constructor', 404],
    ['/.carrel/else', 404],
  ])('%s is answered with %d', async (path, status) => {
    const response = await get(path)
    expect(response.status).toBe(status)
    expect(response.headers.get('location')).toBe(status === 303 ? '/.carrel/desktop' : null)
  })

  test('is only read', async () => {
    expect((await get('/.carrel/desktop', 'control', 'POST')).status).toBe(405)
    const head = await get('/.carrel/desktop', 'control', 'HEAD')
    expect([head.status, await head.text()]).toEqual([200, ''])
  })

  test.each([
    ['/.carrel/desktop/tunnel', ['other']],
    ['/.carrel/desktop/tunnel', []],
    ['/.carrel/desktop', ['guacamole']],
  ])('an upgrade of %s with %j is refused', async (path, protocols) => {
    const socket = new WebSocket(`${base.replace('http', 'ws')}${path}`, protocols, {
      headers: { host: `a-control.${gateway.origin}` },
    })
    const status = await new Promise((resolve) => {
      socket.once('unexpected-response', (_request, response) => resolve(response.statusCode))
      socket.once('error', () => resolve('error'))
    })
    expect(status).toBe(400)
    expect(gateway.live.all()).toEqual([])
  })
})
